package timeline

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"consuo/internal/hls"
	"consuo/internal/playlog"
)

// rung is a playlist that may become a track, with what the multivariant
// playlist will say of it.
type rung struct {
	track  playlog.Track
	source *Source // of the first asset; nil: it has none of this language
	// renditions that the first asset lacks, see WantedTrack.
	renditions []hls.Rendition
	wanted     bool // by the operator: kept whatever other assets have
}

// unknownBandwidth stands for a variant of which nothing is said, in bits per
// second: what a 720p rendition often has.
const unknownBandwidth = 3_000_000

// writer makes the multivariant playlist of a channel out of its first asset's:
// what that says is kept, what breaks the draft's rules is mended.
type writer struct {
	rungs  []*rung
	byURI  map[string]*rung // by the URI in the first asset
	byID   map[string]*rung
	result hls.Multivariant
	groups []*group
}

// group is the renditions of a type with one GROUP-ID.
type group struct {
	kind    hls.RenditionType
	id      string
	members []hls.Rendition
}

// multivariantOf makes the multivariant playlist of a channel; known are the
// assets that play on it as far as one knows, the first among them.
func multivariantOf(rungs []*rung, known []*Asset) hls.Multivariant {
	w := &writer{rungs: rungs, byURI: make(map[string]*rung), byID: make(map[string]*rung)}
	for _, r := range rungs {
		w.byID[r.track.ID] = r
		if r.source == nil {
			continue
		}
		for _, v := range r.source.Variants {
			w.byURI[v.URI] = r
		}
		if r.source.Rendition != nil {
			w.byURI[r.source.Rendition.URI] = r
		}
	}
	w.result.IndependentSegments = true
	for _, a := range known {
		for _, src := range a.Sources {
			w.result.IndependentSegments = w.result.IndependentSegments && (src.Independent || src.Media != playlog.VideoTrack)
		}
	}
	first := known[0].Multivariant
	w.variants(first, known[1:])
	for _, kind := range []hls.RenditionType{hls.Audio, hls.Subtitles, hls.ClosedCaptions} {
		groups := w.groupsOf(kind, first)
		groups = w.alike(groups)
		uniqueNames(groups)
		w.groups = append(w.groups, groups...)
	}
	w.reference()
	captionsNone(w.result.Variants)
	for _, g := range w.groups {
		w.result.Renditions = append(w.result.Renditions, g.members...)
	}
	return w.result
}

// variants takes those of the first asset whose playlists are tracks, in the
// order of the tracks where an operator chose one.
func (w *writer) variants(first *hls.Multivariant, others []*Asset) {
	for _, v := range first.Variants {
		r := w.byURI[v.URI]
		if r == nil {
			continue
		}
		v.URI, v.StableVariantID, v.Score, v.Video = r.track.ID, "", "", ""
		v.Codecs = cleanCodecs(v.Codecs)
		for _, a := range others {
			i := feedOf(&r.track, a)
			if i < 0 || len(a.Sources[i].Variants) == 0 {
				continue
			}
			fed := a.Sources[i].Variants[0]
			v.Bandwidth = max(v.Bandwidth, fed.Bandwidth)
			if v.AverageBandwidth > 0 {
				v.AverageBandwidth = max(v.AverageBandwidth, fed.AverageBandwidth)
			}
			v.Codecs = greatestCodecs(v.Codecs, cleanCodecs(fed.Codecs))
			if v.SupplementalCodecs != fed.SupplementalCodecs {
				v.SupplementalCodecs = ""
			}
			v.FrameRate = greatestNumber(v.FrameRate, fed.FrameRate)
		}
		if v.Subtitles == "" && w.adds(newSubtitles) {
			v.Subtitles = newSubtitles
		}
		// BANDWIDTH is REQUIRED (draft 4.4.6.2); an asset that was given as a
		// media playlist says nothing of it.
		if v.Bandwidth == 0 {
			v.Bandwidth = unknownBandwidth
		}
		w.result.Variants = append(w.result.Variants, v)
	}
	order := func(v hls.Variant) int {
		return slices.IndexFunc(w.rungs, func(r *rung) bool { return r.track.ID == v.URI })
	}
	if slices.ContainsFunc(w.rungs, func(r *rung) bool { return r.wanted }) {
		slices.SortStableFunc(w.result.Variants, func(a, b hls.Variant) int { return cmp.Compare(order(a), order(b)) })
	}
}

// adds says whether the operator's tracks bring a group that the first asset
// does not have.
func (w *writer) adds(id string) bool {
	return slices.ContainsFunc(w.rungs, func(r *rung) bool {
		return len(r.renditions) > 0 && r.renditions[0].GroupID == id
	})
}

// groupOf returns what a variant names for a type of renditions.
func groupOf(v *hls.Variant, kind hls.RenditionType) *string {
	switch kind {
	case hls.Audio:
		return &v.Audio
	case hls.Subtitles:
		return &v.Subtitles
	}
	return &v.ClosedCaptions
}

// groupsOf lists the groups of a type that variants name, with the members
// that are tracks or are carried in the variants themselves.
func (w *writer) groupsOf(kind hls.RenditionType, first *hls.Multivariant) []*group {
	var groups []*group
	add := func(r hls.Rendition) {
		named := slices.ContainsFunc(w.result.Variants, func(v hls.Variant) bool { return *groupOf(&v, kind) == r.GroupID })
		if !named {
			return
		}
		i := slices.IndexFunc(groups, func(g *group) bool { return g.id == r.GroupID })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &group{kind: kind, id: r.GroupID})
		}
		g := groups[i]
		r.StableRenditionID = ""
		r.Forced = r.Forced && kind == hls.Subtitles // draft 4.4.6.1
		if kind != hls.ClosedCaptions {
			r.InstreamID = ""
		}
		if !slices.Contains(g.members, r) {
			g.members = append(g.members, r)
		}
	}
	for _, r := range first.Renditions {
		if r.Type != kind || kind == hls.ClosedCaptions && !isInstreamID(r.InstreamID) {
			continue
		}
		if r.URI != "" {
			known := w.byURI[r.URI]
			if known == nil {
				continue
			}
			r.URI = known.track.ID
		}
		add(r)
	}
	for _, known := range w.rungs {
		for _, r := range known.renditions {
			if r.Type == kind {
				r.URI = known.track.ID
				add(r)
			}
		}
	}
	if slices.ContainsFunc(w.rungs, func(r *rung) bool { return r.wanted }) {
		for _, g := range groups {
			slices.SortStableFunc(g.members, func(a, b hls.Rendition) int { return cmp.Compare(w.place(a), w.place(b)) })
		}
	}
	return groups
}

// place returns the index of a rendition's track; below all for one that is
// carried in the variants.
func (w *writer) place(r hls.Rendition) int {
	return slices.IndexFunc(w.rungs, func(known *rung) bool { return known.track.ID == r.URI })
}

// isInstreamID: CC1 to CC4, SERVICE1 to SERVICE63 (draft 4.4.6.1).
func isInstreamID(s string) bool {
	if n, ok := strings.CutPrefix(s, "SERVICE"); ok {
		i, err := strconv.Atoi(n)
		return err == nil && 1 <= i && i <= 63
	}
	return len(s) == 3 && s[:2] == "CC" && '1' <= s[2] && s[2] <= '4'
}

// codec returns the codec family of a rendition's playlist; "" if unknown.
func (w *writer) codec(r hls.Rendition) string {
	if known := w.byID[r.URI]; known != nil && r.Type == hls.Audio {
		return families(known.track.Codecs)
	}
	return ""
}

// alike makes the groups of a type have the same members with the same
// attributes, as draft 4.4.6.1.1 demands. A member that a group lacks is lent
// to it by one with the same codec, or in AAC, which whoever plays other
// codecs can play, too. What can't be lent leaves all groups.
func (w *writer) alike(groups []*group) []*group {
	if len(groups) < 2 {
		return groups
	}
	rows := rowsOf(groups)
	if single := !slices.ContainsFunc(groups, func(g *group) bool { return len(g.members) != 1 }); single && len(rows) > 1 {
		return unnamed(groups)
	}
	if len(rows)*len(groups) > mostMembers {
		return groups[:1]
	}
	kept := rows[:0:0]
	for _, row := range rows {
		whole := true
		for i := range groups {
			if row[i].GroupID == "" {
				whole = w.lend(row, groups, i) && whole
			}
		}
		if whole {
			kept = append(kept, row)
		}
	}
	if len(kept) == 0 {
		return w.conflict(groups)
	}
	for i, g := range groups {
		g.members = nil
		for _, row := range kept {
			m := row[slices.IndexFunc(row, func(r hls.Rendition) bool { return r.GroupID != "" })]
			own := row[i]
			m.URI, m.GroupID = own.URI, g.id
			m.Channels, m.BitDepth, m.SampleRate = own.Channels, own.BitDepth, own.SampleRate
			g.members = append(g.members, m)
		}
	}
	return groups
}

// mostMembers bounds the members of all groups together: an asset may have 500
// renditions, and groups that have nothing in common would be lent them all.
const mostMembers = 1000

// rowsOf lists corresponding members of groups: each row has one a group, with
// an empty GroupID where the group has none.
func rowsOf(groups []*group) [][]hls.Rendition {
	var rows [][]hls.Rendition
	for i, g := range groups {
		for _, same := range []func(a, b hls.Rendition) bool{sameIdentity, sameLanguage} {
			for j, m := range g.members {
				if m.GroupID == "" {
					continue // has its row
				}
				k := slices.IndexFunc(rows, func(row []hls.Rendition) bool {
					return row[i].GroupID == "" && slices.ContainsFunc(row, func(r hls.Rendition) bool { return r.GroupID != "" && same(r, m) })
				})
				if k >= 0 {
					rows[k][i] = m
					g.members[j].GroupID = ""
				}
			}
		}
		for j, m := range g.members {
			if m.GroupID != "" {
				row := make([]hls.Rendition, len(groups))
				row[i] = m
				rows = append(rows, row)
			}
			g.members[j].GroupID = g.id
		}
	}
	return rows
}

// sameIdentity says whether two members of different groups are the same thing
// in different encodings.
func sameIdentity(a, b hls.Rendition) bool {
	return sameLanguage(a, b) && a.Name == b.Name && a.AssocLanguage == b.AssocLanguage
}

func sameLanguage(a, b hls.Rendition) bool {
	return a.Language == b.Language && a.Characteristics == b.Characteristics && a.Forced == b.Forced && a.InstreamID == b.InstreamID
}

// lend fills group i of a row with a member of another group, if one suits.
func (w *writer) lend(row []hls.Rendition, groups []*group, i int) bool {
	own := make(map[string]bool)
	for _, m := range groups[i].members {
		own[w.codec(m)] = true
	}
	for _, suits := range []func(codec string) bool{
		func(codec string) bool { return own[codec] },
		func(codec string) bool { return codec == "aac" },
	} {
		for _, m := range row {
			inside := m.URI == "" && m.Type != hls.ClosedCaptions
			if m.GroupID != "" && !inside && suits(w.codec(m)) {
				row[i] = m
				return true
			}
		}
	}
	return false
}

// unnamed settles groups of a single member each that are called differently:
// they are one thing in several encodings. Nothing is said of its language.
func unnamed(groups []*group) []*group {
	for _, g := range groups {
		m := &g.members[0]
		*m = hls.Rendition{
			Type: m.Type, URI: m.URI, GroupID: m.GroupID, InstreamID: m.InstreamID, Name: "Audio", Default: true, Autoselect: true,
			Channels: m.Channels, BitDepth: m.BitDepth, SampleRate: m.SampleRate,
		}
		if m.Type != hls.Audio {
			m.Name = "Text"
		}
	}
	return groups
}

// conflict settles groups that have nothing in common: those stay that go with
// the first in AAC, or with the first.
func (w *writer) conflict(groups []*group) []*group {
	codecOf := func(g *group) string { return w.codec(g.members[0]) }
	leader := max(0, slices.IndexFunc(groups, func(g *group) bool { return codecOf(g) == "aac" }))
	like := codecOf(groups[leader])
	rest := slices.DeleteFunc(slices.Clone(groups), func(g *group) bool { return codecOf(g) != like })
	if len(rest) == len(groups) {
		return groups[leader : leader+1]
	}
	return w.alike(rest)
}

// uniqueNames makes the NAMEs of a group's members different and leaves one
// default, which may be selected (draft 4.4.6.1, 4.4.6.1.1). Groups have
// corresponding members by now, so that they stay alike.
func uniqueNames(groups []*group) {
	for _, g := range groups {
		names := make(map[string]bool)
		chosen := false
		for i := range g.members {
			m := &g.members[i]
			name := m.Name
			if names[name] && m.Language != "" {
				name = m.Name + " (" + m.Language + ")"
			}
			for n := 2; names[name]; n++ {
				name = m.Name + " " + strconv.Itoa(n)
			}
			m.Name = name
			names[name] = true
			m.Default = m.Default && !chosen
			chosen = chosen || m.Default
			m.Autoselect = m.Autoselect || m.Default
		}
	}
}

// reference sees to it that variants name groups that are there, and that
// CODECS has the codecs of the audio that they name. A variant whose audio is
// gone goes with it if its video has another variant, else it takes another
// group.
func (w *writer) reference() {
	find := func(kind hls.RenditionType, id string) *group {
		i := slices.IndexFunc(w.groups, func(g *group) bool { return g.kind == kind && g.id == id })
		if i < 0 {
			return nil
		}
		return w.groups[i]
	}
	sound := func(v *hls.Variant) bool {
		return w.byID[v.URI].track.Media != playlog.VideoTrack || w.byID[v.URI].track.Muxed
	}
	lost := func(v *hls.Variant) bool { return v.Audio != "" && find(hls.Audio, v.Audio) == nil && !sound(v) }
	variants := slices.Clone(w.result.Variants)
	w.result.Variants = slices.DeleteFunc(w.result.Variants, func(v hls.Variant) bool {
		return lost(&v) && slices.ContainsFunc(variants, func(o hls.Variant) bool { return o.URI == v.URI && !lost(&o) })
	})
	another := slices.IndexFunc(w.groups, func(g *group) bool { return g.kind == hls.Audio })
	for i := range w.result.Variants {
		v := &w.result.Variants[i]
		if lost(v) && another >= 0 {
			v.Audio = w.groups[another].id
		}
		for _, kind := range []hls.RenditionType{hls.Audio, hls.Subtitles, hls.ClosedCaptions} {
			if id := groupOf(v, kind); *id != "NONE" && find(kind, *id) == nil {
				*id = ""
			}
		}
		if g := find(hls.Audio, v.Audio); g != nil && !sound(v) {
			v.Codecs = w.audioCodecs(v.Codecs, g)
		}
	}
	// Two variants may have become one; a group may be named no more.
	seen := make(map[hls.Variant]bool)
	w.result.Variants = slices.DeleteFunc(w.result.Variants, func(v hls.Variant) bool {
		v.Bandwidth, v.AverageBandwidth = 0, 0
		twice := seen[v]
		seen[v] = true
		return twice
	})
	w.groups = slices.DeleteFunc(w.groups, func(g *group) bool {
		return !slices.ContainsFunc(w.result.Variants, func(v hls.Variant) bool { return *groupOf(&v, g.kind) == g.id })
	})
}

// audioCodecs brings the audio of a CODECS attribute in line with the members
// of a group. An attribute without any audio, or members of which nothing is
// known, stay as they are.
func (w *writer) audioCodecs(codecs string, g *group) string {
	if pickCodecs(codecs, isAudioCodec) == "" {
		return codecs
	}
	var members []string
	for _, m := range g.members {
		known := w.byID[m.URI]
		if known == nil || known.track.Codecs == "" {
			return codecs
		}
		members = append(members, strings.Split(cleanCodecs(known.track.Codecs), ",")...)
	}
	var out []string
	for c := range strings.SplitSeq(codecs, ",") {
		if !isAudioCodec(c) || slices.ContainsFunc(members, func(m string) bool { return codecFamily(m) == codecFamily(c) }) {
			out = append(out, c)
		}
	}
	for _, m := range members {
		if !slices.ContainsFunc(out, func(c string) bool { return codecFamily(m) == codecFamily(c) }) {
			out = append(out, m)
		}
	}
	return strings.Join(out, ",")
}

// captionsNone makes CLOSED-CAPTIONS=NONE stand on all variants or on none, as
// draft 4.4.6.2 demands: a variant without the attribute has no captions that
// anybody knows of, but a group of captions on one can't be denied on another.
func captionsNone(variants []hls.Variant) {
	isNone := func(v hls.Variant) bool { return v.ClosedCaptions == "NONE" }
	isGroup := func(v hls.Variant) bool { return v.ClosedCaptions != "" && !isNone(v) }
	if !slices.ContainsFunc(variants, isNone) {
		return
	}
	value := "NONE"
	if slices.ContainsFunc(variants, isGroup) {
		value = ""
	}
	for i := range variants {
		if !isGroup(variants[i]) {
			variants[i].ClosedCaptions = value
		}
	}
}

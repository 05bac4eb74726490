package hlscheck

import (
	"net/url"
	"slices"
	"strings"
)

var (
	ruleStreams = rule("streams", "draft 4.4.6.2",
		"a multivariant playlist has at least one EXT-X-STREAM-INF")
	ruleStreamURI = rule("stream-uri", "draft 4.4.6.2",
		"the line after EXT-X-STREAM-INF is its URI, and no other URI is there")
	ruleBandwidth = rule("bandwidth", "draft 4.4.6.2",
		"EXT-X-STREAM-INF has BANDWIDTH")
	ruleCodecs = rule("codecs", "draft 4.4.6.2, RFC 6381",
		"CODECS is a list of format names, separated by commas without blanks")
	ruleGroupMissing = rule("group-missing", "draft 4.4.6.2",
		"a group that EXT-X-STREAM-INF names has members of that type")
	ruleGroupUnused = rule("group-unused", "design",
		"a group of renditions is named by some EXT-X-STREAM-INF")
	ruleCaptionsNone = rule("captions-none", "draft 4.4.6.2",
		"CLOSED-CAPTIONS=NONE is on every EXT-X-STREAM-INF or on none")
	ruleMediaAttributes = rule("media-attributes", "draft 4.4.6.1",
		"EXT-X-MEDIA has TYPE, GROUP-ID and NAME; URI for SUBTITLES; INSTREAM-ID and no URI for CLOSED-CAPTIONS; FORCED for SUBTITLES only")
	ruleGroupNames = rule("group-names", "draft 4.4.6.1.1",
		"the members of a group have different NAMEs")
	ruleGroupDefault = rule("group-default", "draft 4.4.6.1.1",
		"a group has at most one DEFAULT=YES")
	ruleAutoselect = rule("autoselect", "draft 4.4.6.1, design",
		"AUTOSELECT=YES is written out where DEFAULT=YES")
	ruleGroupMembers = rule("group-members", "draft 4.4.6.1.1",
		"groups of a type have the same members with the same attributes but for URI, CHANNELS, BIT-DEPTH and SAMPLE-RATE")
	ruleMultivariantKept = rule("multivariant-kept", "design",
		"the multivariant playlist is the same, byte for byte, for the whole run")
)

// stream is a variant: EXT-X-STREAM-INF and its URI as written, empty if that is missing.
type stream struct {
	list attributes
	uri  string
}

// video reports whether the variant says that it has pictures.
func (v stream) video() bool {
	if _, found := v.list.get("RESOLUTION"); found {
		return true
	}
	for codec := range strings.SplitSeq(v.list.value("CODECS"), ",") {
		switch name, _, _ := strings.Cut(codec, "."); name {
		case "avc1", "avc3", "hvc1", "hev1", "dvh1", "dvhe", "dvav", "dva1", "av01", "dav1", "vp09", "vvc1", "vvi1":
			return true
		}
	}
	return false
}

// rendition handles EXT-X-MEDIA (draft 4.4.6.1).
func (s *scanner) rendition(l attributes) {
	kind, group, name := l.value("TYPE"), l.value("GROUP-ID"), l.value("NAME")
	_, hasURI := l.get("URI")
	instream, hasInstream := l.get("INSTREAM-ID")
	_, hasForced := l.get("FORCED")
	switch {
	case kind == "" || group == "" || name == "":
		s.report(ruleMediaAttributes, "TYPE %q, GROUP-ID %q, NAME %q", clip(kind), clip(group), clip(name))
	case kind == "SUBTITLES" && !hasURI:
		s.report(ruleMediaAttributes, "subtitles %q have no URI", clip(name))
	case kind == "CLOSED-CAPTIONS" && (hasURI || !hasInstream):
		s.report(ruleMediaAttributes, "closed captions %q have a URI or no INSTREAM-ID", clip(name))
	case kind != "SUBTITLES" && hasForced:
		s.report(ruleMediaAttributes, "%q of type %s has FORCED", clip(name), kind)
	}
	if strings.HasPrefix(instream, "SERVICE") {
		s.need(7, "INSTREAM-ID=SERVICE")
	}
	if l.value("DEFAULT") == "YES" && l.value("AUTOSELECT") != "YES" {
		s.report(ruleAutoselect, "%q has DEFAULT=YES without AUTOSELECT=YES", clip(name))
	}
	s.list.renditions = append(s.list.renditions, l)
}

// streamInf handles EXT-X-STREAM-INF (draft 4.4.6.2); its URI is the next line.
func (s *scanner) streamInf(l attributes) {
	if s.stream != nil {
		s.list.streams = append(s.list.streams, stream{list: s.stream})
	}
	if _, found := l.get("BANDWIDTH"); !found {
		s.report(ruleBandwidth, "a variant has none")
	}
	if codecs, found := l.get("CODECS"); found {
		for codec := range strings.SplitSeq(codecs, ",") {
			if !isCodec(codec) {
				s.report(ruleCodecs, "%q in %q", clip(codec), clip(codecs))
			}
		}
	}
	s.stream = l
}

// isCodec reports whether a member of CODECS is well-formed: a name of three or four characters and, after dots,
// parameters; and for the two that everyone uses, parameters that can be.
func isCodec(codec string) bool {
	name, parameters, _ := strings.Cut(codec, ".")
	if len(name) < 3 || len(name) > 4 {
		return false
	}
	for i := range len(codec) {
		if c := codec[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '.' && c != '-' {
			return false
		}
	}
	switch name {
	case "avc1", "avc3": // six hexadecimal digits: profile, constraints, level
		return len(parameters) == 6 && isHexadecimal("0x"+strings.ToUpper(parameters))
	case "mp4a": // object type and, for MPEG-4, audio object type
		return parameters != "" && !strings.HasSuffix(parameters, ".")
	}
	return !strings.Contains(codec, "..") && !strings.HasSuffix(codec, ".")
}

// group is the renditions with one TYPE and GROUP-ID.
type group struct {
	kind, id string
	members  []attributes
}

// endVariants checks what concerns a multivariant playlist as a whole.
func (s *scanner) endVariants() {
	if s.stream != nil {
		s.report(ruleStreamURI, "the last EXT-X-STREAM-INF has no URI")
		s.list.streams = append(s.list.streams, stream{list: s.stream})
	} else if len(s.list.streams) == 0 {
		s.report(ruleStreams, "no variants")
	}
	var groups []*group
	find := func(kind, id string) *group {
		i := slices.IndexFunc(groups, func(g *group) bool { return g.kind == kind && g.id == id })
		if i < 0 {
			return nil
		}
		return groups[i]
	}
	for _, l := range s.list.renditions {
		g := find(l.value("TYPE"), l.value("GROUP-ID"))
		if g == nil {
			g = &group{kind: l.value("TYPE"), id: l.value("GROUP-ID")}
			groups = append(groups, g)
		}
		g.members = append(g.members, l)
	}
	for _, g := range groups {
		s.checkGroup(g, groups)
	}
	s.checkReferences(groups, find)
}

// checkGroup checks a group by itself, and against the first one of its type.
func (s *scanner) checkGroup(g *group, groups []*group) {
	var names []string
	defaults := 0
	for _, l := range g.members {
		if name := l.value("NAME"); slices.Contains(names, name) {
			s.report(ruleGroupNames, "%s group %q has two members called %q", g.kind, clip(g.id), clip(name))
		} else {
			names = append(names, name)
		}
		if l.value("DEFAULT") == "YES" {
			defaults++
		}
	}
	if defaults > 1 {
		s.report(ruleGroupDefault, "%s group %q has %d", g.kind, clip(g.id), defaults)
	}
	first := groups[slices.IndexFunc(groups, func(other *group) bool { return other.kind == g.kind })]
	if first == g {
		return
	}
	if len(first.members) != len(g.members) {
		s.report(ruleGroupMembers, "%s groups %q and %q have %d and %d members", g.kind, clip(first.id), clip(g.id), len(first.members), len(g.members))
		return
	}
	for _, l := range g.members {
		if !slices.ContainsFunc(first.members, func(other attributes) bool { return sameRendition(l, other) }) {
			s.report(ruleGroupMembers, "%s group %q has nothing like %q of group %q", g.kind, clip(first.id), clip(l.value("NAME")), clip(g.id))
		}
	}
}

// sameRendition compares what must be the same in corresponding members of two groups.
func sameRendition(a, b attributes) bool {
	covers := func(a, b attributes) bool {
		for _, x := range a {
			switch x.name {
			case "GROUP-ID", "URI", "CHANNELS", "BIT-DEPTH", "SAMPLE-RATE", "STABLE-RENDITION-ID":
				continue
			}
			if v, found := b.get(x.name); !found || v != x.value {
				return false
			}
		}
		return true
	}
	return covers(a, b) && covers(b, a)
}

// checkReferences compares the groups with what the variants name.
func (s *scanner) checkReferences(groups []*group, find func(kind, id string) *group) {
	used := map[*group]bool{}
	none := 0
	for _, v := range s.list.streams {
		for _, kind := range []string{"AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"} {
			i := slices.IndexFunc(v.list, func(a attribute) bool { return a.name == kind })
			if i < 0 {
				continue
			}
			a := v.list[i]
			if !a.quoted {
				none++
				continue
			}
			if g := find(kind, a.value); g != nil {
				used[g] = true
			} else {
				s.report(ruleGroupMissing, "%s=%q of %s has no members", kind, clip(a.value), clip(v.uri))
			}
		}
	}
	if none > 0 && none != len(s.list.streams) {
		s.report(ruleCaptionsNone, "on %d of %d variants", none, len(s.list.streams))
	}
	for _, g := range groups {
		if !used[g] {
			s.report(ruleGroupUnused, "no variant names %s group %q", g.kind, clip(g.id))
		}
	}
}

// resolve returns uri as a client sees it that read it in the playlist at base; both as they are if they make no sense.
func resolve(base, uri string) string {
	b, err := url.Parse(base)
	if err != nil {
		return uri
	}
	u, err := b.Parse(uri)
	if err != nil {
		return uri
	}
	return u.String()
}

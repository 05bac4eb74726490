package packed

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"consuo/internal/hls"
)

// Media is an hls.Media, packed. It has all that a channel needs to list its
// segments; their EXT-X-PROGRAM-DATE-TIMEs, which a channel replaces, have
// become the asset times of its date ranges.
type Media struct {
	Times

	Digest      string         // hls.Media.Digest
	Sequence    int64          // of the first segment in its own playlist
	Independent bool           // EXT-X-INDEPENDENT-SEGMENTS
	Breaks      []int          // indexes of segments that EXT-X-DISCONTINUITY stands before, without the first
	Cues        map[int]string // cue tags, whole lines, by the index of the segment they stand before; Len(): after the last
	Ranges      []DateRange    // ascending by time
	Warnings    []string

	URIs *Texts
	Tags *Texts // what stands between EXTINF and URI; nil: nothing anywhere
	// Scopes are what EXT-X-KEY and EXT-X-MAP put in force, each for the
	// segments from the index in ScopeFrom on; nil: nothing anywhere.
	Scopes    *Texts
	ScopeFrom []int
}

// NewMedia packs a media playlist, which has at least one segment.
func NewMedia(m *hls.Media) *Media {
	p := &Media{
		Digest: m.Digest(), Sequence: m.MediaSequence, Independent: m.IndependentSegments,
		Times: newTimes(len(m.Segments), func(i int) Length {
			return Length{m.Segments[i].Duration, m.Segments[i].DurationText}
		}),
		URIs: newTexts(len(m.Segments), func(dst []byte, i int) []byte { return append(dst, m.Segments[i].URI...) }),
	}
	var dropped int
	if p.Ranges, dropped = newDateRanges(m); dropped > 0 {
		p.Warnings = append(p.Warnings, droppedRanges(dropped))
	}
	if more := len(p.Ranges) - maxRanges; more > 0 {
		p.Ranges = slices.Clone(p.Ranges[:maxRanges])
		p.Warnings = append(p.Warnings, fmt.Sprintf("%d EXT-X-DATERANGE left out: a playlist may have %d", more, maxRanges))
	}
	p.Warnings = append(p.Warnings, m.Warnings...)
	tagged := false
	for i := range m.Segments {
		s := &m.Segments[i]
		if s.Discontinuity && i > 0 {
			p.Breaks = append(p.Breaks, i)
		}
		p.addCues(i, s.Cues)
		tagged = tagged || hasTags(s)
	}
	p.addCues(len(m.Segments), m.TailCues)
	if tagged {
		p.Tags = newTexts(len(m.Segments), func(dst []byte, i int) []byte { return appendTags(dst, &m.Segments[i]) })
	}
	p.addScopes(m)
	return p
}

func (m *Media) addCues(i int, lines []string) {
	if len(lines) == 0 {
		return
	}
	if m.Cues == nil {
		m.Cues = make(map[int]string)
	}
	m.Cues[i] = strings.Join(lines, "\n") + "\n"
}

func hasTags(s *hls.Segment) bool { return s.Range.Length > 0 || s.Bitrate > 0 || s.Gap }

// appendTags writes the tags of a segment alone that stand between its EXTINF
// and its URI.
func appendTags(dst []byte, s *hls.Segment) []byte {
	if s.Range.Length > 0 {
		dst = append(dst, "#EXT-X-BYTERANGE:"...)
		dst = append(hls.AppendByteRange(dst, s.Range), '\n')
	}
	if s.Bitrate > 0 {
		dst = append(dst, "#EXT-X-BITRATE:"...)
		dst = append(strconv.AppendInt(dst, s.Bitrate, 10), '\n')
	}
	if s.Gap {
		dst = append(dst, "#EXT-X-GAP\n"...)
	}
	return dst
}

// addScopes packs what is in force for the segments. Those for which it is the
// same share it.
func (m *Media) addScopes(media *hls.Media) {
	var texts []string
	var before *hls.Segment
	for i := range media.Segments {
		s := &media.Segments[i]
		if before != nil && s.Map == before.Map && slices.Equal(s.Keys, before.Keys) {
			continue
		}
		before = s
		if text := scopeText(s); len(texts) == 0 || text != texts[len(texts)-1] {
			texts = append(texts, text)
			m.ScopeFrom = append(m.ScopeFrom, i)
		}
	}
	if len(texts) == 1 && strings.Trim(texts[0], separator) == "" {
		m.ScopeFrom = nil
		return
	}
	m.ScopeFrom = slices.Clip(m.ScopeFrom)
	m.Scopes = newTexts(len(texts), func(dst []byte, i int) []byte { return append(dst, texts[i]...) })
}

// Scope is what must be in force before a segment, as tags with their newlines.
type Scope struct {
	Keys Keys
	Init string // EXT-X-MAP; "": none
	// InitKeys are in force where EXT-X-MAP stands.
	InitKeys Keys
}

// Keys are the EXT-X-KEYs in force.
type Keys struct {
	Tags    string // "": not encrypted
	Formats string // their KEYFORMATs, to see when the set changes
}

// A scope is packed as its five texts. A key that takes the media sequence
// number of the segment for its IV (draft 5.2) has the mark there: on a channel
// the segment has another number, so that the IV must be written out.
const (
	separator = "\x00"
	scopeSize = 5
	ivMark    = "\x01" // like the separator it stands in no tag
)

func scopeText(s *hls.Segment) string {
	keys := keysText(s.Keys)
	var init, initKeys string
	initKeys = separator
	if s.Map != nil {
		init = string(hls.AppendMap(nil, s.Map))
		initKeys = keysText(s.Map.Keys)
	}
	return keys + separator + init + separator + initKeys
}

func keysText(keys []hls.Key) string {
	list := slices.Clone(keys)
	var formats []string
	for i := range list {
		k := &list[i]
		if k.IV != "" { // draft 4.2: upper-case digits
			k.IV = "0x" + strings.ToUpper(k.IV[len("0x"):])
		}
		identity := k.KeyFormat == "" || k.KeyFormat == "identity"
		if k.IV == "" && identity && (k.Method == "AES-128" || k.Method == "SAMPLE-AES") {
			k.IV = ivMark
		}
		formats = append(formats, cmp.Or(k.KeyFormat, "identity"))
	}
	slices.Sort(formats)
	return string(hls.AppendKeys(nil, list)) + separator + strings.Join(formats, ",")
}

// Rewrite maps a URI from where it was loaded to where players load it; nil
// maps each on itself.
type Rewrite func(uri string) string

// Reader reads the segments of playlists one after the other, all with the same
// Rewrite. The zero value is ready; it is not safe for concurrent use.
type Reader struct {
	uris, tags, scopes reader

	scope   Scope // the latest, of this run of segments of a playlist
	scopeOf *Media
	run     int
	once    bool // it is that of one segment only
}

// AppendSegment writes segment i from its EXTINF to its URI.
func (m *Media) AppendSegment(dst []byte, r *Reader, i int, rewrite Rewrite) []byte {
	dst = m.AppendEXTINF(dst, i)
	if m.Tags != nil {
		dst = append(dst, r.tags.read(m.Tags, i)...)
	}
	uri := r.uris.read(m.URIs, i)
	if rewrite == nil {
		dst = append(dst, uri...)
	} else {
		dst = append(dst, rewrite(string(uri))...)
	}
	return append(dst, '\n')
}

// URI returns the URI of segment i as it was loaded.
func (m *Media) URI(i int) string {
	var r reader
	return string(r.read(m.URIs, i))
}

// Scope returns what is in force for segment i.
func (m *Media) Scope(r *Reader, i int, rewrite Rewrite) Scope {
	if m.Scopes == nil {
		return Scope{}
	}
	n := sort.Search(len(m.ScopeFrom), func(n int) bool { return m.ScopeFrom[n] > i }) - 1
	if r.scopeOf == m && r.run == n && !r.once {
		return r.scope
	}
	r.scopeOf, r.run, r.once = m, n, false
	part := strings.SplitN(string(r.scopes.read(m.Scopes, n)), separator, scopeSize)
	for _, tags := range []*string{&part[0], &part[2], &part[3]} {
		if strings.Contains(*tags, ivMark) {
			r.once = true
			*tags = strings.ReplaceAll(*tags, ivMark, fmt.Sprintf("0x%032X", m.Sequence+int64(i)))
		}
		if rewrite != nil {
			*tags = rewriteTags(*tags, rewrite)
		}
	}
	r.scope = Scope{Keys: Keys{part[0], part[1]}, Init: part[2], InitKeys: Keys{part[3], part[4]}}
	return r.scope
}

// rewriteTags rewrites the URIs of EXT-X-KEYs and EXT-X-MAPs. What stands before
// them in a tag has no quotes.
func rewriteTags(tags string, rewrite Rewrite) string {
	var b strings.Builder
	for line := range strings.Lines(tags) {
		head, rest, _ := strings.Cut(line, `URI="`)
		uri, tail, _ := strings.Cut(rest, `"`)
		b.WriteString(head + `URI="` + rewrite(uri) + `"` + tail)
	}
	return b.String()
}

// restore works out what is not stored, and checks what reading relies on.
func (m *Media) restore() error {
	if err := m.Times.restore(); err != nil {
		return err
	}
	n := m.Len()
	if n == 0 {
		return errors.New("it has no segments")
	}
	if m.URIs == nil || m.URIs.Count != n || m.Tags != nil && m.Tags.Count != n {
		return errTexts
	}
	if scopes := m.Scopes; scopes != nil && (scopes.Count != len(m.ScopeFrom) || scopes.Count == 0 ||
		m.ScopeFrom[0] != 0 || !slices.IsSorted(m.ScopeFrom)) {
		return errTexts
	}
	for _, t := range []*Texts{m.URIs, m.Tags, m.Scopes} {
		if t == nil {
			continue
		}
		if err := t.restore(); err != nil {
			return err
		}
	}
	if m.Scopes != nil {
		var r reader
		for i := range m.Scopes.Count {
			if bytes.Count(r.read(m.Scopes, i), []byte(separator)) != scopeSize-1 {
				return errTexts
			}
		}
	}
	if err := m.Times.check(); err != nil {
		return err
	}
	if !slices.IsSorted(m.Breaks) || len(m.Breaks) > 0 && (m.Breaks[0] <= 0 || m.Breaks[len(m.Breaks)-1] >= n) {
		return errors.New("its discontinuities are not where segments are")
	}
	return nil
}

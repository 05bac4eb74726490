package packed

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"consuo/internal/hls"
)

// Media is an hls.Media, packed. It has all that a channel needs to list its
// segments; their EXT-X-PROGRAM-DATE-TIMEs, which a channel replaces, have
// become the asset times of its date ranges.
type Media struct {
	Times

	Digest      string         // names what it plays, see digest
	Sequence    int64          // of the first segment in its own playlist
	Independent bool           // EXT-X-INDEPENDENT-SEGMENTS
	Breaks      []int          // indexes of segments that EXT-X-DISCONTINUITY stands before, without the first
	Cues        map[int]string // cue tags, whole lines, by the index of the segment they stand before; Len(): after the last
	Ranges      []DateRange    // ascending by time
	Warnings    []string

	Paths   *Texts // URIs without their query strings, in which tokens change while the media stays the same
	Queries *Texts // with their question marks; nil: nothing anywhere
	Tags    *Texts // what stands between EXTINF and URI; nil: nothing anywhere
	// Scopes are what EXT-X-KEY and EXT-X-MAP put in force, each for the
	// segments from the index in ScopeFrom on; nil: nothing anywhere.
	Scopes    *Texts
	ScopeFrom []int
}

// NewMedia packs a media playlist, which has at least one segment.
func NewMedia(m *hls.Media) *Media {
	var p Packer
	for i := range m.Segments {
		p.Add(&m.Segments[i], []byte(m.Segments[i].URI))
	}
	return p.Finish(m)
}

// Packer packs the segments of a media playlist as they are read, one after the
// other. The zero value is ready; its memory is used again for the next one.
type Packer struct {
	times         timesPacker
	paths         textPacker
	queries, tags textPacker // not begun while no segment has any
	breaks        []int
	cues          map[int]string
	scopes        textPacker
	scopeFrom     []int
	lasting       [][sha256.Size]byte // of the scopes, without query strings
	dates         dates

	last    inForce       // for the last segment
	total   time.Duration // of the segments
	scratch []byte
}

// inForce is what EXT-X-KEY and EXT-X-MAP have put in force for a segment.
type inForce struct {
	keys []hls.Key
	init *hls.Map
}

// Add packs the next segment, whose absolute URI is given apart. Nothing of the
// two is kept.
func (p *Packer) Add(s *hls.Segment, uri []byte) {
	i := p.paths.texts.Count
	p.times.add(Length{s.Duration, s.DurationText})
	path := len(uri)
	if query := bytes.IndexByte(uri, '?'); query >= 0 {
		path = query
	}
	p.paths.add(uri[:path])
	p.queries.addOptional(i, uri[path:])
	p.scratch = appendTags(p.scratch[:0], s)
	p.tags.addOptional(i, p.scratch)
	if s.Discontinuity && i > 0 {
		p.breaks = append(p.breaks, i)
	}
	p.addCues(i, s.Cues)
	if is := (inForce{s.Keys, s.Map}); i == 0 || is.init != p.last.init || !slices.Equal(is.keys, p.last.keys) {
		p.last = is
		if text := is.text(whole); i == 0 || text != string(p.scopes.before) {
			p.scopes.add([]byte(text))
			p.scopeFrom = append(p.scopeFrom, i)
			p.lasting = append(p.lasting, sha256.Sum256([]byte(is.text(hls.WithoutQuery))))
		}
	}
	if !s.ProgramDateTime.IsZero() {
		p.dates.anchors = append(p.dates.anchors, anchor{p.total, s.ProgramDateTime})
	}
	p.dates.tags = append(p.dates.tags, s.DateRanges...)
	p.total += s.Duration
}

func (p *Packer) addCues(i int, lines []string) {
	if len(lines) == 0 {
		return
	}
	if p.cues == nil {
		p.cues = make(map[int]string)
	}
	p.cues[i] = strings.Join(lines, "\n") + "\n"
}

// Finish returns the playlist whose segments were added, at least one; m says
// all else of it.
func (p *Packer) Finish(m *hls.Media) *Media {
	p.addCues(p.paths.texts.Count, m.TailCues)
	p.dates.tags = append(p.dates.tags, m.TailRanges...)
	packed := &Media{
		Times: p.times.finish(), Sequence: m.MediaSequence, Independent: m.IndependentSegments,
		Breaks: p.breaks, Cues: p.cues,
		Paths: p.paths.finish(), Queries: p.queries.finish(), Tags: p.tags.finish(),
	}
	var dropped int
	if packed.Ranges, dropped = p.dates.ranges(); dropped > 0 {
		packed.Warnings = append(packed.Warnings, droppedRanges(dropped))
	}
	if more := len(packed.Ranges) - maxRanges; more > 0 {
		packed.Ranges = slices.Clone(packed.Ranges[:maxRanges])
		packed.Warnings = append(packed.Warnings, fmt.Sprintf("%d EXT-X-DATERANGE left out: a playlist may have %d", more, maxRanges))
	}
	packed.Warnings = append(packed.Warnings, m.Warnings...)
	packed.Digest = p.digest(packed)
	if scopes := p.scopes.finish(); scopes.Count > 1 || strings.Trim(string(scopes.First), separator) != "" {
		packed.Scopes, packed.ScopeFrom = scopes, slices.Clone(p.scopeFrom)
	}
	clear(p.dates.tags) // which lets go of what they hold
	*p = Packer{
		times: p.times, paths: p.paths, queries: p.queries, tags: p.tags,
		scopes: p.scopes, scopeFrom: p.scopeFrom[:0], lasting: p.lasting[:0],
		dates: dates{p.dates.tags[:0], p.dates.anchors[:0]}, scratch: p.scratch,
	}
	return packed
}

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

// text returns a scope with its URIs as they are mapped.
func (f inForce) text(uri func(string) string) string {
	var init string
	initKeys := separator
	if m := f.init; m != nil {
		init = string(hls.AppendMap(nil, &hls.Map{URI: uri(m.URI), Range: m.Range}))
		initKeys = keysText(m.Keys, uri)
	}
	return keysText(f.keys, uri) + separator + init + separator + initKeys
}

func whole(uri string) string { return uri }

func keysText(keys []hls.Key, uri func(string) string) string {
	list := slices.Clone(keys)
	var formats []string
	for i := range list {
		k := &list[i]
		k.URI = uri(k.URI)
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
	paths, queries, tags, scopes reader

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
	from := len(dst)
	dst = m.appendURI(dst, r, i)
	if rewrite != nil {
		dst = append(dst[:from], rewrite(string(dst[from:]))...)
	}
	return append(dst, '\n')
}

func (m *Media) appendURI(dst []byte, r *Reader, i int) []byte {
	dst = append(dst, r.paths.read(m.Paths, i)...)
	if m.Queries != nil {
		dst = append(dst, r.queries.read(m.Queries, i)...)
	}
	return dst
}

// URI returns the URI of segment i as it was loaded.
func (m *Media) URI(i int) string {
	var r Reader
	return string(m.appendURI(nil, &r, i))
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
	if m.Paths == nil {
		return errTexts
	}
	for _, t := range []*Texts{m.Paths, m.Queries, m.Tags} {
		if t != nil && t.Count != n {
			return errTexts
		}
	}
	if scopes := m.Scopes; scopes != nil && (scopes.Count != len(m.ScopeFrom) || scopes.Count == 0 ||
		m.ScopeFrom[0] != 0 || !slices.IsSorted(m.ScopeFrom)) {
		return errTexts
	}
	for _, t := range []*Texts{m.Paths, m.Queries, m.Tags, m.Scopes} {
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

package timeline

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"consuo/internal/hls"
	"consuo/internal/playlog"
)

// Asset is a VOD that was loaded and checked: its playlists with their
// segments, in a form made for rendering. It is immutable.
type Asset struct {
	URI          string // names it
	Digest       string // of its playlists
	Multivariant *hls.Multivariant
	Sources      []*Source // in the order of the multivariant playlist, each URL once
	// Warnings say what of the asset is not used as it stands, for people.
	Warnings []string
}

// Source is a playlist of an asset, with what the multivariant playlist says
// of it.
type Source struct {
	Media       playlog.Media
	Container   playlog.Container
	Muxed       bool           // video and audio in the same segments
	Codecs      string         // of this playlist's own content, RFC 6381; "": unknown
	Variants    []hls.Variant  // those that name it
	Rendition   *hls.Rendition // the first that names it; nil: a variant only
	Independent bool           // EXT-X-INDEPENDENT-SEGMENTS
	segments
}

// segments are the segments of a playlist as one text with an index.
type segments struct {
	ends     []time.Duration // asset time at the end of each
	text     string          // EXTINF, BYTERANGE, URI of each, as they are listed
	at       []uint32        // where each begins in text, and the end of the last
	prelude  []uint32        // index in preludes, per segment; nil: none has one
	preludes []prelude
	breaks   []int          // indexes of segments that EXT-X-DISCONTINUITY stands before, without the first
	cues     map[int]string // cue tags, whole lines, by the index of the segment they stand before; len(): after the last
	ranges   []dateRange    // ascending by start
	longest  time.Duration
}

// prelude is what must be in force before a segment: keys and init section.
type prelude struct {
	keys keys
	init string // EXT-X-MAP; "": none
	// initKeys are in force where EXT-X-MAP stands.
	initKeys keys
}

// keys are the EXT-X-KEYs in force, ready to be written.
type keys struct {
	text    string // the tags; "": not encrypted
	formats string // their KEYFORMATs, to see when the set changes
}

func (s *segments) len() int { return len(s.ends) }

// start returns the asset time at which segment i begins; i may be len().
func (s *segments) start(i int) time.Duration {
	if i == 0 {
		return 0
	}
	return s.ends[i-1]
}

func (s *segments) duration(i int) time.Duration { return s.ends[i] - s.start(i) }

func (s *segments) total() time.Duration { return s.start(s.len()) }

// boundary returns the index of the boundary nearest to asset time t, from 0
// (the start) to len() (the end); of two equally near ones the earlier.
func (s *segments) boundary(t time.Duration) int {
	i := sort.Search(s.len(), func(i int) bool { return s.ends[i] >= t }) // ends[i] is boundary i+1
	if i == s.len() {
		return i
	}
	if t-s.start(i) <= s.ends[i]-t {
		return i
	}
	return i + 1
}

// AssetOptions are what a channel's operator says of assets.
type AssetOptions struct {
	// Rewrite maps a URI from where the engine fetches to where players do.
	Rewrite func(uri string) string
}

// NewAsset makes an asset of a presentation as it was loaded. It refuses what
// no channel could play: playlists without segments or without a variant.
func NewAsset(p *hls.Presentation, opts AssetOptions) (*Asset, error) {
	rewrite := opts.Rewrite
	if rewrite == nil {
		rewrite = func(uri string) string { return uri }
	}
	a := &Asset{
		URI: p.URL, Digest: p.Digest(), Multivariant: p.Multivariant,
		Warnings: slices.Concat(p.Warnings, p.Multivariant.Warnings),
	}
	byURI := make(map[string]*Source)
	source := func(uri string) (*Source, error) {
		if s := byURI[uri]; s != nil {
			return s, nil
		}
		m := p.Media[uri]
		if m == nil {
			return nil, fmt.Errorf("playlist %s is not there", uri)
		}
		if len(m.Segments) == 0 {
			return nil, fmt.Errorf("playlist %s has no segments", uri)
		}
		s := &Source{
			Container:   containerOf(m),
			Independent: m.IndependentSegments || p.Multivariant.IndependentSegments,
			segments:    newSegments(m, rewrite),
		}
		var dropped int
		if s.ranges, dropped = newDateRanges(m); dropped > 0 {
			a.warn(droppedRanges(dropped))
		}
		for _, w := range m.Warnings {
			a.warn(w)
		}
		byURI[uri] = s
		a.Sources = append(a.Sources, s)
		return s, nil
	}
	for _, v := range p.Multivariant.Variants {
		s, err := source(v.URI)
		if err != nil {
			return nil, err
		}
		s.Variants = append(s.Variants, v)
	}
	if len(a.Sources) == 0 {
		return nil, fmt.Errorf("the multivariant playlist has no variants")
	}
	for i := range p.Multivariant.Renditions {
		r := &p.Multivariant.Renditions[i]
		if r.URI == "" || r.Type == hls.ClosedCaptions || r.Type == hls.Video {
			continue
		}
		s, err := source(r.URI)
		if err != nil {
			return nil, err
		}
		if s.Rendition == nil {
			s.Rendition = r
		}
	}
	for _, s := range a.Sources {
		s.describe(p.Multivariant)
	}
	return a, nil
}

// warn notes a warning once: the playlists of an asset are much alike.
func (a *Asset) warn(text string) {
	if !slices.Contains(a.Warnings, text) {
		a.Warnings = append(a.Warnings, text)
	}
}

// containerOf tells the format of a playlist's segments: an init section means
// fragmented MP4, else the file extension says it, else it is MPEG-TS.
func containerOf(m *hls.Media) playlog.Container {
	first := m.Segments[0]
	if first.Map != nil {
		return playlog.FragmentMP4
	}
	uri, _, _ := strings.Cut(first.URI, "?")
	switch strings.ToLower(path.Ext(uri)) {
	case ".aac", ".mp3", ".ac3", ".ec3":
		return playlog.PackedAudio
	case ".vtt", ".webvtt":
		return playlog.WebVTT
	}
	return playlog.TS
}

// describe settles what the source carries from the variants and renditions
// that name it.
func (s *Source) describe(m *hls.Multivariant) {
	if len(s.Variants) == 0 {
		s.Media = playlog.AudioTrack
		if s.Rendition.Type == hls.Subtitles {
			s.Media = playlog.SubtitleTrack
			if s.Container != playlog.FragmentMP4 { // IMSC1, or WebVTT in fMP4
				s.Container = playlog.WebVTT
			}
			return
		}
		for _, v := range m.Variants {
			if v.Audio == s.Rendition.GroupID {
				if s.Codecs = pickCodecs(v.Codecs, isAudioCodec); s.Codecs != "" {
					return
				}
			}
		}
		return
	}
	v := s.Variants[0]
	video := pickCodecs(v.Codecs, isVideoCodec)
	audio := pickCodecs(v.Codecs, isAudioCodec)
	if video == "" && v.Height == 0 && (audio != "" || s.Container == playlog.PackedAudio) {
		s.Media, s.Codecs = playlog.AudioTrack, audio
		return
	}
	s.Media = playlog.VideoTrack
	// The variant's audio is in its own segments unless its group has
	// renditions with playlists of their own (draft 4.4.6.2.1: a rendition
	// without URI is in the variant).
	apart, inside := false, false
	for _, r := range m.Renditions {
		if r.Type == hls.Audio && v.Audio != "" && r.GroupID == v.Audio {
			apart = apart || r.URI != ""
			inside = inside || r.URI == ""
		}
	}
	// Without CODECS nothing is known; MPEG-TS with one playlist has both as a rule.
	s.Muxed = (inside || !apart) && (audio != "" || v.Codecs == "" || inside)
	s.Codecs = video
	if s.Muxed && audio != "" {
		s.Codecs = strings.Trim(video+","+audio, ",")
	}
}

func newSegments(m *hls.Media, rewrite func(string) string) segments {
	var (
		s    segments
		b    []byte
		now  time.Duration
		kept = make(map[prelude]uint32)
	)
	for i := range m.Segments {
		seg := &m.Segments[i]
		s.at = append(s.at, uint32(len(b)))
		b = append(b, "#EXTINF:"...)
		b = append(b, seg.DurationText...)
		b = append(b, ",\n"...)
		if seg.Range.Length > 0 {
			b = append(b, "#EXT-X-BYTERANGE:"...)
			b = strconv.AppendInt(b, seg.Range.Length, 10)
			b = append(b, '@')
			b = strconv.AppendInt(b, seg.Range.Offset, 10)
			b = append(b, '\n')
		}
		if seg.Bitrate > 0 {
			b = append(b, "#EXT-X-BITRATE:"...)
			b = strconv.AppendInt(b, seg.Bitrate, 10)
			b = append(b, '\n')
		}
		if seg.Gap {
			b = append(b, "#EXT-X-GAP\n"...)
		}
		b = append(b, rewrite(seg.URI)...)
		b = append(b, '\n')
		if seg.Discontinuity && i > 0 {
			s.breaks = append(s.breaks, i)
		}
		s.addCues(i, seg.Cues)
		s.addPrelude(i, newPrelude(seg, m.MediaSequence+int64(i), rewrite), kept)
		now += seg.Duration
		s.ends = append(s.ends, now)
		s.longest = max(s.longest, seg.Duration)
	}
	s.addCues(s.len(), m.TailCues)
	s.at = append(s.at, uint32(len(b)))
	s.text = string(b)
	s.ends, s.at = slices.Clip(s.ends), slices.Clip(s.at)
	return s
}

// padded returns the segments with more at the end, that last for a time, none
// longer than another playlist's, and all have one URI.
func (s *segments) padded(missing time.Duration, like *segments, tag, uri string) *segments {
	p := *s
	p.longest = max(s.longest, min(missing, like.longest))
	p.ends, p.at, p.prelude = slices.Clone(s.ends), slices.Clone(s.at), slices.Clone(s.prelude)
	// A gap is in the scope of what was in force; what is loaded in the place
	// of subtitles is not encrypted.
	scope := uint32(0)
	if p.prelude != nil && tag != "" {
		scope = p.prelude[len(p.prelude)-1]
	} else if p.prelude != nil {
		scope = uint32(len(s.preludes))
		p.preludes = append(slices.Clone(s.preludes), prelude{})
	}
	b := []byte(s.text)
	for missing > 0 {
		d := min(missing, like.longest)
		missing -= d
		b = append(b, "#EXTINF:"...)
		b = strconv.AppendFloat(b, d.Seconds(), 'f', -1, 64)
		b = append(b, ",\n"...)
		b = append(append(append(b, tag...), uri...), '\n')
		p.at = append(p.at, uint32(len(b)))
		p.ends = append(p.ends, p.total()+d)
		if p.prelude != nil {
			p.prelude = append(p.prelude, scope)
		}
	}
	p.text = string(b)
	return &p
}

func (s *segments) addCues(i int, lines []string) {
	if len(lines) == 0 {
		return
	}
	if s.cues == nil {
		s.cues = make(map[int]string)
	}
	s.cues[i] = strings.Join(lines, "\n") + "\n"
}

// newPrelude writes out what a segment inherits from its own playlist.
func newPrelude(seg *hls.Segment, sequence int64, rewrite func(string) string) prelude {
	p := prelude{keys: newKeys(seg.Keys, sequence, rewrite)}
	if seg.Map != nil {
		init := *seg.Map
		init.URI = rewrite(init.URI)
		p.init = string(hls.AppendMap(nil, &init))
		// An encrypted init section has its IV written out in its own
		// playlist already (draft 4.4.4.5).
		p.initKeys = newKeys(init.Keys, sequence, rewrite)
	}
	return p
}

// newKeys writes keys for a segment with this media sequence number in its own
// playlist. An identity key without IV takes that number for it (draft 5.2);
// on a channel the segment has another number, so the IV is written out.
func newKeys(source []hls.Key, sequence int64, rewrite func(string) string) keys {
	if len(source) == 0 {
		return keys{}
	}
	list := slices.Clone(source)
	var formats []string
	for i := range list {
		k := &list[i]
		k.URI = rewrite(k.URI)
		if k.IV != "" { // draft 4.2: upper-case digits
			k.IV = "0x" + strings.ToUpper(k.IV[len("0x"):])
		}
		identity := k.KeyFormat == "" || k.KeyFormat == "identity"
		if k.IV == "" && identity && (k.Method == "AES-128" || k.Method == "SAMPLE-AES") {
			k.IV = fmt.Sprintf("0x%032X", sequence)
		}
		formats = append(formats, cmp.Or(k.KeyFormat, "identity"))
	}
	slices.Sort(formats)
	return keys{text: string(hls.AppendKeys(nil, list)), formats: strings.Join(formats, ",")}
}

// addPrelude appends the prelude of segment i; equal ones are kept once.
func (s *segments) addPrelude(i int, p prelude, kept map[prelude]uint32) {
	if p == (prelude{}) && s.prelude == nil {
		return
	}
	if s.prelude == nil { // the first that has one: those before it have none
		s.preludes = []prelude{{}}
		s.prelude = make([]uint32, i)
		kept[prelude{}] = 0
	}
	n, ok := kept[p]
	if !ok {
		n = uint32(len(s.preludes))
		s.preludes = append(s.preludes, p)
		kept[p] = n
	}
	s.prelude = append(s.prelude, n)
}

// before returns what must be in force before segment i.
func (s *segments) before(i int) *prelude {
	if s.prelude == nil {
		return &prelude{}
	}
	return &s.preludes[s.prelude[i]]
}

// pickCodecs returns those of a CODECS attribute that the test takes.
func pickCodecs(codecs string, take func(string) bool) string {
	var picked []string
	for c := range strings.SplitSeq(codecs, ",") {
		if c = strings.TrimSpace(c); take(c) {
			picked = append(picked, c)
		}
	}
	return strings.Join(picked, ",")
}

// codecFamily is the part of an RFC 6381 name that decides whether a decoder
// goes on: avc3 is avc1 with parameter sets in band, and so on.
func codecFamily(codec string) string {
	name, _, _ := strings.Cut(codec, ".")
	switch name = strings.ToLower(name); name {
	case "avc1", "avc2", "avc3", "avc4":
		return "avc"
	case "hvc1", "hev1":
		return "hevc"
	case "dvh1", "dvhe":
		return "dolby-vision"
	case "mp4a":
		if object := strings.ToLower(codec); object == "mp4a.40.34" || object == "mp4a.6b" || object == "mp4a.69" {
			return "mp3"
		}
		return "aac"
	}
	return name
}

func isVideoCodec(c string) bool {
	switch codecFamily(c) {
	case "avc", "hevc", "dolby-vision", "av01", "vp09", "vp08", "mp4v", "dav1", "vvc1", "vvi1":
		return true
	}
	return false
}

func isAudioCodec(c string) bool {
	switch codecFamily(c) {
	case "aac", "mp3", "ac-3", "ec-3", "ac-4", "opus", "flac", "fLaC", "alac", "mhm1", "mhm2", "iamf", "dtsc", "dtse", "dtsx":
		return true
	}
	return false
}

// Duration returns the length of the asset: that of its first playlist.
func (a *Asset) Duration() time.Duration { return a.Sources[0].total() }

// FirstURI returns the URI of the asset's first segment, as players get it.
func (a *Asset) FirstURI() string {
	s := a.Sources[0]
	line := strings.TrimSuffix(s.text[:s.at[1]], "\n")
	return line[strings.LastIndexByte(line, '\n')+1:]
}

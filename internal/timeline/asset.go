package timeline

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"consuo/internal/hls"
	"consuo/internal/packed"
	"consuo/internal/playlog"
)

// Asset is a VOD that was loaded and checked: its playlists, and what they are
// good for. It is immutable.
type Asset struct {
	URI          string               // names it
	Digest       string               // of its playlists
	Presentation *packed.Presentation // what it was made of
	Multivariant *hls.Multivariant
	Sources      []*Source // in the order of the multivariant playlist, each URL once
	// Warnings say what of the asset is not used as it stands, for people.
	Warnings []string
}

// HasSound says whether any of the asset's playlists has audio in it.
func (a *Asset) HasSound() bool {
	return slices.ContainsFunc(a.Sources, func(s *Source) bool { return s.Muxed || s.Media == playlog.AudioTrack })
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

// segments are those of a playlist, or stand-ins with the lengths of another's.
type segments struct {
	packed.Times
	media   *packed.Media // nil: all are stand-ins
	rewrite packed.Rewrite
	breaks  []int // indexes of segments that EXT-X-DISCONTINUITY stands before, without the first
	// standIn is for those that media has not.
	standIn standIn
}

// standIn is what a track lists where an asset has nothing for it.
type standIn struct {
	gap  bool   // EXT-X-GAP: it is never loaded (draft 4.4.4.7)
	uri  string // as players load it
	init string // EXT-X-MAP; "": none
}

// appendSegment writes segment i from its EXTINF to its URI.
func (s *segments) appendSegment(dst []byte, r *packed.Reader, i int) []byte {
	if s.has(i) {
		return s.media.AppendSegment(dst, r, i, s.rewrite)
	}
	dst = s.AppendEXTINF(dst, i)
	if s.standIn.gap {
		dst = append(dst, "#EXT-X-GAP\n"...)
	}
	return append(append(dst, s.standIn.uri...), '\n')
}

// has says whether segment i is the playlist's own.
func (s *segments) has(i int) bool { return s.media != nil && i < s.media.Len() }

// scope returns what must be in force before segment i.
func (s *segments) scope(r *packed.Reader, i int) packed.Scope {
	switch {
	case s.has(i):
		return s.media.Scope(r, i, s.rewrite)
	case s.media != nil && s.standIn.gap: // a gap is in the scope of what was in force
		return s.media.Scope(r, s.media.Len()-1, s.rewrite)
	}
	return packed.Scope{Init: s.standIn.init}
}

// cues returns the cue tags that stand before segment i, or at the end.
func (s *segments) cues(i int) string {
	if s.media == nil {
		return ""
	}
	return s.media.Cues[i]
}

// ranges returns the playlist's date ranges.
func (s *segments) ranges() []packed.DateRange {
	if s.media == nil {
		return nil
	}
	return s.media.Ranges
}

// firstURI returns the URI of the first segment, as players load it.
func (s *segments) firstURI() string {
	uri := s.media.URI(0)
	if s.rewrite != nil {
		uri = s.rewrite(uri)
	}
	return uri
}

// boundary returns the index of the boundary nearest to asset time t, from 0
// (the start) to Len() (the end); of two equally near ones the earlier.
func (s *segments) boundary(t time.Duration) int {
	i := s.Ended(t - 1) // boundary i+1 is the first at t or after
	if i == s.Len() {
		return i
	}
	start := s.Start(i)
	if t-start <= start+s.Duration(i)-t {
		return i
	}
	return i + 1
}

// AssetOptions are what a channel's operator says of assets.
type AssetOptions struct {
	// Rewrite maps a URI from where the engine fetches to where players do;
	// nil: they fetch from the same place.
	Rewrite packed.Rewrite
}

// NewAsset makes an asset of a presentation. It refuses what no channel could
// play: playlists without a variant.
func NewAsset(p *packed.Presentation, opts AssetOptions) (*Asset, error) {
	a := &Asset{
		URI: p.URL, Digest: p.Digest, Presentation: p, Multivariant: p.Multivariant,
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
		if m.Len() == 0 {
			return nil, fmt.Errorf("playlist %s has no segments", uri)
		}
		s := &Source{
			Container:   containerOf(m),
			Independent: m.Independent || p.Multivariant.IndependentSegments,
			segments:    segments{Times: m.Times, media: m, rewrite: opts.Rewrite, breaks: m.Breaks},
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
func containerOf(m *packed.Media) playlog.Container {
	if m.Scope(new(packed.Reader), 0, nil).Init != "" {
		return playlog.FragmentMP4
	}
	uri, _, _ := strings.Cut(m.URI(0), "?")
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

// padded returns the segments with stand-ins at the end that last for a time,
// none longer than another playlist's.
func (s *segments) padded(missing time.Duration, like *segments, with standIn) *segments {
	var more []packed.Length
	for missing > 0 {
		d := min(missing, like.Longest())
		missing -= d
		more = append(more, packed.Length{Duration: d, Digits: strconv.FormatFloat(d.Seconds(), 'f', -1, 64)})
	}
	p := *s
	p.Times, p.standIn = s.Plus(more), with
	return &p
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
func (a *Asset) Duration() time.Duration { return a.Sources[0].Total() }

// FirstURI returns the URI of the asset's first segment, as players get it.
func (a *Asset) FirstURI() string { return a.Sources[0].firstURI() }

package timeline

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"consuo/internal/hls"
	"consuo/internal/playlog"
)

// Settle decides the tracks of a channel from its first scheduled asset, less
// those that the others can't feed (an asset that can't feed the primary is
// left out of that: it will be refused). BANDWIDTH is the greatest that any of
// the assets brings to a variant.
func Settle(first *Asset, others []*Asset) (*playlog.Settings, error) {
	s := &playlog.Settings{Version: 6}
	sourceOf := tracksOf(first, s)
	if len(s.Tracks) == 0 {
		return nil, fmt.Errorf("asset %s has neither video nor audio that a channel could be made of", first.URI)
	}
	known := []*Asset{first}
	for _, a := range others {
		if _, err := mapTracks(s, a, MapOptions{}); err == nil {
			known = append(known, a)
		}
	}
	fed := func(t *playlog.Track) bool {
		return t.Media == playlog.SubtitleTrack || !slices.ContainsFunc(known, func(a *Asset) bool { return feedOf(t, a) < 0 })
	}
	var tracks []playlog.Track
	kept := make(map[*Source]string)
	for i := range s.Tracks {
		if i == 0 || fed(&s.Tracks[i]) {
			tracks = append(tracks, s.Tracks[i])
			kept[sourceOf[i]] = s.Tracks[i].ID
		}
	}
	s.Tracks = tracks
	for i := range s.Tracks {
		if s.Tracks[i].Container != playlog.TS {
			s.Version = 7
		}
	}
	s.Multivariant = multivariantOf(first, kept, known, s.Tracks)
	return s, nil
}

// tracksOf lists the playlists of an asset as tracks, the first video one
// first, and the source of each.
func tracksOf(a *Asset, s *playlog.Settings) []*Source {
	sources := slices.Clone(a.Sources)
	slices.SortStableFunc(sources, func(x, y *Source) int { return cmp.Compare(mediaOrder(x.Media), mediaOrder(y.Media)) })
	ids := make(map[string]bool)
	for _, src := range sources {
		t := playlog.Track{Media: src.Media, Container: src.Container, Muxed: src.Muxed, Codecs: src.Codecs}
		if len(src.Variants) > 0 {
			v := src.Variants[0]
			t.Width, t.Height, t.Bandwidth = v.Width, v.Height, v.Bandwidth
		}
		if r := src.Rendition; r != nil {
			t.Language, t.Channels, t.GroupID, t.Default = r.Language, r.Channels, r.GroupID, r.Default
		}
		t.ID = trackID(&t, ids)
		s.Tracks = append(s.Tracks, t)
	}
	return sources
}

func mediaOrder(m playlog.Media) int {
	return slices.Index([]playlog.Media{playlog.VideoTrack, playlog.AudioTrack, playlog.SubtitleTrack}, m)
}

// trackID makes the name that a track has in its URL: v720, a-en, s-sv; a
// number is appended to those that are taken.
func trackID(t *playlog.Track, taken map[string]bool) string {
	id := "v"
	switch {
	case t.Media == playlog.VideoTrack && t.Height > 0:
		id += strconv.Itoa(t.Height)
	case t.Media == playlog.AudioTrack:
		id = "a"
	case t.Media == playlog.SubtitleTrack:
		id = "s"
	}
	if t.Media != playlog.VideoTrack {
		lang := strings.Map(func(r rune) rune {
			if r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
				return r
			}
			return -1
		}, strings.ToLower(t.Language))
		if len(lang) > 35 { // the longest tag that BCP 47 wants to be supported
			lang = lang[:35]
		}
		if lang != "" {
			id += "-" + lang
		}
	}
	name := id
	for n := 2; taken[name]; n++ {
		name = id + "-" + strconv.Itoa(n)
	}
	taken[name] = true
	return name
}

// multivariantOf copies what the first asset says of the playlists that became
// tracks, each under its track's id.
func multivariantOf(first *Asset, kept map[*Source]string, known []*Asset, tracks []playlog.Track) hls.Multivariant {
	ids := make(map[string]string) // by the URI in the asset
	for src, id := range kept {
		for _, v := range src.Variants {
			ids[v.URI] = id
		}
		if src.Rendition != nil {
			ids[src.Rendition.URI] = id
		}
	}
	m := hls.Multivariant{IndependentSegments: true}
	for _, a := range known {
		for _, src := range a.Sources {
			m.IndependentSegments = m.IndependentSegments && (src.Independent || src.Media != playlog.VideoTrack)
		}
	}
	groups := make(map[string]bool)
	for _, v := range first.Multivariant.Variants {
		id, ok := ids[v.URI]
		if !ok {
			continue
		}
		t := &tracks[slices.IndexFunc(tracks, func(t playlog.Track) bool { return t.ID == id })]
		v.URI, v.StableVariantID, v.Score, v.Video = id, "", "", ""
		for _, a := range known[1:] {
			if i := feedOf(t, a); i >= 0 && len(a.Sources[i].Variants) > 0 {
				fed := a.Sources[i].Variants[0]
				v.Bandwidth = max(v.Bandwidth, fed.Bandwidth)
				v.AverageBandwidth = max(v.AverageBandwidth, fed.AverageBandwidth)
			}
		}
		// BANDWIDTH is REQUIRED (draft 4.4.6.2); an asset that was given as a
		// media playlist says nothing of it.
		if v.Bandwidth == 0 {
			v.Bandwidth = unknownBandwidth
		}
		groups[v.Audio], groups[v.Subtitles], groups[v.ClosedCaptions] = true, true, true
		m.Variants = append(m.Variants, v)
	}
	for _, r := range first.Multivariant.Renditions {
		if !groups[r.GroupID] || r.Type == hls.Video {
			continue
		}
		if r.URI != "" {
			id, ok := ids[r.URI]
			if !ok {
				continue
			}
			r.URI = id
		}
		r.StableRenditionID = ""
		r.Autoselect = r.Autoselect || r.Default // draft 4.4.6.1: what is the default may be selected
		m.Renditions = append(m.Renditions, r)
	}
	// A group that lost its renditions must not be named.
	for i := range m.Variants {
		v := &m.Variants[i]
		for _, group := range []struct {
			id   *string
			kind hls.RenditionType
		}{{&v.Audio, hls.Audio}, {&v.Subtitles, hls.Subtitles}, {&v.ClosedCaptions, hls.ClosedCaptions}} {
			if *group.id != "NONE" && !slices.ContainsFunc(m.Renditions, func(r hls.Rendition) bool {
				return r.Type == group.kind && r.GroupID == *group.id
			}) {
				*group.id = ""
			}
		}
	}
	captionsNone(m.Variants)
	return m
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

// unknownBandwidth stands for a variant of which nothing is said, in bits per
// second: what a 720p rendition often has.
const unknownBandwidth = 3_000_000

// Errors of mapping an asset on the tracks of a channel, wrapped with what is
// wrong.
var (
	ErrShape  = errors.New("another shape than the channel's")
	ErrCodec  = errors.New("no codec in common with the channel's")
	ErrTarget = errors.New("a segment is longer than the channel's target_duration")
)

// MapOptions say how an asset is mapped.
type MapOptions struct {
	// MaxTarget refuses assets with longer segments; 0: none is too long.
	MaxTarget time.Duration
	// TargetDuration is the channel's, for the distance that inner
	// discontinuities of tracks may have.
	TargetDuration time.Duration
	// LastResort maps an asset even where it can't feed the primary track:
	// gaps are listed instead. For the slate.
	LastResort bool
	// EmptySubtitles is the URI of a WebVTT file without cues.
	EmptySubtitles string
}

// Map maps an asset on the tracks of a channel: same container and codec
// family, nearest resolution, nearest bandwidth; audio by codec and channels,
// then language, then default. A subtitle that is missing is served empty, a
// track whose codec the asset lacks lists gaps.
func Map(s *playlog.Settings, a *Asset, opts MapOptions) (*Feed, error) {
	feeds, err := mapTracks(s, a, opts)
	if err != nil {
		return nil, err
	}
	for k, i := range feeds {
		if i < 0 || opts.MaxTarget == 0 {
			continue
		}
		if longest := a.Sources[i].longest; WholeTarget(longest) > opts.MaxTarget {
			return nil, fmt.Errorf("%w: track %s has one of %s, %s is set", ErrTarget, s.Tracks[k].ID, longest, opts.MaxTarget)
		}
	}
	return feed(s, a, feeds, opts)
}

// NewFeed is Map for a mapping that was made before: that of a committed cut.
// It plays as it was committed, whatever the options would say by now.
func NewFeed(s *playlog.Settings, a *Asset, feeds []int, opts MapOptions) (*Feed, error) {
	if len(feeds) != len(s.Tracks) {
		return nil, fmt.Errorf("a mapping of %d tracks for a channel of %d", len(feeds), len(s.Tracks))
	}
	if i := slices.Max(feeds); i >= len(a.Sources) {
		return nil, fmt.Errorf("playlist %d of an asset that has %d", i, len(a.Sources))
	}
	opts.TargetDuration = anyTarget
	return feed(s, a, feeds, opts)
}

// anyTarget is a target duration that no distance exceeds.
const anyTarget = time.Duration(math.MaxInt64)

func feed(settings *playlog.Settings, a *Asset, feeds []int, opts MapOptions) (*Feed, error) {
	feeds = slices.Clone(feeds)
	sources := make([]*segments, len(feeds))
	video := make([]bool, len(feeds))
	timing := &a.Sources[max(feeds[0], 0)].segments
	for k, i := range feeds {
		t := &settings.Tracks[k]
		if i >= 0 {
			sources[k] = &a.Sources[i].segments
		} else if t.Media == playlog.SubtitleTrack {
			sources[k] = standIn(timing, "", opts.EmptySubtitles)
		} else {
			sources[k] = standIn(timing, gapTag, gapURI(timing))
		}
		video[k] = t.Media == playlog.VideoTrack
	}
	// What is missing at the end of a track is listed, too, where it is more
	// than the hole of one segment: players would wait for it.
	for k, s := range sources {
		if missing := timing.total() - s.total(); missing > s.longest {
			if settings.Tracks[k].Media == playlog.SubtitleTrack {
				sources[k] = s.padded(missing, timing, "", opts.EmptySubtitles)
			} else {
				sources[k] = s.padded(missing, timing, gapTag, gapURI(timing))
			}
		}
	}
	return newFeed(a, feeds, sources, video, opts.TargetDuration)
}

// gapTag marks a segment that is never loaded (draft 4.4.4.7).
const gapTag = "#EXT-X-GAP\n"

// gapURI returns a URI for gaps beside the segments of a playlist, absolute as
// theirs are.
func gapURI(beside *segments) string {
	first := strings.TrimSpace(beside.text[:beside.at[1]])
	uri, _, _ := strings.Cut(first[strings.LastIndexByte(first, '\n')+1:], "?")
	return uri[:strings.LastIndexByte(uri, '/')+1] + "gap"
}

// standIn makes segments of another playlist's lengths that all have one URI.
func standIn(like *segments, tag, uri string) *segments {
	s := &segments{ends: like.ends, breaks: like.breaks, longest: like.longest}
	var b []byte
	for i := range like.ends {
		s.at = append(s.at, uint32(len(b)))
		line := like.text[like.at[i]:like.at[i+1]]
		line = line[:strings.IndexByte(line, '\n')+1] // EXTINF
		b = append(append(append(append(b, line...), tag...), uri...), '\n')
	}
	s.at = append(s.at, uint32(len(b)))
	s.text = string(b)
	return s
}

func mapTracks(s *playlog.Settings, a *Asset, opts MapOptions) ([]int, error) {
	feeds := make([]int, len(s.Tracks))
	for k := range s.Tracks {
		t := &s.Tracks[k]
		feeds[k] = feedOf(t, a)
		if i := feeds[k]; i >= 0 && t.Media == playlog.SubtitleTrack && WholeTarget(a.Sources[i].longest) > opts.TargetDuration {
			feeds[k] = -1
		}
	}
	if feeds[0] < 0 && !opts.LastResort {
		return nil, whyNot(&s.Tracks[0], a)
	}
	return feeds, nil
}

// feedOf returns the index of the asset's playlist that suits a track best, or
// -1.
func feedOf(t *playlog.Track, a *Asset) int {
	best, score := -1, math.Inf(1)
	for i, src := range a.Sources {
		if !fits(t, src) {
			continue
		}
		if d := distance(t, src); d < score {
			best, score = i, d
		}
	}
	return best
}

func fits(t *playlog.Track, src *Source) bool {
	return src.Media == t.Media && src.Container == t.Container && src.Muxed == t.Muxed && sameCodecs(t.Codecs, src.Codecs)
}

// sameCodecs says whether a decoder of one can go on with the other: the same
// families of video and of audio. What is unknown on either side fits.
func sameCodecs(a, b string) bool {
	for _, take := range []func(string) bool{isVideoCodec, isAudioCodec} {
		x, y := families(pickCodecs(a, take)), families(pickCodecs(b, take))
		if x != "" && y != "" && x != y {
			return false
		}
	}
	return true
}

func families(codecs string) string {
	if codecs == "" {
		return ""
	}
	var names []string
	for c := range strings.SplitSeq(codecs, ",") {
		names = append(names, codecFamily(c))
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ",")
}

// distance orders the playlists that fit a track, the nearest first.
func distance(t *playlog.Track, src *Source) float64 {
	var d float64
	if t.Media == playlog.VideoTrack {
		v := src.Variants[0]
		d += 1000 * ratio(float64(t.Width*t.Height), float64(v.Width*v.Height))
		return d + ratio(float64(t.Bandwidth), float64(v.Bandwidth))
	}
	r := cmp.Or(src.Rendition, &hls.Rendition{})
	if t.Channels != r.Channels {
		d += 1000
	}
	if !strings.EqualFold(t.Language, r.Language) {
		d += 100
		if t.Media == playlog.SubtitleTrack {
			return math.Inf(1) // subtitles in another language are none
		}
	}
	if t.Default != r.Default {
		d += 10
	}
	if t.GroupID != r.GroupID {
		d++
	}
	return d
}

// ratio says how far apart two sizes are; 0: equal or unknown.
func ratio(a, b float64) float64 {
	if a <= 0 || b <= 0 {
		return 0
	}
	return math.Abs(math.Log(a / b))
}

// whyNot tells why no playlist of an asset suits a track.
func whyNot(t *playlog.Track, a *Asset) error {
	shape := func(c playlog.Container, muxed bool, m playlog.Media) string {
		words := []string{string(c)}
		if m == playlog.VideoTrack && muxed {
			words = append(words, "muxed")
		} else if m == playlog.VideoTrack {
			words = append(words, "with audio apart")
		} else {
			words = append(words, string(m), "only")
		}
		return strings.Join(words, " ")
	}
	var offers []string
	for _, src := range a.Sources {
		if src.Media == t.Media && src.Container == t.Container && src.Muxed == t.Muxed {
			return fmt.Errorf("%w: the channel plays %s, the asset has %s", ErrCodec, cmp.Or(t.Codecs, "?"), cmp.Or(src.Codecs, "?"))
		}
		if len(src.Variants) > 0 {
			offers = append(offers, shape(src.Container, src.Muxed, src.Media))
		}
	}
	return fmt.Errorf("%w: the channel is %s, the asset is %s", ErrShape,
		shape(t.Container, t.Muxed, t.Media), strings.Join(slices.Compact(offers), ", "))
}

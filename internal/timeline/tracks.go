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
	"consuo/internal/packed"
	"consuo/internal/playlog"
)

// Settle decides the tracks of a channel from its first scheduled asset: those
// that the operator wants (none: all), less those that the other assets can't
// feed. An asset that could feed no video track of what would be left, or no
// audio track, does not count for those: it lists gaps, or is refused. The
// first track is the primary. BANDWIDTH, CODECS and FRAME-RATE are the greatest
// that any of the assets brings to a variant.
func Settle(first *Asset, others []*Asset, wanted ...WantedTrack) (*playlog.Settings, error) {
	rungs := rungsOf(first)
	if len(rungs) == 0 {
		return nil, fmt.Errorf("asset %s has neither video nor audio that a channel could be made of", first.URI)
	}
	rungs, err := choose(rungs, wanted, first)
	if err != nil {
		return nil, err
	}
	known := []*Asset{first}
	for _, a := range others {
		if _, err := mapTracks(&playlog.Settings{Tracks: tracksOf(rungs)}, a, MapOptions{}); err == nil {
			rungs = feedable(rungs, a)
			known = append(known, a)
		}
	}
	ids := make(map[string]bool)
	for _, r := range rungs {
		r.track.ID = trackID(&r.track, ids)
	}
	s := &playlog.Settings{Version: 6, Multivariant: multivariantOf(rungs, known)}
	s.Tracks = tracksOf(listed(rungs, &s.Multivariant))
	for i := range s.Tracks {
		if s.Tracks[i].Container != playlog.TS {
			s.Version = 7
		}
	}
	for _, r := range s.Multivariant.Renditions {
		if strings.HasPrefix(r.InstreamID, "SERVICE") { // draft 8
			s.Version = 7
		}
	}
	return s, nil
}

// rungsOf lists the playlists of an asset, video first.
func rungsOf(a *Asset) []*rung {
	sources := slices.Clone(a.Sources)
	slices.SortStableFunc(sources, func(x, y *Source) int { return cmp.Compare(mediaOrder(x.Media), mediaOrder(y.Media)) })
	var rungs []*rung
	for _, src := range sources {
		t := playlog.Track{Media: src.Media, Container: src.Container, Muxed: src.Muxed, Codecs: src.Codecs}
		if len(src.Variants) > 0 {
			v := src.Variants[0]
			t.Width, t.Height, t.Bandwidth, t.VideoRange = v.Width, v.Height, v.Bandwidth, v.VideoRange
		}
		if r := src.Rendition; r != nil {
			t.Language, t.Channels, t.GroupID, t.Default = r.Language, r.Channels, r.GroupID, r.Default
			t.Name, t.Characteristics, t.Forced = r.Name, r.Characteristics, r.Forced
		}
		rungs = append(rungs, &rung{track: t, source: src})
	}
	return rungs
}

func tracksOf(rungs []*rung) []playlog.Track {
	tracks := make([]playlog.Track, len(rungs))
	for i, r := range rungs {
		tracks[i] = r.track
	}
	return tracks
}

// feedable leaves out what an asset can't feed, but not all pictures, nor all
// sound that is apart from them. Subtitles can be empty, and what the operator
// wants stays.
func feedable(rungs []*rung, a *Asset) []*rung {
	keeps := func(r *rung) bool {
		return r.wanted || r.track.Media == playlog.SubtitleTrack || feedOf(&r.track, a) >= 0
	}
	return slices.DeleteFunc(slices.Clone(rungs), func(r *rung) bool {
		extra := r.track.Media != rungs[0].track.Media && rungs[0].track.Muxed // the sound of a muxed ladder by itself
		return !keeps(r) && (extra || slices.ContainsFunc(rungs, func(o *rung) bool { return o.track.Media == r.track.Media && keeps(o) }))
	})
}

// listed returns the playlists that the multivariant playlist lists, in its
// order: the first video variant is the primary.
func listed(rungs []*rung, m *hls.Multivariant) []*rung {
	var uris []string
	for _, v := range m.Variants {
		uris = append(uris, v.URI)
	}
	for _, r := range m.Renditions {
		uris = append(uris, r.URI)
	}
	rungs = slices.DeleteFunc(slices.Clone(rungs), func(r *rung) bool { return !slices.Contains(uris, r.track.ID) })
	slices.SortStableFunc(rungs, func(x, y *rung) int {
		return cmp.Or(cmp.Compare(mediaOrder(x.track.Media), mediaOrder(y.track.Media)),
			cmp.Compare(slices.Index(uris, x.track.ID), slices.Index(uris, y.track.ID)))
	})
	return rungs
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
		if longest := a.Sources[i].Longest(); WholeTarget(longest) > opts.MaxTarget {
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
	// The first track that the asset feeds gives the others its timing.
	lead := max(slices.IndexFunc(feeds, func(i int) bool { return i >= 0 }), 0)
	timing := &a.Sources[max(feeds[lead], 0)].segments
	for k, i := range feeds {
		t := &settings.Tracks[k]
		switch {
		case i >= 0:
			sources[k] = &a.Sources[i].segments
		case t.Container == playlog.WebVTT:
			sources[k] = standIns(timing, standIn{uri: opts.EmptySubtitles})
		default:
			sources[k] = standIns(timing, standIn{gap: true, uri: gapURI(timing), init: gapMap(t, a, timing)})
		}
		video[k] = t.Media == playlog.VideoTrack
	}
	// What is missing at the end of a track is listed, too, where it is more
	// than the hole of one segment: players would wait for it.
	for k, s := range sources {
		if missing := timing.Total() - s.Total(); missing > s.Longest() {
			if settings.Tracks[k].Container == playlog.WebVTT {
				sources[k] = s.padded(missing, timing, standIn{uri: opts.EmptySubtitles})
			} else {
				sources[k] = s.padded(missing, timing, standIn{gap: true, uri: gapURI(timing)})
			}
		}
	}
	return newFeed(a, feeds, sources, video, opts.TargetDuration)
}

// Lacks returns the ids of the channel's tracks that list gaps while the feed is
// on air.
func (f *Feed) Lacks(s *playlog.Settings) (ids []string) {
	for k, i := range f.Source.Feeds {
		if i < 0 && s.Tracks[k].Container != playlog.WebVTT {
			ids = append(ids, s.Tracks[k].ID)
		}
	}
	return ids
}

// gapURI returns a URI for gaps beside the segments of a playlist, absolute as
// theirs are.
func gapURI(beside *segments) string {
	uri, _, _ := strings.Cut(beside.firstURI(), "?")
	return uri[:strings.LastIndexByte(uri, '/')+1] + "gap"
}

// gapMap returns the EXT-X-MAP of gaps on an fMP4 track: a segment must not
// have one or not by what happens to stand before it in the window. Nobody has
// to load it; it is one that could be loaded, of the same media if there is any.
func gapMap(t *playlog.Track, a *Asset, timing *segments) string {
	if t.Container != playlog.FragmentMP4 {
		return ""
	}
	for _, src := range a.Sources {
		if src.Media == t.Media && src.Container == t.Container {
			return src.scope(new(packed.Reader), 0).Init
		}
	}
	return timing.scope(new(packed.Reader), 0).Init
}

// standIns are segments of another playlist's lengths that all have one URI.
func standIns(like *segments, with standIn) *segments {
	return &segments{Times: like.Times, breaks: like.breaks, standIn: with}
}

func mapTracks(s *playlog.Settings, a *Asset, opts MapOptions) ([]int, error) {
	feeds := make([]int, len(s.Tracks))
	leads := false // it has something for the tracks of the primary's media
	for k := range s.Tracks {
		t := &s.Tracks[k]
		feeds[k] = feedOf(t, a)
		if i := feeds[k]; i >= 0 && t.Container == playlog.WebVTT && WholeTarget(a.Sources[i].Longest()) > opts.TargetDuration {
			feeds[k] = -1
		}
		leads = leads || feeds[k] >= 0 && t.Media == s.Tracks[0].Media
	}
	if opts.LastResort {
		return feeds, nil
	}
	if !leads {
		return nil, whyNot(s.Tracks, a)
	}
	return feeds, silenced(s.Tracks, feeds, a)
}

// silenced refuses an asset that has nothing for any of a channel's audio
// tracks. Browsers play only what they have both picture and sound of: where
// the sound is all gaps, the picture stands still until they are over.
func silenced(tracks []playlog.Track, feeds []int, a *Asset) error {
	var audio *playlog.Track
	for k := range tracks {
		if feeds[k] >= 0 && (tracks[k].Media == playlog.AudioTrack || tracks[k].Muxed) {
			return nil
		}
		if audio == nil && tracks[k].Media == playlog.AudioTrack {
			audio = &tracks[k]
		}
	}
	if audio == nil {
		return nil
	}
	var other *Source // sound that the asset has
	for _, src := range a.Sources {
		if src.Media != playlog.AudioTrack {
			continue
		}
		for k := range tracks {
			if t := &tracks[k]; t.Media == playlog.AudioTrack && src.Container != t.Container && sameCodecs(t.Codecs, src.Codecs) {
				return fmt.Errorf("%w: the channel's audio is %s, the asset's is %s", ErrShape, containerName(t.Container), containerName(src.Container))
			}
		}
		other = src
	}
	if other == nil {
		return fmt.Errorf("%w: the channel has audio apart; the asset is without sound, and players would wait for it", ErrShape)
	}
	return fmt.Errorf("%w: the channel's audio is %s, the asset's is %s", ErrCodec, cmp.Or(audio.Codecs, "?"), cmp.Or(other.Codecs, "?"))
}

// containerName is a container as people say it.
func containerName(c playlog.Container) string {
	switch c {
	case playlog.TS:
		return "MPEG-TS"
	case playlog.FragmentMP4:
		return "fMP4"
	case playlog.PackedAudio:
		return "packed audio"
	}
	return string(c)
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

// distance orders the playlists that fit a track, the nearest first: video by
// resolution, then bandwidth; audio by channels, then language, then what it is
// for, then default (design §2). Subtitles of another language, or forced where
// the track's are not, are none: the distance is infinite.
func distance(t *playlog.Track, src *Source) float64 {
	var d float64
	if t.Media == playlog.VideoTrack {
		v := src.Variants[0]
		if cmp.Or(t.VideoRange, "SDR") != cmp.Or(v.VideoRange, "SDR") {
			d += 10_000
		}
		d += 1000 * ratio(float64(t.Width*t.Height), float64(v.Width*v.Height))
		return d + ratio(float64(t.Bandwidth), float64(v.Bandwidth))
	}
	r := cmp.Or(src.Rendition, &hls.Rendition{})
	language := languageDistance(t.Language, r.Language)
	if t.Media == playlog.SubtitleTrack && (language >= otherLanguage || t.Forced != r.Forced) {
		return math.Inf(1)
	}
	if t.Channels != "" && r.Channels != "" && channels(t.Channels) != channels(r.Channels) {
		d += 1000
	}
	d += language
	for _, differs := range []struct {
		is    bool
		costs float64
	}{
		{t.Characteristics != r.Characteristics, 50},
		{t.Default != r.Default, 10},
		{t.Channels != r.Channels, 2}, // 16/JOC and 16/-
		{t.GroupID != r.GroupID, 1},
		{t.Name != r.Name, 0.5},
	} {
		if differs.is {
			d += differs.costs
		}
	}
	if len(src.Variants) > 0 { // audio-only variants
		d += 0.1 * ratio(float64(t.Bandwidth), float64(src.Variants[0].Bandwidth))
	}
	return d
}

// channels is the number in a CHANNELS attribute, "6" of "6/JOC".
func channels(s string) string {
	n, _, _ := strings.Cut(s, "/")
	return n
}

// otherLanguage is the distance of two languages that have nothing in common.
const otherLanguage = 100

// languageDistance compares two BCP 47 tags: 0 for the same, little for two
// varieties of a language.
func languageDistance(a, b string) float64 {
	a, b = canonicalLanguage(a), canonicalLanguage(b)
	if a == b {
		return 0
	}
	x, _, _ := strings.Cut(a, "-")
	y, _, _ := strings.Cut(b, "-")
	if x == y {
		return 5
	}
	return otherLanguage
}

// canonicalLanguage writes a language tag in lower case and with the short
// code of the language: packagers write eng for en, and und for nothing.
func canonicalLanguage(tag string) string {
	tag = strings.ReplaceAll(strings.ToLower(tag), "_", "-")
	primary, rest, _ := strings.Cut(tag, "-")
	if short, ok := shortCodes[primary]; ok {
		tag = short
		if rest != "" {
			tag += "-" + rest
		}
	}
	if tag == "und" {
		return ""
	}
	return tag
}

// shortCodes has the two-letter codes of ISO 639-2's three-letter ones, for
// the languages that VODs are commonly in.
var shortCodes = map[string]string{
	"ara": "ar", "bul": "bg", "cat": "ca", "ces": "cs", "chi": "zh", "cze": "cs", "dan": "da", "deu": "de", "dut": "nl",
	"ell": "el", "eng": "en", "est": "et", "eus": "eu", "fas": "fa", "fin": "fi", "fra": "fr", "fre": "fr", "ger": "de",
	"gle": "ga", "glg": "gl", "gre": "el", "heb": "he", "hin": "hi", "hrv": "hr", "hun": "hu", "ice": "is", "ind": "id",
	"isl": "is", "ita": "it", "jpn": "ja", "kor": "ko", "lav": "lv", "lit": "lt", "may": "ms", "msa": "ms", "nld": "nl",
	"nno": "nn", "nob": "nb", "nor": "no", "per": "fa", "pol": "pl", "por": "pt", "ron": "ro", "rum": "ro", "rus": "ru",
	"slk": "sk", "slo": "sk", "slv": "sl", "spa": "es", "sqi": "sq", "srp": "sr", "swe": "sv", "tha": "th", "tur": "tr",
	"ukr": "uk", "vie": "vi", "wel": "cy", "cym": "cy", "zho": "zh",
}

// ratio says how far apart two sizes are; 0: equal or unknown.
func ratio(a, b float64) float64 {
	if a <= 0 || b <= 0 {
		return 0
	}
	return math.Abs(math.Log(a / b))
}

// whyNot tells why no playlist of an asset suits any track of the primary's
// media.
func whyNot(tracks []playlog.Track, a *Asset) error {
	shape := func(c playlog.Container, muxed bool, m playlog.Media, sound bool) string {
		switch {
		case m == playlog.AudioTrack:
			return containerName(c) + ", audio only"
		case muxed:
			return containerName(c) + " with video and audio together"
		case !sound:
			return containerName(c) + " without sound"
		}
		return containerName(c) + " with audio apart"
	}
	sounds := slices.ContainsFunc(tracks, func(t playlog.Track) bool { return t.Media == playlog.AudioTrack })
	t := &tracks[0]
	var offers []string
	for _, src := range a.Sources {
		if src.Media == t.Media && src.Container == t.Container && src.Muxed == t.Muxed {
			return fmt.Errorf("%w: the channel plays %s, the asset has %s", ErrCodec, cmp.Or(t.Codecs, "?"), cmp.Or(src.Codecs, "?"))
		}
		if offer := shape(src.Container, src.Muxed, src.Media, a.HasSound()); len(src.Variants) > 0 && !slices.Contains(offers, offer) {
			offers = append(offers, offer)
		}
	}
	return fmt.Errorf("%w: the channel is %s; the asset is %s", ErrShape, shape(t.Container, t.Muxed, t.Media, sounds), strings.Join(offers, " and "))
}

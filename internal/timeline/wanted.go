package timeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"

	"consuo/internal/hls"
	"consuo/internal/playlog"
)

// WantedTrack is an entry of a channel's config.tracks: what the operator wants
// the channel to have. The list chooses among the playlists of the channel's
// first asset, and orders them.
//
// An entry stands for the playlists that it describes: those of its Type, codec
// and channels; of these the ones of the nearest Height and Width, then of the
// nearest Bandwidth. An audio or subtitle entry with a Language stands for the
// playlists in it, in every group; if the asset has none, the channel gets a
// track of that language all the same, for assets that have. No playlist is
// chosen twice. A Type that no entry has stays as it is in the asset.
type WantedTrack struct {
	Type      string `json:"type"`                // video, audio or subtitles
	Width     int    `json:"width,omitempty"`     // pixels, of video
	Height    int    `json:"height,omitempty"`    // pixels, of video
	Bandwidth int64  `json:"bandwidth,omitempty"` // bits per second, of a variant
	Codecs    string `json:"codecs,omitempty"`    // RFC 6381; the families count: avc1, hvc1, mp4a, ec-3
	Language  string `json:"language,omitempty"`  // BCP 47, of audio and subtitles
	Channels  string `json:"channels,omitempty"`  // of audio: "2", "6"
	Name      string `json:"name,omitempty"`      // what players call an audio or subtitle track that the asset lacks
}

// ErrTracks is in every error about config.tracks, wrapped with what is wrong.
var ErrTracks = errors.New("config.tracks")

const (
	mostTracks = 100
	mostText   = 200 // bytes of a text in an entry
)

var languageTag = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)

// ParseTracks reads config.tracks: a JSON array of WantedTrack. null and an
// empty array want nothing in particular. Errors are ErrTracks.
func ParseTracks(raw json.RawMessage) ([]WantedTrack, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	var wanted []WantedTrack
	if err := decoder.Decode(&wanted); err != nil {
		return nil, fmt.Errorf(`%w: want an array such as [{"type":"video","height":720},{"type":"audio","language":"en"}]: %w`, ErrTracks, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: there is more after the array", ErrTracks)
	}
	if len(wanted) > mostTracks {
		return nil, fmt.Errorf("%w: %d entries, at most %d", ErrTracks, len(wanted), mostTracks)
	}
	for i := range wanted {
		if err := wanted[i].check(); err != nil {
			return nil, fmt.Errorf("%w: entry %d: %w", ErrTracks, i+1, err)
		}
	}
	return wanted, nil
}

func (w *WantedTrack) check() error {
	const most = 1 << 16
	switch {
	case w.Type != "video" && w.Type != "audio" && w.Type != "subtitles":
		return fmt.Errorf(`type is %q, want "video", "audio" or "subtitles"`, w.Type)
	case w.Type != "video" && (w.Width != 0 || w.Height != 0):
		return fmt.Errorf("width and height are for video, not for %s", w.Type)
	case w.Type == "video" && (w.Language != "" || w.Channels != "" || w.Name != ""):
		return errors.New("language, channels and name are for audio and subtitles, not for video")
	case w.Type == "subtitles" && (w.Channels != "" || w.Bandwidth != 0 || w.Codecs != ""):
		return errors.New("subtitles have a language and a name only")
	case w.Width < 0 || w.Width > most || w.Height < 0 || w.Height > most:
		return fmt.Errorf("width and height are 1 to %d pixels", most)
	case w.Bandwidth < 0 || w.Bandwidth > math.MaxInt64/2:
		return errors.New("bandwidth is a positive number of bits per second")
	case len(w.Codecs) > mostText || len(w.Channels) > mostText || len(w.Name) > mostText || len(w.Language) > mostText:
		return fmt.Errorf("a text is longer than %d bytes", mostText)
	case w.Language != "" && !languageTag.MatchString(w.Language):
		return fmt.Errorf("language is %q, want a BCP 47 tag such as en or pt-BR", w.Language)
	}
	for c := range strings.SplitSeq(w.Codecs, ",") {
		c = strings.TrimSpace(c)
		if w.Codecs != "" && !isVideoCodec(c) && !(w.Type == "audio" && isAudioCodec(c) || w.Type == "video" && isAudioCodec(c)) {
			return fmt.Errorf("codecs has %q, want names such as avc1, hvc1, mp4a.40.2, ec-3", c)
		}
	}
	return nil
}

func (w *WantedTrack) media() playlog.Media {
	switch w.Type {
	case "audio":
		return playlog.AudioTrack
	case "subtitles":
		return playlog.SubtitleTrack
	}
	return playlog.VideoTrack
}

// describes says whether an entry fits a playlist, but for sizes.
func (w *WantedTrack) describes(t *playlog.Track) bool {
	return t.Media == w.media() && sameCodecs(w.Codecs, t.Codecs) &&
		(w.Channels == "" || t.Channels == "" || channels(w.Channels) == channels(t.Channels)) &&
		(w.Language == "" || languageDistance(w.Language, t.Language) < otherLanguage)
}

// choose applies config.tracks to the playlists of the first asset.
func choose(rungs []*rung, wanted []WantedTrack, first *Asset) ([]*rung, error) {
	if len(wanted) == 0 {
		return rungs, nil
	}
	mentioned := make(map[playlog.Media]bool)
	var chosen []*rung
	for i := range wanted {
		w := &wanted[i]
		mentioned[w.media()] = true
		var fit []*rung
		for _, r := range rungs {
			if !slices.Contains(chosen, r) && w.describes(&r.track) {
				fit = append(fit, r)
			}
		}
		for _, far := range []func(t *playlog.Track) float64{
			func(t *playlog.Track) float64 { return ratio(float64(w.Height), float64(t.Height)) },
			func(t *playlog.Track) float64 { return ratio(float64(w.Width), float64(t.Width)) },
			func(t *playlog.Track) float64 { return ratio(float64(w.Bandwidth), float64(t.Bandwidth)) },
		} {
			fit = nearest(fit, far)
		}
		if len(fit) == 0 {
			if r := lacking(rungs, w, first); r != nil {
				fit = append(fit, r)
			}
		}
		for _, r := range fit {
			r.wanted = true
		}
		chosen = append(chosen, fit...)
	}
	for _, r := range rungs {
		if !mentioned[r.track.Media] {
			chosen = append(chosen, r)
		}
	}
	slices.SortStableFunc(chosen, func(x, y *rung) int { return mediaOrder(x.track.Media) - mediaOrder(y.track.Media) })
	for _, media := range []playlog.Media{rungs[0].track.Media, playlog.AudioTrack} {
		has := func(list []*rung) bool {
			return slices.ContainsFunc(list, func(r *rung) bool { return r.track.Media == media })
		}
		if has(rungs) && !has(chosen) {
			return nil, fmt.Errorf("%w: asset %s has no %s that is wanted", ErrTracks, first.URI, media)
		}
	}
	return chosen, nil
}

// nearest returns those of the least distance.
func nearest(rungs []*rung, far func(t *playlog.Track) float64) []*rung {
	least := math.Inf(1)
	for _, r := range rungs {
		least = min(least, far(&r.track))
	}
	return slices.DeleteFunc(rungs, func(r *rung) bool { return far(&r.track) > least })
}

// lacking makes a track in a language that the first asset lacks, beside those
// that it has; nil where there is nothing that it could be like.
func lacking(rungs []*rung, w *WantedTrack, first *Asset) *rung {
	if w.Language == "" {
		return nil
	}
	r := &rung{track: playlog.Track{Media: w.media(), Language: w.Language, Name: w.Name, Channels: w.Channels}}
	if r.track.Name == "" {
		r.track.Name = w.Language
	}
	like := slices.IndexFunc(rungs, func(o *rung) bool {
		return o.track.Media == w.media() && o.track.GroupID != "" && sameCodecs(w.Codecs, o.track.Codecs)
	})
	entry := hls.Rendition{Language: w.Language, Name: r.track.Name, Autoselect: true, Channels: w.Channels}
	switch {
	case w.media() == playlog.SubtitleTrack:
		entry.Type, r.track.Container = hls.Subtitles, playlog.WebVTT
	case like < 0: // sound in the video: there are no languages to choose from
		return nil
	default:
		o := rungs[like].track
		entry.Type, r.track.Container, r.track.Codecs = hls.Audio, o.Container, o.Codecs
	}
	for _, v := range first.Multivariant.Variants {
		entry.GroupID = *groupOf(&v, entry.Type)
		carried := entry.Type == hls.Subtitles || slices.ContainsFunc(first.Multivariant.Renditions, func(o hls.Rendition) bool {
			return o.Type == entry.Type && o.GroupID == entry.GroupID && sameCodecs(pickCodecs(v.Codecs, isAudioCodec), r.track.Codecs)
		})
		if entry.GroupID != "" && carried && !slices.Contains(r.renditions, entry) {
			r.renditions = append(r.renditions, entry)
		}
	}
	if len(r.renditions) == 0 && entry.Type == hls.Subtitles {
		entry.GroupID = newSubtitles
		r.renditions = append(r.renditions, entry)
	}
	if len(r.renditions) == 0 {
		return nil
	}
	r.track.GroupID = r.renditions[0].GroupID
	return r
}

// newSubtitles is the group of subtitles on a channel whose first asset has none.
const newSubtitles = "subtitles"

package playlog

import (
	"time"

	"consuo/internal/hls"
)

// wireCut is a cut as JSON: times and durations are integer nanoseconds.
type wireCut struct {
	Number                int64          `json:"number"`
	Previous              string         `json:"previous,omitempty"`
	Start                 int64          `json:"start"`
	Kind                  Kind           `json:"kind"`
	Reason                Reason         `json:"reason"`
	Detail                string         `json:"detail,omitempty"`
	Rebase                bool           `json:"rebase,omitempty"`
	Provisional           bool           `json:"provisional,omitempty"`
	Airing                *wireAiring    `json:"airing,omitempty"`
	Asset                 wireSource     `json:"asset"`
	Loop                  bool           `json:"loop,omitempty"`
	Filler                *wireSource    `json:"filler,omitempty"`
	Tracks                []wirePosition `json:"tracks"`
	DiscontinuitySequence int64          `json:"discontinuity_sequence"`
	TargetDuration        time.Duration  `json:"target_duration"`
	Settings              *wireSettings  `json:"settings,omitempty"`
}

type wireAiring struct {
	EventID string `json:"event_id,omitempty"`
	Title   string `json:"title,omitempty"`
	URI     string `json:"uri"`
	Start   int64  `json:"start"`
	End     int64  `json:"end"`
}

type wireSource struct {
	URI    string `json:"uri"`
	Digest string `json:"digest,omitempty"`
	Feeds  []int  `json:"feeds"`
}

type wirePosition struct {
	First         int   `json:"first"`
	MediaSequence int64 `json:"media_sequence"`
}

type wireSettings struct {
	Tracks       []Track          `json:"tracks"`
	Multivariant wireMultivariant `json:"multivariant"`
	Version      int              `json:"version"`
}

// wireMultivariant is what a channel keeps of a multivariant playlist; where it
// was read from, and how well, is not part of that.
type wireMultivariant struct {
	IndependentSegments bool            `json:"independent_segments,omitempty"`
	Variants            []wireVariant   `json:"variants"`
	Renditions          []wireRendition `json:"renditions,omitempty"`
}

// wireVariant has the fields of hls.Variant; the compiler sees to that.
type wireVariant struct {
	URI                string `json:"uri"`
	Bandwidth          int64  `json:"bandwidth"`
	AverageBandwidth   int64  `json:"average_bandwidth,omitempty"`
	Codecs             string `json:"codecs,omitempty"`
	SupplementalCodecs string `json:"supplemental_codecs,omitempty"`
	Width              int    `json:"width,omitempty"`
	Height             int    `json:"height,omitempty"`
	FrameRate          string `json:"frame_rate,omitempty"`
	VideoRange         string `json:"video_range,omitempty"`
	HDCPLevel          string `json:"hdcp_level,omitempty"`
	Score              string `json:"score,omitempty"`
	Audio              string `json:"audio,omitempty"`
	Video              string `json:"video,omitempty"`
	Subtitles          string `json:"subtitles,omitempty"`
	ClosedCaptions     string `json:"closed_captions,omitempty"`
	StableVariantID    string `json:"stable_variant_id,omitempty"`
}

// wireRendition has the fields of hls.Rendition.
type wireRendition struct {
	Type              hls.RenditionType `json:"type"`
	URI               string            `json:"uri,omitempty"`
	GroupID           string            `json:"group_id"`
	Language          string            `json:"language,omitempty"`
	AssocLanguage     string            `json:"assoc_language,omitempty"`
	Name              string            `json:"name"`
	StableRenditionID string            `json:"stable_rendition_id,omitempty"`
	Default           bool              `json:"default,omitempty"`
	Autoselect        bool              `json:"autoselect,omitempty"`
	Forced            bool              `json:"forced,omitempty"`
	InstreamID        string            `json:"instream_id,omitempty"`
	Characteristics   string            `json:"characteristics,omitempty"`
	Channels          string            `json:"channels,omitempty"`
	BitDepth          string            `json:"bit_depth,omitempty"`
	SampleRate        string            `json:"sample_rate,omitempty"`
}

func toWireSettings(s *Settings) *wireSettings {
	m := &s.Multivariant
	w := &wireSettings{Tracks: s.Tracks, Version: s.Version}
	w.Multivariant.IndependentSegments = m.IndependentSegments
	for _, v := range m.Variants {
		w.Multivariant.Variants = append(w.Multivariant.Variants, wireVariant(v))
	}
	for _, r := range m.Renditions {
		w.Multivariant.Renditions = append(w.Multivariant.Renditions, wireRendition(r))
	}
	return w
}

func (w *wireSettings) settings() *Settings {
	s := &Settings{Tracks: w.Tracks, Version: w.Version}
	s.Multivariant.IndependentSegments = w.Multivariant.IndependentSegments
	for _, v := range w.Multivariant.Variants {
		s.Multivariant.Variants = append(s.Multivariant.Variants, hls.Variant(v))
	}
	for _, r := range w.Multivariant.Renditions {
		s.Multivariant.Renditions = append(s.Multivariant.Renditions, hls.Rendition(r))
	}
	return s
}

func toWire(c Cut) wireCut {
	w := wireCut{
		Number: c.Number, Previous: c.Previous, Start: c.Start.UnixNano(), Kind: c.Kind, Reason: c.Reason, Detail: c.Detail,
		Rebase: c.Rebase, Provisional: c.Provisional, Asset: wireSource(c.Asset), Loop: c.Loop,
		DiscontinuitySequence: c.DiscontinuitySequence, TargetDuration: c.TargetDuration,
	}
	if a := c.Airing; a != nil {
		w.Airing = &wireAiring{a.EventID, a.Title, a.URI, a.Start.UnixNano(), a.End.UnixNano()}
	}
	if !c.Loop {
		filler := wireSource(c.Filler)
		w.Filler = &filler
	}
	for _, p := range c.Tracks {
		w.Tracks = append(w.Tracks, wirePosition(p))
	}
	if c.Settings != nil {
		w.Settings = toWireSettings(c.Settings)
	}
	return w
}

func (w wireCut) cut() Cut {
	c := Cut{
		Number: w.Number, Previous: w.Previous, Start: instant(w.Start), Kind: w.Kind, Reason: w.Reason, Detail: w.Detail,
		Rebase: w.Rebase, Provisional: w.Provisional, Asset: Source(w.Asset), Loop: w.Loop,
		DiscontinuitySequence: w.DiscontinuitySequence, TargetDuration: w.TargetDuration,
	}
	if a := w.Airing; a != nil {
		c.Airing = &Airing{a.EventID, a.Title, a.URI, instant(a.Start), instant(a.End)}
	}
	if w.Filler != nil {
		c.Filler = Source(*w.Filler)
	}
	for _, p := range w.Tracks {
		c.Tracks = append(c.Tracks, Position(p))
	}
	if w.Settings != nil {
		c.Settings = w.Settings.settings()
	}
	return c
}

func instant(nanoseconds int64) time.Time { return time.Unix(0, nanoseconds).UTC() }

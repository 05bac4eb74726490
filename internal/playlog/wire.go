package playlog

import (
	"time"

	"consuo/internal/hls"
)

// wireCut is a cut as JSON: times and durations are integer nanoseconds.
type wireCut struct {
	Number                int64          `json:"number"`
	Start                 int64          `json:"start"`
	Kind                  Kind           `json:"kind"`
	Reason                Reason         `json:"reason"`
	Detail                string         `json:"detail,omitempty"`
	Rebase                bool           `json:"rebase,omitempty"`
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
	Multivariant hls.Multivariant `json:"multivariant"`
	Version      int              `json:"version"`
}

func toWire(c Cut) wireCut {
	w := wireCut{
		Number: c.Number, Start: c.Start.UnixNano(), Kind: c.Kind, Reason: c.Reason, Detail: c.Detail,
		Rebase: c.Rebase, Asset: wireSource(c.Asset), Loop: c.Loop,
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
		settings := wireSettings(*c.Settings)
		w.Settings = &settings
	}
	return w
}

func (w wireCut) cut() Cut {
	c := Cut{
		Number: w.Number, Start: instant(w.Start), Kind: w.Kind, Reason: w.Reason, Detail: w.Detail,
		Rebase: w.Rebase, Asset: Source(w.Asset), Loop: w.Loop,
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
		settings := Settings(*w.Settings)
		c.Settings = &settings
	}
	return c
}

func instant(nanoseconds int64) time.Time { return time.Unix(0, nanoseconds).UTC() }

// Package inspect tells people who plan what an asset is, and whether a channel
// could play it. The verdict is the engine's own: the asset is loaded, checked
// and mapped on the channel's tracks by the code that does so on air.
package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"consuo/internal/packed"
	"consuo/internal/playlog"
	"consuo/internal/timeline"
)

// Loader reads an asset from its origin.
type Loader interface {
	Load(ctx context.Context, uri string) (*packed.Presentation, error)
	// CheckDelivery warns of what would leave players black that load a
	// segment.
	CheckDelivery(ctx context.Context, segment string) (warnings []string)
}

// Report is what can be said of an asset.
type Report struct {
	Title    string        // as its maker calls it, else a guess from its URL; may be ""
	Duration time.Duration // exact, of its primary variant
	Tracks   []Track
	Warnings []string
	// Verdict is about the channel that was asked for; nil if none was.
	Verdict *Verdict
}

// Track is a playlist of an asset.
type Track struct {
	Media     playlog.Media
	Container playlog.Container
	Muxed     bool   // video and audio in the same segments
	Codecs    string // RFC 6381; "": unknown
	Width     int    // pixels; 0: unknown
	Height    int    // pixels; 0: unknown
	Bandwidth int64  // bits per second; 0: a rendition
	Language  string
	Name      string
}

// Channel is what an asset is held against.
type Channel struct {
	Config json.RawMessage
	// Settings are those in force, nil while the channel was never on air.
	Settings *playlog.Settings
	// TargetDuration is that of the last cut, 0 without one.
	TargetDuration time.Duration
	// First is the URI of the event that decides the channel's tracks while it
	// has no Settings; "" if nothing is planned.
	First string
}

// Verdict says whether an asset can join a channel.
type Verdict struct {
	Joins bool
	// Reason is the engine's, if it doesn't join.
	Reason string
	// Unknown says why nothing can be told; Joins says nothing then.
	Unknown string
	// Settled is false while the channel's tracks are not decided: they follow
	// from its first event when it goes on air.
	Settled bool
}

// Asset loads the asset at uri. ch may be nil. Errors are those of load, and
// tell of an asset that no channel could play.
func Asset(ctx context.Context, load Loader, uri string, ch *Channel) (*Report, error) {
	p, err := load.Load(ctx, uri)
	if err != nil {
		return nil, err
	}
	mv := p.Multivariant
	r := &Report{Title: line(mv.Title), Duration: p.Media[mv.Variants[mv.Primary()].URI].Total()}
	if r.Title == "" {
		r.Title = titleOf(uri)
	}
	a, err := timeline.NewAsset(p, timeline.AssetOptions{})
	if err != nil {
		return nil, err
	}
	for _, s := range a.Sources {
		r.Tracks = append(r.Tracks, trackOf(s))
	}
	r.Warnings = append(a.Warnings, load.CheckDelivery(ctx, a.FirstURI())...)
	if ch != nil {
		if r.Verdict, err = verdict(ctx, load, a, ch, &r.Warnings); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func trackOf(s *timeline.Source) Track {
	t := Track{Media: s.Media, Container: s.Container, Muxed: s.Muxed, Codecs: s.Codecs}
	if len(s.Variants) > 0 {
		v := s.Variants[0]
		t.Width, t.Height, t.Bandwidth = v.Width, v.Height, v.Bandwidth
	}
	if s.Rendition != nil {
		t.Language, t.Name = s.Rendition.Language, s.Rendition.Name
	}
	return t
}

// verdict maps an asset on the channel's tracks, and adds what it would do to
// the channel to the warnings.
func verdict(ctx context.Context, load Loader, a *timeline.Asset, ch *Channel, warnings *[]string) (*Verdict, error) {
	var config struct {
		Tracks         json.RawMessage `json:"tracks"`
		TargetDuration int64           `json:"target_duration"` // seconds
	}
	if len(ch.Config) > 0 {
		if err := json.Unmarshal(ch.Config, &config); err != nil {
			return nil, fmt.Errorf("read the channel's configuration: %w", err)
		}
	}
	settings := ch.Settings
	if settings != nil && strings.HasPrefix(settings.Tracks[0].ID, slatePrefix) {
		settings = nil
	}
	v := &Verdict{Settled: settings != nil}
	if settings == nil {
		first := a
		if ch.First != "" && ch.First != a.URI {
			p, err := load.Load(ctx, ch.First)
			if err == nil {
				first, err = timeline.NewAsset(p, timeline.AssetOptions{})
			}
			if err != nil {
				v.Unknown = "The channel's tracks will follow from its first event, whose asset can't be loaded: " + err.Error()
				return v, nil
			}
			if a.HasSound() && !first.HasSound() {
				first = a // the first that has any decides
			}
		}
		var err error
		if settings, err = settle(first, config.Tracks); err != nil && first == a {
			v.Reason = err.Error()
			return v, nil
		} else if err != nil {
			v.Unknown = "The channel's tracks will follow from its first event, whose asset can't be used: " + err.Error()
			return v, nil
		}
	}
	most := time.Duration(config.TargetDuration) * time.Second
	target := ch.TargetDuration
	if target == 0 {
		target = max(most, timeline.LeastTarget)
	}
	feed, err := timeline.Map(settings, a, timeline.MapOptions{MaxTarget: most, TargetDuration: target})
	if err != nil {
		v.Reason = err.Error()
		return v, nil
	}
	v.Joins = true
	if lacks := feed.Lacks(settings); len(lacks) > 0 {
		*warnings = append(*warnings, "it has nothing for the tracks "+strings.Join(lacks, ", ")+", which list gaps while it is on air")
	}
	if longest := timeline.WholeTarget(feed.Longest()); ch.TargetDuration > 0 && longest > ch.TargetDuration {
		*warnings = append(*warnings, fmt.Sprintf("its longest segment raises the channel's target duration from %s to %s", ch.TargetDuration, longest))
	}
	return v, nil
}

// slatePrefix begins the ids of the tracks that the engine serves while a
// channel has nothing that it could be settled with.
const slatePrefix = "slate-"

// settle decides the tracks as the engine does for a channel that was never on
// air: those that the operator wants, if the asset has them, else its own.
func settle(first *timeline.Asset, tracks json.RawMessage) (*playlog.Settings, error) {
	if wanted, err := timeline.ParseTracks(tracks); err == nil && len(wanted) > 0 {
		if settings, err := timeline.Settle(first, nil, wanted...); err == nil {
			return settings, nil
		}
	}
	return timeline.Settle(first, nil)
}

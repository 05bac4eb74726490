package playout

import (
	"slices"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/timeline"
)

// summary returns what a list shows of the channel.
func (c *channel) summary() Summary {
	s := Summary{ID: c.id, State: c.state(), Degraded: c.e.degraded() || c.degraded()}
	c.mu.Lock()
	s.Name = c.info.Name
	events := c.events
	c.mu.Unlock()
	if v := c.view.Load(); v != nil {
		now := c.e.Now()
		s.Now, s.Next = onAir(v.timeline(), events, now), upcoming(v.timeline(), events, now)
	}
	return s
}

// status returns all that is known of the channel.
func (c *channel) status() Status {
	now := c.e.Now()
	summary := c.summary()
	s := Status{
		ID: c.id, Name: summary.Name, State: summary.State, Degraded: summary.Degraded,
		Time: Instant{now}, Now: summary.Now, Next: summary.Next,
		Tracks: []TrackStatus{}, LastCuts: []CutStatus{}, Poll: c.e.polling(),
	}
	c.mu.Lock()
	s.Problems = slices.Clone(c.problems)
	s.Log = c.logState
	recent := slices.Clone(c.recent)
	c.mu.Unlock()
	s.Log.Backend = c.e.backend()
	slices.Reverse(s.Problems)
	if s.Problems == nil {
		s.Problems = []Problem{}
	}
	v := c.view.Load()
	if v == nil {
		return s
	}
	tl := v.timeline()
	at := c.known(now)
	s.TargetDuration = Seconds(tl.OnAir(at).TargetDuration)
	for k, t := range v.settings.Tracks {
		w := tl.Window(k, at)
		if k == 0 {
			s.Window = Seconds(tl.Duration(w))
		}
		s.Tracks = append(s.Tracks, TrackStatus{
			ID: t.ID, MediaSequence: w.First, LastMediaSequence: w.Last,
			DiscontinuitySequence: tl.DiscontinuitySequence(k, w),
		})
	}
	var end time.Time
	for i := range slices.Backward(recent) {
		cut := &recent[i].Cut
		if d := adherence(cut); d != nil && s.Drift == 0 && !cut.Start.After(now) {
			s.Drift = *d
		}
		s.LastCuts = append(s.LastCuts, CutStatus{Number: cut.Number, OnAir: *describe(cut, end), Rebase: cut.Rebase, Seams: recent[i].seams})
		end = cut.Start
	}
	return s
}

// known returns the latest instant up to now that may be rendered. Looking at it
// publishes nothing: none is noted as rendered.
func (c *channel) known(now time.Time) time.Time {
	complete := time.Unix(0, c.complete.Load())
	if !now.After(complete) {
		return now
	}
	if v := c.view.Load(); v != nil {
		return later(complete, time.Unix(0, v.rendered.Load()))
	}
	return complete
}

// degraded says whether the channel plays on without its log.
func (c *channel) degraded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running != nil && c.logState.Pending > 0
}

// degraded says whether the schedule is away.
func (e *Engine) degraded() bool {
	p := e.polling()
	return p.Error != "" || p.LastOK.IsZero()
}

// onAir describes the cut that airs.
func onAir(tl *timeline.Timeline, events []timeline.Event, now time.Time) *OnAir {
	entries := tl.Entries()
	var end time.Time
	cut := tl.OnAir(now)
	for i := range entries {
		if entries[i].Number == cut.Number && i+1 < len(entries) {
			end = entries[i+1].Start
		}
	}
	if filler, from := tl.ImplicitFiller(now); filler != "" {
		d := describe(&cut.Cut, end)
		d.Kind, d.Reason, d.URI, d.Start, d.Adherence = playlog.Filler, playlog.Short, Redacted(filler), Instant{from}, nil
		return d
	}
	if end.IsZero() && cut.Kind == playlog.Event {
		end = cut.Airing.End
	}
	d := describe(&cut.Cut, end)
	if a := cut.Airing; a != nil && cut.Kind != playlog.Event && !standsIn(a, events, now) {
		// What stood in for an event plays on in the gap behind it, without a cut.
		d.Reason, d.Detail, d.EventID, d.Title = playlog.Gap, "", "", ""
	}
	return d
}

// standsIn says whether what airs in the place of an event is still that: the
// event is scheduled, and not over.
func standsIn(a *playlog.Airing, events []timeline.Event, now time.Time) bool {
	return slices.ContainsFunc(events, func(ev timeline.Event) bool {
		return ev.ID == a.EventID && now.Before(ev.End) && (ev.Start.Equal(a.Start) || !ev.Start.After(now))
	})
}

// upcoming describes what comes next: a cut that is committed already, or the
// next event of the schedule.
func upcoming(tl *timeline.Timeline, events []timeline.Event, now time.Time) *OnAir {
	entries := tl.Entries()
	for i := range entries {
		if entries[i].Start.After(now) {
			var end time.Time
			if i+1 < len(entries) {
				end = entries[i+1].Start
			} else if a := entries[i].Airing; a != nil && entries[i].Kind == playlog.Event {
				end = a.End
			}
			return describe(&entries[i].Cut, end)
		}
	}
	for _, ev := range events {
		if ev.Start.After(now) {
			return &OnAir{
				Kind: playlog.Event, EventID: ev.ID, Title: ev.Title, URI: Redacted(ev.URI),
				Start: Instant{ev.Start}, End: Instant{ev.End},
			}
		}
	}
	return nil
}

func describe(c *playlog.Cut, end time.Time) *OnAir {
	d := &OnAir{
		Kind: c.Kind, Reason: c.Reason, Detail: Redacted(c.Detail), URI: Redacted(c.Asset.URI),
		Start: Instant{c.Start}, End: Instant{end}, Adherence: adherence(c),
	}
	if c.Airing != nil {
		d.EventID, d.Title = c.Airing.EventID, c.Airing.Title
	}
	return d
}

// adherence is how much later than scheduled an event began; nil for all that
// did not begin at its time.
func adherence(c *playlog.Cut) *Seconds {
	if c.Kind != playlog.Event || c.Reason != playlog.Scheduled {
		return nil
	}
	d := Seconds(c.Start.Sub(c.Airing.Start))
	return &d
}

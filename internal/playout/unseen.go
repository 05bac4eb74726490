package playout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/timeline"
)

// A cut of the log can be rendered where its asset is: at its origin, with the
// digest that the cut names, or frozen beside the log. Where it is in neither
// place, nobody here knows how many segments it has had, and their numbers may
// have been given out by engines that do know: nothing else may be listed under
// them. What is to air in its place has to be in the log, above them
// (docs/adr/0033-a-cut-that-cannot-be-rendered.md).

const (
	// unseenAgain is how often it is tried again to render such a cut.
	unseenAgain = time.Second
	// silence is how long nobody says that somebody watches where no engine is
	// on air. One that can't render what the log has does not say it.
	silence = watchInterval + sayInterval + 5*time.Second
	// insistAgain is how soon an engine may take all others off what only it
	// can't render a second time. By then they have frozen it anew.
	insistAgain = 10 * time.Minute
)

// errUnanswered says that a store has not answered what it keeps of an asset.
var errUnanswered = errors.New("the store has not answered")

// entry puts a cut together with its feeds.
func (r *runner) entry(ctx context.Context, cut playlog.Cut) (timeline.Entry, error) {
	asset, err := r.source(ctx, cut.Asset)
	var filler *timeline.Feed
	if err == nil && !cut.Loop {
		filler, err = r.source(ctx, cut.Filler)
	}
	if err != nil {
		r.report(cut.Asset.URI, fmt.Sprintf("cut %d can't be rendered: %v", cut.Number, err))
		return timeline.Entry{}, err
	}
	return timeline.NewEntry(cut, asset, filler), nil
}

// resolve puts cuts together with their feeds. Those before the last that can't
// be rendered are left out; wait says that one of them may be soon.
func (r *runner) resolve(ctx context.Context, cuts []playlog.Cut) (entries []timeline.Entry, wait bool) {
	for _, cut := range cuts {
		entry, err := r.entry(ctx, cut)
		if err != nil {
			wait = wait || errors.Is(err, errLoading) || errors.Is(err, errUnanswered)
			entries = nil
			continue
		}
		entries = append(entries, entry)
	}
	return entries, wait
}

// lists says whether every track has a segment to list now if the log is what
// could be rendered of it.
func (r *runner) lists(entries []timeline.Entry) bool {
	return len(entries) > 0 && timeline.New(entries, r.e.Window).Lists(r.e.Now())
}

// follow goes on with cuts of the log that come after those on air: up to the
// first that can't be rendered, where the timeline then stands still, or with
// what comes after the last of these, once that has something to list.
func (r *runner) follow(ctx context.Context, cuts []playlog.Cut) {
	shown := time.Unix(0, r.latest.Load())
	shown = shown.Add(-r.tl.Stands(shown))
	settings := r.settings
	if v := r.view.Load(); v != nil {
		settings = v.settings // of what is on air, whatever was about to begin
	}
	if n := lastRebase(cuts); n > 0 {
		cuts = cuts[n-cuts[0].Number:]
		r.frozen = nil // maybe somebody began anew for want of an asset
	}
	for _, c := range cuts {
		r.use(c.Settings)
	}
	var entries []timeline.Entry
	for len(cuts) > 0 {
		entry, err := r.entry(ctx, cuts[0])
		if err != nil {
			break
		}
		entries, cuts = append(entries, entry), cuts[1:]
	}
	if len(entries) > 0 {
		r.extend(entries)
	}
	r.unseen = cuts
	if len(cuts) > 0 {
		if after, _ := r.resolve(ctx, cuts[1:]); r.lists(after) {
			r.tl, r.unseen = timeline.New(after, r.e.Window), nil
		} else {
			if len(entries) == 0 {
				r.use(settings)
			}
			r.tl = r.tl.Until(later(cuts[0].Start, shown))
		}
	}
	r.show()
}

// extend goes on with cuts that can be rendered.
func (r *runner) extend(entries []timeline.Entry) {
	kept := r.tl.Entries()
	if i := slices.IndexFunc(kept, func(e timeline.Entry) bool { return e.Number >= entries[0].Number }); i >= 0 {
		kept = kept[:i] // of what was to follow here, nothing has been shown
	}
	switch {
	case len(kept) == 0 || kept[len(kept)-1].Number != entries[0].Number-1:
		r.tl = timeline.New(entries, r.e.Window)
	case len(kept) == len(r.tl.Entries()):
		r.tl = r.tl.With(r.e.Now(), entries...)
	default:
		r.tl = timeline.New(slices.Concat(kept, entries), r.e.Window)
	}
}

// catchSight tries again to render what the log has on air. It returns when to
// try once more.
func (r *runner) catchSight(ctx context.Context) time.Time {
	if r.follow(ctx, r.unseen); len(r.unseen) == 0 {
		return r.e.Now()
	}
	now := r.e.Now()
	again := now.Add(unseenAgain)
	if now.Before(later(r.unseen[0].Start, r.blind).Add(settling)) {
		return again
	}
	floor := highest(r.tl.Above(now), extrapolate(&r.unseen[len(r.unseen)-1], now))
	if r.alone() {
		r.floor, r.unseen = highest(r.floor, floor), nil
		r.beginAlone(r.settings)
		return now
	}
	// Who put it on air can render it.
	if time.Since(r.insisted) < insistAgain && now.Sub(r.others) < silence {
		return again
	}
	if err := r.beginAbove(ctx, floor); err != nil {
		return now.Add(appendRetry)
	}
	r.insisted = time.Now()
	r.report("", "what the log has on air can't be rendered here: playout begins anew")
	return now
}

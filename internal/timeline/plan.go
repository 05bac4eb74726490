package timeline

import (
	"time"

	"consuo/internal/playlog"
)

const (
	// early is how long before the store's lead a cut is committed, so that
	// the append can be repeated.
	early = 2 * time.Second
	// late is the same for a substitute, which is put off for as long as the
	// wanted asset may still come.
	late = time.Second
	// margin is the least time that an append is given to arrive.
	margin = 250 * time.Millisecond
)

// Event is an airing that the schedule wants: an asset in a half-open slot
// [Start, End).
type Event struct {
	ID, Title, URI string
	Start, End     time.Time
}

func (ev *Event) airing() *playlog.Airing {
	return &playlog.Airing{EventID: ev.ID, Title: ev.Title, URI: ev.URI, Start: ev.Start, End: ev.End}
}

// AssetState is what is known of a wanted asset: its feed, or why there is none.
type AssetState struct {
	Feed   *Feed
	Detail string // where Feed is nil: why, for people
}

// Input is all that a plan depends on besides the log.
type Input struct {
	Now  time.Time // store time
	Lead time.Duration
	// Events are in order and don't overlap.
	Events []Event
	Asset  func(uri string) AssetState
	// Filler is the first of the channel's filler, SLATE_URI and the built-in
	// slate that fits the channel.
	Filler     *Feed
	FillerKind playlog.Kind
}

// Planned is a cut that should be committed at an instant.
type Planned struct {
	Entry
	Commit time.Time // in store time; nothing is committed earlier, so that people can still edit
}

// Plan returns the next cut. There is none when what is on air goes on until
// the schedule changes.
func (tl *Timeline) Plan(in Input) (Planned, bool) {
	p := planner{Input: in, last: tl.Last(), earliest: in.Now.Add(in.Lead + margin)}
	return p.next()
}

// Genesis is all that the beginning of a log depends on.
type Genesis struct {
	Input
	Settings       *playlog.Settings
	TargetDuration time.Duration
	Window         time.Duration
	// Number is the first cut's; above 1 the batch is a rebase.
	Number int64
	// Floor has the least numbers that the first cut may have; zero where
	// nothing was published before.
	Floor playlog.Numbers
}

// Begin returns the first cuts of a log, or a rebase: from a full window in
// the past, with the event in progress joined, up to what has to be committed
// by now.
func Begin(g Genesis) []Entry {
	// All that is known now counts, so that the first playlist need not grow.
	g.TargetDuration = max(g.TargetDuration, WholeTarget(g.Filler.Longest()))
	for i := range g.Events {
		if feed := g.Asset(g.Events[i].URI).Feed; feed != nil {
			g.TargetDuration = max(g.TargetDuration, WholeTarget(feed.Longest()))
		}
	}
	start := g.Now.Add(-max(g.Window, 3*g.TargetDuration) - 2*g.TargetDuration)
	// Before everything there is nothing: an entry that ended at start.
	before := &Entry{Cut: playlog.Cut{TargetDuration: g.TargetDuration}}
	p := planner{Input: g.Input, last: before, earliest: start}
	first, ok := p.opening(start)
	if !ok {
		first = p.fillerCut(exit{at: start}, nil, playlog.Gap, "")
	}
	first.Number = g.Number
	first.Rebase = g.Number > 1
	first.Settings = g.Settings
	numbers := playlog.FirstNumbers(first.Start)
	numbers.MediaSequence = max(numbers.MediaSequence, g.Floor.MediaSequence)
	if n := g.Floor.DiscontinuitySequence; n > 0 {
		numbers.DiscontinuitySequence = n
	}
	for k := range first.Tracks {
		first.Tracks[k].MediaSequence = numbers.MediaSequence
	}
	first.DiscontinuitySequence = numbers.DiscontinuitySequence
	entries := []Entry{first.Entry}
	for len(entries) < maxBatch {
		last := &entries[len(entries)-1]
		p := planner{Input: g.Input, last: last, earliest: last.Start.Add(1)}
		planned, ok := p.next()
		if !ok || planned.Commit.After(g.Now) {
			break
		}
		entries = append(entries, planned.Entry)
	}
	return entries
}

// maxBatch bounds a beginning; a window has a handful of cuts.
const maxBatch = 200

// planner decides what follows the last cut.
type planner struct {
	Input
	last     *Entry
	earliest time.Time // no cut starts before
}

// exit is a point at which the last cut can be left.
type exit struct {
	place
	at time.Time // the primary's boundary
}

func (p *planner) next() (Planned, bool) {
	last := p.last
	if last.Kind != playlog.Event {
		return p.afterFiller(p.Events, last.Airing)
	}
	ev := p.scheduled(last.Airing)
	if ev == nil { // edited away: it stops as soon as people may expect
		from := last.exit(p.earliest, p.earliest)
		return p.follow(from, p.Events, func(*Event) bool { return true }, nil, playlog.Changed), true
	}
	// An asset that is shorter than its slot is followed by filler. One that
	// is cut at the end of its slot is so only if nothing is scheduled there.
	from, reason := last.endOfAsset(), playlog.Short
	short := !ev.End.Before(from.at)
	if !short {
		from, reason = last.exitOfAsset(ev.End), playlog.Gap
	}
	remaining := after(p.Events, ev.End)
	if from.at.Before(p.earliest) {
		if from = last.exit(p.earliest, p.earliest); from.loop > 0 {
			// Too late for a cut at its end: the implicit filler is on air.
			return p.afterFiller(remaining, last.Airing)
		}
	}
	mayFill := func(next *Event) bool { return short || next.Start.After(ev.End) }
	return p.follow(from, remaining, mayFill, last.Airing, reason), true
}

// follow plans what comes at an exit at which the event on air ends: the next
// of the events, or filler until then where it may and helps.
func (p *planner) follow(from exit, events []Event, mayFill func(next *Event) bool, done *playlog.Airing, reason playlog.Reason) Planned {
	next, x, ok := p.nextEvent(events, func(*Event) exit { return from }, nil)
	if !ok || mayFill(next.event) && p.fillerHelps(from.at, next.event.Start) {
		return p.fillerCut(from, done, reason, "")
	}
	return p.cut(next, x)
}

// afterFiller plans while filler is on air, which goes on until an event.
func (p *planner) afterFiller(events []Event, done *playlog.Airing) (Planned, bool) {
	next, x, ok := p.nextEvent(events, func(ev *Event) exit { return p.last.exit(ev.Start, p.earliest) }, done)
	// Better filler than what repeats now (it was loaded only now, or the
	// channel's was changed) takes over as soon as it can, with the same
	// reason: what it stands in for is the same.
	if p.last.Loop && p.Filler.Source.URI != p.last.Asset.URI {
		now := p.last.exit(p.earliest, p.earliest)
		if !ok || now.at.Before(x.at) {
			return p.fillerCut(now, p.last.Airing, p.last.Reason, p.last.Detail), true
		}
	}
	if !ok {
		return Planned{}, false
	}
	return p.cut(next, x), true
}

// candidate is an event that can follow, or why filler has to stand in for it.
type candidate struct {
	event  *Event
	feed   *Feed // nil: filler
	first  int   // segment of the primary that it begins with
	detail string
}

// nextEvent returns the first of the events that still has time to air, and
// where it begins. done is the event that the filler on air stands in for or
// has followed.
func (p *planner) nextEvent(events []Event, at func(*Event) exit, done *playlog.Airing) (candidate, exit, bool) {
	for i := range events {
		ev := &events[i]
		x := at(ev)
		if !ev.End.After(x.at) {
			continue
		}
		same := done.Same(ev.airing())
		if same && p.last.Reason != playlog.Failed {
			continue // its asset has ended
		}
		c := p.candidate(ev, x)
		if c.feed == nil && same {
			continue // the filler on air stands in for it
		}
		if c.feed == nil && ev.End.Sub(x.at) <= p.Filler.primary().Duration(0)/2 {
			continue
		}
		if c.feed != nil && c.first < 0 {
			continue // less is left of its slot than half a segment
		}
		return c, x, true
	}
	return candidate{}, exit{}, false
}

// candidate says how an event would begin at an exit. The feed is nil if the
// asset is not there; first is below 0 if nothing is left of the slot.
func (p *planner) candidate(ev *Event, x exit) candidate {
	state := p.Asset(ev.URI)
	if state.Feed == nil {
		return candidate{event: ev, detail: state.Detail}
	}
	c := candidate{event: ev, feed: state.Feed}
	if lateness := x.at.Sub(ev.Start); lateness > p.tolerance(x) {
		c.first = state.Feed.nearestEntry(lateness)
	}
	if c.first < 0 {
		return c
	}
	primary := state.Feed.primary()
	slotEnd := primary.Start(c.first) + ev.End.Sub(x.at)
	if out := state.Feed.nearestExit(slotEnd, c.first); out < 0 || slotEnd-primary.Start(c.first) <= primary.Start(out)-slotEnd {
		if slotEnd <= primary.Start(c.first)+primary.Duration(c.first)/2 {
			c.first = -1
			return c
		}
		return candidate{event: ev, detail: "its segments give no point near the end of its slot at which all tracks could be cut"}
	}
	return c
}

// tolerance is how late an event begins with its first segment all the same:
// cuts fall on boundaries of what played before, so that half a segment is no
// lateness.
func (p *planner) tolerance(x exit) time.Duration {
	if x.feed == nil {
		return 0
	}
	return x.feed.primary().Longest() / 2
}

// fillerHelps says whether filler from an instant on brings the next event
// nearer to its time than none (design §2, "Planner").
func (p *planner) fillerHelps(from, next time.Time) bool {
	gap := next.Sub(from)
	if gap <= 0 {
		return false
	}
	run := Entry{Cut: playlog.Cut{Start: from, Tracks: p.Filler.positions(0)}, asset: p.Filler, filler: p.Filler}
	return run.exit(next, from.Add(1)).at.Sub(next).Abs() < gap
}

// cut makes the cut of a candidate.
func (p *planner) cut(c candidate, x exit) Planned {
	if c.feed == nil {
		planned := p.fillerCut(x, c.event.airing(), playlog.Failed, c.detail)
		planned.Commit = x.at.Add(-p.Lead - late)
		return planned
	}
	reason := playlog.Scheduled
	if c.first > 0 {
		reason = playlog.Joined
	}
	planned := p.entry(x, c.feed, c.first)
	planned.Kind, planned.Reason, planned.Airing = playlog.Event, reason, c.event.airing()
	planned.Filler = p.Filler.Source
	planned.filler = p.Filler
	return planned
}

func (p *planner) fillerCut(x exit, airing *playlog.Airing, reason playlog.Reason, detail string) Planned {
	planned := p.entry(x, p.Filler, 0)
	planned.Kind, planned.Reason, planned.Airing, planned.Detail = p.FillerKind, reason, airing, detail
	planned.Loop = true
	planned.filler = p.Filler
	return planned
}

// entry makes a cut at an exit of the last one, with the counters that follow.
func (p *planner) entry(x exit, feed *Feed, first int) Planned {
	cut := playlog.Cut{
		Number:         p.last.Number + 1,
		Start:          x.at,
		Asset:          feed.Source,
		Tracks:         feed.positions(first),
		TargetDuration: max(p.last.TargetDuration, WholeTarget(feed.Longest()), WholeTarget(p.Filler.Longest())),
	}
	if x.feed != nil {
		for k := range cut.Tracks {
			cut.Tracks[k].MediaSequence = p.last.sequenceAt(k, x.place)
		}
		cut.DiscontinuitySequence = p.last.discontinuityAt(x.place)
	}
	return Planned{Entry: Entry{Cut: cut, asset: feed}, Commit: x.at.Add(-p.Lead - early)}
}

// maxReach is how far before a window a log may begin so that the event in
// progress is joined at a point at which it can be entered.
const maxReach = 10 * time.Minute

// opening returns the cut that joins the event in progress at start or before,
// exactly at its time. There is none where that would be too long ago: filler
// airs until the event can be joined.
func (p *planner) opening(start time.Time) (Planned, bool) {
	for i := range p.Events {
		ev := &p.Events[i]
		if ev.Start.After(start) || !ev.End.After(start) {
			continue
		}
		state := p.Asset(ev.URI)
		if state.Feed == nil {
			return p.fillerCut(exit{at: start}, ev.airing(), playlog.Failed, state.Detail), true
		}
		if !ev.Start.Add(state.Feed.length).After(start) {
			return p.fillerCut(exit{at: start}, ev.airing(), playlog.Short, ""), true
		}
		first := state.Feed.lastEntry(start.Sub(ev.Start))
		at := ev.Start.Add(state.Feed.primary().Start(first))
		if start.Sub(at) > maxReach {
			return Planned{}, false
		}
		return p.cut(candidate{event: ev, feed: state.Feed, first: first}, exit{at: at}), true
	}
	return Planned{}, false
}

// scheduled returns the event that an airing still is in the schedule; nil if
// it was edited away.
func (p *planner) scheduled(a *playlog.Airing) *Event {
	for i := range p.Events {
		if ev := &p.Events[i]; a.Same(ev.airing()) {
			return ev
		}
	}
	return nil
}

// after returns the events that don't begin before an instant.
func after(events []Event, t time.Time) []Event {
	for i := range events {
		if !events[i].Start.Before(t) {
			return events[i:]
		}
	}
	return nil
}

// endOfAsset is the exit where the cut's own asset has played out.
func (e *Entry) endOfAsset() exit {
	return exit{place{e.asset, 0, e.asset.primary().Len()}, e.loopStart(1)}
}

// exitOfAsset is the exit nearest to an instant within the cut's own asset.
func (e *Entry) exitOfAsset(at time.Time) exit {
	i := e.asset.nearestExit(at.Sub(e.loopStart(0)), e.Tracks[0].First)
	return exit{place{e.asset, 0, i}, e.loopStart(0).Add(e.asset.primary().Start(i))}
}

// exit returns the point nearest to target, and not before earliest, at which
// the cut, with the filler after it, can be left.
func (e *Entry) exit(target, earliest time.Time) exit {
	if target.Before(earliest) {
		target = earliest
	}
	loop := int64(0)
	if after := target.Sub(e.loopStart(1)); after >= 0 {
		loop = 1 + int64(after/e.filler.length)
	}
	best := exit{}
	for l := max(loop-1, 0); l <= loop+2; l++ {
		feed, first := e.filler, 0
		if l == 0 {
			feed, first = e.asset, e.Tracks[0].First
		}
		base := e.loopStart(l)
		lo := feed.primary().boundaryFrom(earliest.Sub(base))
		i := feed.nearestExitFrom(target.Sub(base), first, lo)
		if i < 0 {
			continue
		}
		x := exit{place{feed, l, i}, base.Add(feed.primary().Start(i))}
		if best.feed == nil || x.at.Sub(target).Abs() < best.at.Sub(target).Abs() {
			best = x
		}
	}
	return best
}

// sequenceAt returns the media sequence number that follows on track k when
// the cut is left at an exit.
func (e *Entry) sequenceAt(k int, x place) int64 {
	n := e.Tracks[k].MediaSequence + int64(x.feed.leave(k, x.index))
	if x.loop == 0 {
		return n - int64(e.Tracks[k].First)
	}
	return n + e.rest(k) + (x.loop-1)*int64(e.filler.tracks[k].count)
}

// discontinuityAt returns the discontinuity number of what follows when the
// cut is left at an exit: this + 1 + inner and loop boundaries passed on the
// primary (design §2, "Counters and dates").
func (e *Entry) discontinuityAt(x place) int64 {
	first := 0
	if x.loop == 0 {
		first = e.Tracks[0].First
	}
	return e.DiscontinuitySequence + 1 + e.loopBreaks(x.loop) + x.feed.innerBreaks(0, first, x.index)
}

// LeastTarget is the least target duration that a channel is settled on, unless
// its operator sets one.
const LeastTarget = 6 * time.Second

// WholeTarget returns the smallest EXT-X-TARGETDURATION that a segment fits:
// its length rounded to the nearest second (draft 4.4.3.1).
func WholeTarget(longest time.Duration) time.Duration {
	return max((longest+time.Second/2)/time.Second*time.Second, time.Second)
}

package playout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/timeline"
)

const (
	// settling is how long a waking channel waits for the assets that decide
	// its tracks; below hold, so that those who wait get at least the slate.
	settling = 4 * time.Second
	// othersSettling is the same for assets that only contribute maxima.
	othersSettling = 2 * time.Second
	// mostSettling bounds the assets that are loaded to settle a channel.
	mostSettling = 100
	// preload is how long before its start an event's asset is loaded.
	preload = 10 * time.Minute
	// loadGrace is how long planning waits for an asset that is needed at once:
	// less than commits are early.
	loadGrace = time.Second
	// keptFeed is how long it is remembered how an asset is mapped that is not
	// asked for: what aired long ago must not stay in memory.
	keptFeed = 2 * idle
	// idle is how often a channel looks at things that nothing wakes it for.
	idle = time.Minute
)

// runner is what a channel's goroutine works with. Nobody else touches it.
type runner struct {
	*channel
	woken    time.Time
	asleep   bool // nobody was on air when it woke
	settings *playlog.Settings
	tl       *timeline.Timeline
	feeds    map[*timeline.Asset]mapped
	asked    map[string]time.Time // when assets that are needed soon were first asked for
	retry    time.Time            // when a failed asset is worth asking for again; zero: none is
	schedule snapshot             // of the step
	latest   *rendered            // of what is on air
	retired  *view                // provisional tracks that were replaced before this engine was there
	until    time.Time            // when these are gone
	logSync                       // what is known of the log, and what it does not know yet
}

// mapped is an asset on the channel's tracks, or why it can't join.
type mapped struct {
	feed *timeline.Feed
	err  error
	used time.Time // the last time
}

// snapshot is the schedule as a step sees it.
type snapshot struct {
	events         []timeline.Event
	targetDuration time.Duration // 0: not set by the operator
	filler         string
	tracks         json.RawMessage // config.tracks; nil: not set
	delivery       Delivery
	read           bool
}

func newRunner(c *channel) *runner {
	c.mu.Lock()
	defer c.mu.Unlock()
	latest := new(rendered)
	if v := c.view.Load(); v != nil { // a runner before this one has failed
		latest = v.rendered
	}
	return &runner{
		latest:  latest,
		channel: c, woken: c.e.Now(), settings: c.settings, feeds: make(map[*timeline.Asset]mapped),
		logSync: logSync{jumps: c.e.Jumps(), floor: c.past},
	}
}

// step does what is due and returns how long nothing will be.
func (r *runner) step(ctx context.Context) time.Duration {
	r.look()
	r.retry = time.Time{}
	begun := r.e.Now()
	var next time.Time
	if r.tl != nil {
		next = r.sync(ctx)
	}
	if r.tl == nil {
		if next = r.begin(ctx); r.tl != nil { // or requests would have to wait for the log after a lead
			next = earlier(next, later(r.answer.Add(logInterval), r.e.Now()))
		}
	}
	if r.tl != nil && len(r.unseen) > 0 {
		next = earlier(next, r.catchSight(ctx))
	}
	if r.tl != nil && isSlate(r.settings) && !r.alone() && len(r.unseen) == 0 {
		r.settle(ctx)
	}
	if r.tl == nil || len(r.unseen) > 0 {
		// There is nothing that a cut could follow.
	} else if r.waits() {
		next = earlier(next, r.woken.Add(settling))
	} else {
		if until := r.preload(); !until.IsZero() {
			next = earlier(next, until)
		} else {
			next = earlier(next, r.plan(ctx, begun))
		}
	}
	r.tell()
	if next = earlier(next, r.retry); next.IsZero() {
		return idle
	}
	return min(max(next.Sub(r.e.Now()), 0), idle)
}

// earlier returns the earlier of two instants; a zero one is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (r *runner) look() {
	c := r.channel
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.info.Config.TargetDuration != r.schedule.targetDuration {
		clear(r.feeds) // what was too long may fit now
	}
	r.schedule = snapshot{
		events: c.events, targetDuration: c.info.Config.TargetDuration, filler: c.info.Config.Filler,
		tracks:   c.info.Config.Tracks,
		delivery: c.delivery, read: c.read.ok,
	}
}

// begin puts the channel on air: with the log as it is, if that says what the
// schedule wants, else with a new beginning. It returns when to look again.
func (r *runner) begin(ctx context.Context) time.Time {
	now := r.e.Now()
	deadline := r.woken.Add(settling)
	waits := r.waits()
	if waits && r.asleep {
		return deadline
	}
	page, err := r.read(ctx, -recentCuts)
	if err != nil {
		r.report("", fmt.Sprintf("playout log not read: %v", err))
		if now.Before(deadline) {
			return now.Add(appendRetry)
		}
		// Nobody knows what the log says: better something on air than
		// nothing. It is sorted out when the store is back.
		settings := r.settings // of before it slept: players have the URLs
		if settings == nil {
			settings, _ = r.decide()
		}
		r.beginAlone(settings)
		return time.Time{}
	}
	// Where others are on air, or were a moment ago, the log says all that is
	// needed to go on.
	r.asleep = len(page.Cuts) == 0 || dormant(page)
	if waits && (r.asleep || !r.covered(ctx, page, now)) {
		return deadline
	}
	if len(page.Cuts) > 0 {
		resumed, floor, err := r.resume(ctx, page)
		if err != nil {
			return r.notBegun(err, r.settings, floor, now, deadline)
		}
		if resumed {
			return time.Time{}
		}
	}
	settings := page.Settings // players have the URLs
	if settings == nil {
		var wait bool
		if settings, wait = r.decide(); wait && now.Before(deadline) {
			return deadline
		}
	}
	var last mark
	floor := highest(r.floor, page.Floor)
	if n := len(page.Cuts); n > 0 {
		// What the log has on air can't be rendered: begin above all that it
		// can have given out.
		last = markOf(&page.Cuts[n-1])
		floor = highest(floor, extrapolate(&page.Cuts[n-1], givenUntil(page, now)))
	}
	if err := r.rebase(ctx, settings, last, floor); err != nil {
		return r.notBegun(err, settings, floor, now, deadline)
	}
	return time.Time{}
}

// notBegun is for a beginning above a floor that the log has not taken. It
// returns when to look again.
func (r *runner) notBegun(err error, settings *playlog.Settings, floor playlog.Numbers, now, deadline time.Time) time.Time {
	if errors.Is(err, playlog.ErrConflict) || errors.Is(err, playlog.ErrOtherHistory) || now.Before(deadline) {
		return now.Add(appendRetry)
	}
	r.floor = highest(r.floor, floor)
	r.beginAlone(settings) // it can't be written: something on air beats nothing
	return time.Time{}
}

// waits says whether a channel that has just woken does not know yet what the
// schedule wants, or loads what it needs for that.
func (r *runner) waits() bool {
	now := r.e.Now()
	return now.Before(r.woken.Add(settling)) && (!r.schedule.read || r.expects(now))
}

// covered says whether all of a log can be rendered that a window may show,
// without waiting for an origin.
func (r *runner) covered(ctx context.Context, page playlog.Page, now time.Time) bool {
	if page.Settings == nil {
		return false
	}
	r.use(page.Settings)
	entries, _ := r.resolve(ctx, page.Cuts)
	return len(entries) == len(page.Cuts) || len(entries) > 0 && entries[0].Start.Before(now.Add(-4*r.e.Window))
}

// dormant says whether nobody has watched for long when a page was read.
func dormant(page playlog.Page) bool {
	return page.Watched.IsZero() || page.Now.Sub(page.Watched) > sleepAfter
}

// expects says whether an asset is still loading that the first playlists show.
func (r *runner) expects(now time.Time) bool {
	loading := func(uri string) bool {
		_, err := r.asset(uri)
		return errors.Is(err, errLoading)
	}
	for _, ev := range r.schedule.events {
		if ev.End.After(now.Add(-r.e.Window)) && ev.Start.Before(now.Add(preload)) && loading(ev.URI) {
			return true
		}
	}
	for _, uri := range []string{r.schedule.filler, r.e.SlateURI} {
		if uri != "" && loading(uri) {
			return true
		}
	}
	return false
}

// resume goes on with the cuts of a log, if they can be rendered. An engine that
// starts or wakes writes nothing: the last cut covers now. But where playout
// slept and the schedule wants something else by now than what repeats since,
// it begins anew above what the log has given out. Where players have seen higher
// numbers than the log has it must, above a floor, and without that there is no
// timeline: the error says why.
func (r *runner) resume(ctx context.Context, page playlog.Page) (resumed bool, floor playlog.Numbers, err error) {
	if page.Settings == nil {
		return false, floor, nil
	}
	r.retired, r.until = r.replaced(ctx, page.Cuts)
	r.use(page.Settings)
	entries, wait := r.resolve(ctx, page.Cuts)
	if !r.lists(entries) {
		if wait && r.e.Now().Before(r.woken.Add(settling)) {
			return false, floor, errLoading
		}
		return false, floor, nil
	}
	r.tl, r.acked = timeline.New(entries, r.e.Window), markOf(&page.Cuts[len(page.Cuts)-1])
	now := r.e.Now()
	until := givenUntil(page, now)
	above := r.tl.Above(until)
	published := r.floor.MediaSequence > below(above).MediaSequence || r.floor.DiscontinuitySequence > below(above).DiscontinuitySequence
	must := published || until.After(now)
	if must || dormant(page) && r.wantsElse(now) {
		floor = highest(r.floor, above)
		r.diverging = must // nothing of the log may be shown as it is
		err := r.rebase(ctx, r.settings, r.acked, floor)
		r.diverging = false
		if err == nil {
			return true, floor, nil
		}
		if must || r.tl == nil {
			r.tl = nil
			return false, floor, err
		}
	}
	r.show()
	return true, floor, nil
}

// givenUntil returns up to when a log has given out numbers: now, or, where it
// was watched until an instant that is yet to come, because store time has gone
// back, the latest at which an engine may have rendered it.
func givenUntil(page playlog.Page, now time.Time) time.Time {
	if page.Watched.After(now.Add(maxAhead)) {
		return page.Watched.Add(2 * watchInterval)
	}
	return now
}

// replaced returns the provisional tracks of a channel that has settled less
// than retirement ago, as far as its log is read: other engines go on with them.
func (r *runner) replaced(ctx context.Context, cuts []playlog.Cut) (tracks *view, until time.Time) {
	begins := func(c playlog.Cut) bool { return c.Settings != nil }
	for from := 0; from < len(cuts); {
		to := slices.IndexFunc(cuts[from+1:], begins)
		if to < 0 {
			break
		}
		to += from + 1
		if begins(cuts[from]) && isSlate(cuts[from].Settings) && !isSlate(cuts[to].Settings) {
			until = cuts[to].Start.Add(retirement)
			r.use(cuts[from].Settings)
			if entries, _ := r.resolve(ctx, cuts[from:to]); len(entries) > 0 && r.e.Now().Before(until) {
				tracks = newTracks(r.settings, timeline.New(entries, r.e.Window), new(rendered))
			}
		}
		from = to
	}
	return tracks, time.Now().Add(until.Sub(r.e.Now()))
}

// wantsElse says whether a channel that began now would have something else on
// air than the log says.
func (r *runner) wantsElse(now time.Time) bool {
	batch := timeline.Begin(r.genesis(r.settings, now, 1, playlog.Numbers{}))
	wanted, airs := timeline.New(batch, r.e.Window).OnAir(now), r.tl.OnAir(now)
	if wanted.Airing == nil || airs.Airing == nil {
		return wanted.Kind != airs.Kind || wanted.Airing != airs.Airing
	}
	return !wanted.Airing.Same(airs.Airing) // one that began on time may have ended
}

// source returns the feed that a cut names, made of what the asset was when it
// was planned.
func (r *runner) source(ctx context.Context, s playlog.Source) (*timeline.Feed, error) {
	asset, err := r.asset(s.URI)
	if err != nil || asset.Digest != s.Digest {
		thawed, fault := r.thaw(ctx, s)
		switch {
		case fault != nil && err != nil:
			return nil, fmt.Errorf("%w; and from its origin: %w", fault, err)
		case fault != nil:
			return nil, fault
		}
		asset = thawed
	}
	return timeline.NewFeed(r.settings, asset, s.Feeds, r.mapOptions(asset))
}

// asset returns an asset by its URI; the slate is one too.
func (r *runner) asset(uri string) (*timeline.Asset, error) {
	slate, err := Slate()
	if err != nil || uri == slate.URI {
		return slate, err
	}
	a, retry, err := r.e.library.get(r.e.life, uri, r.schedule.delivery, r.channel)
	if !retry.IsZero() && (r.retry.IsZero() || retry.Before(r.retry)) {
		r.retry = retry
	}
	return a, err
}

// decide settles the channel's tracks from the first scheduled asset that
// there is, and has sound if any has: a channel that began with a silent one
// would stay silent. wait is true while something that could change them is
// loading.
func (r *runner) decide() (settings *playlog.Settings, wait bool) {
	now := r.e.Now()
	var assets []*timeline.Asset
	first := -1
	for _, uri := range r.upcoming(now) {
		a, err := r.asset(uri)
		switch {
		case errors.Is(err, errLoading):
			wait = wait || first < 0 || now.Before(r.woken.Add(othersSettling))
			continue
		case err != nil:
			r.report(uri, err.Error())
			continue
		case first < 0 && a.HasSound():
			first = len(assets)
		}
		assets = append(assets, a)
	}
	if len(assets) > 0 {
		first = max(first, 0)
		settings, err := r.settleTracks(assets[first], slices.Delete(slices.Clone(assets), first, first+1))
		if err == nil {
			return settings, wait
		}
		r.report(assets[first].URI, err.Error())
	}
	return provisionalSettings(), wait
}

// settleTracks settles on what the operator wants in config.tracks, if that can
// be had of the first asset, else on what the asset has: a channel on air with
// other tracks is better than none.
func (r *runner) settleTracks(first *timeline.Asset, others []*timeline.Asset) (*playlog.Settings, error) {
	wanted, err := timeline.ParseTracks(r.schedule.tracks)
	if err == nil && len(wanted) > 0 {
		var settings *playlog.Settings
		if settings, err = timeline.Settle(first, others, wanted...); err == nil {
			return settings, nil
		}
	}
	if err != nil {
		r.report("", err.Error()+"; the tracks of the first asset are used")
	}
	return timeline.Settle(first, others)
}

// upcoming returns the assets that a channel is settled with, in order.
func (r *runner) upcoming(now time.Time) (uris []string) {
	seen := make(map[string]bool)
	for _, ev := range r.schedule.events {
		if ev.End.After(now) && !seen[ev.URI] && len(seen) < mostSettling {
			seen[ev.URI] = true
			uris = append(uris, ev.URI)
		}
	}
	return uris
}

// provisionalSettings are the tracks of a channel that nothing is known of.
func provisionalSettings() *playlog.Settings {
	a, err := provisional()
	if err != nil {
		panic(err) // it is built in: a test loads it
	}
	s, err := timeline.Settle(a, nil)
	if err != nil {
		panic(err)
	}
	// Names of their own, so that none is taken for a settled track.
	for i := range s.Tracks {
		s.Tracks[i].ID = slatePrefix + s.Tracks[i].ID
	}
	for i := range s.Multivariant.Variants {
		s.Multivariant.Variants[i].URI = slatePrefix + s.Multivariant.Variants[i].URI
	}
	return s
}

const slatePrefix = "slate-"

func isSlate(s *playlog.Settings) bool {
	return len(s.Tracks[0].ID) > len(slatePrefix) && s.Tracks[0].ID[:len(slatePrefix)] == slatePrefix
}

// settle replaces provisional tracks once there is an asset to make real ones
// of. The old URLs go on with what they showed.
func (r *runner) settle(ctx context.Context) {
	settings, wait := r.decide()
	if wait || isSlate(settings) {
		return
	}
	now := r.e.Now()
	if err := r.rebase(ctx, settings, r.acked, r.tl.Above(now)); err != nil {
		r.report("", fmt.Sprintf("tracks not settled: %v", err))
	}
}

// rebase begins a log, or begins it anew after its last cut, with a window that
// is full at once.
func (r *runner) rebase(ctx context.Context, settings *playlog.Settings, last mark, floor playlog.Numbers) error {
	before, old, oldFeeds, pending := r.tl, r.settings, r.feeds, r.pending
	r.use(settings)
	now := r.e.Now()
	entries := timeline.Begin(r.genesis(r.settings, now, last.number+1, floor))
	chain(last, entries)
	r.due, r.pending = nil, nil // it is above them
	if err := r.commit(ctx, entries); err != nil {
		if r.tl == before { // else another engine's beginning was adopted, with its settings
			r.settings, r.feeds, r.pending = old, oldFeeds, pending
		}
		return err
	}
	r.floor, r.unseen = playlog.Numbers{}, nil
	r.tl = timeline.New(entries, r.e.Window)
	r.latest.instant(now) // store time may have jumped back since: nothing is listed before
	r.show()
	return nil
}

// use takes over the settings of a log. Equal ones are left alone: what was
// made with them stays true.
func (r *runner) use(settings *playlog.Settings) {
	if settings != nil && (r.settings == nil || !settings.Equal(r.settings)) {
		r.settings, r.feeds = settings, make(map[*timeline.Asset]mapped)
	}
}

// genesis gathers what a beginning at an instant depends on.
func (r *runner) genesis(settings *playlog.Settings, now time.Time, number int64, floor playlog.Numbers) timeline.Genesis {
	in := r.input(now)
	g := timeline.Genesis{
		Input: in, Settings: settings, Window: r.e.Window, Number: number, Floor: floor,
		TargetDuration: r.schedule.targetDuration,
	}
	if g.TargetDuration == 0 {
		g.TargetDuration = max(timeline.LeastTarget, timeline.WholeTarget(in.Filler.Longest()))
		for _, uri := range r.upcoming(now) {
			if state := in.Asset(uri); state.Feed != nil {
				g.TargetDuration = max(g.TargetDuration, timeline.WholeTarget(state.Feed.Longest()))
			}
		}
	}
	g.TargetDuration = max(g.TargetDuration, r.target)
	return g
}

// input gathers what a plan depends on.
func (r *runner) input(now time.Time) timeline.Input {
	filler, kind := r.fillerFeed()
	return timeline.Input{
		Now: now, Lead: r.lead, Events: r.schedule.events, Filler: filler, FillerKind: kind,
		Asset: func(uri string) timeline.AssetState {
			feed, err := r.feed(uri)
			if err != nil {
				return timeline.AssetState{Detail: clip(Redacted(err.Error()).String())}
			}
			return timeline.AssetState{Feed: feed}
		},
	}
}

// clip keeps a text for people within what a log takes.
func clip(text string) string {
	const most = 500
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + " …"
}

// feed returns an asset on the channel's tracks.
func (r *runner) feed(uri string) (*timeline.Feed, error) {
	a, err := r.asset(uri)
	if err != nil {
		return nil, err
	}
	m, ok := r.feeds[a]
	m.used = r.e.Now()
	if !ok {
		// Those on air are kept by the timeline.
		maps.DeleteFunc(r.feeds, func(_ *timeline.Asset, o mapped) bool { return m.used.Sub(o.used) > keptFeed })
		m.feed, m.err = timeline.Map(r.settings, a, r.mapOptions(a))
		for _, w := range a.Warnings {
			r.report(a.URI, w)
		}
		if m.err == nil {
			if lacks := m.feed.Lacks(r.settings); len(lacks) > 0 {
				r.report(a.URI, "it has nothing for the tracks "+strings.Join(lacks, ", ")+", which list gaps while it is on air")
			}
		}
	}
	r.feeds[a] = m
	return m.feed, m.err
}

func (r *runner) mapOptions(a *timeline.Asset) timeline.MapOptions {
	slate, _ := Slate()
	target := max(r.schedule.targetDuration, timeline.LeastTarget)
	if r.tl != nil {
		target = r.tl.Last().TargetDuration
	}
	return timeline.MapOptions{
		MaxTarget: r.schedule.targetDuration, TargetDuration: target,
		LastResort: a == slate, EmptySubtitles: EmptySubtitles,
	}
}

// fillerFeed returns the first of the channel's filler, SLATE_URI and the
// built-in slate that is there and fits.
func (r *runner) fillerFeed() (*timeline.Feed, playlog.Kind) {
	for _, choice := range []struct {
		uri  string
		kind playlog.Kind
	}{{r.schedule.filler, playlog.Filler}, {r.e.SlateURI, playlog.Slate}} {
		if choice.uri == "" {
			continue
		}
		feed, err := r.feed(choice.uri)
		if err == nil {
			return feed, choice.kind
		}
		if !errors.Is(err, errLoading) {
			r.report(choice.uri, fmt.Sprintf("it can't be used as filler: %v", err))
		}
	}
	slate, err := Slate()
	if err == nil {
		var feed *timeline.Feed
		if feed, err = r.feed(slate.URI); err == nil {
			return feed, playlog.Slate
		}
	}
	panic(err) // it is built in and maps on everything: tests do both
}

// plan commits what is due and returns when something will be; zero: nothing
// until the schedule changes. Where the log has not answered since the step
// has begun, that is when it is planned: what became due meanwhile would be
// too late now, and a later cut another one than that of engines which did not
// ask just then.
func (r *runner) plan(ctx context.Context, begun time.Time) time.Time {
	for {
		now := r.e.Now()
		planned := r.due
		if planned == nil {
			at := now
			if r.failures > 0 && now.After(begun) {
				at = begun
			}
			next, ok := r.tl.Plan(r.input(at))
			if !ok {
				return time.Time{}
			}
			if next.Commit.After(now) {
				return next.Commit
			}
			planned = &next
			r.due = planned // which bounds how long the log is waited for
		}
		planned.Previous = r.head().digest
		before := r.tl.Last()
		err := r.commit(ctx, []timeline.Entry{planned.Entry})
		if r.tl == nil || r.tl.Last() != before || len(r.unseen) > 0 {
			return now // the log had something else: look at that first
		}
		if err != nil {
			if wait := r.holdOut(planned); !wait.IsZero() {
				return wait
			}
		}
		r.due = nil
		r.onAir(planned, before.TargetDuration)
		r.tl = r.tl.With(now, planned.Entry)
		r.show()
	}
}

// onAir tells people what a cut may mean to them.
func (r *runner) onAir(p *timeline.Planned, target time.Duration) {
	if p.TargetDuration > target {
		r.e.m.grown.Inc()
		r.report(p.Asset.URI, fmt.Sprintf("its segments are longer than the target duration of %s, which grows to %s: players may stall", target, p.TargetDuration))
	}
	if a := p.Airing; p.Reason == playlog.Failed && a != nil {
		r.report(a.URI, fmt.Sprintf("filler stands in for it: %s", p.Detail))
	}
}

// preload asks for the assets that will be needed soon. Where one was asked for
// just now, it returns until when planning waits for it: an edit on air must
// not flash the slate, and no plan is more urgent than that.
func (r *runner) preload() (until time.Time) {
	now := r.e.Now()
	asked := make(map[string]time.Time, len(r.asked))
	for _, ev := range r.schedule.events {
		if ev.Start.After(now.Add(preload)) {
			break
		}
		if !ev.End.After(now) {
			continue
		}
		_, err := r.feed(ev.URI)
		if err != nil && !errors.Is(err, errLoading) {
			r.report(ev.URI, err.Error())
		}
		first, known := r.asked[ev.URI]
		if !known {
			first = now
		}
		asked[ev.URI] = first
		if grace := first.Add(loadGrace); errors.Is(err, errLoading) && now.Before(grace) && ev.Start.Before(now.Add(2*r.lead)) {
			until = earlier(until, grace)
		}
	}
	r.asked = asked
	return until
}

// show publishes the timeline.
func (r *runner) show() {
	r.dropThawed()
	if r.latest.Load() == 0 {
		// What begins now has nothing to list at an earlier instant, to which
		// store time may jump before anybody asks.
		r.latest.instant(r.e.Now())
	}
	c := r.channel
	before := c.view.Load()
	v := newView(before, r.id, r.settings, r.tl, r.latest)
	if before == nil {
		v.retired, v.until = r.retired, r.until
	}
	r.publish(v)
	r.tell()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settings = r.settings
	c.logState.ID, c.logState.LastNumber = r.logID, r.tl.Last().Number
	c.logState.Pending = int64(len(r.pending))
	// What was to follow another history, or in a backup that was restored.
	c.recent = slices.DeleteFunc(c.recent, func(a airedCut) bool { return a.Number > r.tl.Last().Number })
	for i, e := range r.tl.Entries() {
		if k := slices.IndexFunc(c.recent, func(a airedCut) bool { return a.Number >= e.Number }); k >= 0 {
			if is := &c.recent[k]; is.Number > e.Number || is.Previous == e.Previous && is.Start.Equal(e.Start) {
				continue
			}
			c.recent = c.recent[:k] // what the log has instead
		}
		aired := airedCut{Cut: e.Cut}
		for k, t := range r.settings.Tracks {
			if seam := r.tl.Seam(i, k); seam.Abs() >= time.Millisecond {
				if aired.seams == nil {
					aired.seams = make(map[string]Seconds)
				}
				aired.seams[t.ID] = Seconds(seam)
			}
		}
		c.recent = append(c.recent, aired)
	}
	if extra := len(c.recent) - keptCuts; extra > 0 {
		c.recent = slices.Delete(c.recent, 0, extra)
	}
}

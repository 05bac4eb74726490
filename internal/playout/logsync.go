package playout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"consuo/internal/packed"
	"consuo/internal/playlog"
	"consuo/internal/timeline"
)

const (
	// logTimeout is when a request to the log counts as lost (design §2, log
	// protocol 3).
	logTimeout = 2 * time.Second
	// appendRetry is how soon one is repeated.
	appendRetry = 250 * time.Millisecond
	// logInterval is how often the log is read for the cuts of other engines:
	// well within the lead, for which it then is complete.
	logInterval = 2 * time.Second
	// watchInterval is how often an engine says that somebody watches.
	watchInterval = time.Minute
	// recentCuts is how much of a log is read: more than any window reaches.
	recentCuts = 100
	// shortTimeout stands for logTimeout while requests are not answered: a
	// runner that waits can't put anything on air.
	shortTimeout = 500 * time.Millisecond
	// lastMoment is how long before its start a cut that the log can't be told
	// of goes on air all the same: longer than a step then takes.
	lastMoment = 2 * time.Second
	// maxAhead is how far ahead of store time an answer may claim to be.
	maxAhead = 2 * time.Second
	// aloneFor is how long an engine that is alone renders before it has to
	// find again that it is.
	aloneFor = 5 * time.Second
	// batch is how many cuts are appended at a time.
	batch = 50
	// refreeze is how long an asset counts as kept beside the log without
	// being sent again: a store lets go of one that no cut names after an hour.
	refreeze = 30 * time.Minute
	// mostThawed bounds the frozen assets that are held.
	mostThawed = 50
)

// logSync is what a runner knows of its channel's log.
type logSync struct {
	logID     string
	lead      time.Duration
	failures  int              // of requests in a row
	news      bool             // heard of, and not told
	stood     bool             // the latest read took longer than it may: the process stood still, which says nothing of the log
	acked     mark             // the last cut that the log is known to have
	target    time.Duration    // target duration of the log's last cut, as far as it was read: none has less
	answer    time.Time        // store time of its latest answer: it is complete for cuts that start before answer + lead
	watched   time.Time        // when it was last told that somebody watches
	floor     playlog.Numbers  // above what was published of a log that is no more
	pending   []timeline.Entry // on air and not known to be in the log: made while the store was away
	diverging bool             // the log has another history, and a rebase is under way
	// due is a cut of which the log is being told, or could not be in time. It is
	// what airs, unless the log turns out to have another.
	due      *timeline.Planned
	unseen   []playlog.Cut              // after those on air; the first can't be rendered
	blind    time.Time                  // since when there have been any of these; means nothing while there are none
	insisted time.Time                  // when it last began anew because of that
	others   time.Time                  // store time, when another engine last said that somebody watches, while unseen
	jumps    int                        // of store time, that were followed
	frozen   map[string]time.Time       // when, by digest, it was kept beside the log
	thawed   map[string]*timeline.Asset // by digest
}

// mark names a cut and, by its digest, all of the log up to it; zero: none.
type mark struct {
	number int64
	digest string
}

func markOf(c *playlog.Cut) mark { return mark{c.Number, c.Digest()} }

// head is the last cut on air or to come: what the next one follows.
func (r *runner) head() mark {
	if n := len(r.pending); n > 0 {
		return markOf(&r.pending[n-1].Cut)
	}
	return r.acked
}

// chain has each of some cuts name the one before it.
func chain(before mark, entries []timeline.Entry) {
	for i := range entries {
		entries[i].Previous = before.digest
		before = markOf(&entries[i].Cut)
	}
}

// alone says whether the engine plays on without the log: it is beyond what
// the log's latest answer is complete for.
func (r *runner) alone() bool { return r.e.Now().After(r.answer.Add(r.lead)) }

// read reads the log and notes what every answer says.
func (r *runner) read(ctx context.Context, after int64) (playlog.Page, error) {
	begun, patience := time.Now(), r.patience()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	page, err := r.e.Log.Read(ctx, r.id, after)
	r.stood = err != nil && time.Since(begun) > patience+time.Second
	if n := len(page.Cuts); n > 0 {
		r.target = page.Cuts[n-1].TargetDuration
	}
	// An engine that began alone has had no log yet.
	if err == nil && (r.tl == nil || r.logID == "" || page.ID == r.logID) {
		r.logID = page.ID
		r.heard(page)
	}
	return page, err
}

// patience is how long a request to the log may take. A cut that is due must be
// on air in time, with or without it.
func (r *runner) patience() time.Duration {
	if r.failures >= 2 {
		return shortTimeout
	}
	if r.due != nil {
		return min(max(r.due.Start.Add(-lastMoment).Sub(r.e.Now()), shortTimeout), logTimeout)
	}
	return logTimeout
}

// heard notes an answer of the log, up to which and the lead beyond it may be
// rendered.
func (r *runner) heard(page playlog.Page) {
	r.lead, r.answer, r.others = page.Lead, page.Now, page.Watched
	// One answer with a clock that is off must not stand for hours of log.
	if most := r.e.Now().Add(maxAhead); r.answer.After(most) {
		r.answer = most
	}
	r.news = true
}

// tell lets requests render up to where the log is known. That must wait until
// what was heard is part of the timeline: one that waits for the log would show
// what was planned before.
func (r *runner) tell() {
	if r.news {
		r.news = false
		r.horizon(r.answer.Add(r.lead))
	}
}

// sync learns what other engines have appended, and appends what aired while
// the store was away. It returns when it is due again.
func (r *runner) sync(ctx context.Context) time.Time {
	now := r.e.Now()
	if jumps := r.e.Jumps(); jumps != r.jumps {
		if err := r.jumped(ctx, jumps); err != nil {
			return now.Add(appendRetry)
		}
		if r.tl == nil {
			return r.e.Now() // the log is gone as well
		}
	}
	if now.Sub(r.answer) < logInterval && len(r.pending) == 0 && (now.Sub(r.watched) < watchInterval || len(r.unseen) > 0) {
		return r.answer.Add(logInterval)
	}
	if !r.unchanged(ctx) {
		err := r.catchUp(ctx)
		if err != nil && r.stood {
			err = r.catchUp(ctx)
		}
		if err != nil {
			if r.alone() {
				r.goAlone()
			}
			return r.e.Now().Add(r.backOff()) // it may have jumped
		}
	}
	r.failures = 0
	r.tell()
	r.mu.Lock()
	r.logState.ID, r.logState.Pending = r.logID, int64(len(r.pending))
	r.mu.Unlock()
	if len(r.unseen) > 0 {
		return r.e.Now().Add(logInterval)
	}
	if now.Sub(r.watched) >= watchInterval && r.tl != nil && r.e.heads.watch(r.id, r.logID) {
		r.watched = now
	} else if now.Sub(r.watched) >= watchInterval && r.tl != nil {
		ctx, cancel := context.WithTimeout(ctx, r.patience())
		defer cancel()
		if _, err := r.e.Log.Append(ctx, r.id, r.logID, nil); err == nil {
			r.watched = now // the page has no cuts: nothing was heard of the log
		}
	}
	return r.e.Now().Add(logInterval)
}

// unchanged says whether the log ends as it is known here. Then the heads stand
// for a read of the whole log at their time: the digest of its last cut is one
// of all of it, and so it is complete for cuts that start before that time and
// the lead (design §2, log protocol 3).
func (r *runner) unchanged(ctx context.Context) bool {
	if r.acked.number == 0 || len(r.pending) > 0 || len(r.unseen) > 0 || r.failures > 0 {
		return false
	}
	heads, ok := r.e.heads.get(ctx, r.e.life)
	head := heads.Logs[r.id]
	if !ok || head.ID != r.logID || (mark{head.Number, head.Digest}) != r.acked ||
		!heads.Now.After(r.answer) || r.e.Now().Sub(heads.Now) >= logInterval {
		return false
	}
	r.heard(playlog.Page{Now: heads.Now, Lead: heads.Lead})
	return true
}

// jumped begins anew after store time has jumped (design §2, log protocol 1):
// what was rendered before may lie in the future now.
func (r *runner) jumped(ctx context.Context, jumps int) error {
	r.report("", "store time has jumped: playout begins anew")
	floor, before := r.tl.Above(later(r.e.Now(), time.Unix(0, r.latest.Load()))), r.latest
	r.latest = new(rendered)
	if err := r.beginAbove(ctx, floor); err != nil {
		r.latest = before
		return err
	}
	r.jumps = jumps
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// backOff returns how soon a failed request to the log is repeated: at once at
// first, as the lead is short, then less often.
func (r *runner) backOff() time.Duration {
	r.failures++
	return min(appendRetry<<min(r.failures-1, 4), logInterval)
}

// errTime says that store time is in doubt: before anything is taken from the
// log, the clock has to follow it or to find that the answer was wrong. What
// began anew after a jump means other instants than this engine has.
var errTime = errors.New("store time is in doubt")

// catchUp reads the log from the last known cut on, whose digest stands for all
// before it. If that one is not there, or another cut has a number that was
// published, the log has another history than players have seen.
func (r *runner) catchUp(ctx context.Context) error {
	after := r.acked.number - 1
	if after < 0 {
		after = -recentCuts // what was begun alone may have arrived, or there is a log
	}
	page, err := r.read(ctx, after)
	if err != nil {
		return err
	}
	if r.e.Jumps() != r.jumps || r.e.InDoubt() {
		return errTime
	}
	if page.ID != r.logID {
		r.lost(page)
		return nil
	}
	cuts := page.Cuts
	if r.acked.number > 0 {
		if len(cuts) == 0 || markOf(&cuts[0]) != r.acked {
			return r.diverged(ctx)
		}
		cuts = cuts[1:]
	}
	for len(cuts) > 0 && len(r.pending) > 0 {
		if !r.pending[0].Equal(cuts[0]) {
			return r.diverged(ctx)
		}
		r.acked = markOf(&cuts[0])
		cuts, r.pending = cuts[1:], r.pending[1:]
	}
	if len(cuts) > 0 {
		// Others went on while this engine was alone, or stood still.
		if r.tl.Contradicts(&cuts[0], time.Unix(0, r.latest.Load())) {
			return r.diverged(ctx)
		}
		r.adopt(ctx, cuts)
	}
	for len(r.pending) > 0 { // hours of it, maybe: a batch at a time
		n := min(len(r.pending), batch)
		err := r.push(ctx, r.pending[:n])
		if errors.Is(err, playlog.ErrConflict) || errors.Is(err, playlog.ErrOtherHistory) {
			return r.diverged(ctx) // since it was read
		}
		if err != nil {
			return err
		}
		r.pending = r.pending[n:]
	}
	return nil
}

// adopt goes on with cuts that another engine appended.
func (r *runner) adopt(ctx context.Context, cuts []playlog.Cut) {
	r.due = nil
	r.acked = markOf(&cuts[len(cuts)-1])
	if len(r.unseen) == 0 {
		r.blind = r.e.Now()
	}
	r.follow(ctx, slices.Concat(r.unseen, cuts))
}

// lost drops all that is known of the log, which is no more: the channel
// was made anew, or the store begins from nothing. Numbers go on above what
// was published.
func (r *runner) lost(page playlog.Page) {
	r.floor = r.tl.Above(r.e.Now())
	r.logSync = logSync{logID: page.ID, floor: r.floor, jumps: r.jumps}
	r.heard(page)
	r.tl = nil
	c := r.channel
	c.mu.Lock()
	c.recent = nil
	c.mu.Unlock()
	r.report("", "the playout log is another one than before: playout begins anew")
}

// diverged takes over the log where players have seen another history (design
// §2, log protocol 6).
func (r *runner) diverged(ctx context.Context) error {
	if err := r.beginAbove(ctx, r.tl.Above(r.e.Now())); err != nil {
		return err
	}
	r.conflict()
	r.report("", "the playout log has another history than what was on air here: playout begins anew above both")
	return nil
}

// beginAbove takes over the log, above it and above what was published here,
// for which floor stands: with the beginning that another engine has made by
// now, if it is that high, or with one of its own. Where it is another log by
// now, there is no timeline afterwards.
func (r *runner) beginAbove(ctx context.Context, floor playlog.Numbers) error {
	page, err := r.read(ctx, -recentCuts)
	if err != nil {
		return err
	}
	if page.ID != r.logID {
		r.lost(page)
		r.floor = highest(r.floor, floor)
		return nil
	}
	until := givenUntil(page, r.e.Now())
	r.frozen = nil // the store may be a backup that has them not
	var last mark
	if n := len(page.Cuts); n > 0 {
		last = markOf(&page.Cuts[n-1])
		r.use(page.Settings)
		if entries, _ := r.resolve(ctx, page.Cuts); len(entries) > 0 {
			rebase := slices.IndexFunc(entries, func(e timeline.Entry) bool { return e.Number == lastRebase(page.Cuts) })
			if rebase >= 0 && above(&entries[rebase].Cut, below(floor)) {
				r.acked, r.pending, r.due, r.unseen = last, nil, nil, nil
				r.tl = timeline.New(entries[rebase:], r.e.Window)
				r.show()
				return nil
			}
			floor = highest(floor, timeline.New(entries, r.e.Window).Above(until))
		} else {
			floor = highest(floor, extrapolate(&page.Cuts[n-1], until))
		}
	}
	// Should that fail, it is another history still: acked must not say that
	// the log's cuts are the ones on air here.
	r.diverging = true
	defer func() { r.diverging = false }()
	return r.rebase(ctx, r.settings, last, floor)
}

// lastRebase returns the number of the latest cut that begins the numbers
// anew, or 0.
func lastRebase(cuts []playlog.Cut) int64 {
	for i := range slices.Backward(cuts) {
		if cuts[i].Rebase {
			return cuts[i].Number
		}
	}
	return 0
}

// below returns the numbers that a floor is above of.
func below(floor playlog.Numbers) playlog.Numbers {
	floor.MediaSequence -= playlog.RebaseStep
	floor.DiscontinuitySequence -= playlog.RebaseStep
	return floor
}

// above says whether a rebase of another engine is above what was published
// here: then one more would only be one more jump.
func above(rebase *playlog.Cut, published playlog.Numbers) bool {
	return rebase.DiscontinuitySequence > published.DiscontinuitySequence &&
		!slices.ContainsFunc(rebase.Tracks, func(p playlog.Position) bool { return p.MediaSequence <= published.MediaSequence })
}

func (r *runner) conflict() {
	r.e.m.conflicts.Inc()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logState.Conflicts++
}

// commit appends cuts to the log, after what is pending. After an error nothing
// of them is rendered: what the log has by now decides how to go on.
func (r *runner) commit(ctx context.Context, entries []timeline.Entry) error {
	if len(r.pending) > 0 {
		if err := r.catchUp(ctx); err != nil {
			return err
		}
		if r.tl == nil || r.acked.number != entries[0].Number-1 {
			return playlog.ErrConflict // catching up has changed what is planned
		}
	}
	err := r.push(ctx, entries)
	switch {
	case err == nil, errors.Is(err, playlog.ErrTooLate), ctx.Err() != nil:
		return err
	case errors.Is(err, playlog.ErrConflict):
		r.conflict()
	case !errors.Is(err, playlog.ErrOtherLog) && !errors.Is(err, playlog.ErrOtherHistory):
		r.failures++
		r.report("", fmt.Sprintf("playout log: %v", err))
	}
	// What the log has is found by reading it: after a conflict, in another
	// history, and after an answer that got lost.
	if r.tl != nil && !r.diverging && r.catchUp(ctx) != nil {
		r.failures++ // the next step sees to it
	}
	return err
}

// push freezes the assets of cuts and appends them.
func (r *runner) push(ctx context.Context, entries []timeline.Entry) error {
	timed, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	cuts := make([]playlog.Cut, len(entries))
	for i := range entries {
		cuts[i] = entries[i].Cut
		if err := r.freeze(timed, entries[i].Assets()...); err != nil {
			return err
		}
	}
	page, err := r.e.Log.Append(timed, r.id, r.logID, cuts)
	if err != nil {
		return err
	}
	if len(page.Cuts) == len(cuts) { // and nobody has appended more since
		r.heard(page)
	}
	last := &cuts[len(cuts)-1]
	r.acked, r.target, r.watched, r.failures = markOf(last), last.TargetDuration, page.Now, 0
	r.committed(cuts)
	return nil
}

// holdOut says until when a cut that could not be appended is tried again;
// zero: it is on air now, with or without the log. A cut that comes too late
// for the lead is appended as a provisional one.
func (r *runner) holdOut(p *timeline.Planned) time.Time {
	now := r.e.Now()
	// It is not planned again: that would put it off as long as the log is away.
	r.due = p
	if now.Before(p.Start.Add(-r.lead)) {
		return now.Add(appendRetry) // in time still
	}
	p.Provisional = true
	if last := p.Start.Add(-lastMoment); now.Before(last) {
		return earlier(now.Add(r.backOff()), last)
	}
	if r.tl.Contradicts(&p.Cut, time.Unix(0, r.latest.Load())) {
		r.due = nil // too late even for that: what was published stands
		return now
	}
	r.pending = append(r.pending, p.Entry)
	r.goAlone()
	return time.Time{}
}

// goAlone tells those who wait for the log that it won't come.
func (r *runner) goAlone() {
	r.horizon(r.e.Now().Add(aloneFor))
}

// beginAlone puts a channel on air whose log nobody can read.
func (r *runner) beginAlone(settings *playlog.Settings) {
	r.lead = playlog.Lead
	r.use(settings)
	entries := timeline.Begin(r.genesis(r.settings, r.e.Now(), 1, r.floor))
	chain(mark{}, entries)
	r.pending, r.acked = entries, mark{}
	r.tl = timeline.New(entries, r.e.Window)
	r.goAlone()
	r.show()
}

// committed tells people of cuts that are in the log.
func (r *runner) committed(cuts []playlog.Cut) {
	for i := range cuts {
		c := &cuts[i]
		r.e.m.committed(c)
		args := []any{"number", c.Number, "start", c.Start, "kind", string(c.Kind), "reason", string(c.Reason),
			"uri", Redacted(c.Asset.URI).String()}
		if c.Airing != nil {
			args = append(args, "event", c.Airing.EventID, "scheduled", c.Airing.Start)
		}
		if late := adherence(c); late != nil {
			args = append(args, "adherence", time.Duration(*late).Seconds())
		}
		if c.Detail != "" {
			args = append(args, "detail", Redacted(c.Detail).String())
		}
		r.log.Info("cut", args...)
	}
}

// freeze keeps assets beside the log before a cut names them: the cut is
// rendered from that, whatever happens to the origin. The slate is everywhere.
func (r *runner) freeze(ctx context.Context, assets ...*timeline.Asset) error {
	for _, a := range assets {
		if time.Since(r.frozen[a.Digest]) < refreeze || isBuiltin(a) {
			continue
		}
		if r.thawed[a.Digest] == a {
			continue // it is there
		}
		data, err := r.e.library.frozen(a)
		if err != nil {
			return fmt.Errorf("freeze %s: %w", a.URI, err)
		}
		err = r.e.Log.Freeze(ctx, r.id, r.logID, a.Digest, data)
		switch {
		case errors.Is(err, playlog.ErrImplausible):
			// It airs all the same, from its origin.
			r.report(a.URI, fmt.Sprintf("its playlists can't be kept beside the log: %v", err))
		case err != nil:
			return fmt.Errorf("freeze %s: %w", a.URI, err)
		}
		if r.frozen == nil {
			r.frozen = make(map[string]time.Time)
		}
		maps.DeleteFunc(r.frozen, func(_ string, at time.Time) bool { return time.Since(at) >= refreeze })
		r.frozen[a.Digest] = time.Now()
	}
	return nil
}

// thaw returns an asset as it was when a cut was planned.
func (r *runner) thaw(ctx context.Context, s playlog.Source) (*timeline.Asset, error) {
	if a := r.thawed[s.Digest]; a != nil {
		return a, nil
	}
	if a := r.e.library.thawed(s.Digest, r.schedule.delivery); a != nil { // for another channel
		r.keepThawed(a)
		return a, nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	data, err := r.e.Log.Frozen(ctx, r.id, r.logID, s.Digest)
	switch {
	case errors.Is(err, playlog.ErrNotFrozen):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errUnanswered, err)
	}
	p, err := packed.Unmarshal(data)
	if err != nil {
		return nil, fmt.Errorf("frozen asset %s: %w", s.URI, err)
	}
	a, err := timeline.NewAsset(p, timeline.AssetOptions{Rewrite: r.schedule.delivery.rewrite()})
	if err != nil {
		return nil, err
	}
	if a.Digest != s.Digest {
		return nil, fmt.Errorf("frozen asset %s has digest %s, its cut names %s", s.URI, a.Digest, s.Digest)
	}
	r.e.library.shareThawed(a, r.schedule.delivery)
	r.keepThawed(a)
	return a, nil
}

func (r *runner) keepThawed(a *timeline.Asset) {
	if r.thawed == nil || len(r.thawed) >= mostThawed {
		r.thawed = make(map[string]*timeline.Asset)
	}
	r.thawed[a.Digest] = a
}

// dropThawed lets go of thawed assets that are not on air any more.
func (r *runner) dropThawed() {
	if len(r.thawed) == 0 {
		return
	}
	onAir := make(map[*timeline.Asset]bool)
	for _, e := range r.tl.Entries() {
		for _, a := range e.Assets() {
			onAir[a] = true
		}
	}
	maps.DeleteFunc(r.thawed, func(_ string, a *timeline.Asset) bool { return !onAir[a] })
}

// highest returns the higher of two floors.
func highest(a, b playlog.Numbers) playlog.Numbers {
	return playlog.Numbers{
		MediaSequence:         max(a.MediaSequence, b.MediaSequence),
		DiscontinuitySequence: max(a.DiscontinuitySequence, b.DiscontinuitySequence),
	}
}

// extrapolate returns numbers above all that a log can have given out by now
// whose last cut can't be rendered: ten segments a second.
func extrapolate(last *playlog.Cut, now time.Time) playlog.Numbers {
	given := 10*int64(max(now.Sub(last.Start), 0)/time.Second) + playlog.RebaseStep
	floor := playlog.Numbers{DiscontinuitySequence: last.DiscontinuitySequence + playlog.RebaseStep}
	for _, p := range last.Tracks {
		floor.MediaSequence = max(floor.MediaSequence, p.MediaSequence+given)
	}
	// One discontinuity a loop of filler; a store refuses more than it can
	// account for.
	floor.DiscontinuitySequence += int64(max(now.Sub(last.Start), 0) / (4 * time.Second))
	return floor
}

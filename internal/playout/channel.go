package playout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/scheduleclient"
	"consuo/internal/timeline"
)

const (
	// sleepAfter is how long a channel stays awake that nobody asks for.
	sleepAfter = 5 * time.Minute
	// known is how much of the schedule the engine knows: from then on, and
	// back far enough for an event on air whose slot has ended.
	known, knownBefore = 24 * time.Hour, time.Hour
	// rereadAfter is how long a schedule counts as read when no revision says
	// that it changed: what is known must reach ahead.
	rereadAfter = 10 * time.Minute
	// keptProblems is how many problems status shows.
	keptProblems = 20
	// logProblemAgain is when a problem that lasts is logged again; mostLogged
	// bounds how many are remembered for that, mostWarnings how many lines a
	// minute a problem makes whose text is another one each time.
	logProblemAgain, mostLogged, mostWarnings = 10 * time.Minute, 1000, 20
	// keptCuts is how many cuts it shows.
	keptCuts = 20
)

// channel plays one channel. A goroutine of its own, while the channel is
// awake, plans and commits; requests only read what it publishes.
type channel struct {
	e    *Engine
	id   string
	past playlog.Numbers // above what was published before it was deleted and made anew; zero: it was not
	log  *slog.Logger

	view   atomic.Pointer[view] // what requests see; nil: nothing yet
	asked  atomic.Int64         // latest request, as time since Engine.born
	signal chan struct{}        // wakes the goroutine; has room for one
	// complete is the instant, Unix nanoseconds, up to which the log is known
	// to say what airs: nothing is rendered beyond it.
	complete atomic.Int64

	mu       sync.Mutex
	info     scheduleclient.Channel // guarded by mu, as all that follows
	delivery Delivery
	events   []timeline.Event
	read     reading
	running  context.CancelFunc      // nil: asleep
	stopped  bool                    // for good: the channel was deleted
	done     chan struct{}           // closed when the goroutine has ended
	ready    chan struct{}           // closed when view is set
	moved    chan struct{}           // closed when complete moves
	gone     chan struct{}           // closed by stop
	problems []Problem               // the latest last
	logged   map[[2]string]time.Time // when problems, by URI and text, were last logged
	warned   struct {                // lines that were logged and that were not, since then
		since        time.Time
		logged, left int
	}
	recent   []airedCut // the latest last
	logState LogStatus
	settings *playlog.Settings // of the log; the runner's, kept while asleep
}

// airedCut is a cut as status shows it.
type airedCut struct {
	playlog.Cut
	seams map[string]Seconds
}

// reading is what is known of how far the schedule was read.
type reading struct {
	ok       bool // it was, once
	revision string
	at       time.Time
	busy     bool // somebody is at it
	again    bool // and it has to be done again then
}

func newChannel(e *Engine, id string, past playlog.Numbers) *channel {
	return &channel{
		e: e, id: id, past: past, log: e.Logger.With("channel", id),
		signal: make(chan struct{}, 1),
		ready:  make(chan struct{}),
		moved:  make(chan struct{}),
		gone:   make(chan struct{}),
	}
}

// horizon notes up to when may be rendered.
func (c *channel) horizon(t time.Time) {
	c.complete.Store(t.UnixNano())
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.moved)
	c.moved = make(chan struct{})
}

// await waits until an instant may be rendered. An engine that was stopped for
// a while must first learn what others have put on air meanwhile. It does not
// wait for ever: then the runner has gone on alone.
func (c *channel) await(ctx context.Context, t time.Time) {
	timer := time.NewTimer(2 * logTimeout)
	defer timer.Stop()
	for t.UnixNano() > c.complete.Load() {
		c.mu.Lock()
		moved := c.moved
		c.mu.Unlock()
		c.wake()
		select {
		case <-moved:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// wake makes the goroutine look at things again.
func (c *channel) wake() {
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

// ask notes a request, and starts the channel if it sleeps.
func (c *channel) ask() {
	c.asked.Store(int64(time.Since(c.e.born)))
	if c.view.Load() == nil {
		c.start()
	}
}

func (c *channel) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil || c.stopped || c.e.life.Err() != nil {
		return
	}
	var ctx context.Context
	ctx, c.running = context.WithCancel(c.e.life)
	c.done = make(chan struct{})
	go c.run(ctx, c.done)
}

// stop ends the channel for good and waits for its goroutine.
func (c *channel) stop() {
	c.mu.Lock()
	if !c.stopped {
		close(c.gone)
	}
	c.stopped = true
	cancel, done := c.running, c.done
	c.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}

// wait holds a request until the first view is there.
func (c *channel) wait(ctx context.Context) (*view, error) {
	c.mu.Lock()
	ready := c.ready
	c.mu.Unlock()
	c.start() // it may have fallen asleep since it was asked
	timer := time.NewTimer(hold)
	defer timer.Stop()
	select {
	case <-ready:
	case <-c.gone:
		return nil, ErrUnknownChannel
	case <-timer.C:
	case <-ctx.Done():
	}
	if v := c.view.Load(); v != nil {
		return v, nil
	}
	return nil, ErrNotReady
}

func (c *channel) state() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.view.Load() != nil:
		return Live
	case c.running != nil:
		return Waking
	}
	return Dormant
}

// learn takes over what the list says of the channel, and tells whether its
// schedule has to be read again.
func (c *channel) learn(ch scheduleclient.Channel) bool {
	c.mu.Lock()
	asleep := c.running == nil
	if ch.Config.Delivery != c.info.Config.Delivery || c.info.ID == "" {
		d, err := ParseDelivery(ch.Config.Delivery)
		if err != nil {
			c.problem("", fmt.Sprintf("config.delivery is not used: %v", err))
		}
		c.delivery = d.over(c.e.Delivery)
	}
	c.info = ch
	stale := !c.read.ok || ch.Revision == "" || ch.Revision != c.read.revision || time.Since(c.read.at) > rereadAfter
	c.mu.Unlock()
	if asleep && ch.Config.AlwaysOn {
		c.start()
		return true
	}
	return !asleep && stale
}

// refresh reads the schedule of the channel, in the background.
func (c *channel) refresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read.busy {
		c.read.again = true
		return
	}
	c.read.busy = true
	go c.readSchedule()
}

func (c *channel) readSchedule() {
	ctx := c.e.life
	select {
	case c.e.refresh <- struct{}{}:
		defer func() { <-c.e.refresh }()
	case <-ctx.Done():
		return
	}
	c.mu.Lock()
	revision := c.info.Revision
	c.mu.Unlock()
	now := c.e.Now()
	s, err := c.e.Schedule.Schedule(ctx, c.id, now.Add(-knownBefore), now.Add(known))

	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, scheduleclient.ErrNotFound) {
			c.problem("", fmt.Sprintf("schedule not read: %v", err))
		}
	} else {
		c.read.ok, c.read.revision, c.read.at = true, revision, time.Now()
		c.events = c.events[:0:0]
		for _, ev := range s.Events {
			c.events = append(c.events, timeline.Event(ev))
		}
		for _, w := range s.Warnings {
			c.problem("", "schedule: "+w)
		}
	}
	c.read.busy = false
	if c.read.again {
		c.read.again, c.read.busy = false, true
		go c.readSchedule()
	}
	c.wake()
}

// problem notes something for status and, when it is new, the log. c.mu is
// held.
func (c *channel) problem(uri, text string) {
	p := Problem{Time: Instant{c.e.Now()}, URI: Redacted(uri), Text: Redacted(text)}
	same := func(o Problem) bool { return o.URI == p.URI && o.Text == p.Text }
	if i := slices.IndexFunc(c.problems, same); i >= 0 {
		c.problems = slices.Delete(c.problems, i, i+1)
	}
	what := [2]string{uri, text}
	if last, known := c.logged[what]; !known || p.Time.Sub(last) > logProblemAgain {
		if c.logged == nil || len(c.logged) >= mostLogged {
			c.logged = make(map[[2]string]time.Time)
		}
		c.logged[what] = p.Time.Time
		c.e.m.problems.Inc()
		c.warn(p)
	}
	c.problems = append(c.problems, p)
	if extra := len(c.problems) - keptProblems; extra > 0 {
		c.problems = slices.Delete(c.problems, 0, extra)
	}
}

// warn logs a problem. c.mu is held.
func (c *channel) warn(p Problem) {
	w := &c.warned
	if time.Since(w.since) > time.Minute {
		if w.left > 0 {
			c.log.Warn("more problems than are logged", "left_out", w.left)
		}
		w.since, w.logged, w.left = time.Now(), 0, 0
	}
	if w.logged == mostWarnings {
		w.left++
		return
	}
	w.logged++
	c.log.Warn("problem", "uri", p.URI.String(), "problem", p.Text.String())
}

func (c *channel) report(uri, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problem(uri, text)
}

// run is the channel's goroutine: it steps whenever something changed or is
// due, until nobody asks any more.
func (c *channel) run(ctx context.Context, done chan struct{}) {
	defer close(done)
	r := newRunner(c)
	c.refresh()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-c.signal:
		case <-ctx.Done():
			c.sleep()
			return
		}
		if c.sleepy() {
			c.sleep()
			c.log.Info("channel sleeps")
			return
		}
		wait, err := safely(func() time.Duration { return r.step(ctx) })
		if err != nil {
			// What is published goes on; the next step begins with the log.
			c.log.Error("panic while planning", "panic", err)
			c.e.m.panics.Inc()
			c.report("", "a fault of the engine while planning, see its log; playout begins anew from the log")
			r, wait = newRunner(c), time.Second
		}
		timer.Reset(wait)
	}
}

// safely turns a panic into an error: one channel's fault must not take the
// others off air.
func safely(step func() time.Duration) (wait time.Duration, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%v\n%s", fault, debug.Stack())
		}
	}()
	return step(), nil
}

// sleepy says whether nobody has asked for the channel in a while.
func (c *channel) sleepy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.info.Config.AlwaysOn && time.Since(c.e.born)-time.Duration(c.asked.Load()) > sleepAfter
}

// sleep takes the channel off: the log says what airs all the same, and the
// next request begins with it.
func (c *channel) sleep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.view.Store(nil)
	c.ready = make(chan struct{})
	c.read.ok = false // it may have been edited by the time that it wakes
	c.running()
	c.running = nil
}

// publish makes a view visible.
func (c *channel) publish(v *view) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.view.Load() == nil
	c.view.Store(v)
	if first {
		close(c.ready)
	}
}

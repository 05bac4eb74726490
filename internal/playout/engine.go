// Package playout is the live state of an engine: it polls the schedule, loads
// assets, plans and commits cuts, and has each channel's playlists ready. What
// is decided and what is written is up to package timeline; this package knows
// when.
package playout

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/scheduleclient"

	"github.com/prometheus/client_golang/prometheus"
)

// schedule is what should air. Both methods return the last good answer beside
// an error.
type schedule interface {
	Channels(ctx context.Context) (scheduleclient.List, error)
	Schedule(ctx context.Context, channel string, start, end time.Time) (scheduleclient.Schedule, error)
}

// Options are what an engine is made of. All are required but SlateURI,
// Delivery, Now, Jumps and InDoubt.
type Options struct {
	Schedule   schedule
	Log        playlog.Log
	Loader     loader
	Window     time.Duration // least length of a playlist; three target durations are kept anyway
	Poll       time.Duration // interval of reading the schedule
	SlateURI   string        // last resort before the built-in slate
	Delivery   Delivery
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time // store time, UTC; nil: the clock of the process
	// Jumps counts how often store time has jumped: what was rendered before
	// is no longer comparable. nil: it never does.
	Jumps func() int
	// InDoubt says whether it may have jumped just now. nil: it never does.
	InDoubt func() bool
}

// Engine plays the channels of a schedule. It is safe for concurrent use.
type Engine struct {
	Options
	m       *metrics
	library *library
	heads   *heads
	refresh chan struct{}   // slots for reading schedules
	life    context.Context // of Run: what channels and loads live in
	started chan struct{}   // closed when life is set
	born    time.Time       // what passed since does not depend on the machine's date

	mu       sync.Mutex
	channels map[string]*channel // guarded by mu
	deleted  map[string]deletion // of channels that were on air, by id; guarded by mu
	lookup   *lookup             // the latest reading of the list; guarded by mu
	poll     PollStatus          // guarded by mu; Age is worked out when asked for
}

// deletion is what is kept of a deleted channel: one that is made anew with its
// id goes on above what players have seen of it.
type deletion struct {
	at    time.Time
	floor playlog.Numbers
}

// lookup is a reading of the list of channels that is shared by all who ask.
type lookup struct {
	begun time.Time
	done  chan struct{}
}

var errNeverPolled = errors.New("the schedule has never been read: is CHANNELMGRAPI right, and does the schedule service run?")

func (l *lookup) isDone() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

const (
	// lookupInterval is how often unknown channels make the engine read the
	// list of channels at most.
	lookupInterval = time.Second
	// hold is how long the request of a channel that is just waking waits.
	hold = 5 * time.Second
	// refreshes bounds how many schedules are read at a time.
	refreshes = 16
	// sweepInterval is how often assets that nobody wants are let go.
	sweepInterval = 5 * time.Minute
	// keptDeletion is how long a player may still hold on to a deleted channel.
	keptDeletion = time.Hour
)

// New returns an engine; Run starts it.
func New(o Options) *Engine {
	if o.Now == nil {
		o.Now = func() time.Time { return time.Now().UTC() }
	}
	if o.Jumps == nil {
		o.Jumps = func() int { return 0 }
	}
	if o.InDoubt == nil {
		o.InDoubt = func() bool { return false }
	}
	m := newMetrics(o.Registerer)
	e := &Engine{
		Options:  o,
		m:        m,
		library:  newLibrary(o.Loader, o.Logger, m),
		heads:    &heads{log: o.Log, watched: make(map[string]string)},
		refresh:  make(chan struct{}, refreshes),
		started:  make(chan struct{}),
		born:     time.Now(),
		channels: make(map[string]*channel),
		deleted:  make(map[string]deletion),
	}
	o.Registerer.MustRegister(collector{e})
	return e
}

// Run polls the schedule and plays its channels until ctx ends, and returns
// when all is stopped.
func (e *Engine) Run(ctx context.Context) error {
	e.life = ctx
	close(e.started)
	poll, sweep := time.NewTicker(e.Poll), time.NewTicker(sweepInterval)
	defer poll.Stop()
	defer sweep.Stop()
	for {
		e.read(ctx)
		again := poll.C
		if e.Ready(ctx) != nil { // it may have been started before the schedule
			again = time.After(lookupInterval)
		}
		select {
		case <-again:
		case <-sweep.C:
			e.library.sweep()
			e.mu.Lock()
			maps.DeleteFunc(e.deleted, func(_ string, d deletion) bool { return time.Since(d.at) > keptDeletion })
			e.mu.Unlock()
		case <-ctx.Done():
			e.mu.Lock()
			all := slices.Collect(maps.Values(e.channels))
			e.mu.Unlock()
			for _, c := range all {
				c.stop()
			}
			return nil
		}
	}
}

// Ready says whether the engine can serve: whether it has ever known the
// schedule. It stays so while the schedule is away.
func (e *Engine) Ready(context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.poll.LastOK.IsZero() {
		return errNeverPolled
	}
	return nil
}

// read reads the list of channels, or waits for somebody who is reading it.
func (e *Engine) read(ctx context.Context) {
	e.mu.Lock()
	l := e.lookup
	if l != nil && (time.Since(l.begun) < lookupInterval || !l.isDone()) {
		e.mu.Unlock()
		select {
		case <-l.done:
		case <-ctx.Done():
		}
		return
	}
	l = &lookup{begun: time.Now(), done: make(chan struct{})}
	e.lookup = l
	e.mu.Unlock()

	// Not the asker's context: others wait for the same answer.
	go func() {
		defer close(l.done)
		list, err := e.Schedule.Channels(e.life)
		e.learn(list, err)
	}()
	select {
	case <-l.done:
	case <-ctx.Done():
	}
}

// learn takes over a list of channels.
func (e *Engine) learn(list scheduleclient.List, err error) {
	if e.life.Err() != nil {
		return
	}
	if err != nil {
		e.m.polls.WithLabelValues("error").Inc()
		e.mu.Lock()
		first := e.poll.Error == ""
		e.poll.Error = Redacted(err.Error())
		e.mu.Unlock()
		if first { // status and metrics tell how long it lasts
			e.Logger.Error("schedule not read; what is known goes on", "err", Redacted(err.Error()).String())
		}
		return
	}
	e.m.polls.WithLabelValues("ok").Inc()
	var gone, changed []*channel
	e.mu.Lock()
	if e.poll.Error != "" {
		e.Logger.Info("schedule read again")
	}
	e.poll = PollStatus{LastOK: Instant{time.Now()}}
	listed := make(map[string]bool, len(list.Channels))
	for _, ch := range list.Channels {
		listed[ch.ID] = true
		c := e.channels[ch.ID]
		if c == nil {
			c = newChannel(e, ch.ID, e.deleted[ch.ID].floor)
			e.channels[ch.ID] = c
		}
		if c.learn(ch) {
			changed = append(changed, c)
		}
	}
	for id, c := range e.channels {
		if !listed[id] {
			gone = append(gone, c)
			delete(e.channels, id)
		}
	}
	e.mu.Unlock()
	for _, w := range list.Warnings {
		e.Logger.Warn("list of channels", "warning", Redacted(w).String())
	}
	for _, c := range gone {
		e.Logger.Info("channel deleted", "channel", c.id)
		v := c.view.Load()
		c.stop()
		if v != nil {
			d := deletion{time.Now(), v.timeline().Above(later(e.Now(), time.Unix(0, v.rendered.Load())))}
			e.mu.Lock()
			e.deleted[c.id] = d
			e.mu.Unlock()
		}
		if m, ok := e.Log.(interface{ Delete(channel string) }); ok {
			m.Delete(c.id)
		}
	}
	for _, c := range changed {
		c.refresh()
	}
}

// find returns a channel by its id. For one that is not known the schedule is
// asked, so that a channel that was made a second ago is there at once.
func (e *Engine) find(ctx context.Context, id string) (*channel, error) {
	e.mu.Lock()
	c := e.channels[id]
	e.mu.Unlock()
	if c != nil {
		return c, nil
	}
	select {
	case <-e.started:
	case <-ctx.Done():
		return nil, ErrNotReady
	}
	begun := time.Now()
	e.read(ctx)
	if e.Ready(ctx) != nil { // it was started a moment ago, maybe before the schedule
		ctx, cancel := context.WithDeadline(ctx, begun.Add(hold))
		defer cancel()
		select {
		case <-time.After(lookupInterval):
		case <-ctx.Done():
		}
		e.read(ctx)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.channels[id]; c != nil {
		return c, nil
	}
	if e.poll.LastOK.IsZero() {
		return nil, ErrNotReady // nobody knows whether it exists
	}
	return nil, ErrUnknownChannel
}

// Multivariant returns the multivariant playlist of a channel. Where the
// channel is just waking it waits, at most 5 s. Errors are those of the
// package.
func (e *Engine) Multivariant(ctx context.Context, id string) (*Document, error) {
	v, _, err := e.view(ctx, id)
	if err != nil {
		return nil, err
	}
	return v.multivariant, nil
}

// Playlist returns the media playlist of a track, as Multivariant does.
func (e *Engine) Playlist(ctx context.Context, id, track string) (*Document, error) {
	v, c, err := e.view(ctx, id)
	if err != nil {
		return nil, err
	}
	t := v.track(track)
	if t == nil {
		return nil, ErrUnknownTrack
	}
	return c.playlist(ctx, t)
}

// view returns what a channel shows, once there is something.
func (e *Engine) view(ctx context.Context, id string) (*view, *channel, error) {
	c, err := e.find(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	c.ask()
	if v := c.view.Load(); v != nil {
		return v, c, nil
	}
	v, err := c.wait(ctx)
	return v, c, err
}

// Channels returns all channels, ordered by id.
func (e *Engine) Channels(context.Context) []Summary {
	e.mu.Lock()
	all := slices.Collect(maps.Values(e.channels))
	e.mu.Unlock()
	slices.SortFunc(all, func(a, b *channel) int { return strings.Compare(a.id, b.id) })
	list := make([]Summary, len(all))
	for i, c := range all {
		list[i] = c.summary()
	}
	return list
}

// Status returns what is known of a channel. It wakes nothing.
func (e *Engine) Status(ctx context.Context, id string) (Status, error) {
	c, err := e.find(ctx, id)
	if err != nil {
		return Status{}, err
	}
	return c.status(), nil
}

// backend says where logs are kept.
func (e *Engine) backend() Backend {
	if log, ok := e.Log.(interface{ Backend() Backend }); ok {
		return log.Backend()
	}
	return MemoryBackend
}

// polling returns how the reading of the schedule goes.
func (e *Engine) polling() PollStatus {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.poll
	if !p.LastOK.IsZero() {
		p.Age = Seconds(time.Since(p.LastOK.Time))
	}
	return p
}

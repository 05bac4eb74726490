// Package soak runs the whole system in real processes on loopback, does to it
// what happens to systems, and watches what viewers get: a schedule service
// with a SQLite file, three engines behind a load balancer, an origin, an
// editor who never rests, players, and an observer that remembers what every
// media sequence number has named on any engine.
//
// Nothing in it is random but by its seed, and nothing outlives it.
package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options say what is run and for how long. All are required but Seed.
type Options struct {
	BinDir string // where Build has put the programs
	VODDir string // sample VODs
	Dir    string // for the database and the logs
	// For is how long faults are injected. Each is injected at least once,
	// whatever that takes: about 100 s.
	For  time.Duration
	Seed uint64
	Out  io.Writer
}

const (
	engines = 3
	players = 6
	window  = 30 * time.Second
	// target is the target duration of all that is on air.
	target = 6 * time.Second
	// compressed is the length below which outages are made shorter than they
	// should be, and the lead with them.
	compressed = 5 * time.Minute
	// mostReported bounds how many violations are printed.
	mostReported = 50
)

// skews are how far the dates of the engines are off.
var skews = [engines]time.Duration{0, 500 * time.Millisecond, -500 * time.Millisecond}

// lengths are how long faults last.
type lengths struct {
	lead   time.Duration
	poll   time.Duration // of the schedule, by the first engine; the others are a bit slower
	pause  time.Duration // an engine stands still
	away   time.Duration // the schedule can't be reached
	brief  time.Duration // all other faults
	event  time.Duration // the longest event
	rest   time.Duration // between two faults
	editor time.Duration // between two edits
}

func (o *Options) lengths() lengths {
	if o.For < compressed {
		return lengths{
			lead: 4 * time.Second, poll: time.Second, pause: 6 * time.Second, away: 7 * time.Second, brief: 2500 * time.Millisecond,
			event: 14 * time.Second, rest: 0, editor: time.Second,
		}
	}
	return lengths{
		lead: 8 * time.Second, poll: 2 * time.Second, pause: 10 * time.Second, away: 30 * time.Second, brief: 6 * time.Second,
		event: 25 * time.Second, rest: 2 * time.Second, editor: 1500 * time.Millisecond,
	}
}

// station is everything that runs.
type station struct {
	Options
	lengths
	rng      *rand.Rand
	schedule *process
	database string
	links    []*link
	engines  []*process
	origin   *origin
	balancer string // base URL
	tracks   []string
	main     *editor
	other    *editor // of the channel that gets deleted
	watch    *observer
	watched  *observer // of that channel
	viewers  []*viewer
	usage    []*usage

	begun    time.Time
	injected map[string]int

	mu      sync.Mutex
	count   int   // of violations, printed or not; guarded by mu
	unknown int64 // the most requests for unknown channels that were answered in a second; guarded by mu
}

// gauge keeps the greatest of durations.
type gauge struct{ n atomic.Int64 }

func (g *gauge) raise(d time.Duration) {
	for {
		before := g.n.Load()
		if int64(d) <= before || g.n.CompareAndSwap(before, int64(d)) {
			return
		}
	}
}

func (g *gauge) get() time.Duration { return time.Duration(g.n.Load()) }

// ErrViolations says that something did not hold; the table tells what.
var ErrViolations = errors.New("something does not hold")

// Run runs the system, prints what became of it, and returns ErrViolations if
// that is not what was promised.
func Run(ctx context.Context, o Options) (err error) {
	s := newRun(o)
	serving, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer func() {
		stop()
		background.Wait()
		s.stopAll()
	}()
	if err := s.build(serving); err != nil {
		return err
	}
	s.populate(serving, &background)
	s.say("on air: %d engines, a schedule, %d players; logs in %s", engines, players, o.Dir)
	s.measure(ctx)
	if err := s.inject(ctx); err != nil {
		return err
	}
	sleep(ctx, target) // the last fault may show only now
	s.measure(ctx)
	end := time.Now()
	stop()
	background.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.verdict(end)
}

func newRun(o Options) *station {
	return &station{Options: o, lengths: o.lengths(), rng: rand.New(rand.NewPCG(o.Seed, 1)), injected: make(map[string]int), begun: time.Now()}
}

// say prints a line.
func (s *station) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.Out, "%7.1fs  %s\n", time.Since(s.begun).Seconds(), fmt.Sprintf(format, args...))
}

// violation notes something that does not hold.
func (s *station) violation(format string, args ...any) {
	s.mu.Lock()
	s.count++
	n := s.count
	s.mu.Unlock()
	if n <= mostReported {
		s.say("VIOLATION "+format, args...)
	}
}

// build puts the channels on air. Servers end with ctx, processes by stopAll.
func (s *station) build(ctx context.Context) error {
	ended := func(err error) { s.violation("%v", err) }
	s.database = filepath.Join(s.Dir, "schedule.db")
	s.schedule = &process{
		name: "schedule", program: filepath.Join(s.BinDir, "schedule"),
		log: filepath.Join(s.Dir, "schedule.log"), clock: filepath.Join(s.Dir, "schedule.clock"), ended: ended,
		env: []string{"DATABASE_URL=" + s.database, "LEAD=" + s.lead.String()},
	}
	s.origin = &origin{files: os.DirFS(s.VODDir)}
	vods, err := serve(ctx, s.origin)
	if err != nil {
		return err
	}
	for i := range engines {
		l := &link{target: s.schedule.base}
		base, err := serve(ctx, l)
		if err != nil {
			return err
		}
		s.links = append(s.links, l)
		name := fmt.Sprintf("engine %d", i+1)
		file := filepath.Join(s.Dir, strings.ReplaceAll(name, " ", "-"))
		p := &process{
			name: name, program: filepath.Join(s.BinDir, "engine"), log: file + ".log", clock: file + ".clock", ended: ended,
			// Out of phase, so that they learn of an edit one after another.
			env: []string{"CHANNELMGRAPI=" + base, "POLL_INTERVAL=" + (s.poll + s.poll*time.Duration(i)/5).String(), "WINDOW=" + window.String()},
		}
		if err := p.setClock(skews[i]); err != nil {
			return err
		}
		s.engines = append(s.engines, p)
	}
	if s.balancer, err = serve(ctx, &balancer{engines: s.engines}); err != nil {
		return err
	}
	if err := s.schedule.start(ctx); err != nil {
		return err
	}
	for i, channel := range []string{"one", "two"} {
		e := &editor{
			channel: channel, schedule: s.schedule, vods: vods, shortest: 5 * time.Second, longest: s.event,
			rng: rand.New(rand.NewPCG(s.Seed, uint64(i)+2)), lost: func(text string) { s.violation("%s", text) },
		}
		if err := persist(ctx, e.create); err != nil {
			return err
		}
		w := newObserver(channel, s.engines, s.violation)
		if channel == "one" {
			s.main, s.watch = e, w
		} else {
			w.remade = true
			s.other, s.watched = e, w
		}
	}
	if err := each(s.engines, func(p *process) error { return p.start(ctx) }); err != nil {
		return err
	}
	for _, p := range append([]*process{s.schedule}, s.engines...) {
		s.usage = append(s.usage, &usage{process: p})
	}
	if err := s.agree(ctx); err != nil {
		return err
	}
	s.tracks, err = tracks(ctx, s.balancer+"/live/", "one")
	return err
}

// populate adds those who watch and edit, until ctx is done.
func (s *station) populate(ctx context.Context, background *sync.WaitGroup) {
	background.Go(func() { s.watch.run(ctx, 250*time.Millisecond) })
	background.Go(func() { s.watched.run(ctx, 500*time.Millisecond) })
	background.Go(func() { s.main.run(ctx, s.editor) })
	background.Go(func() { s.other.run(ctx, 4*s.editor) })
	for i := range players {
		v := newViewer(s.watch, s.balancer, s.tracks[i%len(s.tracks)])
		s.viewers = append(s.viewers, v)
		background.Go(func() {
			sleep(ctx, time.Duration(i)*target/players)
			v.run(ctx)
		})
	}
}

// stopAll ends all processes.
func (s *station) stopAll() {
	for _, p := range append(slices.Clone(s.engines), s.schedule) {
		if p != nil {
			p.kill()
		}
	}
}

// serve serves on loopback until ctx is done.
func serve(ctx context.Context, h http.Handler) (base string, err error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }() // it ends by Close
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return "http://" + l.Addr().String(), nil
}

// each does something to all at the same time.
func each[T any](all []T, do func(T) error) error {
	faults := make([]error, len(all))
	var group sync.WaitGroup
	for i, one := range all {
		group.Go(func() { faults[i] = do(one) })
	}
	group.Wait()
	return errors.Join(faults...)
}

package playout_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"consuo/internal/bubble"
	"consuo/internal/playlog"
	"consuo/internal/playout"
	"consuo/internal/scheduleclient"

	"github.com/prometheus/client_golang/prometheus"
)

// wire is the way of one engine to the shared log. It can be cut.
type wire struct {
	playlog.Log
	mu   sync.Mutex
	cut  bool
	hang bool // while it is cut, requests are not even refused
	// stands is until when whoever asks stands still, whatever the time, or
	// only who reads the log.
	stands time.Time
	reads  bool
	full   bool // cuts are refused
}

var (
	errCut  = errors.New("connection refused")
	errFull = errors.New("database or disk is full")
)

func (w *wire) isCut(ctx context.Context, reads bool) error {
	w.mu.Lock()
	cut, hang, stands := w.cut, w.hang, w.stands
	if w.reads && !reads {
		stands = time.Time{}
	}
	w.mu.Unlock()
	if time.Now().Before(stands) {
		time.Sleep(time.Until(stands))
		return ctx.Err()
	}
	if cut && hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if cut {
		return errCut
	}
	return nil
}

func (w *wire) Read(ctx context.Context, channel string, after int64) (playlog.Page, error) {
	if err := w.isCut(ctx, true); err != nil {
		return playlog.Page{}, err
	}
	return w.Log.Read(ctx, channel, after)
}

func (w *wire) Append(ctx context.Context, channel, id string, cuts []playlog.Cut) (playlog.Page, error) {
	if err := w.isCut(ctx, false); err != nil {
		return playlog.Page{}, err
	}
	w.mu.Lock()
	full := w.full
	w.mu.Unlock()
	if full && len(cuts) > 0 {
		return playlog.Page{}, errFull
	}
	return w.Log.Append(ctx, channel, id, cuts)
}

func (w *wire) Freeze(ctx context.Context, channel, id, digest string, data []byte) error {
	if err := w.isCut(ctx, false); err != nil {
		return err
	}
	return w.Log.Freeze(ctx, channel, id, digest, data)
}

func (w *wire) Heads(ctx context.Context) (playlog.Heads, error) {
	if err := w.isCut(ctx, false); err != nil {
		return playlog.Heads{}, err
	}
	return w.Log.Heads(ctx)
}

func (w *wire) Watch(ctx context.Context, ids map[string]string) error {
	if err := w.isCut(ctx, false); err != nil {
		return err
	}
	return w.Log.Watch(ctx, ids)
}

func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
}

func (w *wire) fill(full bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.full = full
}

// replica is an engine of a cluster, with a clock that is off.
type replica struct {
	*playout.Engine
	wire *wire
	stop func()
}

// cluster is several engines on one log and one schedule, and an observer that
// remembers which segment every media sequence number named, on any of them.
type cluster struct {
	*station
	replicas []*replica
	named    map[string]string // by track and number
	last     map[string]int64  // by replica and track: numbers never go back on one engine
	agree    bool              // all engines must name the same
	ids      []string          // of the tracks that all have; nil: any
	refuses  *replica          // may answer ErrNotReady; nil: none may
	refused  time.Duration     // for how long it has
}

func newCluster(t testing.TB, offsets ...time.Duration) *cluster {
	c := &cluster{station: newStation(t), named: make(map[string]string), last: make(map[string]int64), agree: true}
	for i, offset := range offsets {
		c.replicas = append(c.replicas, nil)
		c.launch(i, offset)
	}
	return c
}

// launch starts a replica, or starts it anew with nothing remembered.
func (c *cluster) launch(i int, offset time.Duration) { c.launchAt(i, offset, c.station) }

// launchAt is launch for a replica with an origin of its own.
func (c *cluster) launchAt(i int, offset time.Duration, origin *station) {
	r := &replica{wire: &wire{Log: c.log}}
	s := newStation(c.TB, func(o *playout.Options) {
		o.Schedule, o.Loader, o.Log = c.station, origin, r.wire
		o.Now = func() time.Time { return time.Now().UTC().Add(offset) }
		o.Poll = 5*time.Second + time.Duration(i)*700*time.Millisecond // out of phase
		o.Registerer = prometheus.NewRegistry()
	})
	r.Engine = s.Engine
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() { cancel(); <-done })
	c.replicas[i] = r
}

func (c *cluster) close() {
	for _, r := range c.replicas {
		r.stop()
	}
}

// look reads every playlist of every replica.
func (c *cluster) look() {
	c.Helper()
	for i, r := range c.replicas {
		m, err := r.Multivariant(c.Context(), "one")
		if err != nil {
			c.Fatalf("%s: replica %d: %v", time.Now(), i, err)
		}
		if c.ids != nil && !slices.Equal(tracks(m), c.ids) {
			c.Errorf("%s: replica %d has tracks %q, not %q", time.Now(), i, tracks(m), c.ids)
		}
		for _, track := range tracks(m) {
			d, err := r.Playlist(c.Context(), "one", track)
			if r == c.refuses && errors.Is(err, playout.ErrNotReady) {
				c.refused += lookInterval
				break
			}
			if err != nil {
				c.Fatalf("%s: replica %d: %v", time.Now(), i, err)
			}
			c.observe(i, track, string(d.Body))
		}
	}
}

const lookInterval = 500 * time.Millisecond

func (c *cluster) observe(i int, track, body string) {
	c.Helper()
	var n, broken int64
	var date string
	first := true
	key := fmt.Sprint(i, track)
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if v, ok := strings.CutPrefix(line, "#EXT-X-MEDIA-SEQUENCE:"); ok {
			fmt.Sscan(v, &n)
			if n < c.last[key] {
				c.Errorf("%s: replica %d %s goes back from %d to %d", time.Now(), i, track, c.last[key], n)
			}
			c.last[key] = n
		}
		if v, ok := strings.CutPrefix(line, "#EXT-X-DISCONTINUITY-SEQUENCE:"); ok {
			fmt.Sscan(v, &broken)
			if broken < c.last["broken"+key] {
				c.Errorf("%s: replica %d %s goes back from discontinuity %d to %d", time.Now(), i, track, c.last["broken"+key], broken)
			}
			c.last["broken"+key] = broken
		}
		if line == "#EXT-X-DISCONTINUITY" {
			broken++
		}
		if v, ok := strings.CutPrefix(line, "#EXT-X-PROGRAM-DATE-TIME:"); ok {
			date = v
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, key := fmt.Sprintf("%s %s %d", line, date, broken), fmt.Sprint(track, n)
		if !c.agree {
			key = fmt.Sprint(i, key)
		}
		if before, ok := c.named[key]; ok && before != name {
			c.Fatalf("%s: replica %d %s: %d is %s, was %s", time.Now(), i, track, n, name, before)
		}
		c.named[key] = name
		n++
		first = false
	}
	if first {
		c.Errorf("%s: replica %d %s lists nothing", time.Now(), i, track)
	}
}

func (c *cluster) watch(d time.Duration, then ...func()) {
	c.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		c.look()
		for _, f := range then {
			f()
		}
		time.Sleep(lookInterval)
	}
}

// edit changes the schedule at random: what is on air, what comes, or all.
func (c *cluster) edit(rng *rand.Rand) {
	c.set(func() {
		var events []scheduleclient.Event
		at := -time.Duration(rng.IntN(60)) * time.Second
		for at < 10*time.Minute {
			length := time.Duration(10+rng.IntN(80)) * time.Second
			events = append(events, event(string("abc"[rng.IntN(3)]), at, length))
			at += length
			if rng.IntN(3) == 0 {
				at += time.Duration(rng.IntN(20)) * time.Second
			}
		}
		c.events["one"] = events
	})
}

func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		// A bubble begins in 2000, before the numbers of logs count.
		time.Sleep(time.Until(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)))
		test(t)
	})
}

func TestReplicasAgreeWhileTheScheduleIsEdited(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCluster(t, 0, 250*time.Millisecond, -250*time.Millisecond)
		defer c.close()
		rng := rand.New(rand.NewPCG(3, 4))
		c.edit(rng)
		c.watch(20*time.Minute, func() {
			if rng.IntN(20) == 0 {
				c.edit(rng)
			}
		})
		c.same()
	})
}

// same checks that all replicas play the log that the store has.
func (c *cluster) same() {
	c.Helper()
	page, err := c.log.Read(c.Context(), "one", -1)
	if err != nil || len(page.Cuts) == 0 {
		c.Fatalf("log: %v", err)
	}
	for i, r := range c.replicas {
		status, err := r.Status(c.Context(), "one")
		if err != nil || status.Log.ID != page.ID {
			c.Errorf("replica %d plays log %s, %v; the store has %s", i, status.Log.ID, err, page.ID)
		}
	}
}

func TestReplicasGiveTheSameBytes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCluster(t, 0, 0, 0)
		defer c.close()
		rng := rand.New(rand.NewPCG(5, 6))
		c.edit(rng)
		c.watch(10*time.Minute, func() {
			if rng.IntN(40) == 0 {
				c.edit(rng)
			}
			var bodies []string
			for _, r := range c.replicas {
				d, err := r.Playlist(t.Context(), "one", "v720")
				if err != nil {
					t.Fatal(err)
				}
				bodies = append(bodies, string(d.Body))
			}
			if len(slices.Compact(bodies)) != 1 {
				t.Fatalf("%s: not the same bytes:\n%s", time.Now(), strings.Join(bodies, "\n"))
			}
		})
	})
}

func TestReplicasAreKilledAndStarted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		offsets := []time.Duration{0, 200 * time.Millisecond, -200 * time.Millisecond}
		c := newCluster(t, offsets...)
		defer c.close()
		rng := rand.New(rand.NewPCG(7, 8))
		c.edit(rng)
		before := int64(0)
		c.watch(15*time.Minute, func() {
			switch rng.IntN(60) {
			case 0:
				c.edit(rng)
			case 1, 2:
				i := rng.IntN(3)
				c.replicas[i].stop()
				c.launch(i, offsets[i])
			case 3: // all of them
				for i := range c.replicas {
					c.replicas[i].stop()
				}
				for i := range c.replicas {
					c.launch(i, offsets[i])
				}
			}
		})
		page, err := c.log.Read(t.Context(), "one", 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, cut := range page.Cuts {
			if cut.Rebase {
				before++
			}
		}
		if before > 0 {
			t.Errorf("%d rebases: players saw a jump", before)
		}
	})
}

func TestReplicasWithTheStoreAway(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCluster(t, 0, 150*time.Millisecond, -150*time.Millisecond)
		defer c.close()
		rng := rand.New(rand.NewPCG(9, 10))
		c.edit(rng)
		c.watch(2 * time.Minute)
		for _, away := range []time.Duration{5 * time.Second, 40 * time.Second, 8 * time.Minute} {
			c.set(func() { c.away = errCut })
			for _, r := range c.replicas {
				r.wire.set(true)
			}
			c.watch(away)
			c.set(func() { c.away = nil })
			for _, r := range c.replicas {
				r.wire.set(false)
				c.watch(time.Duration(rng.IntN(3000)) * time.Millisecond)
			}
			c.watch(time.Minute)
			c.edit(rng)
			c.watch(time.Minute)
		}
		c.same()
		page, err := c.log.Read(t.Context(), "one", 0)
		if err != nil {
			t.Fatal(err)
		}
		provisional := 0
		for _, cut := range page.Cuts {
			if cut.Provisional {
				provisional++
			}
			if cut.Rebase { // they all knew the same, so they agree
				t.Errorf("cut %d at %s is a rebase", cut.Number, cut.Start)
			}
		}
		if provisional < 5 {
			t.Errorf("%d provisional cuts: nothing was put to the test", provisional)
		}
	})
}

func TestReplicaCutOffWhileTheScheduleIsEdited(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCluster(t, 0, 100*time.Millisecond)
		c.agree = false // two histories can't be one: never back, never reused
		defer c.close()
		rng := rand.New(rand.NewPCG(11, 12))
		c.edit(rng)
		c.watch(time.Minute)
		c.replicas[1].wire.set(true)
		for range 4 {
			c.watch(30 * time.Second)
			c.edit(rng)
		}
		c.replicas[1].wire.set(false)
		c.watch(time.Minute)
		// From then on they are one again.
		c.agree, c.named = true, make(map[string]string)
		c.watch(5 * time.Minute)
		c.same()
	})
}

func TestWokenByAnotherReplica(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCluster(t, 0, 0)
		defer c.close()
		c.set(func() {
			c.events["one"] = []scheduleclient.Event{event("a", 0, 4*time.Minute), event("b", time.Hour, 10*time.Minute)}
		})
		only := *c
		only.replicas = c.replicas[:1]
		only.watch(30 * time.Minute) // the second has no viewer
		before, _ := c.log.Read(t.Context(), "one", -1)
		c.watch(time.Minute) // its first request must not pause what the first airs
		after, _ := c.log.Read(t.Context(), "one", -1)
		if before.Cuts[0].Number != after.Cuts[0].Number {
			t.Errorf("the log went from cut %d to %d", before.Cuts[0].Number, after.Cuts[0].Number)
		}
	})
}

func TestOriginGoneAfterTheCut(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCluster(t, 0)
		defer c.close()
		c.set(func() { c.events["one"] = []scheduleclient.Event{event("a", 0, 4*time.Minute)} })
		c.watch(time.Minute)
		c.set(func() { c.faults[uri("a")] = errors.New("status 404") })
		c.replicas[0].stop()
		c.launch(0, 0)
		c.watch(time.Minute)
		d, err := c.replicas[0].Playlist(t.Context(), "one", "v720")
		if err != nil || !strings.Contains(lastLine(d.Body), "/a/") {
			t.Errorf("a committed cut is not rendered from what was frozen: %s, %v", lastLine(d.Body), err)
		}
	})
}

func lastLine(body []byte) string {
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	return lines[len(lines)-1]
}

func TestLogIsReplaced(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCluster(t, 0, 0)
		defer c.close()
		rng := rand.New(rand.NewPCG(13, 14))
		c.edit(rng)
		c.watch(time.Minute)
		c.log.(*playlog.Memory).Delete("one") // all is lost
		c.named = make(map[string]string)
		c.agree = false
		c.watch(20 * time.Second)
		c.agree, c.named = true, make(map[string]string)
		c.watch(2 * time.Minute)
		c.same()
	})
}

// deleteTiny puts segments so short on air that numbers get ahead of the clock,
// and then deletes the channel with its log. It returns what listed it.
func (c *cluster) deleteTiny() (listed []scheduleclient.Channel) {
	c.set(func() {
		p := muxed("tiny", slices.Repeat([]string{"0.25"}, 2000)...)
		c.assets[p.URL] = p
		c.events["one"] = []scheduleclient.Event{event("tiny", 0, time.Hour)}
	})
	c.watch(4 * time.Minute)
	listed = c.channels
	c.set(func() { c.channels = nil })
	time.Sleep(7 * time.Second) // all have seen it
	c.log.(*playlog.Memory).Delete("one")
	return listed
}

// TestChannelIsMadeAnew: of one whose numbers were ahead of the clock, which is
// all that the new log knows.
func TestChannelIsMadeAnew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCluster(t, 0, 0)
		defer c.close()
		listed := c.deleteTiny()
		c.set(func() { c.channels = listed })
		c.agree = false // until those that knew higher numbers have begun anew
		c.watch(10 * time.Second)
		c.agree = true
		c.watch(time.Minute)
		c.same()
		c.set(func() { c.channels = nil })
		time.Sleep(2 * time.Hour) // nobody knows it any more
		c.set(func() { c.channels = listed })
		clear(c.last)
		c.watch(time.Minute)
	})
}

// TestChannelIsMadeAnewUnwritten: an engine that knows higher numbers than the
// new log has, and can't begin anew above them, does not show lower ones.
func TestChannelIsMadeAnewUnwritten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCluster(t, 0, 0)
		defer c.close()
		c.agree = false
		listed := c.deleteTiny()
		c.replicas[0].stop()
		c.launch(0, 0)
		c.set(func() { c.channels = listed })
		time.Sleep(7 * time.Second)
		forgetful := *c
		forgetful.replicas, forgetful.last, forgetful.named = c.replicas[:1], make(map[string]int64), make(map[string]string)
		forgetful.watch(5 * time.Second) // it begins the new log
		knowing := func() {
			for range 20 {
				d, err := c.replicas[1].Playlist(t.Context(), "one", "v720")
				if err != nil {
					t.Fatal(err)
				}
				c.observe(1, "v720", string(d.Body))
				time.Sleep(500 * time.Millisecond)
			}
		}
		c.replicas[1].wire.fill(true)
		knowing()
		c.replicas[1].wire.fill(false)
		knowing()
		c.same()
	})
}

// remembering is a store that remembers how the log of a channel ended that was
// deleted.
type remembering struct {
	playlog.Log
	floor playlog.Numbers
}

func (r *remembering) Read(ctx context.Context, channel string, after int64) (playlog.Page, error) {
	page, err := r.Log.Read(ctx, channel, after)
	if page.Settings == nil {
		page.Floor = r.floor
	}
	return page, err
}

// TestChannelIsMadeAnewUnseen: no engine runs while a channel is deleted and
// made anew, whose numbers the clock is not above yet.
func TestChannelIsMadeAnewUnseen(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		memory := playlog.NewMemory(playlog.Lead)
		log := &remembering{Log: memory}
		c := newCluster(t)
		c.log, c.replicas = log, make([]*replica, 2)
		defer c.close()
		c.set(func() { c.events["one"] = []scheduleclient.Event{event("a", -time.Minute, time.Hour)} })
		for range 4 {
			for i := range c.replicas {
				c.launch(i, 0)
			}
			c.watch(3 * time.Second)
			for _, r := range c.replicas {
				r.stop()
			}
			page, err := memory.Read(t.Context(), "one", -1)
			if err != nil {
				t.Fatal(err)
			}
			log.floor = playlog.Floor(&page.Cuts[0], page.Watched, page.Now)
			memory.Delete("one")
			c.set(func() { c.events["one"] = []scheduleclient.Event{event("b", -time.Minute, time.Hour)} })
		}
	})
}

// machine is a computer whose date may be wrong, and be set while it runs.
type machine struct {
	mu  sync.Mutex
	off time.Duration
}

func (m *machine) now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().UTC().Add(m.off)
}

func (m *machine) step(by time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.off += by
}

// asking is the way of an engine to the log, with a clock that learns store
// time by it as the one of package scheduleclient does.
type asking struct {
	*wire
	clock scheduleclient.Clock
	skew  time.Duration // of the engine's machine
}

func (a *asking) local() time.Time { return time.Now().Add(a.skew) }

func (a *asking) observe(sent time.Time, page playlog.Page, err error) {
	if err == nil {
		time.Sleep(7 * time.Millisecond) // as long as it takes to arrive
		a.clock.Observe(sent, a.local(), page.Now)
	}
}

func (a *asking) Read(ctx context.Context, channel string, after int64) (playlog.Page, error) {
	sent := a.local()
	time.Sleep(3 * time.Millisecond)
	page, err := a.wire.Read(ctx, channel, after)
	a.observe(sent, page, err)
	return page, err
}

func (a *asking) Append(ctx context.Context, channel, id string, cuts []playlog.Cut) (playlog.Page, error) {
	sent := a.local()
	time.Sleep(3 * time.Millisecond)
	page, err := a.wire.Append(ctx, channel, id, cuts)
	a.observe(sent, page, err)
	return page, err
}

func (a *asking) Heads(ctx context.Context) (playlog.Heads, error) {
	sent := a.local()
	time.Sleep(3 * time.Millisecond)
	heads, err := a.wire.Heads(ctx)
	a.observe(sent, playlog.Page{Now: heads.Now}, err)
	return heads, err
}

// polling is the list of channels, whose answers have store time as well.
type polling struct {
	*station
	*asking
	store *machine
}

func (p polling) Channels(ctx context.Context) (scheduleclient.List, error) {
	sent := p.local()
	time.Sleep(3 * time.Millisecond)
	list, err := p.station.Channels(ctx)
	p.observe(sent, playlog.Page{Now: p.store.now()}, err)
	return list, err
}

// timed is a cluster whose replicas keep store time by asking.
type timed struct {
	*cluster
	store machine
}

func newTimedCluster(t testing.TB, skews ...time.Duration) *timed {
	c := &timed{cluster: &cluster{station: newStation(t), named: make(map[string]string), last: make(map[string]int64), agree: true}}
	memory := playlog.NewMemory(playlog.Lead)
	memory.Clock = c.store.now
	c.log = memory
	c.replicas = make([]*replica, len(skews))
	for i, skew := range skews {
		c.launch(i, skew)
	}
	return c
}

func (c *timed) launch(i int, skew time.Duration) {
	a := &asking{wire: &wire{Log: c.log}, skew: skew}
	s := newStation(c.TB, func(o *playout.Options) {
		o.Schedule, o.Loader, o.Log = polling{c.station, a, &c.store}, c.station, a
		o.Now, o.Jumps = func() time.Time { return a.clock.Now(a.local()) }, a.clock.Jumps
		o.InDoubt = a.clock.InDoubt
		o.Poll = 5*time.Second + time.Duration(i)*700*time.Millisecond
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	c.replicas[i] = &replica{Engine: s.Engine, wire: a.wire, stop: func() { cancel(); <-done }}
}

// rebases counts the beginnings in the log.
func (c *cluster) rebases() (n int) {
	c.Helper()
	page, err := c.log.Read(c.Context(), "one", 0)
	if err != nil {
		c.Fatal(err)
	}
	for _, cut := range page.Cuts {
		if cut.Rebase {
			n++
		}
	}
	return n
}

// TestStoreTimeIsStepped: what engines are off by means nothing; they go after
// the store by and by, or, where it is far, begin anew, once for all of them.
func TestStoreTimeIsStepped(t *testing.T) {
	for _, by := range []time.Duration{0, time.Second, -time.Second, 3 * time.Second, -3 * time.Second, time.Hour, -time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				c := newTimedCluster(t, 0, 500*time.Millisecond, -500*time.Millisecond)
				defer c.close()
				rng := rand.New(rand.NewPCG(15, 16))
				c.edit(rng)
				c.watch(2 * time.Minute)
				c.store.step(by)
				c.watch(3*time.Minute, func() {
					if rng.IntN(40) == 0 {
						c.edit(rng)
					}
				})
				c.same()
				want := 0
				if by.Abs() > 2*time.Second {
					want = 1
				}
				if n := c.rebases(); n != want {
					t.Errorf("%d rebases, want %d", n, want)
				}
				for i, r := range c.replicas {
					status, err := r.Status(t.Context(), "one")
					if err != nil {
						t.Fatal(err)
					}
					if off := status.Time.Sub(c.store.now()); off.Abs() > 50*time.Millisecond {
						t.Errorf("replica %d is %s off the store after three minutes", i, off)
					}
				}
			})
		})
	}
}

// TestStoreTimeWentBackUnseen: an engine that knows of no other time finds in
// the log that there was one, up to which numbers have been given out.
func TestStoreTimeWentBackUnseen(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newTimedCluster(t, 0, 0)
		defer c.close()
		c.set(func() { c.events["one"] = []scheduleclient.Event{event("a", 0, time.Minute)} })
		c.watch(4 * time.Minute) // the last cut has been repeating the slate for long
		for _, r := range c.replicas {
			r.stop()
		}
		c.store.step(-3 * time.Minute)
		for i := range c.replicas {
			c.launch(i, 0)
		}
		c.watch(6 * time.Minute)
		if n := c.rebases(); n != 1 {
			t.Errorf("%d rebases, want 1", n)
		}
	})
}

// TestStoreTimeWentBackUnwritten: the same while the store takes no cuts.
func TestStoreTimeWentBackUnwritten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newTimedCluster(t, 0)
		defer c.close()
		c.set(func() { c.events["one"] = []scheduleclient.Event{event("a", 0, time.Minute)} })
		c.watch(4 * time.Minute)
		c.replicas[0].stop()
		c.store.step(-3 * time.Minute)
		c.launch(0, 0)
		c.replicas[0].wire.fill(true)
		c.watch(20 * time.Second)
		c.replicas[0].wire.fill(false)
		c.watch(time.Minute)
		c.same()
	})
}

// TestStoreTimeWentThereAndBack: after the replicas have begun anew at every
// step, one that is started within the hour has nothing to begin anew for,
// however much has been added to the log since.
func TestStoreTimeWentThereAndBack(t *testing.T) {
	steps := []time.Duration{time.Hour, -time.Hour, -time.Hour, time.Hour}
	for _, cuts := range []int{0, 120} { // more than a starting engine reads
		t.Run(fmt.Sprint(cuts), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				c := newTimedCluster(t, 0, 0)
				defer c.close()
				c.set(func() { c.events["one"] = []scheduleclient.Event{event("a", 0, time.Minute)} })
				c.watch(2 * time.Minute)
				for _, by := range steps {
					c.store.step(by)
					c.watch(15 * time.Second)
				}
				c.set(func() {
					c.events["one"] = nil
					for i := range cuts {
						ev := event(string("ab"[i%2]), time.Duration(20+i*12)*time.Second, 12*time.Second)
						c.events["one"] = append(c.events["one"], ev)
					}
				})
				c.watch(time.Minute + time.Duration(cuts)*12*time.Second)
				for i := range c.replicas {
					c.replicas[i].stop()
					c.launch(i, 0)
					c.watch(time.Minute)
				}
				if n := c.rebases(); n != len(steps) {
					t.Errorf("%d rebases, want %d", n, len(steps))
				}
			})
		})
	}
}

// TestAnHourWithoutTheSchedule: three replicas whose clocks are off, of which
// some know of the last edit and some don't, play on without schedule and log,
// say so, and are one again when both are back.
func TestAnHourWithoutTheSchedule(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newTimedCluster(t, 0, 500*time.Millisecond, -500*time.Millisecond)
		defer c.close()
		programme := func(asset string) (events []scheduleclient.Event) {
			for at := time.Duration(0); at < 80*time.Minute; at += 40 * time.Second {
				events = append(events, event(asset, at, 35*time.Second))
			}
			return events
		}
		c.set(func() { c.events["one"] = programme("a") })
		c.watch(time.Minute)
		c.set(func() { c.events["one"] = programme("b") })
		c.watch(3 * time.Second) // they poll every 5 s, out of phase
		away := func(err error) {
			c.set(func() { c.away = err })
			for _, r := range c.replicas {
				r.wire.set(err != nil)
			}
		}
		away(errCut)
		c.agree = false // two histories can't be one: never back, never reused
		for end := time.Now().Add(time.Hour); time.Now().Before(end); time.Sleep(3 * time.Second) {
			c.look()
			for i, r := range c.replicas {
				if err := r.Ready(t.Context()); err != nil {
					t.Fatalf("replica %d is not ready: %v", i, err)
				}
			}
		}
		on := make(map[string]bool)
		for i, r := range c.replicas {
			status, err := r.Status(t.Context(), "one")
			if err != nil || !status.Degraded || status.Log.Pending == 0 || status.Poll.Age < playout.Seconds(59*time.Minute) {
				t.Errorf("replica %d, an hour alone: degraded %t, %d cuts pending, polled %v ago, %v", i, status.Degraded, status.Log.Pending, status.Poll.Age, err)
			}
			for _, cut := range status.LastCuts {
				on[string(cut.URI)] = true
			}
		}
		if !on[uri("a")] || !on[uri("b")] {
			t.Errorf("all replicas knew the same: %v", on)
		}
		away(nil)
		c.watch(20 * time.Second)
		c.agree, c.named = true, make(map[string]string)
		c.watch(2 * time.Minute)
		c.same()
		for i, r := range c.replicas {
			if status, err := r.Status(t.Context(), "one"); err != nil || status.Degraded || status.Log.Pending > 0 {
				t.Errorf("replica %d, the schedule is back: degraded %t, %d cuts pending, %v", i, status.Degraded, status.Log.Pending, err)
			}
		}
		if d, err := c.replicas[0].Playlist(t.Context(), "one", "v720"); err != nil || !strings.Contains(string(d.Body), "/b/") {
			t.Errorf("the edit is not on air: %v", err)
		}
	})
}

// TestReplicaStandsStill: one that was stopped in the middle of a request, and
// so long that it can't know what is on air, asks again before it shows anything.
func TestReplicaStandsStill(t *testing.T) {
	for seed := range uint64(20) {
		inBubble(t, func(t *testing.T) {
			c := newCluster(t, 0, 0)
			defer c.close()
			rng := rand.New(rand.NewPCG(seed, 22))
			c.set(func() {
				for _, name := range []string{"a", "b", "c"} { // what is shown is seen soon
					p := muxed(name, slices.Repeat([]string{"1"}, 40)...)
					c.assets[p.URL] = p
				}
				c.events["one"] = brief(rng)
			})
			c.watch(30 * time.Second)
			c.set(func() { c.events["one"] = brief(rng) })
			w := c.replicas[1].wire
			w.mu.Lock()
			w.stands = time.Now().Add(12500 * time.Millisecond)
			w.mu.Unlock()
			others := *c
			others.replicas = c.replicas[:1]
			others.watch(9500 * time.Millisecond)
			c.watch(30 * time.Second)
			c.same()
		})
	}
}

// TestReplicaStandsStillReading: the same while it reads a cut that it has heard
// of, and has nothing to plan that would make it read.
func TestReplicaStandsStillReading(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCluster(t, 0, 0)
		defer c.close()
		c.set(func() { c.events["one"] = []scheduleclient.Event{event("a", 0, 5*time.Minute)} })
		c.unaware(1)
		c.watch(30 * time.Second)
		w := c.replicas[1].wire
		w.mu.Lock()
		w.stands, w.reads = time.Now().Add(30*time.Second), true
		w.mu.Unlock()
		c.set(func() { c.events["one"] = []scheduleclient.Event{event("b", 0, 5*time.Minute)} })
		others := *c
		others.replicas = c.replicas[:1]
		others.watch(28 * time.Second)
		c.together(1, 50) // one of them is faster than the next read
		c.watch(30 * time.Second)
		c.same()
	})
}

// together asks a replica for a playlist many times at once.
func (c *cluster) together(i, requests int) {
	bodies := make(chan string)
	for range requests {
		go func() {
			d, err := c.replicas[i].Playlist(c.Context(), "one", "v720")
			if err != nil {
				c.Error(err)
				d = &playout.Document{}
			}
			bodies <- string(d.Body)
		}()
	}
	for range requests {
		c.observe(i, "v720", <-bodies)
	}
}

// unaware starts a replica anew that hears of no later edit of the schedule.
func (c *cluster) unaware(i int) *wire {
	c.replicas[i].stop()
	schedule := newStation(c.TB)
	schedule.set(func() { schedule.events["one"] = c.events["one"] })
	w := &wire{Log: c.log}
	s := newStation(c.TB, func(o *playout.Options) { o.Schedule, o.Loader, o.Log = schedule, c.station, w })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	c.replicas[i] = &replica{Engine: s.Engine, wire: w, stop: func() { cancel(); <-done }}
	return w
}

// TestOthersWentOn while a replica was cut off from log and schedule and had no
// cut to make: what it has shown beyond the horizon is not what the log says.
func TestOthersWentOn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCluster(t, 0, 0)
		defer c.close()
		c.set(func() { c.events["one"] = []scheduleclient.Event{event("a", 0, 5*time.Minute)} })
		w := c.unaware(1)
		c.watch(30 * time.Second)
		c.agree = false
		w.set(true)
		c.set(func() { c.events["one"] = []scheduleclient.Event{event("b", 0, 5*time.Minute)} })
		c.watch(40 * time.Second)
		w.set(false)
		c.watch(6 * time.Second)
		if n := c.rebases(); n != 1 {
			t.Errorf("%d rebases, want 1", n)
		}
	})
}

// TestInstantsNeverGoBack, whatever the clock says, unless it says that it jumped.
func TestInstantsNeverGoBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := &cluster{station: newStation(t), named: make(map[string]string), last: make(map[string]int64), agree: true}
		var clock machine
		s := newStation(t, func(o *playout.Options) {
			o.Schedule, o.Loader, o.Log, o.Now = c.station, c.station, c.log, clock.now
		})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		c.replicas = []*replica{{Engine: s.Engine, stop: func() { cancel(); <-done }}}
		defer c.close()
		c.edit(rand.New(rand.NewPCG(23, 24)))
		c.watch(time.Minute)
		clock.step(-15 * time.Second)
		c.watch(30 * time.Second)
	})
}

// TestTimeGoesBackBeforeAnybodyAsks: store time goes back after a channel has
// begun and before its first media playlist, which lists segments all the same.
func TestTimeGoesBackBeforeAnybodyAsks(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var clock machine
		s := newStation(t, func(o *playout.Options) { o.Now = clock.now })
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		defer func() { cancel(); <-done }()
		m, err := s.Multivariant(t.Context(), "one")
		if err != nil {
			t.Fatal(err)
		}
		clock.step(-time.Hour)
		for _, track := range tracks(m) {
			d, err := s.Playlist(t.Context(), "one", track)
			if err != nil || !strings.Contains(string(d.Body), "#EXTINF") {
				t.Errorf("%s: %v\n%s", track, err, d.Body)
			}
		}
	})
}

// A channel that began alone has its log, and says so, though no cut follows.
func TestBegunAloneWithNothingScheduled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCluster(t, 0)
		defer c.close()
		time.Sleep(10 * time.Second) // it is known
		c.replicas[0].wire.set(true)
		c.watch(20 * time.Second)
		if status, err := c.replicas[0].Status(t.Context(), "one"); err != nil || status.Log.ID != "" || status.Log.Pending == 0 {
			t.Fatalf("alone: %+v, %v", status.Log, err)
		}
		c.replicas[0].wire.set(false)
		c.watch(20 * time.Second)
		c.same()
	})
}

// TestStoreAwayForLong: more provisional cuts than a batch has.
func TestStoreAwayForLong(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCluster(t, 0)
		defer c.close()
		c.set(func() {
			var events []scheduleclient.Event
			for i := range 400 {
				events = append(events, event("abc"[i%3:i%3+1], time.Duration(i)*12*time.Second, 12*time.Second))
			}
			c.events["one"] = events
		})
		c.watch(time.Minute)
		c.replicas[0].wire.set(true)
		for range 300 {
			c.look()
			time.Sleep(15 * time.Second)
		}
		c.replicas[0].wire.set(false)
		c.watch(10 * time.Second)
		page, err := c.log.Read(t.Context(), "one", 0)
		if err != nil {
			t.Fatal(err)
		}
		provisional := 0
		for _, cut := range page.Cuts {
			if cut.Rebase {
				t.Errorf("cut %d is a rebase", cut.Number)
			}
			if cut.Provisional {
				provisional++
			}
		}
		if provisional < 300 {
			t.Errorf("%d provisional cuts of 75 minutes in the log, want one in 12 s", provisional)
		}
		status, _ := c.replicas[0].Status(t.Context(), "one")
		if status.Log.LastNumber != page.Cuts[len(page.Cuts)-1].Number {
			t.Errorf("the engine is at cut %d, the log at %d", status.Log.LastNumber, page.Cuts[len(page.Cuts)-1].Number)
		}
	})
}

// restorable is a store that goes back to a backup of itself.
type restorable struct {
	mu     sync.Mutex
	memory *playlog.Memory
	backup []playlog.Cut
	before func() // the next append; nil: nothing is done
}

const restorableID = "the same after all"

// inner returns the store and the id that it knows the log by.
func (s *restorable) inner(ctx context.Context, channel string) (*playlog.Memory, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page, _ := s.memory.Read(ctx, channel, 1<<40)
	return s.memory, page.ID
}

func (s *restorable) Read(ctx context.Context, channel string, after int64) (playlog.Page, error) {
	m, _ := s.inner(ctx, channel)
	page, err := m.Read(ctx, channel, after)
	page.ID = restorableID
	return page, err
}

func (s *restorable) Append(ctx context.Context, channel, _ string, cuts []playlog.Cut) (playlog.Page, error) {
	if before := s.before; before != nil && len(cuts) > 0 {
		s.before = nil
		before()
	}
	m, id := s.inner(ctx, channel)
	page, err := m.Append(ctx, channel, id, cuts)
	page.ID = restorableID
	return page, err
}

func (s *restorable) Freeze(ctx context.Context, channel, _, digest string, data []byte) error {
	m, id := s.inner(ctx, channel)
	return m.Freeze(ctx, channel, id, digest, data)
}

func (s *restorable) Frozen(ctx context.Context, channel, _, digest string) ([]byte, error) {
	m, id := s.inner(ctx, channel)
	return m.Frozen(ctx, channel, id, digest)
}

func (s *restorable) Heads(ctx context.Context) (playlog.Heads, error) {
	m, _ := s.inner(ctx, "one")
	heads, err := m.Heads(ctx)
	for channel, head := range heads.Logs {
		head.ID = restorableID
		heads.Logs[channel] = head
	}
	return heads, err
}

func (s *restorable) Watch(ctx context.Context, ids map[string]string) error {
	known := make(map[string]string)
	for channel := range ids {
		_, known[channel] = s.inner(ctx, channel)
	}
	m, _ := s.inner(ctx, "one")
	return m.Watch(ctx, known)
}

// brief is a schedule of short events.
func brief(rng *rand.Rand) (events []scheduleclient.Event) {
	for at := time.Duration(0); at < 10*time.Minute; {
		length := time.Duration(5+rng.IntN(8)) * time.Second
		events = append(events, event(string("abc"[rng.IntN(3)]), at, length))
		at += length
	}
	return events
}

// save keeps what the log of a channel says since its last beginning.
func (s *restorable) save(t *testing.T, channel string) {
	t.Helper()
	page, err := s.Read(t.Context(), channel, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range page.Cuts {
		if c.Number == 1 || c.Rebase {
			s.backup = page.Cuts[i:]
		}
	}
}

// restore drops what came after save; of the assets that were frozen, too.
func (s *restorable) restore(t *testing.T, channel string) {
	t.Helper()
	s.mu.Lock()
	s.memory = playlog.NewMemory(playlog.Lead)
	s.mu.Unlock()
	cuts := slices.Clone(s.backup)
	for i := range cuts { // the store begins with these
		cuts[i].Number, cuts[i].Previous = int64(i)+1, ""
	}
	if _, err := s.Append(t.Context(), channel, "", cuts); err != nil {
		t.Fatal(err)
	}
}

// TestBackupRestored has a log go back, with replicas that have seen different
// schedules: one may append a cut that has the number of one that another has
// on air. Starting anew shows what the log has become.
func TestBackupRestored(t *testing.T) {
	for seed := range uint64(40) {
		inBubble(t, func(t *testing.T) {
			store := &restorable{memory: playlog.NewMemory(playlog.Lead)}
			c := &cluster{station: newStation(t), named: make(map[string]string), last: make(map[string]int64)}
			c.log = store
			for i := range 2 {
				c.replicas = append(c.replicas, nil)
				c.launch(i, 0)
			}
			defer c.close()
			rng := rand.New(rand.NewPCG(seed, 17))
			c.set(func() { c.events["one"] = brief(rng) })
			c.watch(20 * time.Second)
			store.save(t, "one")
			c.replicas[1].wire.set(true)
			c.watch(time.Duration(5000+rng.IntN(15000)) * time.Millisecond)
			store.restore(t, "one")
			c.set(func() { c.events["one"] = brief(rng) })
			c.replicas[1].wire.set(false)
			c.watch(20 * time.Second)
			for i, r := range c.replicas {
				r.stop()
				c.launch(i, 0)
			}
			c.watch(30 * time.Second)
		})
	}
}

// TestOldBackupRestored: of cuts that the log has lost nothing is told, however
// many they were.
func TestOldBackupRestored(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		store := &restorable{memory: playlog.NewMemory(playlog.Lead)}
		c := &cluster{station: newStation(t), named: make(map[string]string), last: make(map[string]int64)}
		c.log = store
		c.replicas = make([]*replica, 1)
		c.launch(0, 0)
		defer c.close()
		c.set(func() { c.events["one"] = brief(rand.New(rand.NewPCG(1, 17))) })
		c.watch(20 * time.Second)
		store.save(t, "one")
		c.watch(5 * time.Minute)
		store.restore(t, "one")
		c.watch(20 * time.Second)
		status, err := c.replicas[0].Status(t.Context(), "one")
		if err != nil || status.LastCuts[0].Number != status.Log.LastNumber {
			t.Errorf("it tells of cut %d last, the log ends with %d, %v", status.LastCuts[0].Number, status.Log.LastNumber, err)
		}
	})
}

// TestAnotherHistory: a log that is as long as before, but has come to be so in
// another way, takes nothing that follows the old one, and engines notice.
func TestAnotherHistory(t *testing.T) {
	for name, alike := range map[string]int{"between read and append": 0, "with the same last cut": 1} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				store := &restorable{memory: playlog.NewMemory(playlog.Lead)}
				c := &cluster{station: newStation(t), named: make(map[string]string), last: make(map[string]int64), agree: true}
				c.log = store
				c.replicas = make([]*replica, 1)
				c.launch(0, 0)
				defer c.close()
				c.set(func() { c.events["one"] = brief(rand.New(rand.NewPCG(18, 19))) })
				c.watch(20 * time.Second)
				store.save(t, "one")
				c.watch(20 * time.Second)
				last := 0
				goOnOtherwise := func() { last = store.goOnOtherwise(t, "one", alike) }
				if alike == 0 {
					store.before = goOnOtherwise
				} else {
					goOnOtherwise()
				}
				c.watch(time.Minute)
				page, err := store.Read(t.Context(), "one", 0)
				if err != nil {
					t.Fatal(err)
				}
				if last < len(store.backup)+2 || len(page.Cuts) < last+2 {
					t.Fatalf("the log has %d cuts, of which %d are another engine's", len(page.Cuts), last-len(store.backup))
				}
				if next := page.Cuts[last]; !next.Rebase {
					t.Errorf("cut %d of another history is followed by cut %d of the old one", last, next.Number)
				}
				for i := last; i < len(page.Cuts); i++ {
					if page.Cuts[i].Previous != page.Cuts[i-1].Digest() {
						t.Errorf("cut %d does not name the one before it", page.Cuts[i].Number)
					}
				}
			})
		})
	}
}

// goOnOtherwise restores the backup and then has another engine go on from
// there in a way of its own, up to the number that the log had; the last cuts,
// so many, are alike. It returns that number.
func (s *restorable) goOnOtherwise(t *testing.T, channel string, alike int) int {
	t.Helper()
	page, err := s.Read(t.Context(), channel, int64(len(s.backup)))
	if err != nil {
		t.Fatal(err)
	}
	s.restore(t, channel)
	before := s.backup[len(s.backup)-1]
	before.Previous = ""
	for i, cut := range page.Cuts {
		if i < len(page.Cuts)-alike {
			cut.Asset.URI += "?another"
		}
		cut.Previous, cut.Provisional = before.Digest(), true
		if _, err := s.Append(t.Context(), channel, "", []playlog.Cut{cut}); err != nil {
			t.Fatal(err)
		}
		before = cut
	}
	return len(s.backup) + len(page.Cuts)
}

// TestEventsAirWhileTheLogHangs: with segments so short that a step which waits
// for the log could come too late for a cut.
func TestEventsAirWhileTheLogHangs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCluster(t, 0)
		defer c.close()
		c.set(func() {
			var events []scheduleclient.Event
			for i := range 60 {
				name := "abc"[i%3 : i%3+1]
				p := muxed(name, slices.Repeat([]string{"1"}, 120)...)
				c.assets[p.URL] = p
				events = append(events, event(name, time.Duration(i)*20*time.Second, 20*time.Second))
			}
			c.events["one"] = events
		})
		c.watch(30 * time.Second)
		c.replicas[0].wire.mu.Lock()
		c.replicas[0].wire.cut, c.replicas[0].wire.hang = true, true
		c.replicas[0].wire.mu.Unlock()
		c.watch(5 * time.Minute)
		c.replicas[0].wire.set(false)
		c.watch(time.Minute)
		page, err := c.log.Read(t.Context(), "one", 0)
		if err != nil {
			t.Fatal(err)
		}
		onTime := 0
		for _, cut := range page.Cuts {
			if cut.Reason == playlog.Scheduled && cut.Start.Sub(cut.Airing.Start).Abs() <= time.Second {
				onTime++
			}
		}
		if onTime < 17 {
			t.Errorf("%d of 19 events were on air at their time", onTime)
		}
	})
}

// TestLogHangsForAWhile: where the lead is short, requests that are not answered
// must not keep an engine from putting on air what all have planned.
func TestLogHangsForAWhile(t *testing.T) {
	for seed := range uint64(10) {
		inBubble(t, func(t *testing.T) {
			c := newCluster(t)
			defer c.close()
			c.log = playlog.NewMemory(4 * time.Second)
			rng := rand.New(rand.NewPCG(seed, 31))
			c.set(func() {
				for at := time.Duration(0); at < 5*time.Minute; {
					name := fmt.Sprintf("asset%d", len(c.events["one"])) // each is frozen anew
					p := muxed(name, slices.Repeat([]string{"1.9"}, 5)...)
					c.assets[p.URL] = p
					length := time.Duration(4000+rng.IntN(7000)) * time.Millisecond
					c.events["one"] = append(c.events["one"], event(name, at, length))
					at += length
				}
			})
			c.replicas = make([]*replica, 3)
			for i := range c.replicas {
				c.launch(i, 0)
				time.Sleep(time.Duration(rng.IntN(2000)) * time.Millisecond)
			}
			c.watch(20 * time.Second)
			for range 12 {
				time.Sleep(time.Duration(rng.IntN(1000)) * time.Millisecond)
				c.hang(true)
				c.watch(6 * time.Second)
				c.hang(false)
				c.watch(time.Duration(3+rng.IntN(8)) * time.Second)
			}
			c.same()
			if n := c.rebases(); n != 0 {
				t.Errorf("seed %d: %d rebases, want none", seed, n)
			}
		})
	}
}

// hang lets no request to the log of any replica be answered.
func (c *cluster) hang(yes bool) {
	for _, r := range c.replicas {
		r.wire.mu.Lock()
		r.wire.cut, r.wire.hang = yes, yes
		r.wire.mu.Unlock()
	}
}

// TestReplacedTracksAreInTheLog: an engine that was started after the channel
// settled knows what the others still serve.
func TestReplacedTracksAreInTheLog(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCluster(t, 0, 0)
		defer c.close()
		c.watch(30 * time.Second)
		m, err := c.replicas[0].Multivariant(t.Context(), "one")
		if err != nil || m.Settled {
			t.Fatalf("settled with nothing scheduled, %v", err)
		}
		old := tracks(m)[0]
		c.set(func() { c.events["one"] = []scheduleclient.Event{event("a", 0, 4*time.Minute)} })
		c.watch(30 * time.Second)
		for range 2 { // the second time long after
			c.replicas[1].stop()
			c.launch(1, 0)
			c.look()
			for i, r := range c.replicas {
				d, err := r.Playlist(t.Context(), "one", old)
				if err != nil {
					t.Fatalf("replica %d: %v", i, err)
				}
				c.observe(i, old, string(d.Body))
			}
			for range 57 {
				c.look()
				time.Sleep(time.Minute)
			}
		}
		for range 4 {
			c.look()
			time.Sleep(time.Minute)
		}
		c.replicas[1].stop()
		c.launch(1, 0)
		c.look()
		if _, err := c.replicas[1].Playlist(t.Context(), "one", old); !errors.Is(err, playout.ErrUnknownTrack) {
			t.Errorf("after an hour: %v", err)
		}
	})
}

// rambling is a log that says something else each time, none of which is of use.
type rambling struct {
	playlog.Log
	mu sync.Mutex
	n  int
}

func (r *rambling) Read(context.Context, string, int64) (playlog.Page, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	return playlog.Page{}, fmt.Errorf("invalid character %q", rune(r.n+0x4e00))
}

func (r *rambling) Heads(ctx context.Context) (playlog.Heads, error) {
	_, err := r.Read(ctx, "", 0)
	return playlog.Heads{}, err
}

func (r *rambling) Watch(ctx context.Context, _ map[string]string) error {
	_, err := r.Read(ctx, "", 0)
	return err
}

func (r *rambling) Append(ctx context.Context, channel, _ string, _ []playlog.Cut) (playlog.Page, error) {
	return r.Read(ctx, channel, 0)
}

// TestProblemsWithoutEnd: what is logged of them is bounded, whatever they say.
func TestProblemsWithoutEnd(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var lines countingWriter
		c := &cluster{station: newStation(t), named: make(map[string]string), last: make(map[string]int64)}
		log := &rambling{Log: c.log}
		s := newStation(t, func(o *playout.Options) {
			o.Schedule, o.Loader, o.Log = c.station, c.station, log
			o.Logger = slog.New(slog.NewTextHandler(&lines, nil))
		})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		c.replicas = []*replica{{Engine: s.Engine, stop: func() { cancel(); <-done }}}
		c.edit(rand.New(rand.NewPCG(20, 21)))
		c.watch(5 * time.Minute)
		c.close()
		if most := int64(6*20 + 20); lines > countingWriter(most) || log.n < 4*int(lines) {
			t.Errorf("%d lines of %d problems in five minutes, want %d at most", lines, log.n, most)
		}
	})
}

// countingWriter counts what a logger writes, one line a time.
type countingWriter int64

func (w *countingWriter) Write(line []byte) (int, error) {
	*w++
	return len(line), nil
}

// TestReplicasSettleTogether: whoever loses the race plays with the winner's
// tracks, and players see one jump.
func TestReplicasSettleTogether(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCluster(t, 0, 0, 0)
		defer c.close()
		p := muxed("one", slices.Repeat([]string{"6"}, 40)...)
		p.Multivariant.Variants = p.Multivariant.Variants[:1]
		c.set(func() { c.assets[p.URL] = p })
		c.watch(30 * time.Second)
		c.set(func() { c.events["one"] = []scheduleclient.Event{event("one", 0, 4*time.Minute)} })
		c.watch(2 * time.Minute)
		page, err := c.log.Read(t.Context(), "one", 0)
		if err != nil {
			t.Fatal(err)
		}
		rebases := 0
		for _, cut := range page.Cuts {
			if cut.Rebase {
				rebases++
			}
		}
		if rebases != 1 || len(page.Settings.Tracks) != 1 {
			t.Errorf("%d rebases, %d tracks", rebases, len(page.Settings.Tracks))
		}
	})
}

// TestLogIsReplacedByOneOfAnotherTime: the schedule is back on another machine,
// with nothing of what it had and with another date.
func TestLogIsReplacedByOneOfAnotherTime(t *testing.T) {
	for _, by := range []time.Duration{time.Minute, -time.Minute} {
		t.Run(by.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				c := newTimedCluster(t, 0, 0)
				defer c.close()
				rng := rand.New(rand.NewPCG(17, 18))
				c.edit(rng)
				c.watch(time.Minute)
				c.log.(*playlog.Memory).Delete("one")
				c.store.step(by)
				c.named, c.agree = make(map[string]string), false
				c.watch(20 * time.Second)
				c.agree, c.named = true, make(map[string]string)
				c.watch(2 * time.Minute)
				c.same()
			})
		})
	}
}

// TestLogIsReplacedByAnother: an engine that knew the old log finds a new one, which
// an engine has begun that did not. The clock that media sequences begin with
// never goes back, that of discontinuities every 18 hours.
func TestLogIsReplacedByAnother(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		again := playlog.Epoch
		for again.Before(time.Now()) {
			again = again.Add(4 * time.Second << 14)
		}
		time.Sleep(time.Until(again) - 5*time.Minute)
		c := newCluster(t, 0, 0)
		defer c.close()
		c.set(func() { c.events["one"] = []scheduleclient.Event{event("a", -time.Minute, 12*time.Hour)} })
		c.watch(6 * time.Minute)
		c.replicas[0].wire.set(true)
		c.replicas[1].stop()
		c.log.(*playlog.Memory).Delete("one")
		c.launch(1, 0)
		c.agree, c.named, c.last = false, make(map[string]string), map[string]int64{
			"0v720": c.last["0v720"], "broken0v720": c.last["broken0v720"], "0v360": c.last["0v360"], "broken0v360": c.last["broken0v360"],
		}
		c.watch(20 * time.Second)
		c.replicas[0].wire.set(false)
		c.watch(time.Minute)
		c.same()
	})
}

package playout_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"consuo/internal/bubble"
	"consuo/internal/hls"
	"consuo/internal/hlscheck"
	"consuo/internal/packed"
	"consuo/internal/playlog"
	"consuo/internal/playout"
	"consuo/internal/scheduleclient"

	"github.com/prometheus/client_golang/prometheus"
)

// station is an engine with a schedule and an origin that a test controls, in
// a synctest bubble.
type station struct {
	testing.TB
	*playout.Engine
	log playlog.Log

	mu       sync.Mutex
	channels []scheduleclient.Channel
	events   map[string][]scheduleclient.Event
	assets   map[string]*hls.Presentation
	faults   map[string]error         // by URI of an asset
	delay    map[string]time.Duration // by URI of an asset
	away     error                    // of the schedule
	warnings []string                 // of every asset's delivery
	lists    int                      // reads of the list
}

func (s *station) Channels(context.Context) (scheduleclient.List, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists++
	if s.away != nil {
		return scheduleclient.List{}, s.away
	}
	return scheduleclient.List{Channels: slices.Clone(s.channels)}, nil
}

func (s *station) Schedule(_ context.Context, channel string, start, end time.Time) (scheduleclient.Schedule, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away != nil {
		return scheduleclient.Schedule{}, s.away
	}
	return scheduleclient.Schedule{Start: start, End: end, Events: slices.Clone(s.events[channel])}, nil
}

func (s *station) Load(ctx context.Context, uri string) (*packed.Presentation, error) {
	s.mu.Lock()
	p, fault, delay := s.assets[uri], s.faults[uri], s.delay[uri]
	s.mu.Unlock()
	select {
	case <-time.After(max(delay, 50*time.Millisecond)):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if fault != nil {
		return nil, fault
	}
	if p == nil {
		return nil, errors.New("status 404")
	}
	return packed.New(p), nil
}

func (s *station) CheckDelivery(context.Context, string) []string { return s.warnings }

// set changes what the schedule or the origin have.
func (s *station) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	for i := range s.channels {
		s.channels[i].Revision += "+"
	}
}

// onAir runs a test in a bubble with an engine that has one channel, "one".
func onAir(t *testing.T, test func(t *testing.T, s *station)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		s := newStation(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Engine.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		test(t, s)
	})
}

func newStation(t testing.TB, change ...func(*playout.Options)) *station {
	s := &station{
		TB:       t,
		log:      playlog.NewMemory(playlog.Lead),
		channels: []scheduleclient.Channel{{ID: "one", Name: "One", Revision: "1"}},
		events:   make(map[string][]scheduleclient.Event),
		assets:   make(map[string]*hls.Presentation),
		faults:   make(map[string]error),
		delay:    make(map[string]time.Duration),
	}
	for _, a := range []struct{ name, length string }{{"a", "6"}, {"b", "4.8"}, {"c", "9.6"}, {"filler", "2.4"}} {
		p := muxed(a.name, slices.Repeat([]string{a.length}, 40)...)
		s.assets[p.URL] = p
	}
	o := playout.Options{
		Schedule: s, Log: s.log, Loader: s,
		Window: 30 * time.Second, Poll: 5 * time.Second,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Registerer: prometheus.NewRegistry(),
	}
	for _, c := range change {
		c(&o)
	}
	s.Engine = playout.New(o)
	return s
}

func uri(name string) string { return "https://vod.example/" + name + "/master.m3u8" }

func muxed(name string, lengths ...string) *hls.Presentation {
	p := &hls.Presentation{
		URL: uri(name),
		Multivariant: &hls.Multivariant{Variants: []hls.Variant{
			{URI: "720", Bandwidth: 3e6, Codecs: "avc1.64001f,mp4a.40.2", Width: 1280, Height: 720},
			{URI: "360", Bandwidth: 1e6, Codecs: "avc1.64001e,mp4a.40.2", Width: 640, Height: 360},
		}},
		Media: make(map[string]*hls.Media),
	}
	for _, v := range p.Multivariant.Variants {
		m := &hls.Media{}
		for i, l := range lengths {
			d, err := time.ParseDuration(l + "s")
			if err != nil {
				panic(err)
			}
			m.Segments = append(m.Segments, hls.Segment{
				URI: fmt.Sprintf("https://vod.example/%s/%s-%d.ts", name, v.URI, i), Duration: d, DurationText: l,
			})
		}
		p.Media[v.URI] = m
	}
	return p
}

// event returns an event that begins after some time from now.
func event(name string, after, length time.Duration) scheduleclient.Event {
	start := time.Now().UTC().Add(after).Truncate(time.Millisecond)
	return scheduleclient.Event{ID: name + start.String(), Title: name, URI: uri(name), Start: start, End: start.Add(length)}
}

// viewer asks for every playlist every second and has the checker read them.
type viewer struct {
	*station
	seen *hlscheck.Checker
}

func (s *station) viewer() *viewer {
	return &viewer{s, hlscheck.New(hlscheck.Options{GrowingTargetDuration: true, Rebases: true})}
}

const base = "https://live.example/live/"

// watch goes on for a while, and returns the last line of the first playlist:
// the latest segment.
func (v *viewer) watch(d time.Duration) string {
	v.Helper()
	var last string
	for end := time.Now().Add(d); ; {
		last = v.look()
		if !time.Now().Before(end) {
			return last
		}
		time.Sleep(time.Second)
	}
}

func (v *viewer) look() string {
	v.Helper()
	m, err := v.Multivariant(v.Context(), "one")
	if err != nil {
		v.Fatal(err)
	}
	now := time.Now()
	v.seen.Multivariant(now, base+"master.m3u8", m.Body)
	last := ""
	for _, track := range tracks(m) {
		d, err := v.Playlist(v.Context(), "one", track)
		if err != nil {
			v.Fatal(err)
		}
		v.seen.Media(now, base+track+".m3u8?channel=one", d.Body)
		if last == "" {
			lines := strings.Split(strings.TrimSpace(string(d.Body)), "\n")
			last = lines[len(lines)-1]
		}
	}
	return last
}

func (v *viewer) check() {
	v.Helper()
	if err := v.seen.Err(); err != nil {
		v.Error(err)
	}
}

// tracks returns the ids in a multivariant playlist.
func tracks(m *playout.Document) (ids []string) {
	for line := range strings.Lines(string(m.Body)) {
		if id, _, ok := strings.Cut(line, ".m3u8?"); ok && !strings.HasPrefix(line, "#") {
			ids = append(ids, id)
		}
	}
	return ids
}

func (v *viewer) until(what string, most time.Duration) time.Duration {
	v.Helper()
	begun := time.Now()
	for !strings.Contains(v.look(), what) {
		time.Sleep(time.Second)
		if time.Since(begun) > most {
			v.Fatalf("%s is not on air after %s: %s", what, most, v.look())
		}
	}
	return time.Since(begun)
}

func TestPlaysASchedule(t *testing.T) {
	onAir(t, func(t *testing.T, s *station) {
		s.set(func() {
			s.events["one"] = []scheduleclient.Event{
				event("a", -30*time.Second, 90*time.Second), event("b", time.Minute, 3*time.Minute),
				event("c", 5*time.Minute, time.Minute), event("a", 6*time.Minute, 4*time.Minute),
			}
		})
		v := s.viewer()
		begun := time.Now()
		v.look()
		if took := time.Since(begun); took > 200*time.Millisecond {
			t.Errorf("the first playlist took %s with an origin of 50 ms", took)
		}
		v.watch(12 * time.Minute)
		v.check()
		status, err := s.Status(t.Context(), "one")
		if err != nil {
			t.Fatal(err)
		}
		var aired []string
		for _, c := range slices.Backward(status.LastCuts) {
			aired = append(aired, strings.TrimSpace(c.Title+" "+string(c.Reason)))
		}
		// The last event's asset has its slot's length.
		want := []string{"gap", "a scheduled", "b scheduled", "b gap", "c scheduled", "a scheduled", "a short"}
		for i, w := range want {
			if i >= len(aired) || !strings.HasSuffix(aired[i], w) {
				t.Fatalf("on air: %q, want %q", aired, want)
			}
		}
	})
}

// The status is of the instant at which it is asked for, as playlists are.
func TestStatusIsOfNow(t *testing.T) {
	onAir(t, func(t *testing.T, s *station) {
		s.set(func() { s.events["one"] = []scheduleclient.Event{event("a", -time.Second, 3*time.Minute)} })
		v := s.viewer()
		v.watch(5 * time.Second)
		status := func() playout.Status {
			status, err := s.Status(t.Context(), "one")
			if err != nil {
				t.Fatal(err)
			}
			return status
		}
		for range 20 {
			time.Sleep(time.Second)
			track := status().Tracks[0]
			d, err := s.Playlist(t.Context(), "one", track.ID)
			if err != nil {
				t.Fatal(err)
			}
			listed := int64(strings.Count(string(d.Body), "#EXTINF"))
			if want := fmt.Sprintf("#EXT-X-MEDIA-SEQUENCE:%d\n", track.MediaSequence); !strings.Contains(string(d.Body), want) || track.LastMediaSequence != track.MediaSequence+listed-1 {
				t.Fatalf("%s %+v, listed %d, the playlist is\n%s", time.Now(), track, listed, d.Body)
			}
		}
		// An event that is taken out is on air until the cut that this brings.
		s.set(func() { s.events["one"] = nil })
		for {
			time.Sleep(time.Second)
			v.look()
			if on := status().Now; on.Kind != playlog.Event {
				break
			} else if on.Title != "a" || on.Reason != playlog.Scheduled {
				t.Fatalf("on air is %+v", on)
			}
		}
	})
}

func TestEditsShowInTime(t *testing.T) {
	// Poll interval + lead + two segments of what was on air, and the one
	// that has to be recorded before it is listed.
	const most = 5*time.Second + playlog.Lead + 3*6*time.Second
	onAir(t, func(t *testing.T, s *station) {
		v := s.viewer()
		s.set(func() { s.events["one"] = []scheduleclient.Event{event("a", 0, 4*time.Minute)} })
		v.watch(time.Minute)
		s.set(func() { s.events["one"] = []scheduleclient.Event{event("b", 0, 4*time.Minute)} })
		v.until("/b/", most)
		s.set(func() { s.events["one"] = nil })
		v.until("slate/", most)
		s.set(func() { s.events["one"] = []scheduleclient.Event{event("c", 20*time.Second, 2*time.Minute)} })
		v.until("/c/", 20*time.Second+most)
		v.watch(time.Minute)
		v.check()
	})
}

func TestBadAssetsLeaveTheChannelOnAir(t *testing.T) {
	onAir(t, func(t *testing.T, s *station) {
		s.set(func() { s.faults[uri("b")] = errors.New("status 404") })
		s.set(func() { s.delay[uri("c")] = time.Hour }) // never comes in time
		s.set(func() {
			s.events["one"] = []scheduleclient.Event{
				event("a", 0, time.Minute), event("b", time.Minute, 2*time.Minute), event("c", 3*time.Minute, time.Minute),
				event("a", 4*time.Minute, time.Minute),
			}
		})
		v := s.viewer()
		v.watch(90 * time.Second)
		if last := v.look(); !strings.HasPrefix(last, "slate/") {
			t.Errorf("in place of a missing asset: %s", last)
		}
		status, _ := s.Status(t.Context(), "one")
		if len(status.Problems) == 0 || !strings.Contains(string(status.Problems[0].Text), "404") {
			t.Errorf("status does not tell why: %v", status.Problems)
		}
		// It comes back: joined in progress, at the right place.
		s.set(func() { delete(s.faults, uri("b")) })
		v.until("/b/", time.Minute)
		status, _ = s.Status(t.Context(), "one")
		if status.Now.Reason != playlog.Joined {
			t.Errorf("on air %v, want b joined", status.Now)
		}
		v.until("/a/", 3*time.Minute) // after c, which never comes in time
		v.check()
	})
}

func TestDeliveryIsChecked(t *testing.T) {
	onAir(t, func(t *testing.T, s *station) {
		s.set(func() { s.warnings = []string{"no CORS"} })
		s.set(func() { s.events["one"] = []scheduleclient.Event{event("a", 0, time.Minute)} })
		s.viewer().watch(10 * time.Second) // it is asked 5 s after the asset was loaded
		status, _ := s.Status(t.Context(), "one")
		if len(status.Problems) != 1 || status.Problems[0].Text != "no CORS" || string(status.Problems[0].URI) != uri("a") {
			t.Errorf("problems: %v", status.Problems)
		}
	})
}

func TestFiller(t *testing.T) {
	onAir(t, func(t *testing.T, s *station) {
		s.set(func() { s.channels[0].Config.Filler = uri("filler") })
		s.set(func() {
			s.events["one"] = []scheduleclient.Event{event("a", 0, 30*time.Second), event("b", time.Minute, time.Minute)}
		})
		v := s.viewer()
		v.watch(45 * time.Second)
		if last := v.look(); !strings.Contains(last, "/filler/") {
			t.Errorf("in the gap: %s", last)
		}
		s.set(func() { s.channels[0].Config.Filler = uri("none") })
		v.watch(2 * time.Minute)
		if last := v.look(); !strings.HasPrefix(last, "slate/") {
			t.Errorf("with a filler that is not there: %s", last)
		}
		v.check()
	})
}

func TestEmptyScheduleThenSettles(t *testing.T) {
	onAir(t, func(t *testing.T, s *station) {
		v := s.viewer()
		v.watch(time.Minute)
		v.check()
		m, _ := s.Multivariant(t.Context(), "one")
		if m.Settled {
			t.Error("provisional tracks may not be kept")
		}
		old := tracks(m)
		s.set(func() { s.events["one"] = []scheduleclient.Event{event("a", 0, time.Hour)} })
		time.Sleep(30 * time.Second)
		v = s.viewer()
		v.watch(time.Minute)
		v.check()
		if last := v.look(); !strings.Contains(last, "/a/") {
			t.Errorf("after the first event: %s", last)
		}
		for range 50 { // old players are still there, the new ones too
			time.Sleep(time.Minute)
			v.look()
		}
		if _, err := s.Playlist(t.Context(), "one", old[0]); err != nil {
			t.Errorf("old URL within the hour: %v", err)
		}
		time.Sleep(4 * time.Minute)
		v.look()
		time.Sleep(4 * time.Minute)
		v.look()
		time.Sleep(4 * time.Minute)
		if _, err := s.Playlist(t.Context(), "one", old[0]); !errors.Is(err, playout.ErrUnknownTrack) {
			t.Errorf("old URL after the hour: %v", err)
		}
	})
}

// TestSilentAssetComesFirst: it must not leave the channel without sound, unless
// there is nothing else.
func TestSilentAssetComesFirst(t *testing.T) {
	for _, alone := range []bool{false, true} {
		onAir(t, func(t *testing.T, s *station) {
			s.set(func() {
				p := muxed("silent", slices.Repeat([]string{"6"}, 10)...)
				for i := range p.Multivariant.Variants {
					p.Multivariant.Variants[i].Codecs = "avc1.64001f"
				}
				s.assets[p.URL] = p
				s.events["one"] = []scheduleclient.Event{event("silent", 0, time.Minute), event("a", time.Minute, 3*time.Minute)}
				if alone {
					s.events["one"] = s.events["one"][:1]
				}
			})
			v := s.viewer()
			if alone {
				v.until("/silent/", 30*time.Second)
				return
			}
			v.until("/a/", 90*time.Second)
			v.watch(time.Minute)
			v.check()
			status, err := s.Status(t.Context(), "one")
			if err != nil || len(status.Problems) == 0 || !strings.Contains(string(status.Problems[0].Text), "without sound") {
				t.Errorf("status does not tell why: %v, %v", status.Problems, err)
			}
		})
	}
}

func TestUnknownChannels(t *testing.T) {
	onAir(t, func(t *testing.T, s *station) {
		time.Sleep(time.Second)
		s.mu.Lock()
		before := s.lists
		s.mu.Unlock()
		const seconds = 10
		for range seconds {
			var wg sync.WaitGroup
			for i := range 1000 {
				wg.Go(func() {
					if _, err := s.Multivariant(t.Context(), fmt.Sprintf("none%d", i)); !errors.Is(err, playout.ErrUnknownChannel) {
						t.Errorf("unknown channel: %v", err)
					}
				})
			}
			wg.Wait()
			time.Sleep(time.Second)
		}
		s.mu.Lock()
		lists := s.lists - before
		s.mu.Unlock()
		if lists > seconds+seconds/5+2 { // one a second, and the polls
			t.Errorf("the list was read %d times in %d s", lists, seconds)
		}
		// A channel made a second ago is there.
		s.set(func() { s.channels = append(s.channels, scheduleclient.Channel{ID: "two"}) })
		if _, err := s.Multivariant(t.Context(), "two"); err != nil {
			t.Errorf("a new channel: %v", err)
		}
		// One that is deleted is gone after a poll.
		s.set(func() { s.channels = s.channels[:1] })
		time.Sleep(6 * time.Second)
		if _, err := s.Multivariant(t.Context(), "two"); !errors.Is(err, playout.ErrUnknownChannel) {
			t.Errorf("a deleted channel: %v", err)
		}
	})
}

// TestStartedBeforeTheSchedule: an engine that finds no schedule looks again
// soon, and whoever asks meanwhile is answered when it is there.
func TestStartedBeforeTheSchedule(t *testing.T) {
	for _, asked := range []bool{true, false} {
		bubble.Test(t, func(t *testing.T) {
			s := newStation(t)
			s.away = errors.New("connection refused")
			go func() {
				time.Sleep(300 * time.Millisecond)
				s.set(func() { s.away = nil })
			}()
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- s.Engine.Run(ctx) }()
			defer func() { cancel(); <-done }()
			time.Sleep(10 * time.Millisecond)
			if asked {
				if _, err := s.Multivariant(t.Context(), "one"); err != nil {
					t.Error(err)
				}
				return
			}
			time.Sleep(1500 * time.Millisecond)
			if err := s.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// slow is a schedule that is given up as package scheduleclient does.
type slow struct{ *station }

func (s slow) Channels(ctx context.Context) (scheduleclient.List, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	<-ctx.Done()
	return scheduleclient.List{}, ctx.Err()
}

// TestScheduleHangs: nobody waits for longer than for a channel that wakes.
func TestScheduleHangs(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStation(t, func(o *playout.Options) { o.Schedule = slow{} })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Engine.Run(ctx) }()
		defer func() { cancel(); <-done }()
		begun := time.Now()
		_, err := s.Multivariant(t.Context(), "one")
		if took := time.Since(begun); !errors.Is(err, playout.ErrNotReady) || took > 5*time.Second {
			t.Errorf("%v after %s", err, took)
		}
	})
}

func TestScheduleAway(t *testing.T) {
	onAir(t, func(t *testing.T, s *station) {
		s.set(func() { s.away = errors.New("connection refused") })
		if _, err := s.Multivariant(t.Context(), "one"); !errors.Is(err, playout.ErrNotReady) {
			t.Errorf("before the schedule was ever there: %v", err)
		}
		if s.Ready(t.Context()) == nil {
			t.Error("ready without a schedule")
		}
		s.set(func() { s.away = nil })
		time.Sleep(6 * time.Second)
		s.set(func() {
			s.events["one"] = []scheduleclient.Event{event("a", 0, time.Minute), event("b", time.Minute, time.Hour)}
		})
		v := s.viewer()
		v.watch(30 * time.Second)
		s.set(func() { s.away = errors.New("connection refused") })
		v.watch(10 * time.Minute)
		v.check()
		if err := s.Ready(t.Context()); err != nil {
			t.Errorf("not ready though it serves: %v", err)
		}
		status, _ := s.Status(t.Context(), "one")
		if !status.Degraded || status.Poll.Error == "" {
			t.Errorf("status does not tell: %+v", status.Poll)
		}
	})
}

func TestSleepsAndWakes(t *testing.T) {
	onAir(t, func(t *testing.T, s *station) {
		s.set(func() {
			s.events["one"] = []scheduleclient.Event{event("a", 0, 4*time.Minute), event("b", time.Hour, 4*time.Minute)}
		})
		v := s.viewer()
		v.watch(time.Minute)
		time.Sleep(10 * time.Minute)
		status, _ := s.Status(t.Context(), "one")
		if status.State != playout.Dormant {
			t.Errorf("nobody asked for ten minutes: %s", status.State)
		}
		cuts := status.Log.LastNumber
		time.Sleep(49*time.Minute + 30*time.Second) // b is on air
		begun := time.Now()
		if last := v.look(); !strings.Contains(last, "/b/") {
			t.Errorf("woken: %s", last)
		}
		if took := time.Since(begun); took > 200*time.Millisecond {
			t.Errorf("waking took %s", took)
		}
		v.watch(time.Minute)
		v.check() // the numbers jump, and never go back
		status, _ = s.Status(t.Context(), "one")
		if status.Log.LastNumber > cuts+3 {
			t.Errorf("%d cuts were made for nobody", status.Log.LastNumber-cuts)
		}
	})
}

// lossy is a log that fails as networks do.
type lossy struct {
	playlog.Log
	mu   sync.Mutex
	step int
}

func (l *lossy) Append(ctx context.Context, channel, id string, cuts []playlog.Cut) (playlog.Page, error) {
	l.mu.Lock()
	l.step++
	step := l.step
	l.mu.Unlock()
	switch step % 3 {
	case 0: // it arrives, the answer does not
		_, _ = l.Log.Append(ctx, channel, id, cuts)
		return playlog.Page{}, errors.New("connection reset")
	case 1: // it never arrives
		return playlog.Page{}, errors.New("connection refused")
	}
	return l.Log.Append(ctx, channel, id, cuts)
}

func TestLostAnswersOfTheLog(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStation(t, func(o *playout.Options) { o.Log = &lossy{Log: o.Log} })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Engine.Run(ctx) }()
		defer func() { cancel(); <-done }()
		for i := range 20 {
			s.set(func() {
				s.events["one"] = append(s.events["one"], event("ab"[i%2:i%2+1], time.Duration(i)*45*time.Second, 40*time.Second))
			})
		}
		v := s.viewer()
		v.watch(15 * time.Minute)
		v.check()
		page, err := s.log.Read(t.Context(), "one", 0)
		if err != nil || len(page.Cuts) < 38 {
			t.Errorf("%d cuts in the log, %v", len(page.Cuts), err)
		}
		for _, c := range page.Cuts {
			if c.Reason == playlog.Scheduled && c.Start.Sub(c.Airing.Start).Abs() > 3*time.Second {
				t.Errorf("cut %d is %s off", c.Number, c.Start.Sub(c.Airing.Start))
			}
		}
	})
}

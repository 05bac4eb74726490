package scheduleclient

import (
	"math/rand/v2"
	"testing"
	"time"
)

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is a process and a store whose clock is off by offset and runs too
// fast by rate.
type world struct {
	t      *testing.T
	clock  Clock
	local  time.Time
	offset time.Duration
	rate   float64
}

func newWorld(t *testing.T, offset time.Duration) *world {
	return &world{t: t, local: epoch, offset: offset}
}

func (w *world) store() time.Time {
	return w.local.Add(w.offset + time.Duration(w.rate*float64(w.local.Sub(epoch))))
}

// ask makes a request that takes this long there and back.
func (w *world) ask(there, back time.Duration) (jump time.Duration) {
	sent := w.local
	w.local = w.local.Add(there)
	store := w.store()
	w.local = w.local.Add(back)
	return w.clock.Observe(sent, w.local, store)
}

// off is how far the clock is from the store's.
func (w *world) off() time.Duration { return w.clock.Now(w.local).Sub(w.store()) }

// expect moves on and wants the clock to be off by so much, to a microsecond.
func (w *world) expect(after, off time.Duration) {
	w.t.Helper()
	w.local = w.local.Add(after)
	if got := w.off(); (got - off).Abs() > time.Microsecond {
		w.t.Errorf("at %s the clock is off by %s, want %s", w.local.Sub(epoch), got, off)
	}
}

func TestClockWithoutSamples(t *testing.T) {
	newWorld(t, 0).expect(time.Hour, 0)
}

func TestClockTakesTheFirstSampleAtOnce(t *testing.T) {
	w := newWorld(t, -3*time.Hour)
	if jump := w.ask(time.Millisecond, time.Millisecond); jump != 0 || w.clock.Jumps() != 0 {
		t.Errorf("a jump of %s, but nobody has seen another time", jump)
	}
	w.expect(time.Minute, 0)

	w = newWorld(t, 500*time.Millisecond)
	w.expect(time.Minute, -500*time.Millisecond)
	if jump := w.ask(0, 0); jump != 500*time.Millisecond || w.clock.Jumps() != 1 {
		t.Errorf("a jump of %s after somebody has asked, want 500ms", jump)
	}
	w.expect(0, 0)
}

// The error is half of the difference between the ways there and back, at most
// half of the round trip; of the last ten samples the shortest counts.
func TestClockPrefersShortRoundTrips(t *testing.T) {
	w := newWorld(t, time.Hour)
	w.ask(0, 400*time.Millisecond)
	w.expect(0, -200*time.Millisecond)
	w.ask(5*time.Millisecond, 5*time.Millisecond)
	w.expect(10*time.Second, -100*time.Millisecond) // 10 ms a second
	w.expect(10*time.Second, 0)
	for range 9 {
		w.ask(300*time.Millisecond, 0)
		w.expect(5*time.Second, 0)
	}
	w.ask(300*time.Millisecond, 0) // the good one is forgotten
	w.expect(time.Second, 10*time.Millisecond)
	w.expect(time.Hour, 150*time.Millisecond)
}

func TestClockSlews(t *testing.T) {
	w := newWorld(t, 0)
	w.ask(0, 0)
	w.offset = 500 * time.Millisecond
	for range 10 {
		w.ask(0, 0)
	}
	w.expect(0, -500*time.Millisecond)
	w.expect(25*time.Second, -250*time.Millisecond)
	w.ask(0, 0)
	w.expect(25*time.Second, 0)
	w.expect(time.Hour, 0)

	w.offset = 0
	for range 10 {
		w.ask(0, 0)
	}
	w.expect(10*time.Second, 400*time.Millisecond)
	if w.clock.Jumps() != 0 {
		t.Error("a jump was reported")
	}
}

func TestClockJumps(t *testing.T) {
	for _, step := range []time.Duration{2001 * time.Millisecond, time.Hour, -2001 * time.Millisecond, -time.Hour} {
		w := newWorld(t, 0)
		w.ask(0, 0)
		w.expect(time.Second, 0)
		w.offset = step
		for range 2 {
			if jump := w.ask(0, 0); jump != 0 || !w.clock.InDoubt() {
				t.Errorf("%s is followed before three samples agree, or not in doubt", step)
			}
			w.expect(5*time.Second, -step)
		}
		if jump := w.ask(0, 0); jump != step || w.clock.Jumps() != 1 || w.clock.InDoubt() {
			t.Errorf("jumped %d times by %s, want %s", w.clock.Jumps(), jump, step)
		}
		w.expect(0, 0)
		w.expect(time.Hour, 0)
	}
}

func TestClockDoesNotJump(t *testing.T) {
	for _, c := range []struct {
		name string
		ask  func(w *world)
	}{
		{"within 2 s", func(w *world) {
			w.offset = 1900 * time.Millisecond
			w.ask(0, 0)
		}},
		{"slow answers prove nothing", func(w *world) { w.ask(0, 4500*time.Millisecond) }},
		{"two, then a good one", func(w *world) {
			w.offset = time.Hour
			w.ask(0, 0)
			w.ask(0, 0)
			w.offset = 0
			w.ask(0, 0)
		}},
		{"samples that don't agree", func(w *world) {
			w.offset += 3 * time.Second
			w.ask(0, 0)
			w.offset = -w.offset
			w.ask(0, 0)
		}},
		{"nonsense", func(w *world) {
			w.clock.Observe(w.local, w.local, time.Unix(0, -1<<63))
			w.clock.Observe(w.local, w.local, time.Unix(0, 1<<63-1))
			w.clock.Observe(w.local, w.local, time.Time{})
			w.clock.Observe(w.local.Add(time.Second), w.local, w.local)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 0)
			w.ask(0, 0)
			for range 30 {
				c.ask(w)
				w.local = w.local.Add(5 * time.Second)
			}
			if n := w.clock.Jumps(); n != 0 {
				t.Errorf("%d jumps", n)
			}
		})
	}
}

// Readings of two goroutines come in any order; none goes back.
func TestClockIsMonotonicWhenReadOutOfOrder(t *testing.T) {
	w := newWorld(t, 0)
	w.ask(0, 0)
	w.offset = time.Second
	for range 10 {
		w.ask(0, 0)
	}
	late := w.clock.Now(w.local.Add(time.Second)) // slewed forward
	w.offset = -time.Second
	for range 10 {
		w.clock.Observe(w.local, w.local, w.store())
	}
	if now := w.clock.Now(w.local.Add(time.Second)); now.Before(late) {
		t.Errorf("%s after %s", now, late)
	}
}

// For random worlds: store time never goes back and never runs off by more
// than 10 ms a second except over reported jumps, and it stays as near to the
// store's as round trips and slewing allow.
func TestClockInRandomWorlds(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 0))
		w := newWorld(t, time.Duration(random.NormFloat64()*float64(time.Second)))
		w.rate = random.NormFloat64() * 50e-6
		w.ask(time.Millisecond, time.Millisecond)
		last, lastLocal, jumps := w.clock.Now(w.local), w.local, 0
		stepped := w.local // when the store's clock was stepped last
		for range 2000 {
			w.local = w.local.Add(time.Duration(random.Int64N(int64(6 * time.Second))))
			if random.IntN(200) == 0 {
				w.offset += time.Duration(random.NormFloat64() * float64(5*time.Second))
				stepped = w.local
			}
			delay := func() time.Duration {
				return time.Millisecond + time.Duration(random.ExpFloat64()*float64(20*time.Millisecond))
			}
			if random.IntN(4) > 0 {
				w.ask(delay(), delay())
			}
			now := w.clock.Now(w.local)
			elapsed := w.local.Sub(lastLocal)
			if w.clock.Jumps() == jumps {
				if now.Before(last) {
					t.Fatalf("seed %d: %s after %s", seed, now, last)
				}
				if off := now.Sub(last) - elapsed; off.Abs() > elapsed/100+time.Microsecond {
					t.Fatalf("seed %d: moved by %s in %s", seed, now.Sub(last), elapsed)
				}
			}
			// 2 s are slewed in 200 s, after ten samples, which may take 60 s.
			if w.local.Sub(stepped) > 6*time.Minute {
				if off := now.Sub(w.store()); off.Abs() > 100*time.Millisecond {
					t.Fatalf("seed %d: off by %s, %s after the last step", seed, off, w.local.Sub(stepped))
				}
			}
			last, lastLocal, jumps = now, w.local, w.clock.Jumps()
		}
	}
}

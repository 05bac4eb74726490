package scheduleclient

import (
	"sync"
	"time"
)

// Clock keeps store time: the clock of the schedule service, which all engines
// render in (design §2, log protocol rule 1). It holds the offset between the
// process's monotonic clock and the store's, as measured by the request with
// the lowest round trip of the last ten.
//
// The offset moves by at most 10 ms in a second. Samples that are off by more
// than 2 s are followed only when three in a row agree, at once: a jump.
//
// A Clock never reads a clock itself. Its zero value is ready: until the first
// sample, store time is the time that Now is given. It is safe for concurrent use.
type Clock struct {
	mu sync.Mutex // guards all of the following

	base     time.Time     // the first local time seen; all others are taken as elapsed since
	samples  []sample      // the last ten, the latest at the end
	suspects []sample      // the latest in a row that are off by more than jumpAt
	offset   time.Duration // from local to store time, at the local instant at
	at       time.Duration
	target   time.Duration // offset that is slewed to
	last     time.Duration // what Now returned last; no result is less
	asked    bool          // Now was called
	jumps    int
}

// sample is a measured offset. The true one lies within half a round trip of it.
type sample struct {
	offset, roundTrip time.Duration
}

const (
	sampleCount = 10
	slewRate    = 100 // 1 s in 100 s
	jumpAt      = 2 * time.Second
	agreeing    = 3                          // samples that make a jump
	nonsense    = 100 * 365 * 24 * time.Hour // no clock is off by more
)

// Observe takes a sample: the store's clock said store at an instant between
// sent and received. It returns how far store time jumped, most often 0.
func (c *Clock) Observe(sent, received, store time.Time) (jump time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from, to := c.local(sent), c.local(received)
	if to < from || store.Sub(received).Abs() > nonsense {
		return 0
	}
	s := sample{roundTrip: to - from}
	s.offset = store.Sub(c.base) - from - s.roundTrip/2

	if len(c.samples) == 0 {
		seen := c.asked
		c.adopt(to, s)
		if !seen {
			return 0 // nobody has seen another time
		}
		c.jumps++
		return s.offset
	}
	now := c.offsetAt(to)
	if (s.offset-now).Abs()-s.roundTrip/2 > jumpAt {
		if len(c.suspects) > 0 && (s.offset-c.suspects[0].offset).Abs() > jumpAt {
			c.suspects = c.suspects[:0]
		}
		if c.suspects = append(c.suspects, s); len(c.suspects) < agreeing {
			return 0
		}
		c.adopt(to, c.suspects...)
		c.jumps++
		return c.offset - now
	}
	c.suspects = c.suspects[:0]
	if len(c.samples) == sampleCount {
		c.samples = append(c.samples[:0], c.samples[1:]...)
	}
	c.samples = append(c.samples, s)
	c.offset, c.at, c.target = now, to, best(c.samples).offset
	return 0
}

// Now returns store time at a local instant. It never goes back, but for jumps.
func (c *Clock) Now(local time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.local(local)
	now := at + c.offsetAt(at)
	if c.asked {
		now = max(now, c.last)
	}
	c.asked, c.last = true, now
	return c.base.Add(now).Round(0).UTC()
}

// Jumps returns how often store time has jumped; where it differs from before,
// what was rendered before is no longer comparable.
func (c *Clock) Jumps() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.jumps
}

// InDoubt says whether the latest sample was far off: store time may have
// jumped, or an answer was wrong. The next samples will tell.
func (c *Clock) InDoubt() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.suspects) > 0
}

// local is the time elapsed on the process's monotonic clock, where t has a
// reading of it.
func (c *Clock) local(t time.Time) time.Duration {
	if c.base.IsZero() {
		c.base = t
	}
	return t.Sub(c.base)
}

// offsetAt is the offset that has been slewed to at a local instant.
func (c *Clock) offsetAt(local time.Duration) time.Duration {
	most := max(local-c.at, 0) / slewRate
	return c.offset + min(max(c.target-c.offset, -most), most)
}

// adopt begins anew with these samples.
func (c *Clock) adopt(at time.Duration, samples ...sample) {
	c.samples = append(c.samples[:0], samples...)
	c.suspects = nil
	c.offset = best(c.samples).offset
	c.target, c.at = c.offset, at
	c.asked = false // what was told before no longer binds
}

// best is the sample with the lowest round trip, the latest of equals.
func best(samples []sample) sample {
	b := samples[0]
	for _, s := range samples[1:] {
		if s.roundTrip <= b.roundTrip {
			b = s
		}
	}
	return b
}

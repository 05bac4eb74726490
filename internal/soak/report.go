package soak

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// usage is what a process takes.
type usage struct {
	process          *process
	first, last, top sample
}

type sample struct{ memory, goroutines int64 }

const (
	// What may be more at the end than at the start: memory is never the same
	// twice, and something is always under way.
	moreMemory     = 64 << 20
	moreGoroutines = 100
)

// grown says that a process takes more and more.
func (u *usage) grown() bool {
	return u.last.memory > 2*u.first.memory+moreMemory || u.last.goroutines > 2*u.first.goroutines+moreGoroutines
}

// measure notes what all processes take.
func (s *station) measure(ctx context.Context) {
	for _, u := range s.usage {
		_, body, err := fetch(ctx, u.process.base()+"/metrics", answerWithin)
		if err != nil {
			if ctx.Err() == nil {
				s.violation("%s has no metrics: %v", u.process.name, err)
			}
			continue
		}
		u.last = sample{metric(body, "process_resident_memory_bytes"), metric(body, "go_goroutines")}
		if u.first == (sample{}) {
			u.first = u.last
		}
		u.top = sample{max(u.top.memory, u.last.memory), max(u.top.goroutines, u.last.goroutines)}
	}
}

// metric finds a value in what Prometheus reads.
func metric(body []byte, name string) int64 {
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			value, err := strconv.ParseFloat(text, 64)
			if err == nil {
				return int64(value)
			}
		}
	}
	return 0
}

// verdict prints the table and says whether all held.
func (s *station) verdict(end time.Time) error {
	stalls, longest := 0, time.Duration(0)
	var requests, failures int64
	for _, v := range s.viewers {
		n, l := v.verdict(end, target)
		stalls, longest = stalls+n, max(longest, l)
		requests, failures = requests+v.requests.Load(), failures+v.errors.Load()
	}
	for _, u := range s.usage {
		if u.grown() {
			s.violation("%s takes more and more: %d MiB and %d goroutines at the start, %d MiB and %d at the end", u.process.name,
				u.first.memory>>20, u.first.goroutines, u.last.memory>>20, u.last.goroutines)
		}
	}
	for _, f := range slices.Concat(faults, aside) {
		if s.injected[f.name] == 0 {
			s.violation("%s: was never injected", f.name)
		}
	}

	var dark time.Duration
	gaps, _ := s.watch.gaps()
	for _, g := range gaps {
		dark += g.to.Sub(g.from)
	}
	tab := tabwriter.NewWriter(s.Out, 1, 0, 3, ' ', 0)
	row := func(cells ...any) {
		for i, c := range cells {
			if i > 0 {
				fmt.Fprint(tab, "\t")
			}
			fmt.Fprint(tab, c)
		}
		fmt.Fprintln(tab)
	}
	row("\nSOAK", end.Sub(s.begun).Round(time.Second), fmt.Sprintf("seed %d", s.Seed))
	row("\nwho asks", "requests", "errors")
	row("observer", s.watch.requests.Load()+s.watched.requests.Load(), s.watch.errors.Load()+s.watched.errors.Load())
	row("players", requests, failures)
	row("editor", s.main.edits.Load()+s.other.edits.Load(), s.main.failed.Load()+s.other.failed.Load())
	row("\nwhat viewers get", "")
	row("stalls", stalls)
	row("longest stall", longest.Round(time.Millisecond))
	row("nothing from any engine", dark.Round(time.Millisecond))
	row("slowest first playlist", s.watch.startup.get().Round(time.Millisecond))
	row("numbers begun anew", s.watch.jumps.Load())
	row("sequence violations", s.watch.broken.Load()+s.watched.broken.Load())
	row("all violations", s.count)
	row("unknown channels, answers a second", s.unknown)
	row("\nprocess", "MiB at start", "at most", "at end", "goroutines at start", "at most", "at end")
	for _, u := range s.usage {
		row(u.process.name, u.first.memory>>20, u.top.memory>>20, u.last.memory>>20, u.first.goroutines, u.top.goroutines, u.last.goroutines)
	}
	row("\nfault", "injected")
	for _, f := range slices.Concat(faults, aside) {
		if n := s.injected[f.name]; n == impossible {
			row(f.name, "not possible here")
		} else {
			row(f.name, n)
		}
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	if s.count > 0 {
		return fmt.Errorf("%w: %d violations", ErrViolations, s.count)
	}
	return nil
}

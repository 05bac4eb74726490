package perf

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"consuo/internal/load"

	"golang.org/x/sync/errgroup"
)

var scenarios = []scenario{
	{"tcp", benchTCP},
	{"work", benchWork},
	{"flat", flat},
	{"onecore", oneCore},
	{"watched", watched},
	{"dormant", dormant},
	{"start", startUp},
}

// flat: what a request costs does not depend on the number of channels.
func flat(ctx context.Context, o Options) (*Result, error) {
	const rate = 5000
	r := &Result{
		Title: fmt.Sprintf("Media playlists at %d requests/s, of more and more channels", rate),
		First: "channels", Columns: []string{"engine CPU µs/request", "p50 ms", "p99 ms", "errors", "late", "MB"},
		Notes: []string{"The engine's CPU time includes all that it does beside: playout of the channels, rendering, polling. At this rate it is idle between most requests: that a process is woken for each is in it, too."},
	}
	for _, channels := range []int{1, 100, 500} {
		err := func() error {
			s, err := newSystem(ctx, o, setup{channels: channels})
			if err != nil {
				return err
			}
			defer s.stop()
			if err := s.wakeAll(ctx); err != nil {
				return err
			}
			var report load.Report
			c, err := s.during(ctx, func() (err error) {
				report, err = s.constant(ctx, o, "", rate)
				return err
			})
			if err != nil {
				return err
			}
			r.add(channels, c.cpu.Seconds()/float64(report.Requests)*1e6, report.Latency.P50, report.Latency.P99, faults(report), float64(report.Late+report.Stale+report.Backward), c.resident)
			return nil
		}()
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

func faults(r load.Report) (sum float64) {
	for _, n := range r.Errors {
		sum += float64(n)
	}
	return sum
}

// wake has channels on air, a few at a time, as players would come.
func (s *system) wake(ctx context.Context, channels []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, channel := range channels {
		group.Go(func() error {
			_, _, err := s.firstPlaylist(ctx, channel)
			return err
		})
	}
	return group.Wait()
}

// wakeAll has all channels on air, and leaves them alone for a while: their films
// are stored beside their logs.
func (s *system) wakeAll(ctx context.Context) error {
	const settle = 10 * time.Second
	if err := s.wake(ctx, s.channels); err != nil {
		return err
	}
	return wait(ctx, settle)
}

// oneCore: an engine that has one processor, next to the load program, which
// has another one where there are two.
func oneCore(ctx context.Context, o Options) (*Result, error) {
	const engineCPU = "0"
	loadCPU := strconv.Itoa(min(1, runtime.NumCPU()-1))
	s, err := newSystem(ctx, o, setup{channels: 100, engineCPU: engineCPU})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if err := s.wakeAll(ctx); err != nil {
		return nil, err
	}
	r := &Result{
		Title: "100 channels, engine on one processor next to the load program",
		First: "requests/s wanted", Columns: []string{"requests/s", "p50 ms", "p99 ms", "p99.9 ms", "once sent: p50 ms", "once sent: p99 ms", "once sent: p99.9 ms", "engine CPU %", "errors"},
		Notes: []string{"Latency counts from the instant at which a request was due, and once more from that at which it was sent: the difference is the load program's own. All channels change at the same instant. Medians of 3 runs of 15 s."},
	}
	for _, rate := range []int{1000, 2500, 5000, 10000} {
		var runs [][]float64
		for range 3 {
			var report load.Report
			c, err := s.during(ctx, func() (err error) {
				report, err = s.constant(ctx, o, loadCPU, rate)
				return err
			})
			if err != nil {
				return nil, err
			}
			runs = append(runs, []float64{
				report.PerSecond, report.Latency.P50, report.Latency.P99, report.Latency.P999,
				report.Served.P50, report.Served.P99, report.Served.P999, 100 * c.engine, faults(report),
			})
		}
		r.add(rate, medians(runs)...)
	}
	return r, nil
}

// constant runs the load program at a constant rate; where cpu is set it may
// only run on that processor.
func (s *system) constant(ctx context.Context, o Options, cpu string, rate int) (r load.Report, err error) {
	args := []string{
		filepath.Join(o.BinDir, "load"), "-json", "-url", s.engine.Base, "-channels", "c%05d", "-channel-count", strconv.Itoa(len(s.channels)),
		"-players", "50", "-rate", strconv.Itoa(rate), "-for", "15s", "-gzip",
	}
	if cpu != "" {
		args = append([]string{"taskset", "-c", cpu}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stderr = o.Out
	out, err := cmd.Output()
	if bad := json.Unmarshal(out, &r); bad != nil { // with a report, what failed is in it
		return r, fmt.Errorf("load: %w", errors.Join(err, bad))
	}
	return r, nil
}

// watched: 10,000 channels are known, of which more and more are watched.
func watched(ctx context.Context, o Options) (*Result, error) {
	const known, viewers = 10_000, 2 // a channel
	s, err := newSystem(ctx, o, setup{channels: known})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	r := &Result{
		Title: fmt.Sprintf("%d channels known, some of them watched by %d players each", known, viewers),
		First: "watched", Columns: []string{"engine CPU %", "schedule CPU %", "engine MB", "schedule MB", "schedule requests/min", "playlists/s", "p99 ms", "late", "errors"},
		Notes: []string{"CPU in % of one processor. Every channel plays a film of two hours of its own, in seven playlists of 1,800 segments."},
	}
	if err := wait(ctx, 15*time.Second); err != nil { // what starting costs is not the question
		return nil, err
	}
	for _, n := range []int{0, 100, 300, 1000} {
		channels := s.channels[:n]
		if err := s.wake(ctx, channels); err != nil {
			return nil, err
		}
		var report load.Report
		c, err := s.during(ctx, func() (err error) {
			if n == 0 {
				return wait(ctx, 30*time.Second)
			}
			report, err = load.Run(ctx, load.Options{Base: s.engine.Base, Channels: channels, Players: viewers * n, RampUp: 8 * time.Second, For: 30 * time.Second, Gzip: true})
			return err
		})
		if err != nil {
			return nil, err
		}
		r.add(n, 100*c.engine, 100*c.schedule, c.resident, c.scheduleResident, c.requests, report.PerSecond, report.Latency.P99, float64(report.Late+report.Stale+report.Backward), faults(report))
	}
	return r, nil
}

// dormant: how long the first viewer of a channel waits.
func dormant(ctx context.Context, o Options) (*Result, error) {
	const channels = 40
	s, err := newSystem(ctx, o, setup{channels: 1000})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if err := wait(ctx, 5*time.Second); err != nil {
		return nil, err
	}
	var took []float64
	films := 0
	for _, channel := range s.channels[:channels] {
		d, playlist, err := s.firstPlaylist(ctx, channel)
		if err != nil {
			return nil, err
		}
		took = append(took, float64(d)/1e6)
		if strings.Contains(playlist, "/film-") {
			films++
		}
	}
	slices.Sort(took)
	r := &Result{
		Title: fmt.Sprintf("From the first request for a dormant channel to its first media playlist, %d of 1,000 channels one after the other", channels),
		First: "", Columns: []string{"median ms", "p90 ms", "most ms", "with the film at once"},
		Notes: []string{"The engine has never loaded the film: seven playlists of 1,800 segments."},
	}
	r.add("first playlist", took[channels/2], took[channels*9/10], took[channels-1], float64(films))
	return r, nil
}

// startUp: many channels come on air at once.
func startUp(ctx context.Context, o Options) (*Result, error) {
	const rounds = 3
	r := &Result{
		Title: "100 channels that all get their first request at the same instant, and share so many films of two hours",
		First: "films", Columns: []string{"all on air, ms", "half of them, ms", "engine CPU ms", "schedule CPU ms", "MB then", "MB at most", "MB 15 s later"},
		Notes: []string{
			"Plain films have six variants of 1,800 segments in MPEG-TS; all others seven playlists of 1,800 segments, with byte ranges, dates, tokens and long URLs.",
			fmt.Sprintf("Medians of %d rounds. The origin of the films and the players are on the same processors, in one process.", rounds),
		},
	}
	for _, of := range []struct {
		what string
		setup
	}{
		{"1, plain", setup{channels: 100, films: 1, plain: true}},
		{"100, plain", setup{channels: 100, films: 100, plain: true}},
		{"1", setup{channels: 100, films: 1}},
		{"10", setup{channels: 100, films: 10}},
		{"100", setup{channels: 100, films: 100}},
	} {
		var runs [][]float64
		for range rounds {
			run, err := startOnce(ctx, o, of.setup)
			if err != nil {
				return nil, err
			}
			runs = append(runs, run)
		}
		r.add(of.what, medians(runs)...)
	}
	return r, nil
}

// startOnce returns a round of startUp, by column.
func startOnce(ctx context.Context, o Options, of setup) ([]float64, error) {
	s, err := newSystem(ctx, o, of)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if err := wait(ctx, 3*time.Second); err != nil {
		return nil, err
	}
	took := make([]float64, len(s.channels)) // ms
	c, err := s.during(ctx, func() error {
		begun := time.Now()
		group, ctx := errgroup.WithContext(ctx)
		for i, channel := range s.channels {
			group.Go(func() error {
				_, _, err := s.firstPlaylist(ctx, channel)
				took[i] = float64(time.Since(begun)) / 1e6
				return err
			})
		}
		return group.Wait()
	})
	if err != nil {
		return nil, err
	}
	if err := wait(ctx, 15*time.Second); err != nil {
		return nil, err
	}
	u, err := usageOf(s.engine)
	if err != nil {
		return nil, err
	}
	return []float64{slices.Max(took), median(took), float64(c.cpu) / 1e6, float64(c.scheduleCPU) / 1e6, c.resident, u.peak, u.resident}, nil
}

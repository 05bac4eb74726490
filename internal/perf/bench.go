package perf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// benchmarks builds the benchmarks of a package and returns how to run one; each
// run gives its values by unit.
func benchmarks(ctx context.Context, o Options, pkg string) (run func(name, benchtime string) (map[string]float64, error), done func(), err error) {
	dir, err := os.MkdirTemp("", "consuo-perf-")
	if err != nil {
		return nil, nil, err
	}
	done = func() { _ = os.RemoveAll(dir) }
	binary := filepath.Join(dir, "bench.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "./"+pkg)
	build.Dir = o.Root
	if out, err := build.CombinedOutput(); err != nil {
		done()
		return nil, nil, fmt.Errorf("build the benchmarks of %s: %w\n%s", pkg, err, out)
	}
	return func(name, benchtime string) (map[string]float64, error) {
		cmd := exec.CommandContext(ctx, binary, "-test.run", "^$", "-test.bench", "^"+name+"$", "-test.benchtime", benchtime, "-test.benchmem")
		cmd.Dir = filepath.Join(o.Root, pkg)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", name, err, out)
		}
		return values(string(out), name)
	}, done, nil
}

var errNoLine = errors.New("the output has no line of the benchmark")

// values reads the line of a benchmark.
func values(out, name string) (map[string]float64, error) {
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], name) {
			continue
		}
		values := make(map[string]float64)
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			values[fields[i+1]] = v
		}
		return values, nil
	}
	return nil, fmt.Errorf("%s: %w", name, errNoLine)
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	if n == 0 {
		return 0
	}
	return (values[(n-1)/2] + values[n/2]) / 2
}

// medians returns the median of each column of some runs.
func medians(runs [][]float64) []float64 {
	row := make([]float64, len(runs[0]))
	for column := range row {
		var values []float64
		for _, run := range runs {
			values = append(values, run[column])
		}
		row[column] = median(values)
	}
	return row
}

// benchTCP compares whole requests over TCP with those to a bare handler. The
// benchmarks take turns, so that a machine that is busy for a while disturbs
// all of them, and each ratio is one of neighbours.
func benchTCP(ctx context.Context, o Options) (*Result, error) {
	const rounds = 7
	run, done, err := benchmarks(ctx, o, "internal/playouthttp")
	if err != nil {
		return nil, err
	}
	defer done()
	const bare, bareGzip = "BenchmarkServeBareTCP", "BenchmarkServeBareGzipTCP"
	names := []struct{ name, what, of string }{ // each after the one that it is compared with
		{bare, "bare net/http, same bytes and headers", bare},
		{"BenchmarkServeHotTCP", "media playlist, hot", bare},
		{"BenchmarkServeNotModifiedTCP", "the same, 304", bare},
		{"BenchmarkServeColdTCP", "each the first after a change", bare},
		{"BenchmarkServeMinimalTCP", "bare net/http, two headers", bare},
		{bareGzip, "bare net/http, same bytes and headers, gzip", bareGzip},
		{"BenchmarkServeGzipTCP", "media playlist, hot, gzip", bareGzip},
	}
	rates, ratios := make(map[string][]float64), make(map[string][]float64)
	cpus, cpuRatios, allocations := make(map[string][]float64), make(map[string][]float64), make(map[string]float64)
	for range rounds {
		latest, cpuLatest := make(map[string]float64), make(map[string]float64)
		for _, n := range names {
			v, err := run(n.name, "0.5s")
			if err != nil {
				return nil, err
			}
			rate, cpu := v["req/s"], v["cpu-µs/op"]
			latest[n.name], cpuLatest[n.name] = rate, cpu
			cpus[n.name] = append(cpus[n.name], cpu)
			cpuRatios[n.name] = append(cpuRatios[n.name], cpuLatest[n.of]/cpu)
			rates[n.name] = append(rates[n.name], rate)
			ratios[n.name] = append(ratios[n.name], rate/latest[n.of])
			allocations[n.name] = v["allocs/op"]
		}
	}
	r := &Result{
		Title: "Requests over loopback TCP with keep-alive, 16 connections per processor, client and server in one process",
		First: "", Columns: []string{"requests/s", "of bare", "CPU µs/request", "of bare by CPU", "allocations/request"},
		Notes: []string{fmt.Sprintf("Medians of %d rounds in which the benchmarks take turns; the ratio is the median of each round's. CPU time is that of the client too, and says more than the clock on a machine that is not idle. Allocations are those of net/http too.", rounds)},
	}
	for _, n := range names {
		r.add(n.what, median(rates[n.name]), median(ratios[n.name]), median(cpus[n.name]), median(cpuRatios[n.name]), allocations[n.name])
	}
	return r, nil
}

// benchWork is what the parts of the engine take, from their benchmarks.
func benchWork(ctx context.Context, o Options) (*Result, error) {
	r := &Result{Title: "What the parts of the engine take", Columns: []string{"value"}, Notes: []string{"Medians of 3 runs of the benchmark in parentheses. A film has two hours: seven playlists of 1,800 segments."}}
	for _, b := range []struct {
		pkg, name, benchtime string
		unit                 string
		scale                float64
		what                 string
	}{
		{"internal/timeline", "BenchmarkRender/window=30s/segments=1800/cuts=10", "0.5s", "ns/op", 1e-3, "media playlist of 30 s written after a change, µs"},
		{"internal/timeline", "BenchmarkRender/window=5m0s/segments=1800/cuts=10", "0.5s", "ns/op", 1e-3, "one of 5 minutes, µs"},
		{"internal/timeline", "BenchmarkRender/window=30s/segments=20000/cuts=1000", "0.5s", "ns/op", 1e-3, "of 30 s from a film of 22 hours after 1,000 cuts, µs"},
		{"internal/timeline", "BenchmarkPlan/segments=1800/cuts=10", "0.5s", "ns/op", 1e-3, "next cut planned, µs"},
		{"internal/playout", "BenchmarkLoad", "5x", "cpu-ms/op", 1, "film loaded, ms of CPU"},
		{"internal/playout", "BenchmarkAssetMemory", "1x", "kB/asset", 1, "film kept, all its tracks, kB"},
		{"internal/playout", "BenchmarkDormantChannel", "1x", "B/channel", 1, "channel that nobody watches, bytes"},
		{"internal/playout", "BenchmarkWatchedChannel", "1x", "kB/channel", 1, "channel that is watched, besides its film, kB"},
	} {
		run, done, err := benchmarks(ctx, o, b.pkg)
		if err != nil {
			return nil, err
		}
		var runs []float64
		for range 3 {
			v, err := run(b.name, b.benchtime)
			if err != nil {
				done()
				return nil, err
			}
			runs = append(runs, v[b.unit]*b.scale)
		}
		done()
		r.add(b.what+" ("+b.name+")", median(runs))
	}
	return r, nil
}

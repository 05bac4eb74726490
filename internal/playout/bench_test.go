package playout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"consuo/internal/asset"
	"consuo/internal/playlog"
	"consuo/internal/scheduleclient"
	"consuo/internal/vodtest"

	"github.com/prometheus/client_golang/prometheus"
)

// film is an origin of assets of two hours: five videos and two audios of 1,800
// segments each.
var film = vodtest.New(2 * time.Hour)

// heap returns how much memory is held.
func heap() int64 {
	for range 3 { // finalizers and pools
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) + int64(m.StackInuse)
}

// plan is a schedule of n channels that play a film each, or all the same.
type plan struct {
	n      int
	shared bool
	events int // a day of them; the first is on air
}

func (p plan) Channels(context.Context) (scheduleclient.List, error) {
	var list scheduleclient.List
	for i := range p.n {
		list.Channels = append(list.Channels, scheduleclient.Channel{ID: "channel-" + strconv.Itoa(i), Name: "Channel " + strconv.Itoa(i), Revision: "1"})
	}
	return list, nil
}

func (p plan) Schedule(_ context.Context, channel string, start, end time.Time) (scheduleclient.Schedule, error) {
	name := channel
	if p.shared {
		name = "film"
	}
	s := scheduleclient.Schedule{Start: start, End: end}
	at := time.Now().Add(-20 * time.Minute).UTC().Truncate(time.Hour)
	for i := range p.events {
		next := at.Add(2 * time.Hour)
		s.Events = append(s.Events, scheduleclient.Event{
			ID: fmt.Sprintf("%s-%d", channel, i), Title: "A film of two hours", URI: vodtest.URL(name), Start: at, End: next,
		})
		at = next
	}
	return s, nil
}

// shared is a log in the memory of another process, as far as the assets
// beside it go.
type shared struct{ *playlog.Memory }

func (shared) Freeze(context.Context, string, string, string, []byte) error { return nil }

// start runs an engine until the benchmark ends.
func (p plan) start(b *testing.B) *Engine {
	e := New(Options{
		Schedule: p, Log: shared{playlog.NewMemory(playlog.Lead)}, Loader: asset.New(asset.Options{Transport: film}),
		Window: 30 * time.Second, Poll: time.Hour,
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { _ = e.Run(ctx); close(done) }()
	b.Cleanup(func() { cancel(); <-done })
	for e.Ready(ctx) != nil {
		time.Sleep(time.Millisecond)
	}
	return e
}

// watch asks for a playlist of every channel at once until all are there.
func (p plan) watch(b *testing.B, e *Engine) {
	failed := make(chan error, p.n)
	for i := range p.n {
		go func() {
			_, err := e.Playlist(b.Context(), "channel-"+strconv.Itoa(i), "v720")
			for ; errors.Is(err, ErrUnknownTrack) || errors.Is(err, ErrNotReady); time.Sleep(10 * time.Millisecond) {
				_, err = e.Playlist(b.Context(), "channel-"+strconv.Itoa(i), "v720") // the slate is on air: its film still loads
			}
			failed <- err
		}()
	}
	for range p.n {
		if err := <-failed; err != nil {
			b.Error(err)
		}
	}
}

// cpu returns how much time of processors the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A film is loaded from an origin in this process.
func BenchmarkLoad(b *testing.B) {
	l := newLibrary(asset.New(asset.Options{Transport: film}), slog.New(slog.DiscardHandler), newMetrics(prometheus.NewRegistry()))
	b.ReportAllocs()
	used := cpu()
	for b.Loop() {
		if _, err := l.read(b.Context(), vodtest.URL("film"), Delivery{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpu()-used)/time.Microsecond)/1000/float64(b.N), "cpu-ms/op")
}

// What the library keeps of a film.
func BenchmarkAssetMemory(b *testing.B) {
	l := newLibrary(asset.New(asset.Options{Transport: film}), slog.New(slog.DiscardHandler), newMetrics(prometheus.NewRegistry()))
	const n = 20
	for b.Loop() {
		clear(l.entries)
		before := heap()
		for i := range n {
			a, err := l.read(b.Context(), vodtest.URL("film-"+strconv.Itoa(i)), Delivery{})
			if err != nil {
				b.Fatal(err)
			}
			l.entries[assetKey{uri: a.URI}] = &libraryEntry{asset: a}
		}
		b.ReportMetric(float64(heap()-before)/n/1000, "kB/asset")
	}
}

// What an engine keeps of a channel that it knows and nobody watches.
func BenchmarkDormantChannel(b *testing.B) {
	const n = 10_000
	for b.Loop() {
		before, goroutines := heap(), runtime.NumGoroutine()
		e := plan{n: n}.start(b)
		b.ReportMetric(float64(heap()-before)/n, "B/channel")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/n, "goroutines/channel")
		runtime.KeepAlive(e)
	}
}

// What an engine keeps of a channel that somebody watches, besides its asset.
func BenchmarkWatchedChannel(b *testing.B) {
	const n = 500
	for b.Loop() {
		p := plan{n: n, shared: true, events: 12}
		e := p.start(b)
		plan{n: 1, shared: true, events: 12}.watch(b, e) // the asset, the slate
		before := heap()
		p.watch(b, e)
		b.ReportMetric(float64(heap()-before)/n/1000, "kB/channel")
	}
}

// 100 channels are asked for at once, each of which plays a film of its own.
func BenchmarkStart100(b *testing.B) {
	for b.Loop() {
		p := plan{n: 100, events: 12}
		e := p.start(b)
		used := cpu()
		p.watch(b, e)
		b.ReportMetric(float64((cpu()-used)/time.Millisecond), "cpu-ms")
		b.ReportMetric(float64(peak())/1e6, "peak-RSS-MB")
		b.ReportMetric(float64(heap())/1e6, "heap-MB")
	}
}

// peak returns the greatest resident set of the process in bytes; 0 where the
// system does not tell.
func peak() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kilobytes * 1024
		}
	}
	return 0
}

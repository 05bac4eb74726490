package playout_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"consuo/internal/bubble"
	"consuo/internal/playout"
	"consuo/internal/scheduleclient"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrape returns what a registry has, by name and labels as Prometheus reads them.
func scrape(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	values := make(map[string]float64)
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		values[name] = n
	}
	return values
}

func TestMetrics(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		s := newStation(t, func(o *playout.Options) { o.Registerer = reg })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Engine.Run(ctx) }()
		defer func() {
			cancel()
			<-done
		}()
		want := func(when string, values map[string]float64) {
			t.Helper()
			got := scrape(t, reg)
			for name, value := range values {
				if is, there := got[name]; !there || is != value {
					t.Errorf("%s: %s is %v (there: %t), want %v", when, name, is, there, value)
				}
			}
		}
		bubble.Wait()
		want("nobody has asked", map[string]float64{
			`consuo_engine_channels{state="dormant"}`:                     1,
			`consuo_engine_channels{state="live"}`:                        0,
			`consuo_engine_clock_offset_seconds`:                          0,
			`consuo_engine_polls_total{outcome="ok"}`:                     1,
			`consuo_engine_cuts_total{kind="slate",reason="failed"}`:      0,
			`consuo_engine_channels_on_air{kind="slate",reason="failed"}`: 0,
			`consuo_engine_asset_loads_total{outcome="unreachable"}`:      0,
			`consuo_engine_assets{state="failed"}`:                        0,
			`consuo_engine_schedule_adherence_seconds_count`:              0,
			`consuo_engine_playlist_age_seconds`:                          0,
		})

		s.set(func() {
			s.faults[uri("b")] = errors.New("status 404")
			s.events["one"] = []scheduleclient.Event{event("a", 0, time.Minute), event("b", time.Minute, time.Minute), event("c", 2*time.Minute, time.Minute)}
		})
		v := s.viewer()
		v.watch(90 * time.Second)
		want("b has failed", map[string]float64{
			`consuo_engine_channels{state="live"}`:                        1,
			`consuo_engine_channels_on_air{kind="slate",reason="failed"}`: 1,
			`consuo_engine_assets{state="failed"}`:                        1,
			`consuo_engine_channels_provisional`:                          0,
		})
		v.watch(time.Minute)
		want("c is on air", map[string]float64{
			`consuo_engine_channels_on_air{kind="event",reason="scheduled"}`: 1,
			`consuo_engine_cuts_total{kind="slate",reason="failed"}`:         1,
			`consuo_engine_panics_total`:                                     0,
		})
		// What stood in for an event does so no longer when that is over, or taken away.
		s.set(func() {
			s.faults[uri("d")], s.faults[uri("e")] = errors.New("status 404"), errors.New("status 404")
			s.events["one"] = []scheduleclient.Event{event("d", 30*time.Second, time.Minute), event("e", 150*time.Second, time.Minute)}
		})
		v.watch(time.Minute)
		want("d has failed", map[string]float64{`consuo_engine_channels_on_air{kind="slate",reason="failed"}`: 1})
		v.watch(time.Minute)
		want("d is over", map[string]float64{
			`consuo_engine_channels_on_air{kind="slate",reason="failed"}`: 0,
			`consuo_engine_channels_on_air{kind="slate",reason="gap"}`:    1,
		})
		v.watch(50 * time.Second)
		want("e has failed", map[string]float64{`consuo_engine_channels_on_air{kind="slate",reason="failed"}`: 1})
		s.set(func() { s.events["one"] = nil })
		v.watch(20 * time.Second)
		want("e is not scheduled any more", map[string]float64{`consuo_engine_channels_on_air{kind="slate",reason="gap"}`: 1})

		got := scrape(t, reg)
		if got["consuo_engine_problems_total"] == 0 || got["consuo_engine_schedule_adherence_seconds_count"] == 0 ||
			got["consuo_engine_render_seconds_count"] == 0 || got["consuo_engine_playlist_lateness_seconds_count"] == 0 {
			t.Errorf("nothing observed: %v", got)
		}
		// In virtual time nothing takes any.
		if late := got["consuo_engine_playlist_lateness_seconds_sum"]; late != 0 {
			t.Errorf("playlists were late by %v s", late)
		}
		if age := got["consuo_engine_playlist_age_seconds"]; age < 0 || age > 9.6 {
			t.Errorf("the newest segment is %v s old", age)
		}

		s.set(func() { s.away = errors.New("no answer") })
		v.watch(time.Minute)
		if age := scrape(t, reg)["consuo_engine_poll_age_seconds"]; age < 55 || age > 65 {
			t.Errorf("the schedule was read %v s ago, want a minute", age)
		}
	})
}

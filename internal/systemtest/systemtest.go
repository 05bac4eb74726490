// Package systemtest has both services together under test: the schedule's
// HTTP, the engine's polling, the VODs' origin and players.
package systemtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"consuo/internal/asset"
	"consuo/internal/playlog"
	"consuo/internal/playout"
	"consuo/internal/playouthttp"
	"consuo/internal/scheduleclient"
	"consuo/internal/schedulehttp"
	"consuo/internal/schedulesql"
	"consuo/internal/testneeds"

	"github.com/prometheus/client_golang/prometheus"
)

// Station is both services on loopback, with the sample VODs.
type Station struct {
	testing.TB
	Schedule, Engine, VODs string // base URLs
}

// NewStation starts a station, which ends with the test.
func NewStation(t testing.TB) *Station {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	s := &Station{TB: t}
	serve := func(h http.Handler) string {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return server.URL
	}
	files := http.FileServer(http.Dir(filepath.Join(testneeds.Root(), "testdata", "vod")))
	s.VODs = serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		files.ServeHTTP(w, r)
	}))

	store, err := schedulesql.Open(t.Context(), filepath.Join(t.TempDir(), "schedule.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	player := httptest.NewUnstartedServer(nil) // the schedule's links name it
	t.Cleanup(player.Close)
	s.Engine = "http://" + player.Listener.Addr().String()
	loader := asset.New(asset.Options{})
	handler, err := schedulehttp.New(schedulehttp.Options{
		Store: store, Playout: store.Playout(playlog.Lead), Logger: log, Reports: store, AsRun: store.Aired,
		EngineURL: s.Engine, Duration: loader.Duration,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Schedule = serve(handler)

	client, err := scheduleclient.New(scheduleclient.Options{BaseURL: s.Schedule})
	if err != nil {
		t.Fatal(err)
	}
	clock := client.Clock()
	engine := playout.New(playout.Options{
		Schedule: client, Log: &playout.Fallback{Shared: client.Playout(), Memory: playlog.NewMemory(playlog.Lead), Logger: log},
		Now: func() time.Time { return clock.Now(time.Now()) }, Jumps: clock.Jumps,
		Loader: loader, Window: 30 * time.Second, Poll: 2 * time.Second,
		Logger: log, Registerer: prometheus.NewRegistry(),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	player.Config.Handler = playouthttp.New(engine, log)
	player.Start()
	return s
}

// Post sends JSON to the schedule and demands 201.
func (s *Station) Post(path string, body any) {
	s.Helper()
	s.Send(http.MethodPost, path, body, http.StatusCreated)
}

// Send sends JSON to the schedule and demands a status.
func (s *Station) Send(method, path string, body any, status int) {
	s.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		s.Fatal(err)
	}
	request, err := http.NewRequestWithContext(s.Context(), method, s.Schedule+path, bytes.NewReader(data))
	if err != nil {
		s.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		s.Fatal(err)
	}
	defer r.Body.Close()
	if answer, _ := io.ReadAll(r.Body); r.StatusCode != status {
		s.Fatalf("%s %s: %s: %s", method, path, r.Status, answer)
	}
}

// Programme puts short events on a channel, one after another, with a gap now
// and then: a transition every ten seconds or so.
func (s *Station) Programme(channel string, length time.Duration) {
	s.Helper()
	s.Post("/channels", map[string]any{"id": channel, "name": channel, "config": map[string]any{}})
	vods := []string{"ember", "harbour", "meadow"}
	var events []map[string]any
	at := time.Now().Add(-45 * time.Second)
	for i := 0; at.Before(time.Now().Add(length)); i++ {
		end := at.Add(11 * time.Second)
		events = append(events, map[string]any{
			"title": vods[i%3], "uri": fmt.Sprintf("%s/%s/master.m3u8", s.VODs, vods[i%3]),
			"start_time": at.UnixMilli(), "end_time": end.UnixMilli(),
		})
		at = end
		if i%4 == 3 {
			at = at.Add(6 * time.Second)
		}
	}
	s.Post("/channels/"+channel+"/schedule", events)
	s.Await("/live/master.m3u8?channel=" + channel)
}

// Await asks the engine until it answers 200: a channel that was made within
// the last second may be unknown to it.
func (s *Station) Await(path string) {
	s.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		r, err := http.Get(s.Engine + path)
		if err != nil {
			s.Fatal(err)
		}
		_ = r.Body.Close()
		if r.StatusCode == http.StatusOK {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.Fatalf("GET %s is no 200 after 5 s", path)
}

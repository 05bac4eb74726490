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
	"strings"
	"testing"
	"time"

	"consuo/internal/asset"
	"consuo/internal/browsertest"
	"consuo/internal/playlog"
	"consuo/internal/playout"
	"consuo/internal/playouthttp"
	"consuo/internal/scheduleclient"
	"consuo/internal/schedulehttp"
	"consuo/internal/schedulesql"
	"consuo/internal/testneeds"

	"github.com/prometheus/client_golang/prometheus"
)

// station is both services on loopback, with the sample VODs.
type station struct {
	testing.TB
	schedule, engine, vods string // base URLs
}

func newStation(t testing.TB) *station {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	s := &station{TB: t}
	serve := func(h http.Handler) string {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return server.URL
	}
	files := http.FileServer(http.Dir(filepath.Join(testneeds.Root(), "testdata", "vod")))
	s.vods = serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		files.ServeHTTP(w, r)
	}))

	store, err := schedulesql.Open(t.Context(), filepath.Join(t.TempDir(), "schedule.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	handler, err := schedulehttp.New(schedulehttp.Options{Store: store, Playout: store.Playout(playlog.Lead), Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	s.schedule = serve(handler)

	client, err := scheduleclient.New(scheduleclient.Options{BaseURL: s.schedule})
	if err != nil {
		t.Fatal(err)
	}
	clock := client.Clock()
	engine := playout.New(playout.Options{
		Schedule: client, Log: client.Playout(),
		Now: func() time.Time { return clock.Now(time.Now()) }, Jumps: clock.Jumps,
		Loader: asset.New(asset.Options{}), Window: 30 * time.Second, Poll: 2 * time.Second,
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
	s.engine = serve(playouthttp.New(engine, log))
	return s
}

// post sends JSON to the schedule and demands 201.
func (s *station) post(path string, body any) {
	s.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		s.Fatal(err)
	}
	r, err := http.Post(s.schedule+path, "application/json", bytes.NewReader(data))
	if err != nil {
		s.Fatal(err)
	}
	defer r.Body.Close()
	if answer, _ := io.ReadAll(r.Body); r.StatusCode != http.StatusCreated {
		s.Fatalf("POST %s: %s: %s", path, r.Status, answer)
	}
}

// programme puts short events on a channel, one after another, with a gap now
// and then: a transition every ten seconds or so.
func (s *station) programme(channel string, length time.Duration) {
	s.Helper()
	s.post("/channels", map[string]any{"id": channel, "name": channel, "config": map[string]any{}})
	vods := []string{"ember", "harbour", "meadow"}
	var events []map[string]any
	at := time.Now().Add(-45 * time.Second)
	for i := 0; at.Before(time.Now().Add(length)); i++ {
		end := at.Add(11 * time.Second)
		events = append(events, map[string]any{
			"title": vods[i%3], "uri": fmt.Sprintf("%s/%s/master.m3u8", s.vods, vods[i%3]),
			"start_time": at.UnixMilli(), "end_time": end.UnixMilli(),
		})
		at = end
		if i%4 == 3 {
			at = at.Add(6 * time.Second)
		}
	}
	s.post("/channels/"+channel+"/schedule", events)
	s.await("/live/master.m3u8?channel=" + channel)
}

// await asks the engine until it answers 200: a channel that was made within
// the last second may be unknown to it.
func (s *station) await(path string) {
	s.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		r, err := http.Get(s.engine + path)
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

// TestPlayers has hls.js and ffmpeg play the same channel over ten transitions
// and more.
func TestPlayers(t *testing.T) {
	const watch = 2 * time.Minute
	t.Run("play", func(t *testing.T) {
		s := newStation(t)
		s.programme("one", 2*watch)
		url := s.engine + "/live/master.m3u8?channel=one"
		t.Run("hls.js", func(t *testing.T) {
			t.Parallel()
			r := browsertest.PlayHLSJS(t, url, browsertest.Options{For: watch})
			for _, f := range r.Faults() {
				t.Error(f)
			}
			if r.Transitions() < 10 {
				t.Errorf("%d transitions, want 10", r.Transitions())
			}
			if r.Played() < watch-3*time.Second {
				t.Errorf("%s played in %s", r.Played(), watch)
			}
			vods := make(map[string]bool)
			for _, f := range r.Fragments {
				vods[filepath.Base(filepath.Dir(f.URL))] = true
			}
			if !vods["ember"] || !vods["harbour"] || !vods["meadow"] {
				t.Errorf("on screen were %v, want the three samples", vods)
			}
		})
		t.Run("ffmpeg", func(t *testing.T) {
			t.Parallel()
			r := browsertest.PlayFFmpeg(t, url, watch)
			for _, f := range r.Faults() {
				t.Error(f)
			}
			if r.Played < watch-2*time.Second {
				t.Errorf("%s played", r.Played)
			}
		})
		// Chromium's own player is the strictest about numbers and tags, and
		// the laziest about buffers: it must not fail, but may stand still.
		t.Run("native", func(t *testing.T) {
			t.Parallel()
			r := browsertest.PlayHLSJS(t, url, browsertest.Options{For: watch / 6, Native: true})
			for _, e := range r.Errors {
				t.Error(e)
			}
			if r.Played() < watch/12 {
				t.Errorf("%s played in %s", r.Played(), watch/6)
			}
		})
	})
}

// TestMultivariantIsTheSameOnBothPaths holds the contract that a player can
// see: both paths give the same bytes, and the URIs work from both.
func TestMultivariantIsTheSameOnBothPaths(t *testing.T) {
	s := newStation(t)
	s.programme("one", time.Minute)
	get := func(path string) string {
		r, err := http.Get(s.engine + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("GET %s: %s %v", path, r.Status, err)
		}
		return string(body)
	}
	a, b := get("/live/master.m3u8?channel=one"), get("/channels/one/master.m3u8")
	if a != b {
		t.Errorf("two multivariant playlists:\n%s\n%s", a, b)
	}
	for line := range strings.Lines(a) {
		if uri := strings.TrimSpace(line); uri != "" && !strings.HasPrefix(uri, "#") {
			if x, y := get("/live/"+uri), get("/channels/one/"+uri); x != y {
				t.Errorf("%s differs between the two paths", uri)
			}
		}
	}
}

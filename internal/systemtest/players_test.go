package systemtest_test

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consuo/internal/browsertest"
	"consuo/internal/systemtest"
)

// TestPlayers has hls.js and ffmpeg play the same channel over ten transitions
// and more.
func TestPlayers(t *testing.T) {
	const watch = 2 * time.Minute
	t.Run("play", func(t *testing.T) {
		s := systemtest.NewStation(t)
		s.Programme("one", 2*watch)
		url := s.Engine + "/live/master.m3u8?channel=one"
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
	s := systemtest.NewStation(t)
	s.Programme("one", time.Minute)
	get := func(path string) string {
		r, err := http.Get(s.Engine + path)
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

package catalogtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"consuo/internal/browsertest"
	"consuo/internal/testneeds"
)

// mended is what hls.js reports of these assets and goes on, in channels as in
// VODs of them that are written by hand, even of one asset.
var mended = map[string]bool{
	"bufferStalledError":     true, // each stall, however short
	"bufferSeekOverHole":     true, // the first picture comes two frames after the time stamps begin
	"bufferAppendNoProgress": true, // the first packed audio that it appends, after a discontinuity too
}

// TestHLSJS has hls.js play channels with audio in playlists of its own, which
// ffmpeg's player can't play whole: the assets have frame rates and init
// sections of their own, and there are pauses in the schedule for the slate.
func TestHLSJS(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute of real time")
	}
	m := &maker{t, testneeds.Tool(t, "ffmpeg")}
	root := t.TempDir()
	films := m.films(root)
	origin := serve(t, root)

	for i, k := range kinds {
		if k.name != "fMP4 demuxed" && k.name != "ts demuxed packed AAC" {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			var uris []string
			for j, path := range films {
				name := fmt.Sprintf("%d%c", i, 'a'+j)
				f := film{path: path, dir: filepath.Join(root, name)}
				if err := os.Mkdir(f.dir, 0o755); err != nil {
					t.Fatal(err)
				}
				k.make(m, f)
				uris = append(uris, origin.URL+"/"+name+"/master.m3u8")
			}
			id := strconv.Itoa(i)
			url := onLoopback(t, programme{id: turns(uris, true)}) + "/channels/" + id + "/master.m3u8"
			await(t, url)
			const watch = 25 * time.Second
			r := browsertest.PlayHLSJS(t, url, browsertest.Options{For: watch})
			if r.StartedAt < 0 {
				t.Error("playback did not start")
			}
			for _, s := range r.Stalls {
				if s.For > 2*time.Second { // less is a busy machine's
					t.Errorf("stood still for %s at position %s", s.For, s.Position)
				}
			}
			for _, e := range r.Errors {
				if e.Fatal || !mended[e.Details] {
					t.Error(e)
				}
			}
			for _, f := range r.FailedRequests {
				t.Error(f)
			}
			if n := r.Transitions(); n < 2 {
				t.Errorf("%d transitions, want 2", n)
			}
			if r.Played() < watch-5*time.Second {
				t.Errorf("%s played in %s", r.Played(), watch)
			}
			t.Logf("%d transitions, %s played, stalls %v, errors %v", r.Transitions(), r.Played(), r.Stalls, r.Errors)
		})
	}
}

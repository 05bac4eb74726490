package cachetest

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// mediaCaching is what the engine says of a media playlist.
var mediaCaching = regexp.MustCompile(`^public, max-age=\d+, stale-if-error=\d+$`)

// TestRules asks the cache what it should do as CloudFront does it.
func TestRules(t *testing.T) {
	s := newStation(t)
	ask := func(t *testing.T, path string, header http.Header) answer {
		t.Helper()
		a, err := get(t.Context(), s.cache+path, header)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	const multivariant = "/live/master.m3u8?channel=" + channel
	media, err := variants(t.Context(), s.cache, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	track := strings.TrimPrefix(media[0], s.cache)

	t.Run("key", func(t *testing.T) {
		// The path is asked for the first time with the first query.
		const path = "/channels/" + channel + "/master.m3u8"
		for i, query := range []string{"", "?a=b", "?session=1&token=secret", "?CHANNEL=other", "?xchannel=other"} {
			if a := ask(t, path+query, nil); a.status != http.StatusOK || a.cached() != (i > 0) {
				t.Errorf("%q: %d, %s", query, a.status, a.header.Get("X-Cache-Status"))
			}
		}
		for _, query := range []string{"?channel=" + channel, "?x=1&channel=" + channel + "&y=2"} {
			if a := ask(t, "/live/master.m3u8"+query, nil); a.status != http.StatusOK || !a.cached() {
				t.Errorf("%q: %d, %s", query, a.status, a.header.Get("X-Cache-Status"))
			}
		}
		if a := ask(t, "/live/master.m3u8?channel=other", nil); a.status != http.StatusNotFound {
			t.Errorf("another channel: %d", a.status)
		}
	})

	t.Run("collapse", func(t *testing.T) {
		// Nobody has asked for this path yet; now many do at once.
		path := "/channels/" + channel + track[strings.LastIndexByte(track, '/'):strings.IndexByte(track, '?')]
		var misses atomic.Int32
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				a, err := get(t.Context(), s.cache+path+"?n="+strconv.Itoa(i), nil)
				if err != nil || a.status != http.StatusOK {
					t.Errorf("%d, %v", a.status, err)
				}
				if !a.cached() {
					misses.Add(1)
				}
			})
		}
		all.Wait()
		// Those who waited for so long that it has expired ask again.
		if misses.Load() > 3 {
			t.Errorf("%d of 100 requests at once reached the engine", misses.Load())
		}
	})

	t.Run("encoding", func(t *testing.T) {
		for accept, want := range map[string]string{
			"": "", "identity": "", "br": "", "gzip;q=0": "", "gzip; q=0.000, br": "", "xgzip": "",
			"gzip": "gzip", "gzip, deflate, br": "gzip", "br, GZIP;q=0.5": "gzip", "deflate,gzip;q=1.0": "gzip",
		} {
			header := http.Header{}
			if accept != "" {
				header.Set("Accept-Encoding", accept)
			}
			a := ask(t, multivariant, header)
			if got := a.header.Get("Content-Encoding"); got != want || !strings.HasPrefix(a.body, "#EXTM3U") {
				t.Errorf("Accept-Encoding %q: Content-Encoding %q, want %q", accept, got, want)
			}
			if a.header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("Vary is %q", a.header.Get("Vary"))
			}
			if again := ask(t, multivariant, header); !again.cached() {
				t.Errorf("Accept-Encoding %q is not cached: %s", accept, again.header.Get("X-Cache-Status"))
			}
		}
	})

	t.Run("headers", func(t *testing.T) {
		first := ask(t, track, nil)
		if got := first.header.Values("Cache-Control"); len(got) != 1 || !mediaCaching.MatchString(got[0]) {
			t.Errorf("Cache-Control is %q", got)
		}
		if first.header.Get("X-Accel-Expires")+first.header.Get("X-Cache-Control") != "" {
			t.Errorf("what is for nginx goes on to players: %v", first.header)
		}
		if got := first.header.Values("Access-Control-Allow-Origin"); len(got) != 1 || got[0] != "*" {
			t.Errorf("Access-Control-Allow-Origin is %q", got)
		}
		same := ask(t, track, http.Header{"If-None-Match": {first.header.Get("ETag")}})
		if same.status != http.StatusNotModified && same.header.Get("ETag") == first.header.Get("ETag") {
			t.Errorf("If-None-Match with the ETag of the same playlist: %d", same.status)
		}
		// What is served as fresh is not older than it may be, by Age and by Date.
		for deadline := time.Now().Add(6 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
			a := ask(t, track, nil)
			made, err := http.ParseTime(a.header.Get("Date"))
			if err != nil {
				t.Fatal(err)
			}
			age, err := strconv.Atoi(a.header.Get("Age"))
			if err != nil {
				t.Fatal(err)
			}
			if passed := time.Since(made); passed < time.Duration(age)*time.Second || passed > time.Duration(age+2)*time.Second {
				t.Errorf("Age is %d, Date %s ago", age, passed)
			}
			_, rest, _ := strings.Cut(a.header.Get("Cache-Control"), "max-age=")
			text, _, _ := strings.Cut(rest, ",")
			maxAge, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			if a.header.Get("X-Cache-Status") == "HIT" && age > maxAge+1 {
				t.Errorf("max-age is %d, and Age %d", maxAge, age)
			}
		}
	})

	t.Run("errors are not kept", func(t *testing.T) {
		const late = "late"
		for range 2 {
			a := ask(t, "/live/master.m3u8?channel="+late, nil)
			if a.status != http.StatusNotFound || a.cached() || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("unknown channel: %d, %s, Cache-Control %s", a.status, a.header.Get("X-Cache-Status"), a.header.Get("Cache-Control"))
			}
		}
		// Many who ask at once don't wait for one another.
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
		defer cancel()
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				a, err := get(ctx, s.cache+"/live/master.m3u8?channel="+late+"&n="+strconv.Itoa(i), nil)
				if err != nil || a.status != http.StatusNotFound {
					t.Errorf("unknown channel, asked for by many: %d, %v", a.status, err)
				}
			})
		}
		all.Wait()
		s.post("/channels", map[string]any{"id": late, "name": late, "config": map[string]any{}})
		s.await(s.cache + "/live/master.m3u8?channel=" + late)
	})

	t.Run("players' part only", func(t *testing.T) {
		for _, path := range []string{
			"/", "/channels", "/channels/" + channel + "/status", "/metrics", "/readyz", "/debug/pprof/",
			"/live/../metrics", "/live/%2e%2e/metrics", "/live/x.m3u8/../../metrics", "/live/a/b.m3u8x",
		} {
			if a := ask(t, path, nil); a.status != http.StatusNotFound && a.status != http.StatusBadRequest {
				t.Errorf("%s: %d\n%s", path, a.status, a.body)
			}
		}
		for method, want := range map[string]int{
			http.MethodHead: http.StatusOK, http.MethodOptions: http.StatusNoContent,
			http.MethodPost: http.StatusForbidden, http.MethodDelete: http.StatusForbidden,
		} {
			if a, err := do(t.Context(), method, s.cache+multivariant, nil); err != nil || a.status != want {
				t.Errorf("%s: %d, want %d (%v)", method, a.status, want, err)
			}
		}
	})

	t.Run("slate", func(t *testing.T) {
		for _, path := range []string{"/live/slate/v1/ts/master.m3u8", "/channels/any/slate/v1/ts/720-0.ts"} {
			first, second := ask(t, path, nil), ask(t, path+"?x=y", nil)
			if first.status != http.StatusOK || !second.cached() || first.body != second.body {
				t.Errorf("%s: %d, then %s", path, first.status, second.header.Get("X-Cache-Status"))
			}
		}
	})

	// Last, as it takes the engine away.
	t.Run("engine away", func(t *testing.T) {
		ask(t, track, nil)
		s.engineProcess.Kill()
		var answers []string
		for deadline := time.Now().Add(25 * time.Second); time.Now().Before(deadline); time.Sleep(250 * time.Millisecond) {
			a := ask(t, track, nil)
			answer := a.header.Get("X-Cache-Status")
			if a.status != http.StatusOK {
				answer = strconv.Itoa(a.status)
			}
			if len(answers) == 0 || answers[len(answers)-1] != answer {
				answers = append(answers, answer)
			}
			if answer == "502" {
				break
			}
		}
		// Two target durations of four seconds, and no longer.
		if got := strings.Join(answers, " "); got != "HIT STALE 502" {
			t.Errorf("with the engine away: %s", got)
		}
		s.startEngine()
		s.await(s.cache + track)
	})
}

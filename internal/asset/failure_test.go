package asset_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"consuo/internal/asset"
	"consuo/internal/bubble"
)

const (
	oneVariant = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000000\nmedia.m3u8?token=secret\n"
	secrets    = "?token=secret"
)

// failure loads uri and returns the error, which must be typed, bounded,
// printable and without secrets.
func failure(t *testing.T, o asset.Options, uri string) *asset.Error {
	t.Helper()
	p, err := asset.New(o).Load(t.Context(), uri)
	e, ok := errors.AsType[*asset.Error](err)
	if !ok {
		t.Fatalf("got %+v, %v; want an error", p, err)
	}
	s := e.Error()
	if strings.Contains(s, "secret") || len(s) > 1000 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) {
		t.Errorf("error %q", s)
	}
	for unwrapped := error(e); unwrapped != nil; unwrapped = errors.Unwrap(unwrapped) {
		if strings.Contains(unwrapped.Error(), "secret") {
			t.Errorf("cause %q", unwrapped)
		}
	}
	if e.Hint == "" && e.Kind != asset.TooLarge && e.Kind != asset.Canceled && e.Kind != asset.Status {
		t.Errorf("%s: no hint", e)
	}
	return e
}

func TestLoadFails(t *testing.T) {
	bomb := func() []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		zeros := make([]byte, 1<<20)
		for range 8 {
			w.Write(zeros)
		}
		w.Close()
		return b.Bytes()
	}()
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) }
	}
	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(body)) }
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		}
	}
	for _, test := range []struct {
		why     string
		handler http.HandlerFunc
		kind    asset.Kind
		again   bool // it may be otherwise soon
		options asset.Options
	}{
		{why: "missing", handler: status(404), kind: asset.Status},
		{why: "forbidden", handler: status(403), kind: asset.Status},
		{why: "too many requests", handler: status(429), kind: asset.Status, again: true},
		{why: "server error", handler: status(500), kind: asset.Status, again: true},
		{why: "no content", handler: status(204), kind: asset.Status, again: true},
		{why: "part", handler: status(206), kind: asset.Status, again: true},

		{why: "HTML", handler: text("<!doctype html><html>secret</html>"), kind: asset.NotHLS},
		{why: "nothing", handler: text(""), kind: asset.NotHLS},
		{why: "a media file", handler: text("G@\x11\x10" + strings.Repeat("\xff", 5000)), kind: asset.NotHLS},
		{why: "no segments", handler: text("#EXTM3U\n#EXT-X-ENDLIST\n"), kind: asset.Invalid},
		{why: "I-frames", handler: text("#EXTM3U\n#EXT-X-I-FRAMES-ONLY\n#EXTINF:4,\na.ts\n"), kind: asset.Invalid},
		{why: "names itself", handler: text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n" + secrets + "\n"), kind: asset.Invalid},
		{why: "cut off in the text", handler: text("#EXTM3U\n#EXTINF:4,\na.ts\n#EXTINF:4,\n"), kind: asset.Invalid},
		{why: "cut off in the answer", kind: asset.Unreachable, again: true, handler: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.Write([]byte(mediaBody))
		}},
		{why: "connection closed", kind: asset.Unreachable, again: true, handler: func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}},
		{why: "slow to answer", kind: asset.Timeout, again: true, options: asset.Options{Timeout: 50 * time.Millisecond},
			handler: func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		{why: "slow to finish", kind: asset.Timeout, again: true, options: asset.Options{LoadTimeout: 50 * time.Millisecond},
			handler: func(w http.ResponseWriter, r *http.Request) {
				w.Write([]byte("#EXTM3U\n"))
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			}},

		{why: "redirects to itself", handler: redirect(secrets), kind: asset.Redirect},
		{why: "redirects for ever", kind: asset.Redirect, handler: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/more"+r.URL.Path+secrets, http.StatusMovedPermanently)
		}},
		{why: "redirects nowhere", handler: status(302), kind: asset.Redirect},
		{why: "redirects to nonsense", handler: redirect("http://[secret/"), kind: asset.Redirect},
		{why: "redirects to metadata", handler: redirect("http://169.254.169.254/secret"), kind: asset.Refused},
		{why: "redirects to metadata in disguise", handler: redirect("http://[::ffff:a9fe:a9fe]/secret"), kind: asset.Refused},
		{why: "redirects to a file", handler: redirect("file:///secret"), kind: asset.Refused},
		{why: "redirects to a host that is not listed", handler: redirect("http://localhost:1/secret"), kind: asset.Refused,
			options: asset.Options{Policy: asset.Policy{Hosts: []string{"127.0.0.1"}}}},
		{why: "variant at metadata", handler: text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://169.254.169.254/latest?secret\n"), kind: asset.Refused},

		{why: "large", handler: text("#EXTM3U\n" + strings.Repeat("#EXTINF:4,\na.ts\n", 100_000)), kind: asset.TooLarge,
			options: asset.Options{MaxBody: 1 << 20}},
		{why: "large, without a length", kind: asset.TooLarge, options: asset.Options{MaxBody: 1 << 20}, handler: func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				w.Write([]byte("#EXTM3U\n#EXTINF:4,\na.ts\n"))
			}
		}},
		{why: "gzip bomb", kind: asset.TooLarge, options: asset.Options{MaxBody: 1 << 20}, handler: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb)
		}},
		{why: "renditions without end", kind: asset.TooLarge, handler: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/master.m3u8" {
				t.Error("a media playlist was asked for")
			}
			fmt.Fprint(w, oneVariant)
			for i := range 400 {
				fmt.Fprintf(w, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"%d\",URI=\"%d.m3u8\"\n", i, i)
			}
		}},
		{why: "segments without end", kind: asset.TooLarge, options: asset.Options{MaxSegments: 5}, handler: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/master.m3u8" {
				w.Write([]byte(mediaBody))
				return
			}
			fmt.Fprint(w, "#EXTM3U\n")
			for i := range 3 {
				fmt.Fprintf(w, "#EXT-X-STREAM-INF:BANDWIDTH=1\n%d.m3u8\n", i)
			}
		}},
	} {
		t.Run(test.why, func(t *testing.T) {
			origin := serve(t, test.handler)
			e := failure(t, test.options, strings.Replace(origin, "http://", "http://user:secret@", 1)+"/master.m3u8"+secrets)
			if e.Kind != test.kind || e.Permanent() == test.again {
				t.Errorf("got %s, permanent %t (%v); want %s, %t", e.Kind, e.Permanent(), e, test.kind, !test.again)
			}
		})
	}
}

func TestLoadRefusesAddresses(t *testing.T) {
	asked := false
	origin := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	deny := asset.Options{Policy: asset.Policy{DenyPrivate: true}}
	for _, uri := range []string{
		origin + "/a.m3u8",
		// A name says nothing about the address: that shows when it is dialled.
		strings.Replace(origin, "127.0.0.1", "localhost", 1) + "/a.m3u8",
	} {
		if e := failure(t, deny, uri+secrets); e.Kind != asset.Refused || !strings.Contains(e.Hint, "PRIVATE_ORIGINS") {
			t.Errorf("%s: got %v", uri, e)
		}
	}
	if asked {
		t.Error("the request was sent")
	}
}

func TestLoadUnreachable(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	for _, uri := range []string{server.URL + "/a.m3u8", "http://does-not-exist.invalid/a.m3u8"} {
		if e := failure(t, asset.Options{Timeout: 2 * time.Second}, uri+secrets); e.Kind != asset.Unreachable && e.Kind != asset.Timeout {
			t.Errorf("got %s: %v", e.Kind, e)
		}
	}
	secure := httptest.NewUnstartedServer(nil)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	if e := failure(t, asset.Options{}, secure.URL+secrets); e.Kind != asset.Unreachable || !strings.Contains(e.Hint, "certificate") {
		t.Errorf("got %v", e)
	}
	for _, uri := range []string{"", "a.m3u8", "http://", "http://h/%zz", "http://h:port/", "ftp://h/a"} {
		if e := failure(t, asset.Options{}, uri); e.Kind != asset.Refused {
			t.Errorf("%s: got %s: %v", uri, e.Kind, e)
		}
	}
}

func TestLoadCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	origin := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	_, err := asset.New(asset.Options{}).Load(ctx, origin+"/a.m3u8")
	if e, ok := errors.AsType[*asset.Error](err); !ok || e.Kind != asset.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A redirect must not carry what the first host was given to the second.
func TestRedirectKeepsSecrets(t *testing.T) {
	other := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			if strings.Contains(strings.Join(values, ""), "secret") || name == "Referer" || name == "Authorization" {
				t.Errorf("the other host gets %s: %q", name, values)
			}
		}
		w.Write([]byte(mediaBody))
	}))
	origin := serve(t, http.RedirectHandler(other+"/b.m3u8", http.StatusFound))
	_, err := asset.New(asset.Options{}).Load(t.Context(), strings.Replace(origin, "http://", "http://user:secret@", 1)+"/a.m3u8"+secrets)
	if err != nil {
		t.Error(err)
	}
}

// What fails for good is left out where the rest is worth playing.
func TestLoadLeavesOut(t *testing.T) {
	const (
		multivariant = `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="en",URI="en"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="sv",URI="sv"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="ac3",NAME="en",URI="ac3"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subs",NAME="en",URI="subs"
#EXT-X-STREAM-INF:BANDWIDTH=3,RESOLUTION=1280x720,CODECS="avc1.64001f,mp4a.40.2",AUDIO="aac",SUBTITLES="subs"
720-aac
#EXT-X-STREAM-INF:BANDWIDTH=4,RESOLUTION=1280x720,CODECS="avc1.64001f,ac-3",AUDIO="ac3",SUBTITLES="subs"
720-ac3
#EXT-X-STREAM-INF:BANDWIDTH=2,RESOLUTION=640x360,CODECS="avc1.64001f,mp4a.40.2",AUDIO="aac"
360-aac
#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="mp4a.40.2",AUDIO="aac"
audio
`
		transient = "503"
	)
	for _, test := range []struct {
		why     string
		missing string // 404; with 503: that instead
		want    string // what is left; "": the load fails
	}{
		{"nothing", "", "720-aac 720-ac3 360-aac audio | en sv ac3 subs"},
		{"one variant", "360-aac", "720-aac 720-ac3 audio | en sv ac3 subs"},
		{"the first variant", "720-aac", "720-ac3 360-aac audio | en sv ac3 subs"},
		{"one language", "sv", "720-aac 720-ac3 360-aac audio | en ac3 subs"},
		{"all of an audio group", "ac3", "720-aac 360-aac audio | en sv subs"},
		{"all of the other", "en sv", "720-ac3 | ac3 subs"},
		{"all audio", "en sv ac3", ""},
		{"all subtitles", "subs", "720-aac 720-ac3 360-aac audio | en sv ac3"},
		{"all video", "720-aac 720-ac3 360-aac", ""},
		{"all", "720-aac 720-ac3 360-aac audio en sv ac3 subs", ""},
		{"one for now", "360-aac " + transient, ""},
	} {
		t.Run(test.why, func(t *testing.T) {
			missing := strings.Fields(test.missing)
			origin := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				name := r.URL.Path[1:]
				if slices.Contains(missing, name) {
					code := http.StatusNotFound
					if strings.HasSuffix(test.missing, transient) {
						code = http.StatusServiceUnavailable
					}
					w.WriteHeader(code)
					return
				}
				if name == "master.m3u8" {
					w.Write([]byte(multivariant))
					return
				}
				w.Write([]byte(mediaBody))
			}))
			if test.want == "" {
				if e := failure(t, asset.Options{}, origin+"/master.m3u8"); e.Kind != asset.Status {
					t.Errorf("got %v", e)
				}
				return
			}
			p, err := asset.New(asset.Options{}).Load(t.Context(), origin+"/master.m3u8")
			if err != nil {
				t.Fatal(err)
			}
			var left []string
			for _, v := range p.Multivariant.Variants {
				left = append(left, strings.TrimPrefix(v.URI, origin+"/"))
				if test.why == "all subtitles" && v.Subtitles != "" {
					t.Error("a variant has a group that is not there")
				}
				if p.Media[v.URI] == nil {
					t.Errorf("%s is not loaded", v.URI)
				}
			}
			left = append(left, "|")
			for _, r := range p.Multivariant.Renditions {
				left = append(left, strings.TrimPrefix(r.URI, origin+"/"))
				if p.Media[r.URI] == nil {
					t.Errorf("%s is not loaded", r.URI)
				}
			}
			if got := strings.Join(left, " "); got != test.want {
				t.Errorf("left is %s, want %s", got, test.want)
			}
			if len(p.Warnings) != len(missing) {
				t.Errorf("warnings %q", p.Warnings)
			}
		})
	}
}

// roundTrip is an origin without sockets, for tests in virtual time.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// However many assets are loaded at once, a host gets no more requests at a
// time than the option says, and every load gets its turn.
func TestPerHost(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := make(map[string]int), make(map[string]int)
		origin := roundTrip(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			now[r.URL.Host]++
			most[r.URL.Host] = max(most[r.URL.Host], now[r.URL.Host])
			mu.Unlock()
			time.Sleep(100 * time.Millisecond)
			mu.Lock()
			now[r.URL.Host]--
			mu.Unlock()
			w := httptest.NewRecorder()
			if r.URL.Path == "/master.m3u8" {
				fmt.Fprint(w, "#EXTM3U\n")
				for i := range 12 {
					fmt.Fprintf(w, "#EXT-X-STREAM-INF:BANDWIDTH=1\n%d.m3u8\n", i)
				}
			} else {
				fmt.Fprint(w, mediaBody)
			}
			resp := w.Result()
			resp.Request = r
			return resp, nil
		})
		loader := asset.New(asset.Options{Transport: origin, PerHost: 3})
		start := time.Now()
		var wg sync.WaitGroup
		for _, host := range []string{"a.example", "a.example", "b.example"} {
			wg.Go(func() {
				if p, err := loader.Load(t.Context(), "http://"+host+"/master.m3u8"); err != nil || len(p.Media) != 12 {
					t.Errorf("%s: %v", host, err)
				}
			})
		}
		wg.Wait()
		if most["a.example"] != 3 || most["b.example"] != 3 {
			t.Errorf("at a time %v, want 3", most)
		}
		// 2 + 24 requests to one host, 3 at a time.
		if d := time.Since(start); d != 900*time.Millisecond {
			t.Errorf("took %s", d)
		}
	})
}

// An asset that never ends is given up after LoadTimeout, also while it waits
// for its turn.
func TestLoadTimeout(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		stuck := roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		loader := asset.New(asset.Options{Transport: stuck, PerHost: 1, Timeout: 10 * time.Second, LoadTimeout: 15 * time.Second})
		start := time.Now()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				_, err := loader.Load(t.Context(), "http://a.example/master.m3u8")
				if e, ok := errors.AsType[*asset.Error](err); !ok || e.Kind != asset.Timeout {
					t.Errorf("got %v", err)
				}
			})
		}
		wg.Wait()
		if d := time.Since(start); d != 15*time.Second {
			t.Errorf("took %s", d)
		}
	})
}

// Nothing is left behind by loads that failed.
func TestNoGoroutinesLeft(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		broken := roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("broken") })
		loader := asset.New(asset.Options{Transport: broken})
		before := runtime.NumGoroutine()
		for range 100 {
			if _, err := loader.Load(t.Context(), "http://a.example/master.m3u8"); err == nil {
				t.Fatal("no error")
			}
		}
		bubble.Wait()
		if after := runtime.NumGoroutine(); after > before {
			t.Errorf("%d goroutines, before %d", after, before)
		}
	})
}

// TestPanic: whatever the playlist of a track may do to us, whoever asked for the
// asset can catch it. A panic in a goroutine would end the process.
func TestPanic(t *testing.T) {
	origin := roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path != "/master.m3u8" {
			panic("a fault")
		}
		body := "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\nb.m3u8\n"
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})
	loader := asset.New(asset.Options{Transport: origin})
	for range 10 { // also: nothing is held afterwards
		func() {
			defer func() {
				if fault := fmt.Sprint(recover()); !strings.HasPrefix(fault, "a fault\n") || !strings.Contains(fault, "failure_test.go") {
					t.Errorf("caught %q", fault)
				}
			}()
			_, err := loader.Load(t.Context(), "https://vod.example/master.m3u8")
			t.Errorf("no panic, %v", err)
		}()
	}
}

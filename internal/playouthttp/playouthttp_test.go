package playouthttp_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"consuo/internal/bubble"
	"consuo/internal/playlog"
	"consuo/internal/playout"
	"consuo/internal/playouthttp"
	"consuo/internal/service"
)

// fake is an engine with these channels: one, which is live, with a new
// document every 4 s; fresh, whose tracks aren't decided; asleep, which has
// nothing to show; broken, which fails.
type fake struct {
	start time.Time

	mu   sync.Mutex
	docs map[string]*playout.Document // by body; guarded by mu
}

func newFake() *fake { return &fake{start: time.Now(), docs: map[string]*playout.Document{}} }

const (
	segment = 4 * time.Second
	target  = 6 * time.Second
)

func (f *fake) document(body string) *playout.Document {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.docs[body] == nil {
		f.docs[body] = playout.NewDocument([]byte(body))
	}
	return f.docs[body]
}

func (f *fake) Multivariant(_ context.Context, channel string) (*playout.Document, error) {
	switch channel {
	case "one":
		return f.document("#EXTM3U\n#multivariant\n"), nil
	case "fresh":
		doc := playout.NewDocument([]byte("#EXTM3U\n"))
		doc.Settled = false
		return doc, nil
	case "asleep":
		return nil, fmt.Errorf("asleep: %w", playout.ErrNotReady)
	case "broken":
		return nil, errors.New("secret fault")
	}
	return nil, playout.ErrUnknownChannel
}

func (f *fake) Playlist(ctx context.Context, channel, track string) (*playout.Document, error) {
	if _, err := f.Multivariant(ctx, channel); err != nil {
		return nil, err
	}
	if track != "v720" {
		return nil, playout.ErrUnknownTrack
	}
	n := time.Since(f.start) / segment
	doc := f.document("#EXTM3U\n#v720 " + strconv.Itoa(int(n)) + "\n")
	if doc.TargetDuration == 0 {
		doc.TargetDuration, doc.Changes = target, f.start.Add((n+1)*segment)
	}
	return doc, nil
}

func (f *fake) Status(ctx context.Context, channel string) (playout.Status, error) {
	_, err := f.Multivariant(ctx, channel)
	return playout.Status{
		ID:  channel,
		Now: &playout.OnAir{Kind: playlog.Event, URI: "https://vod.example/a.m3u8?token=secret"},
	}, err
}

func (f *fake) Channels(context.Context) []playout.Summary {
	return []playout.Summary{{
		ID: "one", Name: "Channel <One>", State: playout.Live,
		Now:  &playout.OnAir{Kind: playlog.Event, Title: "A & B"},
		Next: &playout.OnAir{Kind: playlog.Event, Start: playout.Instant{Time: f.start}},
	}, {ID: "asleep", State: playout.Dormant}}
}

func newHandler(f *fake, log io.Writer) http.Handler { return production(f, log) }

// testEngine is the interface that New wants.
type testEngine interface {
	Multivariant(ctx context.Context, channel string) (*playout.Document, error)
	Playlist(ctx context.Context, channel, track string) (*playout.Document, error)
	Status(ctx context.Context, channel string) (playout.Status, error)
	Channels(ctx context.Context) []playout.Summary
}

// production is what the engine's main serves.
func production(e testEngine, log io.Writer) http.Handler {
	logger := slog.New(slog.NewTextHandler(log, nil))
	return service.Handler(service.Options{
		Handler:  playouthttp.New(e, logger),
		Logger:   logger,
		Registry: service.NewRegistry("engine"),
		Quiet:    playouthttp.Quiet,
	})
}

func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(script)
			if err != nil {
				t.Fatal(err)
			}
			bubble.Test(t, func(t *testing.T) {
				runScript(t, script, string(text), newHandler(newFake(), io.Discard))
			})
		})
	}
}

// runScript makes the requests of a script, a paragraph each, and compares the
// answers with what is expected:
//
//	at DURATION           when to ask, since the script began; at once if absent
//	METHOD TARGET
//	Header: value         of the request
//	=> STATUS
//	Header: value         of the answer; "none": it is absent
//	no body
//	| line                of the body, which is uncompressed; all lines are given
//	~ text                that the body contains; !~ text that it doesn't
//
// A value $name stands for what the header was where the name was used first.
// Lines that begin with # are comments.
func runScript(t *testing.T, name, text string, handler http.Handler) {
	start, names := time.Now(), map[string]string{}
	expand := func(s string) string {
		return regexp.MustCompile(`\$\w+`).ReplaceAllStringFunc(s, func(n string) string { return cmp.Or(names[n], n) })
	}
	var r *http.Request
	var answer *httptest.ResponseRecorder
	var body string
	var lines []string // expected of the body
	finish := func() {
		if want := strings.Join(lines, "\n"); lines != nil && strings.TrimSuffix(body, "\n") != want {
			t.Errorf("%s %s: body %q, want %q", r.Method, r.URL, body, want)
		}
		r, answer, lines = nil, nil, nil
	}
	for i, line := range strings.Split(text+"\n\n", "\n") {
		at := fmt.Sprintf("%s:%d: %s", name, i+1, line)
		header, value, _ := strings.Cut(line, ": ")
		before, after, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(line, "#"):
		case line == "":
			finish()
		case before == "at":
			d, err := time.ParseDuration(after)
			if err != nil {
				t.Fatal(at, err)
			}
			time.Sleep(time.Until(start.Add(d))) // in the bubble's time
		case r == nil:
			r = httptest.NewRequest(before, after, nil)
		case before == "=>":
			answer = httptest.NewRecorder()
			handler.ServeHTTP(answer, r)
			body = uncompressed(t, answer)
			if strconv.Itoa(answer.Code) != after {
				t.Errorf("%s: got %d %s", at, answer.Code, body)
			}
		case answer == nil:
			r.Header.Add(header, expand(value))
		case line == "no body":
			if answer.Body.Len() > 0 {
				t.Errorf("%s: got %q", at, answer.Body)
			}
		case before == "|":
			lines = append(lines, after)
		case before == "~", before == "!~":
			if strings.Contains(body, after) != (before == "~") {
				t.Errorf("%s: got %s", at, body)
			}
		default:
			got := cmp.Or(answer.Header().Get(header), "none")
			if strings.HasPrefix(value, "$") && names[value] == "" && got != "none" {
				for n, v := range names {
					if v == got {
						t.Errorf("%s: it is that of %s", at, n)
					}
				}
				names[value] = got
			}
			if want := expand(value); got != want {
				t.Errorf("%s: got %s", at, got)
			}
		}
	}
}

func uncompressed(t *testing.T, answer *httptest.ResponseRecorder) string {
	t.Helper()
	if answer.Header().Get("Content-Encoding") != "gzip" || answer.Body.Len() == 0 {
		return answer.Body.String()
	}
	if got := answer.Header().Get("Content-Length"); got != strconv.Itoa(answer.Body.Len()) {
		t.Errorf("Content-Length %s of %d bytes", got, answer.Body.Len())
	}
	z, err := gzip.NewReader(bytes.NewReader(answer.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// A fault of the engine is in the log once, with the request's id; what is
// usual isn't, and neither are the requests of players.
func TestLog(t *testing.T) {
	var log bytes.Buffer
	h := newHandler(newFake(), &log)
	for _, target := range []string{"/live/v720.m3u8?channel=one", "/live/master.m3u8?channel=asleep", "/live/master.m3u8?channel=nobody", "/channels/one/slate/v1/text/empty.vtt"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", target, nil))
	}
	if log.Len() > 0 {
		t.Errorf("log of what is usual: %s", &log)
	}
	r := httptest.NewRequest("GET", "/live/master.m3u8?channel=broken", nil)
	r.Header.Set("X-Request-Id", "id-1")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `err="secret fault"`) || !strings.Contains(got, "request_id=id-1") || !strings.Contains(got, "channel=broken") {
		t.Errorf("log of a fault: %s", got)
	}
}

// Requests are counted by a closed set of patterns.
func TestMetrics(t *testing.T) {
	h := newHandler(newFake(), io.Discard)
	get := func(target string) string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
		return w.Body.String()
	}
	for target, route := range map[string]string{
		"/live/master.m3u8?channel=one":       "/live/{track}.m3u8",
		"/channels/one/v720.m3u8":             "/channels/{id}/{track}.m3u8",
		"/channels/one/status":                "/channels/{id}/status",
		"/channels/one/slate/v1/text/x":       "/channels/{id}/slate/*",
		"/live/slate/v1/text/empty.vtt":       "/live/slate/*",
		"/":                                   "/",
		"/plain":                              "/plain",
		"/assets/x.js":                        "/assets/*",
		"/channels":                           "/channels",
		"/live/none.m3u8/whatever?channel=no": "none",
	} {
		get(target)
		if want := `http_requests_total{method="GET",route="` + route + `",`; !strings.Contains(get("/metrics"), want) {
			t.Errorf("%s is not counted as %s", target, route)
		}
	}
}

// Over a real connection: net/http adds Date, and HEAD keeps the length.
func TestOverTCP(t *testing.T) {
	server := httptest.NewServer(newHandler(newFake(), io.Discard))
	defer server.Close()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/live/v720.m3u8?channel=one", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", "identity")
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.ContentLength != 16 || response.TransferEncoding != nil || response.Header.Get("Date") == "" {
			t.Errorf("%s: %v, length %d, %v", method, err, response.ContentLength, response.Header)
		}
		if want := map[string]int{"GET": 16, "HEAD": 0}[method]; len(body) != want {
			t.Errorf("%s: %d bytes, want %d", method, len(body), want)
		}
	}
}

// The plain page has one style sheet, in it, and the policy allows that one only.
func TestPlainPagePolicy(t *testing.T) {
	w := httptest.NewRecorder()
	newHandler(newFake(), io.Discard).ServeHTTP(w, httptest.NewRequest("GET", "/plain?channel=one", nil))
	body := w.Body.String()
	styles := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindAllStringSubmatch(body, -1)
	if len(styles) != 1 {
		t.Fatalf("%d style sheets", len(styles))
	}
	sum := sha256.Sum256([]byte(styles[0][1]))
	policy := w.Header().Get("Content-Security-Policy")
	if !strings.Contains(policy, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") || !strings.HasPrefix(policy, "default-src 'none';") {
		t.Errorf("the policy does not fit the page: %s", policy)
	}
	for _, forbidden := range []string{"<script", " style=", "http:", "https:", "//"} {
		if strings.Contains(body, forbidden) {
			t.Errorf("the page has %q", forbidden)
		}
	}
}

// Many channels don't make a huge page.
func TestPlainPageIsBounded(t *testing.T) {
	w := httptest.NewRecorder()
	playouthttp.New(crowd{newFake()}, slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/plain?channel=c9999", nil))
	if body := w.Body.String(); len(body) > 1<<20 || !strings.Contains(body, "9500 more") || !strings.Contains(body, `<h2>c9999</h2>`) {
		t.Errorf("%d bytes: %.300s", len(body), body)
	}
}

func TestManyChannelsAreCompressed(t *testing.T) {
	handler := playouthttp.New(crowd{newFake()}, slog.New(slog.DiscardHandler))
	for accepts, want := range map[string]string{"gzip, br": "gzip", "": "", "gzip;q=0": ""} {
		r := httptest.NewRequest("GET", "/channels", nil)
		r.Header.Set("Accept-Encoding", accepts)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		size := w.Body.Len()
		body := uncompressed(t, w)
		if got := w.Header().Get("Content-Encoding"); got != want || !strings.Contains(body, `"id":"c9999"`) || want != "" && size > len(body)/5 {
			t.Errorf("Accept-Encoding %q: %q, %d bytes of %d", accepts, got, size, len(body))
		}
	}
}

type crowd struct{ *fake }

func (crowd) Channels(context.Context) []playout.Summary {
	list := make([]playout.Summary, 10000)
	for i := range list {
		list[i].ID = fmt.Sprintf("c%04d", i)
	}
	return list
}

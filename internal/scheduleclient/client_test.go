package scheduleclient

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"consuo/internal/bubble"
)

// transport answers requests in this process.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// serve makes a transport of a handler.
func serve(h http.HandlerFunc) transport {
	return func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		h(w, r)
		response := w.Result()
		response.Request = r
		return response, nil
	}
}

func newTestClient(t *testing.T, base string, rt http.RoundTripper) *Client {
	t.Helper()
	c, err := New(Options{BaseURL: base, APIKey: "secret", Transport: rt})
	if err != nil {
		t.Fatal(err)
	}
	c.inContainer = false
	return c
}

func ids(list List) (ids []string) {
	for _, c := range list.Channels {
		ids = append(ids, c.ID)
	}
	return ids
}

func TestBaseURL(t *testing.T) {
	for base, want := range map[string]string{
		"http://schedule:8001":           "http://schedule:8001/channels",
		"http://schedule:8001/":          "http://schedule:8001/channels",
		" https://host/api/v1 ":          "https://host/api/v1/channels",
		"https://host/api/v1//":          "https://host/api/v1/channels",
		"https://host/api/v1/?x=1#frag":  "https://host/api/v1/channels",
		"http://[::1]:8001/a%2Fb/":       "http://[::1]:8001/a%2Fb/channels",
		"HTTP://Host":                    "http://Host/channels",
		"http://user:password@host/base": "http://user:password@host/base/channels",
	} {
		var got string
		c := newTestClient(t, base, serve(func(w http.ResponseWriter, r *http.Request) {
			got = r.URL.String()
			fmt.Fprint(w, `[]`)
		}))
		if _, err := c.Channels(t.Context()); err != nil || got != want {
			t.Errorf("%s: asked %s, %v; want %s", base, got, err, want)
		}
	}
	for _, base := range []string{"", "schedule:8001", "http://", "ftp://host", "http://:8001", "http://a b", "//host"} {
		if _, err := New(Options{BaseURL: base}); err == nil || !strings.Contains(err.Error(), "CHANNELMGRAPI") {
			t.Errorf("%q: %v", base, err)
		}
	}
}

func TestChannelsConditional(t *testing.T) {
	body, tag, requests, full := `[{"id":"one","revision":1}]`, `"1"`, 0, 0
	c := newTestClient(t, "http://h/api", serve(func(w http.ResponseWriter, r *http.Request) {
		requests++
		if tag != "" {
			w.Header().Set("ETag", tag)
		}
		if r.Header.Get("If-None-Match") == tag && tag != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		full++
		fmt.Fprint(w, body)
	}))
	expect := func(wantFull int, want ...string) {
		t.Helper()
		list, err := c.Channels(t.Context())
		if err != nil || full != wantFull || !slices.Equal(ids(list), want) {
			t.Errorf("%q, %v; %d whole answers", ids(list), err, full)
		}
	}
	expect(1, "one")
	expect(1, "one") // 304
	body, tag = `[{"id":"one","revision":2},{"id":"two"}]`, `"2"`
	expect(2, "one", "two")
	tag = "" // of other make
	expect(3, "one", "two")
	expect(4, "one", "two")
	body = `[]`
	expect(5)
	expect(6)
	if requests != 7 {
		t.Errorf("%d requests", requests)
	}
}

// A request for a channel that can't be is not made.
func TestScheduleOfNoChannel(t *testing.T) {
	asked := 0
	c := newTestClient(t, "http://h", serve(func(w http.ResponseWriter, r *http.Request) { asked++; http.NotFound(w, r) }))
	for id, want := range map[string]int{"two": 1, "../x": 0, "a/b": 0, "": 0, "..": 0, strings.Repeat("a", 65): 0} {
		asked = 0
		if _, err := c.Schedule(t.Context(), id, epoch, epoch.Add(time.Hour)); !errors.Is(err, ErrNotFound) || asked != want {
			t.Errorf("%q: %v, asked %d times", id, err, asked)
		}
	}
}

func TestSchedule(t *testing.T) {
	var asked []string
	fault := false
	c := newTestClient(t, "http://h/api/v1", serve(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RequestURI()+" "+r.Header.Get("If-None-Match"))
		switch {
		case fault:
			w.WriteHeader(http.StatusBadGateway)
		case r.URL.Path == "/api/v1/channels":
			fmt.Fprint(w, `[{"id":"two"}]`)
		case r.Header.Get("If-None-Match") == `"5"`:
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("ETag", `"5"`)
			_, _ = w.Write(slots("a 0 10", "b 10 20"))
		}
	}))
	read := func(from, to time.Duration) Schedule {
		t.Helper()
		got, err := c.Schedule(t.Context(), "one", epoch.Add(from), epoch.Add(to))
		if (err != nil) != fault || len(got.Events) != 2 || got.Start.After(epoch.Add(from)) && !fault || got.End.Before(epoch.Add(to)) && !fault {
			t.Errorf("%+v, %v", got, err)
		}
		return got
	}
	read(0, time.Hour)
	first := read(time.Second, time.Hour)
	read(9*time.Minute, 51*time.Minute) // within the same tens of minutes
	next := read(0, 61*time.Minute)
	ms := func(d time.Duration) string { return strconv.FormatInt(epoch.Add(d).UnixMilli(), 10) }
	path := "/api/v1/channels/one/schedule?start=" + ms(0) + "&end="
	want := []string{path + ms(time.Hour) + " ", path + ms(time.Hour) + ` "5"`, path + ms(time.Hour) + ` "5"`, path + ms(70*time.Minute) + " "}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %q\nwant %q", asked, want)
	}
	fault = true
	if last := read(24*time.Hour, 25*time.Hour); last.End != next.End || first.End == next.End {
		t.Errorf("on an error: %+v, the last good one is %+v", last, next)
	}
	// Schedules of channels that are gone are not kept.
	fault = false
	if _, err := c.Channels(t.Context()); err != nil {
		t.Fatal(err)
	}
	fault = true
	if got, err := c.Schedule(t.Context(), "one", epoch, epoch.Add(time.Hour)); err == nil || got.Events != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// A bad answer is an error that says what to change, and the last good answer
// stays in force.
func TestBadAnswers(t *testing.T) {
	html := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(status)
			fmt.Fprint(w, text)
		}
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   []string
	}{
		{"HTML", html(200, "<html>hello"), []string{"text/html", "CHANNELMGRAPI"}},
		{"not found", html(404, "404 page not found"), []string{"404", "path", "/api/v1"}},
		{"server error", html(500, "<h1>oops"), []string{"status 500 Internal Server Error"}},
		{"unauthorized", html(401, ""), []string{"401", "API_KEY"}},
		{"forbidden", html(403, ""), []string{"403", "API_KEY"}},
		{"problem", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(503)
			fmt.Fprint(w, `{"title":"x","detail":"The database is full.`+strings.Repeat("!", 1000)+`"}`)
		}, []string{"503", "The database is full."}},
		{"no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, []string{"204"}},
		{"304 unasked", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }, []string{"304"}},
		{"wrong JSON", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"channels":[]}`) }, []string{"can't be used"}},
		{"half a body", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `[{"id":"one"`)
		}, []string{"unexpected EOF"}},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `[{"id":"o`)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, []string{"EOF"}},
		{"endless redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
		}, []string{"more than 5 redirects"}},
		{"redirect to a file", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, []string{"unsupported protocol"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var answer atomic.Pointer[http.HandlerFunc]
			good := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[{"id":"one"}]`) })
			answer.Store(&good)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*answer.Load())(w, r) }))
			defer server.Close()
			client := newTestClient(t, server.URL, nil)
			if _, err := client.Channels(t.Context()); err != nil {
				t.Fatal(err)
			}
			answer.Store(&c.answer)
			list, err := client.Channels(t.Context())
			if err == nil || !slices.Equal(ids(list), []string{"one"}) {
				t.Fatalf("%+v, %v", list, err)
			}
			for _, want := range append(c.want, server.URL) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			if len(err.Error()) > 1000 {
				t.Errorf("%d bytes of error", len(err.Error()))
			}
			answer.Store(&good)
			if _, err := client.Channels(t.Context()); err != nil {
				t.Errorf("good again: %v", err)
			}
		})
	}
}

// endless is a body that gives a byte whenever it is asked, as fast as pause allows.
type endless struct {
	ctx   context.Context
	pause time.Duration
}

func (e endless) Read(p []byte) (int, error) {
	if e.pause > 0 {
		select {
		case <-time.After(e.pause):
		case <-e.ctx.Done():
			return 0, e.ctx.Err()
		}
		p = p[:1]
	}
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func (endless) Close() error { return nil }

func TestSlowAnswers(t *testing.T) {
	for name, rt := range map[string]transport{
		"no answer": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
		"endless body": func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: endless{r.Context(), time.Second}, Request: r}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				c, start := newTestClient(t, "http://h", rt), time.Now()
				_, err := c.Channels(t.Context())
				if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "CHANNELMGRAPI") {
					t.Errorf("%v", err)
				}
				if d := time.Since(start); d != timeout {
					t.Errorf("it took %s", d)
				}
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				if _, err := c.Channels(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("canceled: %v", err)
				}
			})
		})
	}
}

func TestHugeAnswer(t *testing.T) {
	c := newTestClient(t, "http://h", transport(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: endless{r.Context(), 0}, Request: r}, nil
	}))
	if _, err := c.Schedule(t.Context(), "one", epoch, epoch.Add(time.Hour)); err == nil || !strings.Contains(err.Error(), "longer than 32 MiB") {
		t.Errorf("%v", err)
	}
}

func TestRefusedConnections(t *testing.T) {
	refuse := transport(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	})
	const itself = "is the container itself"
	for _, c := range []struct {
		base      string
		container bool
		want      bool
	}{
		{"http://localhost:8001", true, true},
		{"http://127.0.0.1:8001", true, true},
		{"http://127.1.2.3:8001", true, true},
		{"http://[::1]:8001", true, true},
		{"http://schedule:8001", true, false},
		{"http://10.0.0.1:8001", true, false},
		{"http://localhost:8001", false, false},
	} {
		client := newTestClient(t, c.base, refuse)
		client.inContainer = c.container
		_, err := client.Channels(t.Context())
		if err == nil || strings.Contains(err.Error(), itself) != c.want || !strings.Contains(err.Error(), "CHANNELMGRAPI") {
			t.Errorf("%s, in a container %v: %v", c.base, c.container, err)
		}
		if !errors.Is(err, syscall.ECONNREFUSED) || strings.Count(err.Error(), c.base) != 1 {
			t.Errorf("%v", err)
		}
	}
	for _, missing := range []bool{true, false} { // else the resolver itself is away
		client := newTestClient(t, "http://schedule:8001", transport(func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "lookup failed", Name: "schedule", IsNotFound: missing}}
		}))
		if _, err := client.Channels(t.Context()); err == nil || strings.Contains(err.Error(), "network of their own") != missing {
			t.Errorf("not found %t: %v", missing, err)
		}
	}
}

// The key goes to the schedule's host and to no other, wherever it redirects.
func TestKeyStaysWithItsHost(t *testing.T) {
	keys := map[string]string{}
	next := map[string]string{
		"https://h.example/channels":  "https://h.example/elsewhere",
		"https://h.example/elsewhere": "https://sub.h.example/1",
		"https://sub.h.example/1":     "https://h.example:8443/2",
		"https://h.example:8443/2":    "http://h.example/3",
		"http://h.example/3":          "https://other.example/4",
	}
	c := newTestClient(t, "https://h.example", serve(func(w http.ResponseWriter, r *http.Request) {
		keys[r.URL.String()] = r.Header.Get("Authorization")
		if to, ok := next[r.URL.String()]; ok {
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
			return
		}
		fmt.Fprint(w, `[]`)
	}))
	if _, err := c.Channels(t.Context()); err != nil {
		t.Fatal(err)
	}
	for url, key := range keys {
		want := ""
		if strings.HasPrefix(url, "https://h.example/") {
			want = "Bearer secret"
		}
		if key != want {
			t.Errorf("%s got %q", url, key)
		}
	}
	if len(keys) != 6 {
		t.Errorf("asked %v", keys)
	}
}

// Passwords in CHANNELMGRAPI stay out of errors.
func TestErrorsKeepSecrets(t *testing.T) {
	for _, schedule := range []transport{
		serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }),
		serve(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }),
		serve(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }),
		serve(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id":"a log without a lead"}`) }),
		func(*http.Request) (*http.Response, error) { return nil, errors.New("no route to host") },
	} {
		c := newTestClient(t, "http://user:password@h", schedule)
		_, list := c.Channels(t.Context())
		_, events := c.Schedule(t.Context(), "one", epoch, epoch.Add(time.Hour))
		_, log := c.Playout().Read(t.Context(), "one", 0)
		_, heads := c.Playout().Heads(t.Context())
		for _, err := range []error{list, events, log, heads} {
			if err == nil || strings.Contains(err.Error(), "password") {
				t.Errorf("%v", err)
			}
		}
	}
}

func TestStoreTime(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		const ahead = 90 * time.Minute
		header, status := http.Header{}, 200
		c := newTestClient(t, "http://h", serve(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(20 * time.Millisecond) // in the bubble's time
			maps.Copy(w.Header(), header)
			if header.Get("Store-Time") == "now" {
				w.Header().Set("Store-Time", strconv.FormatInt(time.Now().Add(ahead).UnixNano(), 10))
			}
			time.Sleep(20 * time.Millisecond)
			w.WriteHeader(status)
			fmt.Fprint(w, `[]`)
		}))
		expect := func(want time.Duration) {
			t.Helper()
			_, _ = c.Channels(t.Context())
			now := time.Now()
			if got := c.Clock().Now(now).Sub(now); got != want {
				t.Errorf("the store is ahead by %s, want %s", got, want)
			}
		}
		expect(0) // of other make
		header.Set("Store-Time", "garbage")
		expect(0)
		header.Set("Age", "5") // from a cache
		header.Set("Store-Time", "now")
		for range 5 {
			expect(0)
		}
		header.Del("Age")
		expect(0)
		expect(0)
		expect(ahead) // a jump, after three
		header.Del("Store-Time")
		for range 5 { // what is in between doesn't tell the store's time
			expect(ahead)
		}
		status = 500
		header.Set("Store-Time", "now")
		expect(ahead)
		if n := c.Clock().Jumps(); n != 1 {
			t.Errorf("%d jumps", n)
		}
	})
}

// An answer of a proxy in between is no proof that the schedule doesn't tell its
// time: its first answer is followed at once.
func TestStoreTimeAfterAProxy(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		const ahead = 90 * time.Minute
		status := 502
		c := newTestClient(t, "http://h", serve(func(w http.ResponseWriter, _ *http.Request) {
			if status == 200 {
				w.Header().Set("Store-Time", strconv.FormatInt(time.Now().Add(ahead).UnixNano(), 10))
			}
			w.WriteHeader(status)
			fmt.Fprint(w, `[]`)
		}))
		_, _ = c.Channels(t.Context())
		status = 200
		_, _ = c.Channels(t.Context())
		if now := time.Now(); c.Clock().Now(now).Sub(now) != ahead {
			t.Errorf("the store is ahead by %s", c.Clock().Now(now).Sub(now))
		}
	})
}

// The client of production, over a real connection, with compression.
func TestOverTCP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" || r.Header.Get("Accept-Encoding") != "gzip" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, `[{"id":"one"}]`)
	}))
	c := newTestClient(t, server.URL, nil)
	list, err := c.Channels(t.Context())
	if err != nil || !slices.Equal(ids(list), []string{"one"}) {
		t.Errorf("%+v, %v", list, err)
	}
	server.Close()
	list, err = c.Channels(t.Context())
	if err == nil || !slices.Equal(ids(list), []string{"one"}) {
		t.Errorf("%+v, %v", list, err)
	}
}

// Who is told that there were too many requests makes none for as long as that
// says, of this kind, and no longer than is reasonable.
func TestTooManyRequests(t *testing.T) {
	for retryAfter, want := range map[string]time.Duration{
		"6": 6 * time.Second, "86400": maxPause, "-1": time.Second, "soon": time.Second, "": time.Second, "0": 0,
		"Sat, 01 Jan 2000 00:00:07 GMT": 7 * time.Second, "Sat, 01 Jan 1999 00:00:00 GMT": 0, // a bubble begins in 2000
	} {
		bubble.Test(t, func(t *testing.T) {
			writes := 0
			c := newTestClient(t, "http://schedule:8001", serve(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					fmt.Fprint(w, "[]")
					return
				}
				writes++
				w.Header().Set("Retry-After", retryAfter)
				w.WriteHeader(http.StatusTooManyRequests)
			}))
			begun := time.Now()
			for writes < 2 && time.Since(begun) < time.Hour {
				_, err := c.Playout().Append(t.Context(), "one", "x", nil)
				if e, ok := errors.AsType[*Error](err); !ok || e.Status != http.StatusTooManyRequests {
					t.Fatalf("append: %v", err)
				}
				if _, err := c.Channels(t.Context()); err != nil {
					t.Fatalf("reading has its own count: %v", err)
				}
				time.Sleep(100 * time.Millisecond)
			}
			if waited := time.Since(begun) - 100*time.Millisecond; waited != max(want, 100*time.Millisecond) {
				t.Errorf("Retry-After: %s: asked again after %s, want %s", retryAfter, waited, want)
			}
		})
	}
}

package service

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"consuo/internal/bubble"
)

func get(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestOperatorsRoutes(t *testing.T) {
	var unready error
	o := testOptions(io.Discard)
	o.Ready = func(ctx context.Context) error {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("Ready has no deadline")
		}
		return unready
	}
	h := Handler(o)
	if w := get(h, "GET", "/healthz"); w.Code != 200 || w.Body.String() != "ok\n" {
		t.Errorf("healthz: %d %q", w.Code, w.Body)
	}
	if w := get(h, "HEAD", "/readyz"); w.Code != 200 {
		t.Errorf("readyz: %d", w.Code)
	}
	unready = errors.New("the disk is full")
	w := get(h, "GET", "/readyz")
	if w.Code != 503 || !strings.Contains(w.Body.String(), "the disk is full") || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("readyz: %d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := get(h, "GET", "/healthz"); w.Code != 200 {
		t.Errorf("healthz while not ready: %d", w.Code)
	}
	if w := get(h, "POST", "/healthz"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST healthz: %d %v", w.Code, w.Header())
	}
	get(h, "GET", "/nowhere")
	if w := get(h, "GET", "/metrics"); w.Code != 200 || !strings.Contains(w.Body.String(), `http_requests_total{method="GET",route="none",status="404"} 1`) {
		t.Errorf("metrics: %d %s", w.Code, w.Body)
	}

	o = testOptions(io.Discard)
	o.MetricsAddr = ":9000"
	if w := get(Handler(o), "GET", "/metrics"); w.Code != 404 {
		t.Errorf("metrics on the main port although METRICS_PORT is set: %d", w.Code)
	}
}

func TestRequestID(t *testing.T) {
	o := testOptions(io.Discard)
	var seen string
	o.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		seen = RequestID(ctx)
	})
	h := Handler(o)
	for _, c := range []struct {
		given string
		kept  bool
	}{
		{"Root=1-67891233-abcdef012345678912345678", true},
		{"0aZ9-_.:=/+", true},
		{"", false},
		{"a\x1b[31mb", false},
		{"with blank", false},
		{strings.Repeat("a", 129), false},
	} {
		w := get(h, "GET", "/", "X-Request-Id", c.given)
		id := w.Header().Get("X-Request-Id")
		if id == "" || id != seen || (id == c.given) != c.kept {
			t.Errorf("given %q: header %q, context %q", c.given, id, seen)
		}
	}
	if a, b := get(h, "GET", "/").Header().Get("X-Request-Id"), seen; a != b {
		t.Errorf("%q != %q", a, b)
	}
	if RequestID(context.Background()) != "" {
		t.Error("an id without a request")
	}
}

// A quiet request gets an id only when there is something to say of it, or
// when it brought one.
func TestQuietRequest(t *testing.T) {
	o := testOptions(io.Discard)
	o.Quiet = func(*http.Request) bool { return true }
	o.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		SetRoute(w, "/quiet")
		switch r.URL.Path {
		case "/problem":
			WriteProblem(w, r, 503, "Not now.")
		case "/fault":
			panic("fault")
		case "/asks":
			w.Header().Set("Asked", WriterID(wrapper{w}))
		default:
			w.WriteHeader(200)
		}
	})
	h := Handler(o)
	for _, target := range []string{"/problem", "/fault", "/asks"} {
		w := get(h, "GET", target)
		id := w.Header().Get("X-Request-Id")
		if id == "" || !strings.Contains(w.Body.String()+w.Header().Get("Asked"), id) {
			t.Errorf("%s: %q, %v %s", target, id, w.Header(), w.Body)
		}
	}
	if w := get(h, "GET", "/"); w.Header().Get("X-Request-Id") != "" {
		t.Errorf("an id that no log has: %v", w.Header())
	}
	if w := get(h, "GET", "/", "X-Request-Id", "given"); w.Header().Get("X-Request-Id") != "given" {
		t.Errorf("the id of a proxy is not repeated: %v", w.Header())
	}
	if w := get(h, "GET", "/metrics"); !strings.Contains(w.Body.String(), `http_requests_total{method="GET",route="/quiet",status="200"} 3`) {
		t.Errorf("metrics: %s", w.Body)
	}

	r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
	if n := testing.AllocsPerRun(1000, func() { h.ServeHTTP(w, r) }); n > 1 {
		t.Errorf("the middleware allocates %v times, not once", n)
	}
}

// wrapper is a response writer of somebody else's.
type wrapper struct{ http.ResponseWriter }

func (w wrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestPanic(t *testing.T) {
	var log bytes.Buffer
	o := testOptions(&log)
	o.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/late":
			_, _ = io.WriteString(w, "half an ans")
		case "/abort":
			panic(http.ErrAbortHandler)
		}
		panic("secret detail")
	})
	h := Handler(o)
	w := get(h, "GET", "/early")
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 500 || p.Status != 500 || p.Instance == "" {
		t.Errorf("%d %s: %v", w.Code, w.Body, err)
	}
	if strings.Contains(w.Body.String(), "secret") {
		t.Errorf("the answer tells the fault: %s", w.Body)
	}
	if !strings.Contains(log.String(), "secret detail") || !strings.Contains(log.String(), "TestPanic") {
		t.Errorf("the log lacks the panic or its stack: %s", &log)
	}
	for _, path := range []string{"/late", "/abort"} {
		func() {
			defer func() {
				if recover() != http.ErrAbortHandler {
					t.Errorf("%s does not cut the connection", path)
				}
			}()
			get(h, "GET", path)
		}()
	}
	if w := get(h, "GET", "/metrics"); !strings.Contains(w.Body.String(), "http_panics_total 2") {
		t.Error("panics are not counted, or what a handler does on purpose is")
	}
}

func TestAccessLog(t *testing.T) {
	var log bytes.Buffer
	o := testOptions(&log)
	router := chi.NewRouter()
	router.Use(Route, func(next http.Handler) http.Handler { // others may copy the request on the way
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r.WithContext(r.Context())) })
	})
	router.Get("/channels/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK) // too late
		_, _ = io.WriteString(w, "four")
	})
	o.Handler = router
	o.Quiet = func(r *http.Request) bool { return r.URL.Path == "/channels/quiet" }
	h := Handler(o)
	get(h, "GET", "/channels/a%0Ab?token=secret", "User-Agent", "x\ny")
	get(h, "GET", "/channels/quiet")
	get(h, "BREW", "/pot")
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("want 2 lines, one request is quiet:\n%s", &log)
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &line); err != nil {
		t.Fatal(err)
	}
	if line["route"] != "/channels/{id}" || line["status"] != 418.0 || line["bytes"] != 4.0 || line["path"] != "/channels/a\nb" || line["channel"] != "a\nb" {
		t.Errorf("line: %v", line)
	}
	if strings.Contains(log.String(), "secret") {
		t.Errorf("the query is in the log: %s", &log)
	}
	metrics := get(h, "GET", "/metrics").Body.String()
	for _, want := range []string{
		`http_requests_total{method="GET",route="/channels/{id}",status="418"} 2`,
		`http_requests_total{method="other",route="none",status="405"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s:\n%s", want, metrics)
		}
	}
}

func TestRun(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + listener.Addr().String()
	entered, release := make(chan struct{}), make(chan struct{})
	o := testOptions(io.Discard)
	o.Listener, o.MetricsAddr = listener, "127.0.0.1:0"
	o.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "whole")
	})
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- Run(ctx, o) }()

	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get(base + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	<-entered
	cancel()
	close(release)
	if got := <-answer; got != "whole" {
		t.Errorf("the request in flight got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := http.Get(base + "/healthz"); err == nil {
		t.Error("still listening")
	}
}

// Profiles are on a port of their own, and there only.
func TestProfiles(t *testing.T) {
	if addr := Port("6060").LocalAddr(); addr != "127.0.0.1:6060" || Port("").LocalAddr() != "" {
		t.Errorf("PPROF_PORT=6060 listens on %q", addr)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log syncBuffer
	o := testOptions(&log)
	o.Listener, o.PprofAddr, o.MetricsAddr = listener, Port("0").LocalAddr(), "127.0.0.1:0"
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- Run(ctx, o) }()
	status := func(addr, path string) int {
		resp, err := http.Get("http://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	main := listener.Addr().String()
	status(main, "/healthz") // Run has told where it listens
	addrs := make(map[string]string)
	for line := range strings.Lines(log.String()) {
		var entry struct{ Msg, Addr string }
		if err := json.Unmarshal([]byte(line), &entry); err == nil {
			addrs[entry.Msg] = entry.Addr
		}
	}
	profiles, metrics := addrs["serving profiles"], addrs["serving metrics"]
	for _, c := range []struct {
		addr, path string
		want       int
	}{
		{profiles, "/debug/pprof/", 200},
		{profiles, "/debug/pprof/heap", 200},
		{profiles, "/debug/pprof/cmdline", 200},
		{profiles, "/metrics", 404},
		{metrics, "/metrics", 200},
		{metrics, "/debug/pprof/", 404},
		{main, "/debug/pprof/", 404},
		{main, "/metrics", 404},
	} {
		if got := status(c.addr, c.path); got != c.want {
			t.Errorf("http://%s%s: %d, want %d", c.addr, c.path, got, c.want)
		}
	}
	cancel()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// syncBuffer is a bytes.Buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// pipes is a listener in memory, so that connections live in virtual time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	server, client := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, syscall.ECONNREFUSED
	}
}

// A script of what clients see from the instant of SIGTERM on.
func TestRunStops(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		listener := newPipes()
		o := testOptions(io.Discard)
		o.Listener = listener
		o.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			took, _ := time.ParseDuration(r.URL.Query().Get("takes"))
			select {
			case <-time.After(took):
				_, _ = io.WriteString(w, "whole")
			case <-r.Context().Done():
			}
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- Run(ctx, o) }()

		var began time.Time
		after := func(d time.Duration) { time.Sleep(time.Until(began.Add(d))) }
		// fetch makes a connection of its own, as a new client does.
		fetch := func(path string) (status int, connection, body string) {
			client := &http.Client{Transport: &http.Transport{DialContext: listener.dial}}
			defer client.CloseIdleConnections()
			resp, err := client.Get("http://service" + path)
			if err != nil {
				return 0, "", err.Error()
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				return 0, "", err.Error()
			}
			if resp.Close {
				connection = "close"
			}
			return resp.StatusCode, connection, string(b)
		}
		check := func(path string, wantStatus int, wantConnection string) {
			t.Helper()
			if status, connection, body := fetch(path); status != wantStatus || connection != wantConnection {
				t.Errorf("%s after SIGTERM: GET %s: %d, Connection %q, %s; want %d, %q",
					time.Since(began), path, status, connection, body, wantStatus, wantConnection)
			}
		}
		raw := func() net.Conn {
			conn, err := listener.dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
		check("/readyz", 200, "")
		half := raw()
		if _, err := io.WriteString(half, "GET /half HTTP/1.1\r\nHost: service\r\n"); err != nil {
			t.Fatal(err)
		}
		idle := raw()
		begin := func(takes time.Duration) <-chan string {
			answer := make(chan string, 1)
			go func() {
				_, _, body := fetch("/?takes=" + takes.String())
				answer <- body
			}()
			bubble.Wait()
			return answer
		}
		inTime, tooLong := begin(StopTime-time.Millisecond), begin(StopTime+time.Millisecond)

		began = time.Now()
		cancel(ErrTerminated)
		bubble.Wait()
		check("/readyz", 503, "close")
		check("/healthz", 200, "close")
		check("/", 200, "close")
		after(LameDuck - time.Millisecond)
		check("/", 200, "close")
		after(LameDuck + time.Millisecond)
		check("/", 0, "") // refused: nothing is lost
		after(LameDuck + lastRequests - time.Millisecond)
		for name, conn := range map[string]net.Conn{"half": half, "idle": idle} {
			request := "\r\n"
			if name == "idle" {
				request = "GET /idle HTTP/1.1\r\nHost: service\r\n\r\n"
			}
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(name, err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || resp.StatusCode != 200 || !resp.Close {
				t.Errorf("the last request of a connection (%s): %v, %v", name, resp, err)
			}
			conn.Close()
		}
		if body := <-inTime; body != "whole" {
			t.Errorf("a request that ends in time: %s", body)
		}
		if body := <-tooLong; body == "whole" {
			t.Error("a request that is too slow was not cut off")
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != StopTime {
			t.Errorf("stopped after %s, want %s", took, StopTime)
		}
		if StopTime >= 10*time.Second {
			t.Errorf("docker stop kills after 10 s; stopping takes %s", StopTime)
		}
	})
}

// Without SIGTERM (Ctrl-C, a test) nobody has to be kept waiting.
func TestRunStopsAtOnce(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		o := testOptions(io.Discard)
		o.Listener = newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- Run(ctx, o) }()
		bubble.Wait()
		began := time.Now()
		cancel()
		if err := <-stopped; err != nil || time.Since(began) > 0 {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

func TestRunPortTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	o := testOptions(io.Discard)
	o.Addr = listener.Addr().String()
	if err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "set PORT") {
		t.Errorf("got %v", err)
	}
}

// The hot path of the engine: a quiet request for a small body.
func BenchmarkHandler(b *testing.B) {
	body := []byte("#EXTM3U\n")
	plain := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	o := testOptions(io.Discard)
	o.Handler = plain
	o.Quiet = func(*http.Request) bool { return true }
	for name, h := range map[string]http.Handler{"plain": plain, "service": Handler(o)} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "/live/master.m3u8?channel=one", nil)
			w := discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

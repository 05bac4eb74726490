package load

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"consuo/internal/bubble"
)

// server is a live channel in virtual time: 4 s segments, two variants and an
// audio rendition. Its faults are in the hooks, which get the time since its
// start.
type server struct {
	begun  time.Time
	shown  func(at time.Duration) time.Duration // the instant that its playlists are of
	before func(at time.Duration, w http.ResponseWriter, r *http.Request) (done bool)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Since(s.begun)
	if s.before != nil && s.before(at, w, r) {
		return
	}
	if s.shown != nil {
		at = s.shown(at)
	}
	var body strings.Builder
	if strings.HasPrefix(r.URL.Path, "/live/master") {
		body.WriteString("#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a,b\",NAME=\"x\",DEFAULT=YES,URI=\"audio.m3u8?channel=one\"\n" +
			"#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"a,b\",AUDIO=\"a,b\"\nlow.m3u8?channel=one\n" +
			"#EXT-X-STREAM-INF:BANDWIDTH=2,AUDIO=\"a,b\"\nhigh.m3u8?channel=one\n")
	} else {
		last := int(at / (4 * time.Second)) // segments that have ended
		fmt.Fprintf(&body, "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-PROGRAM-DATE-TIME:%s\n",
			100+last, s.begun.Add(time.Duration(last-3)*4*time.Second).Format(time.RFC3339Nano))
		for i := range 3 {
			fmt.Fprintf(&body, "#EXTINF:4.000,\n%d.ts\n", last+i)
		}
	}
	tag := `"` + strconv.Itoa(int(at/(4*time.Second))) + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("X-Cache-Status", "HIT")
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if r.Header.Get("Accept-Encoding") == "gzip" {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		_, _ = z.Write([]byte(body.String()))
		return
	}
	_, _ = w.Write([]byte(body.String()))
}

// pipes is a listener whose connections are made in memory.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	p.accept <- there
	return here, nil
}

// under returns the report of a load on a server.
func under(t *testing.T, s *server, change func(*Options)) (r Report) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		s.begun = time.Now()
		p := &pipes{make(chan net.Conn), make(chan struct{})}
		h := &http.Server{Handler: s}
		go func() { _ = h.Serve(p) }()
		defer h.Close()
		o := Options{Base: "http://here", Channels: []string{"one"}, Players: 1, For: time.Minute}
		if change != nil {
			change(&o)
		}
		if err := o.complete(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond) // between two changes
		var err error
		if r, err = run(t.Context(), o, p.dial, time.Sleep); err != nil {
			t.Fatal(err)
		}
	})
	return r
}

// A player on a healthy channel reads the multivariant playlist, and then two
// playlists every 4 s.
func TestPlayer(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Options)
		want   map[string]int64
	}{
		{"plain", nil, map[string]int64{"200": 1 + 2*15}},
		{"gzip", func(o *Options) { o.Gzip = true }, map[string]int64{"200": 1 + 2*15}},
		{"ten", func(o *Options) { o.Players, o.RampUp = 10, 40*time.Second }, map[string]int64{"200": 10 + 2*(15+14+13+12+11+10+9+8+7+6)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var zipped atomic.Int64
			r := under(t, &server{before: func(_ time.Duration, _ http.ResponseWriter, r *http.Request) bool {
				if r.Header.Get("Accept-Encoding") == "gzip" {
					zipped.Add(1)
				}
				return false
			}}, c.change)
			if n := zipped.Load(); n != 0 != (c.name == "gzip") {
				t.Errorf("gzip was asked for %d times", n)
			}
			if fmt.Sprint(r.Status) != fmt.Sprint(c.want) || r.Err() != nil {
				t.Errorf("%v, %v", r.Status, r.Err())
			}
			if r.HitRatio() != 1 || r.Bytes == 0 || r.Seconds != 60 || r.PerSecond != float64(r.Requests)/60 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// What has not changed is asked for again after half a target duration.
func TestUnchanged(t *testing.T) {
	s := &server{shown: func(at time.Duration) time.Duration { return at.Truncate(8 * time.Second) }}
	r := under(t, s, func(o *Options) { o.Conditional = true })
	// From 0.5 s on: new at 0.5, the same at 4.5 and 6.5, new at 8.5, and so on.
	if r.Status["304"] != 2*2*7 || r.Status["200"] != 1+2*8 {
		t.Errorf("%v", r.Status)
	}
	if r.NotModified.Count != r.Status["304"] || r.Media.Count != 2*8 || r.Multivariant.Count != 1 {
		t.Errorf("%+v", r)
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		server server
		want   string // of the error; "" for none
	}{
		{"late", server{shown: func(at time.Duration) time.Duration { return at - 6*time.Second }}, "late playlists: "},
		{"stale", server{shown: func(at time.Duration) time.Duration { return min(at, 30*time.Second) }}, "stale playlists: "},
		{"backward", server{shown: func(at time.Duration) time.Duration {
			if at > 30*time.Second && at < 35*time.Second {
				return at - 8*time.Second
			}
			return at
		}}, "backward playlists: "},
		{"503", server{before: func(at time.Duration, w http.ResponseWriter, _ *http.Request) bool {
			if at > 30*time.Second && at < 40*time.Second {
				w.WriteHeader(503)
				return true
			}
			return false
		}}, "status 503: "},
		{"hangs", server{before: func(at time.Duration, _ http.ResponseWriter, r *http.Request) bool {
			if at > 28*time.Second && at < 29*time.Second {
				<-r.Context().Done()
			}
			return false
		}}, "timeout: 1"},
		{"closes", server{before: func(_ time.Duration, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Connection", "close")
			return false
		}}, ""},
		{"cuts off", server{before: func(at time.Duration, _ http.ResponseWriter, _ *http.Request) bool {
			if at > 30*time.Second && at < 33*time.Second {
				panic(http.ErrAbortHandler)
			}
			return false
		}}, "connection closed: "},
		{"cuts off once, in the middle", server{before: func() func(time.Duration, http.ResponseWriter, *http.Request) bool {
			var once sync.Once
			return func(at time.Duration, w http.ResponseWriter, _ *http.Request) bool {
				if at > 30*time.Second {
					once.Do(func() {
						w.Header().Set("Content-Length", "100")
						_, _ = w.Write([]byte("#EXTM3U\n"))
						_ = http.NewResponseController(w).Flush()
						panic(http.ErrAbortHandler)
					})
				}
				return false
			}
		}()}, "connection closed: 1"},
		{"no playlist", server{before: func(at time.Duration, w http.ResponseWriter, r *http.Request) bool {
			return at > 30*time.Second && at < 33*time.Second
		}}, "no media playlist: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := under(t, &c.server, nil).Err()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, not %q", err, c.want)
			}
		})
	}
}

// At a constant rate a server that stands still for a while does not get away
// with one slow answer for each connection.
func TestRate(t *testing.T) {
	s := &server{before: func(at time.Duration, _ http.ResponseWriter, _ *http.Request) bool {
		if at > 30*time.Second && at < 36*time.Second {
			time.Sleep(36*time.Second - at)
		}
		return false
	}}
	r := under(t, s, func(o *Options) { o.Rate, o.Players = 100, 10 })
	if r.Requests != 6000 || r.Status["200"] != 6000 {
		t.Errorf("%d requests: %v", r.Requests, r.Status)
	}
	// 600 of them were due while it stood.
	if r.Latency.P50 > 1 || r.Latency.P99 < 5000 || math.Abs(r.Latency.Max-6000) > 20 || math.Abs(r.Latency.P90-100) > 200 {
		t.Errorf("%+v", r.Latency)
	}
}

// Requests that come due while a server stands still are not sent after the end.
func TestRateAtTheEnd(t *testing.T) {
	s := &server{before: func(at time.Duration, _ http.ResponseWriter, _ *http.Request) bool {
		if at > 55*time.Second {
			time.Sleep(64*time.Second - at)
		}
		return false
	}}
	r := under(t, s, func(o *Options) { o.Rate, o.Players = 100, 10 })
	if most := int64(5500 + 10); r.Requests > most { // those under way
		t.Errorf("%d requests, not %d", r.Requests, most)
	}
}

// However long it is until the next request, who ends a load waits for nothing.
func TestRateEnds(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := &server{begun: time.Now()}
		p := &pipes{make(chan net.Conn), make(chan struct{})}
		h := &http.Server{Handler: s}
		go func() { _ = h.Serve(p) }()
		defer h.Close()
		o := Options{Base: "http://here", Channels: []string{"one"}, Players: 1, Rate: 0.01, For: time.Hour}
		if err := o.complete(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r, err := run(ctx, o, p.dial, time.Sleep)
		if took := time.Since(s.begun); err != nil || took > 11*time.Second || r.Requests != 1 {
			t.Errorf("%d requests in %s, %v", r.Requests, took, err)
		}
	})
}

func TestLoopbackOnly(t *testing.T) {
	for address, want := range map[string]error{
		"127.0.0.1:80": nil, "127.1.2.3:80": nil, "[::1]:80": nil, "[::ffff:127.0.0.1]:80": nil,
		"10.0.0.1:80": errRemote, "[2001:db8::1]:80": errRemote, "0.0.0.0:80": errRemote,
	} {
		if err := loopbackOnly("tcp", address, nil); !errors.Is(err, want) {
			t.Errorf("%s: %v", address, err)
		}
	}
	_, err := Run(t.Context(), Options{Base: "http://192.0.2.1", Channels: []string{"one"}, Players: 1, For: time.Second})
	if !errors.Is(err, errRemote) {
		t.Errorf("a server elsewhere: %v", err)
	}
}

func TestOptions(t *testing.T) {
	good := Options{Base: "http://127.0.0.1:8000", Channels: []string{"one"}, Players: 1, For: time.Second}
	if err := good.complete(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Options){
		"no base":      func(o *Options) { o.Base = "127.0.0.1:8000" },
		"https":        func(o *Options) { o.Base = "https://127.0.0.1" },
		"no channel":   func(o *Options) { o.Channels = nil },
		"no players":   func(o *Options) { o.Players = 0 },
		"no time":      func(o *Options) { o.For = 0 },
		"long ramp-up": func(o *Options) { o.RampUp = time.Minute },
		"no ramp-up":   func(o *Options) { o.RampUp = -1 },
		"no id":        func(o *Options) { o.Path = "/live/master.m3u8" },
		"rate below 0": func(o *Options) { o.Rate = -1 },
		"no rate":      func(o *Options) { o.Rate = math.NaN() },
		"endless rate": func(o *Options) { o.Rate = math.Inf(1) },
	} {
		o := good
		change(&o)
		if err := o.complete(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestQuantiles(t *testing.T) {
	h := new(histogram)
	for i := range 10_000 {
		h.add(time.Duration(i+1) * 100 * time.Microsecond) // to 1 s
	}
	q := h.quantiles()
	for _, c := range []struct{ got, want float64 }{{q.P50, 500}, {q.P90, 900}, {q.P99, 990}, {q.P999, 999}, {q.Max, 1000}, {q.Mean, 500}} {
		if math.Abs(c.got/c.want-1) > 1.0/fine {
			t.Errorf("%g, not %g: %+v", c.got, c.want, q)
		}
	}
	for n := range int64(1 << 20) {
		if b := bucket(n); upper(b) < n || b > 0 && upper(b-1) >= n {
			t.Fatalf("%d is in bucket %d, to %d", n, b, upper(b))
		}
	}
	h.add(1000 * time.Hour)
	if h.quantiles().Max != 3.6e9 {
		t.Errorf("%+v", h.quantiles())
	}
}

func TestParse(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "html": "<html>", "nothing": "#EXTM3U\n", "target": "#EXTM3U\n#EXT-X-TARGETDURATION:x\n", "length": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:a,\n",
	} {
		if p, err := parse(text); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
	p, err := parse("#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"x\",URI=\"x.m3u8\"\n" +
		"#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"in the video\",DEFAULT=YES\n" +
		"#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"\n# a comment\nv.m3u8\n")
	if err != nil || p.audio["a"] != "x.m3u8" || len(p.variants) != 1 || p.variants[0] != (variant{"v.m3u8", "a"}) {
		t.Errorf("%+v, %v", p, err)
	}
	for name, want := range map[string]string{"A": "1", "B": "x=1,y", "C": "", "D": "z"} {
		if got := attribute(`A=1,B="x=1,y", D=z`, name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
}

// What is no fault of a playlist is none.
func TestJudge(t *testing.T) {
	for name, text := range map[string]string{
		"no dates": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n",
		"ended":    "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-PROGRAM-DATE-TIME:1999-01-01T00:00:00Z\n#EXTINF:4,\na.ts\n#EXT-X-ENDLIST\n",
	} {
		list, err := parse(text)
		if err != nil {
			t.Fatal(err)
		}
		l := &load{recorder: newRecorder()}
		tr := l.track(new(url.URL))
		tr.judge(list, 1, time.Now())
		if l.late.Load() != 0 || l.age.quantiles().Count != 0 {
			t.Errorf("%s: %d late", name, l.late.Load())
		}
	}
}

func TestKind(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("read: %w", io.ErrUnexpectedEOF), "connection closed"},
		{syscall.ECONNREFUSED, "connection refused"},
		{os.ErrDeadlineExceeded, "timeout"},
		{&net.DNSError{IsTimeout: true}, "timeout"},
		{&net.DNSError{IsNotFound: true}, "no answer"},
		{errors.New("malformed"), "no answer"},
	} {
		if got := kind(c.err); got != c.want {
			t.Errorf("%v is %q", c.err, got)
		}
	}
}

// People see what there is something to say of.
func TestWrite(t *testing.T) {
	var b strings.Builder
	r := under(t, &server{}, func(o *Options) { o.Gzip, o.Conditional = true, true })
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"1 players of 1 channels": true, "status 200 31\n": true, "  media": true, "304": false, "behind": false, "100.0 % hits": true, "late 0, stale 0, backward 0": true, "errors": false} {
		if strings.Contains(b.String(), text) != want {
			t.Errorf("%q is in the report: %t\n%s", text, !want, &b)
		}
	}
}

// Answers are read as net/http reads them.
func TestAnswer(t *testing.T) {
	for _, text := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"a\"\r\nX-Cache-Status: HIT\r\n\r\n#EXTM3U",
		"HTTP/1.1 200 OK\r\ncontent-length:5\r\netag: \"a\"\r\nconnection: Close\r\ncontent-encoding: gzip\r\n\r\n#EXTM3U",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\nHTTP/1.1",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n#EX\r\n4\r\nTM3U\r\n0\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\nuntil it is closed",
		"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n#",
		"HTTP/1.1 503 \r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 5000) + "\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 20", "",
	} {
		c := conn{in: bufio.NewReader(strings.NewReader(text))}
		a, err := c.read()
		var body []byte
		r, wantErr := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), nil)
		if wantErr == nil {
			body, wantErr = io.ReadAll(r.Body)
		}
		if err != nil || wantErr != nil {
			if (err == nil) != (wantErr == nil) {
				t.Errorf("%q: %v, not %v", text, err, wantErr)
			}
			continue
		}
		h := r.Header
		want := answer{
			status: r.StatusCode, tag: h.Get("ETag"), cache: h.Get("X-Cache-Status"), gzip: h.Get("Content-Encoding") == "gzip",
			close: r.Close, body: body, length: a.length,
		}
		if fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", want) {
			t.Errorf("%q is read as %+v, not %+v", text, a, want)
		}
	}
}

// The pauses of a constant rate are not shorter than they should be.
func TestPause(t *testing.T) {
	pause, done, err := newPause()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []time.Duration{time.Nanosecond, 200 * time.Microsecond, 5 * time.Millisecond} {
		begun := time.Now()
		pause(d)
		if took := time.Since(begun); took < d {
			t.Errorf("%s took %s", d, took)
		}
	}
	if err := done(); err != nil {
		t.Error(err)
	}
}

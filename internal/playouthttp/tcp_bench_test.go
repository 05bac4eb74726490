package playouthttp_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
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

	"consuo/internal/asset"
	"consuo/internal/playlog"
	"consuo/internal/playout"
	"consuo/internal/playouthttp"
	"consuo/internal/scheduleclient"
	"consuo/internal/service"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// These benchmarks are of whole requests over loopback TCP with keep-alive. The
// client costs little and allocates nothing, so that what is counted is the
// server's. Two of them compare like this:
//
//	go test -run '^$' -bench 'Serve(Hot|Bare)TCP$' -count 10 ./internal/playouthttp
//
// Hot, Gzip, NotModified and Cold are the production stack as cmd/engine starts
// it, with a channel on air: service.Run, playouthttp, playout. Bare is
// http.Server with a handler that has the same bytes and the same header lines
// in variables, BareGzip the same for Gzip; Minimal sends these bytes with no
// headers of its own but Content-Type and Content-Length.

const (
	mediaTarget = "/live/v720.m3u8?channel=one"
	otherTarget = "/live/v360.m3u8?channel=one"

	acceptGzip = "Accept-Encoding: gzip, deflate, br\r\n"
)

func BenchmarkServeHotTCP(b *testing.B) {
	exchange(b, newStack(b).addr, mediaTarget, http.StatusOK, "")
}

func BenchmarkServeGzipTCP(b *testing.B) {
	exchange(b, newStack(b).addr, mediaTarget, http.StatusOK, acceptGzip)
}

func BenchmarkServeNotModifiedTCP(b *testing.B) {
	s := newStack(b)
	s.stop(b) // or the tag would soon be another one
	header, _ := fetch(b, s.addr, "")
	exchange(b, s.addr, mediaTarget, http.StatusNotModified, "If-None-Match: "+header.Get("ETag")+"\r\n")
}

// BenchmarkServeColdTCP is of requests that each are the first after a change.
func BenchmarkServeColdTCP(b *testing.B) {
	s := newStack(b)
	now := s.stop(b).Changes.UTC().Add(-1) // what is rendered then is good for a nanosecond
	s.now.Store(&now)
	exchange(b, s.addr, otherTarget, http.StatusOK, "")
}

func BenchmarkServeBareTCP(b *testing.B) {
	header, body := fetch(b, newStack(b).addr, "")
	exchange(b, listenAndServe(b, bare(header, body)), mediaTarget, http.StatusOK, "")
}

func BenchmarkServeBareGzipTCP(b *testing.B) {
	header, body := fetch(b, newStack(b).addr, "gzip")
	exchange(b, listenAndServe(b, bare(header, body)), mediaTarget, http.StatusOK, acceptGzip)
}

// bare answers all requests alike.
func bare(header http.Header, body []byte) http.HandlerFunc {
	header.Del("Date") // net/http has one of its own
	return func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), header)
		_, _ = w.Write(body)
	}
}

func BenchmarkServeMinimalTCP(b *testing.B) {
	_, body := fetch(b, newStack(b).addr, "")
	length := strconv.Itoa(len(body))
	addr := listenAndServe(b, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
		w.Header().Set("Content-Length", length)
		_, _ = w.Write(body)
	})
	exchange(b, addr, mediaTarget, http.StatusOK, "")
}

// The bare server is no easier to serve from than the production stack: it
// sends the same lines.
func TestBareAnswersLikeProduction(t *testing.T) {
	s := newStack(t)
	header, body := fetch(t, s.addr, "")
	var names []string
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{
		"Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Cache-Control", "Content-Length",
		"Content-Type", "Date", "Etag", "Vary",
	}
	if !slices.Equal(names, want) || !strings.HasPrefix(string(body), "#EXTM3U\n") {
		t.Errorf("%q\n%s", header, body)
	}
}

// fetch returns the answer to the request of the benchmarks, with the body as
// it was sent.
func fetch(tb testing.TB, addr, encoding string) (http.Header, []byte) {
	tb.Helper()
	client := http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, "http://"+addr+mediaTarget, nil)
	if err != nil {
		tb.Fatal(err)
	}
	if encoding != "" {
		request.Header.Set("Accept-Encoding", encoding)
	}
	r, err := client.Do(request)
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		tb.Fatal(r.Status, err)
	}
	return r.Header, body
}

// listenAndServe is net/http and nothing else.
func listenAndServe(b *testing.B, h http.HandlerFunc) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: h}
	go func() { _ = server.Serve(l) }() // until it is closed
	b.Cleanup(func() { _ = server.Close() })
	return l.Addr().String()
}

// stack is what cmd/engine starts, with a channel that plays a VOD of two hours.
type stack struct {
	addr   string
	engine *playout.Engine
	now    atomic.Pointer[time.Time] // stands still there; nil: the clock of the process
}

func newStack(tb testing.TB) *stack {
	tb.Helper()
	s := &stack{}
	log := slog.New(slog.DiscardHandler)
	registry := prometheus.NewRegistry()
	s.engine = playout.New(playout.Options{
		Schedule: &programme{uri: newOrigin(tb)}, Log: playlog.NewMemory(playlog.Lead), Loader: asset.New(asset.Options{}),
		Window: 30 * time.Second, Poll: 5 * time.Second, Logger: log, Registerer: registry,
		Now: func() time.Time {
			if now := s.now.Load(); now != nil {
				return *now
			}
			return time.Now().UTC()
		},
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var group errgroup.Group
	group.Go(func() error { return s.engine.Run(ctx) })
	group.Go(func() error {
		return service.Run(ctx, service.Options{
			Listener: l, Handler: playouthttp.New(s.engine, log), Logger: log, Registry: registry,
			Ready: s.engine.Ready, Quiet: playouthttp.Quiet,
		})
	})
	tb.Cleanup(func() {
		cancel()
		if err := group.Wait(); err != nil {
			tb.Error(err)
		}
	})
	if _, body := fetch(tb, s.addr, ""); !bytes.Contains(body, []byte("/film/")) {
		tb.Fatalf("the film is not on air:\n%s", body)
	}
	return s
}

// stop stops the clock, and returns what is shown then.
func (s *stack) stop(tb testing.TB) *playout.Document {
	tb.Helper()
	now := time.Now().UTC()
	s.now.Store(&now)
	doc, err := s.engine.Playlist(tb.Context(), "one", "v720")
	if err != nil {
		tb.Fatal(err)
	}
	return doc
}

// programme is a schedule with one channel that plays one VOD.
type programme struct{ uri string }

func (p *programme) Channels(context.Context) (scheduleclient.List, error) {
	return scheduleclient.List{Channels: []scheduleclient.Channel{{ID: "one", Name: "One", Revision: "1"}}}, nil
}

func (p *programme) Schedule(_ context.Context, _ string, start, end time.Time) (scheduleclient.Schedule, error) {
	now := time.Now().UTC()
	return scheduleclient.Schedule{Start: start, End: end, Events: []scheduleclient.Event{
		{ID: "film", Title: "Film", URI: p.uri, Start: now.Add(-time.Hour), End: now.Add(time.Hour)},
	}}, nil
}

// newOrigin serves a VOD of two hours in 4 s segments.
func newOrigin(tb testing.TB) string {
	tb.Helper()
	var media strings.Builder
	media.WriteString("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-PLAYLIST-TYPE:VOD\n")
	for i := range 1800 {
		fmt.Fprintf(&media, "#EXTINF:4.000,\nv720/segment-%06d.ts\n", i)
	}
	media.WriteString("#EXT-X-ENDLIST\n")
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/film/master.m3u8":
			_, _ = io.WriteString(w, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=1280x720,CODECS=\"avc1.64001f,mp4a.40.2\"\nv720.m3u8\n"+
				"#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360,CODECS=\"avc1.64001e,mp4a.40.2\"\nv360.m3u8\n")
		case "/film/v720.m3u8", "/film/v360.m3u8":
			_, _ = io.WriteString(w, media.String())
		}
	}))
	tb.Cleanup(origin.Close)
	return origin.URL + "/film/master.m3u8"
}

// exchange sends the request over and over, on 16 connections per processor.
func exchange(b *testing.B, addr, target string, status int, header string) {
	b.Helper()
	request := []byte("GET " + target + " HTTP/1.1\r\nHost: " + addr + "\r\nUser-Agent: player/1.0\r\nAccept: */*\r\n" + header + "\r\n")
	b.ReportAllocs()
	used := cpu()
	b.ResetTimer()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		in := bufio.NewReaderSize(conn, 16<<10)
		for pb.Next() {
			if _, err := conn.Write(request); err != nil {
				b.Error(err)
				return
			}
			if got, err := skipResponse(in); err != nil || got != status {
				b.Errorf("status %d, %v", got, err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	b.ReportMetric(float64((cpu()-used).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
}

// cpu returns how much time of processors the process has used: on a machine
// that does something else besides it says more than the clock.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// skipResponse reads an answer that has a Content-Length, or none and no body.
func skipResponse(in *bufio.Reader) (status int, err error) {
	length := 0
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if first {
			status = number(line[len("HTTP/1.1 "):])
			continue
		}
		if len(line) <= 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length = number(value)
		}
	}
	_, err = in.Discard(length)
	return status, err
}

func number(digits []byte) (n int) {
	for _, d := range digits {
		if d < '0' || d > '9' {
			break
		}
		n = n*10 + int(d-'0')
	}
	return n
}

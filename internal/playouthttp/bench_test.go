package playouthttp_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"consuo/internal/playout"
	"consuo/internal/playouthttp"
)

// constant is an engine with one media playlist of a usual size.
type constant struct {
	*fake
	doc *playout.Document
}

func newConstant() constant {
	doc := playout.NewDocument(bytes.Repeat([]byte("#EXTINF:4.000,\nhttps://cdn.example/one/v720/000001.ts\n"), 60))
	doc.TargetDuration = target
	doc.Changes = time.Now().Add(time.Minute)
	return constant{newFake(), doc}
}

func (c constant) Playlist(context.Context, string, string) (*playout.Document, error) {
	return c.doc, nil
}

// sink is a response writer without costs of its own. The headers of a request
// are gone with the next.
type sink struct {
	header http.Header
	status int
	bytes  int
}

func (s *sink) Header() http.Header { return s.header }

func (s *sink) WriteHeader(status int) { s.status = status }

func (s *sink) Write(p []byte) (int, error) {
	s.bytes += len(p)
	return len(p), nil
}

type hotCase struct {
	name   string
	target string
	header map[string]string
	status int
}

func hotCases(doc *playout.Document) []hotCase {
	const target = "/live/v720.m3u8?channel=one"
	return []hotCase{
		{"200", target, nil, 200},
		{"200-channels", "/channels/one/v720.m3u8", nil, 200},
		{"gzip", target, map[string]string{"Accept-Encoding": "gzip, deflate, br"}, 200},
		{"304", target, map[string]string{"Accept-Encoding": "gzip", "If-None-Match": `"other", ` + doc.GzipETag[0]}, 304},
	}
}

func (c hotCase) request() *http.Request {
	r := httptest.NewRequest("GET", c.target, nil)
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	return r
}

func TestHotPathAllocatesNothing(t *testing.T) {
	e := newConstant()
	h := playouthttp.New(e, slog.New(slog.DiscardHandler))
	for _, c := range hotCases(e.doc) {
		t.Run(c.name, func(t *testing.T) {
			r, w := c.request(), &sink{header: http.Header{}}
			if n := testing.AllocsPerRun(1000, func() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}); n > 0 || w.status != c.status {
				t.Errorf("%v allocations for status %d", n, w.status)
			}
		})
	}
}

// BenchmarkPlaylist is the handler alone.
func BenchmarkPlaylist(b *testing.B) {
	e := newConstant()
	h := playouthttp.New(e, slog.New(slog.DiscardHandler))
	for _, c := range hotCases(e.doc) {
		b.Run(c.name, func(b *testing.B) {
			r, w := c.request(), &sink{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
		})
	}
}

// BenchmarkProduction is the handler in the service's middleware.
func BenchmarkProduction(b *testing.B) {
	e := newConstant()
	h := production(e, io.Discard)
	for _, c := range hotCases(e.doc) {
		b.Run(c.name, func(b *testing.B) {
			r, w := c.request(), &sink{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
		})
	}
}

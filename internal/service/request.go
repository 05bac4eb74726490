package service

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
)

// request is what the middleware knows of one request, and the response writer
// that the handler gets. It belongs to the request's goroutine.
//
// A request that is quiet (see Options) and served well costs this one
// allocation: nobody logs it, so that it needs no id of its own, and no context
// to carry one.
type request struct {
	http.ResponseWriter

	id     string // "" until identify
	route  string // pattern, set by SetRoute
	status int    // 0 until the header is written
	bytes  int64
}

func (q *request) WriteHeader(status int) {
	if q.status == 0 && status >= 200 { // 1xx answers are not the final one
		q.status = status
		if status >= 400 {
			q.identify()
		}
	}
	q.ResponseWriter.WriteHeader(status)
}

func (q *request) Write(p []byte) (int, error) {
	if q.status == 0 {
		q.status = http.StatusOK
	}
	n, err := q.ResponseWriter.Write(p)
	q.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the server's writer.
func (q *request) Unwrap() http.ResponseWriter { return q.ResponseWriter }

// identify returns the id of the request, which its answer has as well. The
// first call makes one, unless a proxy has.
func (q *request) identify() string {
	if q.id == "" {
		var buf [24]byte
		q.id = string(strconv.AppendUint(append(buf[:0], idPrefix...), idCount.Add(1), 36))
		q.Header()["X-Request-Id"] = []string{q.id}
	}
	return q.id
}

// requestOf finds what the middleware knows of the request that w answers, nil
// outside of one.
func requestOf(w http.ResponseWriter) *request {
	for w != nil {
		switch v := w.(type) {
		case *request:
			return v
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return nil
		}
	}
	return nil
}

type idKey struct{}

// RequestID is the id of the request that ctx belongs to; "" outside of one,
// and in a quiet one, whose id WriterID has. The answer has it in its header
// X-Request-Id.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(idKey{}).(string)
	return id
}

// WriterID is the id of the request that w answers, "" outside of one. A quiet
// request gets its id by the first call, which must come before the header is
// written if the answer is to have it.
func WriterID(w http.ResponseWriter) string {
	if q := requestOf(w); q != nil {
		return q.identify()
	}
	return ""
}

// SetRoute names the pattern by which the request that w answers is counted. A
// handler calls it that is not reached by chi (see [Route]) or http.ServeMux.
// The patterns must be few: each makes its own time series.
func SetRoute(w http.ResponseWriter, pattern string) {
	if q := requestOf(w); q != nil {
		q.route = pattern
	}
}

// Route is a middleware for chi (router.Use(service.Route)). Chi keeps the
// pattern of a request to itself; this hands it on, so that requests are
// counted by it.
func Route(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if c := chi.RouteContext(r.Context()); c != nil {
				SetRoute(w, c.RoutePattern())
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// Ids are this process' random prefix and a counter: unique and cheap.
var (
	idPrefix = strconv.FormatUint(rand.Uint64()|1<<63, 36)[:8] + "-"
	idCount  atomic.Uint64
)

// givenID is the id that a proxy has given the request, as a header map holds
// it, if it is safe to repeat in a header and a log.
func givenID(r *http.Request) []string {
	if ids := r.Header["X-Request-Id"]; len(ids) == 1 && saneID(ids[0]) {
		return ids
	}
	return nil
}

func saneID(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') &&
			c != '-' && c != '_' && c != '.' && c != ':' && c != '=' && c != '/' && c != '+' {
			return false
		}
	}
	return true
}

// nosniff is shared by all answers that are not quiet; nobody writes to it.
var nosniff = []string{"nosniff"}

// instrument wraps next in all of the middleware: request id, recovery from a
// panic, metrics, access log. Requests that are quiet are not logged.
func instrument(next http.Handler, log *slog.Logger, m *metrics, quiet func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		q := &request{ResponseWriter: w}
		h := w.Header()
		if given := givenID(r); given != nil {
			q.id, h["X-Request-Id"] = given[0], given
		}
		loud := quiet == nil || !quiet(r)
		if loud {
			h["X-Content-Type-Options"] = nosniff
			r = r.WithContext(context.WithValue(r.Context(), idKey{}, q.identify()))
		}

		defer func() {
			failure := recover()
			if failure != nil && failure != http.ErrAbortHandler { //nolint:errorlint // as net/http compares
				log.Error("request handler panicked", "request_id", q.identify(), "method", r.Method, "path", clip(r.URL.Path),
					"panic", fmt.Sprint(failure), "stack", string(debug.Stack()))
				m.panics.Inc()
				if q.status == 0 {
					WriteProblem(q, r, http.StatusInternalServerError, "This is a fault of the service. The log has the reason under the request's id.")
					failure = nil
				}
			}
			switch {
			case failure != nil:
				q.status = http.StatusInternalServerError
			case q.status == 0:
				q.status = http.StatusOK // what net/http sends for a handler that writes nothing
			}
			elapsed := time.Since(start)
			if q.route == "" {
				q.route = r.Pattern // http.ServeMux sets it on our request
			}
			m.observe(q.route, r.Method, q.status, elapsed)
			if loud {
				logAccess(log, q, r, elapsed)
			}
			if failure != nil {
				panic(http.ErrAbortHandler) // cut the connection: half an answer must not be taken for a whole one
			}
		}()
		next.ServeHTTP(q, r)
	})
}

// logAccess writes one line. The query stays out of it: it may hold a secret.
func logAccess(log *slog.Logger, q *request, r *http.Request, elapsed time.Duration) {
	if !log.Enabled(r.Context(), slog.LevelInfo) {
		return
	}
	attrs := make([]slog.Attr, 0, 11)
	attrs = append(attrs,
		slog.String("request_id", q.id),
		slog.String("method", clip(r.Method)),
		slog.String("path", clip(r.URL.Path)),
		slog.String("route", q.route),
		slog.Int("status", q.status),
		slog.Int64("bytes", q.bytes),
		slog.Float64("seconds", elapsed.Seconds()),
		slog.String("remote", r.RemoteAddr),
	)
	// Both services have what belongs to a channel below its name.
	if rest, ok := strings.CutPrefix(r.URL.Path, "/channels/"); ok {
		channel, _, _ := strings.Cut(rest, "/")
		attrs = append(attrs, slog.String("channel", clip(channel)))
	}
	if forwarded := r.Header.Get("X-Forwarded-For"); forwarded != "" {
		attrs = append(attrs, slog.String("forwarded_for", clip(forwarded)))
	}
	if agent := r.UserAgent(); agent != "" {
		attrs = append(attrs, slog.String("user_agent", clip(agent)))
	}
	log.LogAttrs(r.Context(), slog.LevelInfo, "request", attrs...)
}

// clip keeps a stranger's text from filling the log.
func clip(s string) string {
	const limit = 256
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}

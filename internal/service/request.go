package service

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
)

// request is what the middleware knows of one request. It is the response
// writer and the context that the handler gets, so that all of the middleware
// costs one allocation (and one for the copy of the http.Request). It belongs
// to the request's goroutine.
type request struct {
	http.ResponseWriter
	context.Context

	id     string
	route  string // pattern, set by SetRoute
	status int    // 0 until the header is written
	bytes  int64
}

type requestKey struct{}

func (q *request) Value(key any) any {
	if key == (requestKey{}) {
		return q
	}
	return q.Context.Value(key)
}

func (q *request) WriteHeader(status int) {
	if q.status == 0 && status >= 200 { // 1xx answers are not the final one
		q.status = status
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

// RequestID is the id of the request that ctx belongs to, "" outside of one.
// It is also in the answer's header X-Request-Id.
func RequestID(ctx context.Context) string {
	if q, ok := ctx.Value(requestKey{}).(*request); ok {
		return q.id
	}
	return ""
}

// SetRoute names the pattern by which a request is counted. A handler calls it
// that is not reached by chi (see [Route]) or http.ServeMux. The patterns must
// be few: each makes its own time series.
func SetRoute(ctx context.Context, pattern string) {
	if q, ok := ctx.Value(requestKey{}).(*request); ok {
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
				SetRoute(r.Context(), c.RoutePattern())
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

// requestID takes over the id that a proxy has given if it is safe to repeat
// in a header and a log.
func requestID(r *http.Request) string {
	if ids := r.Header["X-Request-Id"]; len(ids) == 1 && saneID(ids[0]) {
		return ids[0]
	}
	var buf [24]byte
	return string(strconv.AppendUint(append(buf[:0], idPrefix...), idCount.Add(1), 36))
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

// nosniff is shared by all answers; nobody writes to it.
var nosniff = []string{"nosniff"}

// instrument wraps next in all of the middleware: request id, recovery from a
// panic, metrics, access log.
func instrument(next http.Handler, log *slog.Logger, m *metrics, quiet func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		q := &request{ResponseWriter: w, Context: r.Context(), id: requestID(r)}
		r = r.WithContext(q)
		h := w.Header()
		h["X-Request-Id"] = []string{q.id}
		h["X-Content-Type-Options"] = nosniff

		defer func() {
			failure := recover()
			if failure != nil && failure != http.ErrAbortHandler {
				log.Error("request handler panicked", "request_id", q.id, "method", r.Method, "path", clip(r.URL.Path),
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
			if quiet == nil || !quiet(r) {
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
	attrs := make([]slog.Attr, 0, 10)
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

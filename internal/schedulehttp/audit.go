package schedulehttp

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"

	"consuo/internal/service"

	"github.com/go-chi/chi/v5/middleware"
)

// fingerprint names a key in the log without telling it: printf %s "$KEY" | sha256sum | cut -c1-8
func fingerprint(key string) string {
	hash := sha256.Sum256([]byte(key))
	return fmt.Sprintf("%x", hash[:4])
}

// writer is who makes a request that changes something.
type writer struct{ key string } // fingerprint, "" if no key is known

type writerKey struct{}

// audit logs every write, also a refused one: who did what, and the outcome.
// The key itself stays out of the log.
func audit(log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !isWrite(r) {
				next.ServeHTTP(w, r)
				return
			}
			who := &writer{}
			watched := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			next.ServeHTTP(watched, r.WithContext(context.WithValue(r.Context(), writerKey{}, who)))
			// Cut, so that a stranger's text does not fill the log.
			log.LogAttrs(r.Context(), slog.LevelInfo, "write",
				slog.String("request_id", service.RequestID(r.Context())),
				slog.String("key", who.key),
				slog.String("client", clientAddr(r).String()),
				slog.String("method", fmt.Sprintf("%.256s", r.Method)),
				slog.String("path", fmt.Sprintf("%.256s", r.URL.Path)),
				slog.String("query", fmt.Sprintf("%.256s", r.URL.RawQuery)), // no operation takes a secret there
				slog.Int("status", watched.Status()),
			)
		})
	}
}

// wroteWith notes whose key a write was made with.
func wroteWith(r *http.Request, key string) {
	if who, ok := r.Context().Value(writerKey{}).(*writer); ok {
		who.key = key
	}
}

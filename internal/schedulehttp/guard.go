package schedulehttp

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"consuo/internal/service"

	"github.com/rs/cors"
)

// guards are the middlewares that decide who may call, outermost first.
func guards(o Options) ([]func(http.Handler) http.Handler, error) {
	origins := make([]string, 0, len(o.Origins))
	for _, origin := range o.Origins {
		origin = strings.TrimSuffix(origin, "/")
		u, err := url.Parse(strings.Replace(origin, "*.", "wildcard.", 1))
		if origin != "*" && (err != nil || u.Host == "" || u.Scheme+"://"+u.Host != strings.Replace(origin, "*.", "wildcard.", 1)) {
			return nil, fmt.Errorf("CORS_WHITELIST: %q is not an origin: want https://host, https://host:port, https://*.host or *", origin)
		}
		origins = append(origins, origin)
	}
	options := cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowedHeaders: []string{"Accept", "Content-Type", "Authorization", "X-API-Key", "If-Match", "If-None-Match", "X-Request-Id"},
		ExposedHeaders: []string{"ETag", "Location", "Date", "Retry-After", "Store-Time", "X-Request-Id"},
		MaxAge:         600,
	}
	if len(origins) == 0 {
		// rs/cors would take an empty list for "all may do everything".
		options.AllowedOrigins = []string{"*"}
		options.AllowedMethods = []string{http.MethodGet, http.MethodHead}
	}
	c := cors.New(options)
	maySend := func(r *http.Request) bool { return len(origins) > 0 && c.OriginAllowed(r) }
	return []func(http.Handler) http.Handler{c.Handler, audit(o.Logger), sameOrigin(maySend), requireKey(o.APIKeys), requireJSON}, nil
}

func isWrite(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	return true
}

// sameOrigin refuses writes that a browser sends for a page of another origin.
// CORS alone only keeps such a page from reading the answer.
func sameOrigin(maySend func(*http.Request) bool) func(http.Handler) http.Handler {
	var protection http.CrossOriginProtection
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if isWrite(r) && protection.Check(r) != nil && !maySend(r) {
				service.WriteProblem(w, r, http.StatusForbidden,
					"A page of another origin may not write here. Add its origin to CORS_WHITELIST of the schedule service.")
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// requireKey lets only those write who know a key. Hashes of equal length are
// compared, each with all, so that the time tells nothing.
func requireKey(keys []string) func(http.Handler) http.Handler {
	hashes := make([][sha256.Size]byte, 0, len(keys))
	for _, key := range keys {
		hashes = append(hashes, sha256.Sum256([]byte(key)))
	}
	known := func(key string) bool {
		hash, found := sha256.Sum256([]byte(key)), 0
		for _, h := range hashes {
			found |= subtle.ConstantTimeCompare(hash[:], h[:])
		}
		return found == 1
	}
	throttle := newThrottle(attempts, attemptEvery)
	return func(next http.Handler) http.Handler {
		if len(hashes) == 0 {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !isWrite(r) {
				next.ServeHTTP(w, r)
				return
			}
			key, from, now := keyOf(r), clientAddr(r), time.Now()
			print := fingerprint(key)
			if wait := throttle.wait(from, print, now); wait > 0 {
				seconds := int64((wait + time.Second - 1) / time.Second)
				w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
				service.WriteProblem(w, r, http.StatusTooManyRequests,
					fmt.Sprintf("Too many requests with a wrong key came from this address. Correct the key, and try again in %d seconds.", seconds))
				return
			}
			if !known(key) {
				throttle.count(from, now)
				w.Header().Set("WWW-Authenticate", `Bearer realm="schedule"`)
				service.WriteProblem(w, r, http.StatusUnauthorized,
					"Writing needs one of the keys in API_KEY of the schedule service: send it as \"Authorization: Bearer <key>\" or \"X-API-Key: <key>\".")
				return
			}
			throttle.worked(from, print)
			wroteWith(r, print)
			next.ServeHTTP(w, r)
		})
	}
}

func keyOf(r *http.Request) string {
	if key := r.Header.Get("X-API-Key"); key != "" {
		return key
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(key)
	}
	return ""
}

// requireJSON refuses bodies that are not declared as JSON, or as CSV or bytes
// where these are understood. A form of a foreign page can send only other types without asking
// first (CORS preflight).
func requireJSON(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost || r.Method == http.MethodPut {
			mayBeCSV := strings.HasSuffix(r.URL.Path, "/schedule")
			mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
			isBlob := strings.Contains(r.URL.Path, "/playout/assets/")
			known := mediaType == "application/json" || mayBeCSV && mediaType == "text/csv"
			if isBlob {
				known = mediaType == "application/octet-stream"
			}
			charset := params["charset"]
			if err != nil || !known || charset != "" && !strings.EqualFold(charset, "utf-8") || r.Header.Get("Content-Encoding") != "" {
				accepted, detail := "application/json", "Send JSON in UTF-8, not compressed, with the header \"Content-Type: application/json\"."
				if mayBeCSV {
					accepted, detail = "application/json, text/csv", "Send JSON or CSV in UTF-8, not compressed, with the header \"Content-Type: application/json\" or \"text/csv\"."
				}
				if isBlob {
					accepted, detail = "application/octet-stream", "Send the bytes as they are, with the header \"Content-Type: application/octet-stream\"."
				}
				w.Header().Set("Accept-Post", accepted)
				service.WriteProblem(w, r, http.StatusUnsupportedMediaType, detail)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

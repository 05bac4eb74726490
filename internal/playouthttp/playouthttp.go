// Package playouthttp is the engine's HTTP: playlists for players and caches,
// the files of the slate, what is on air as JSON, and the pages to look at.
package playouthttp

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"consuo/internal/playout"
	"consuo/internal/service"
	"consuo/internal/slate"

	"github.com/go-chi/chi/v5"
)

// engine is what there is to serve. Its methods are safe for concurrent use.
// Playlists must be cheap where nothing has changed: every player asks for one
// every few seconds.
type engine interface {
	// Multivariant returns a channel's multivariant playlist. It may hold the
	// request of a channel that is just waking. Errors are those of package
	// playout, any other counts as ErrNotReady.
	Multivariant(ctx context.Context, channel string) (*playout.Document, error)
	// Playlist returns the media playlist of a track in the same way.
	Playlist(ctx context.Context, channel, track string) (*playout.Document, error)
	// Status returns what is known of a channel, or fails with ErrUnknownChannel.
	Status(ctx context.Context, channel string) (playout.Status, error)
	// Channels returns all channels, ordered by id.
	Channels(ctx context.Context) []playout.Summary
}

type handler struct {
	engine engine
	log    *slog.Logger
	router http.Handler // all but the playlists
}

// New returns the handler of all of the engine's routes but the operators',
// which the service package has.
func New(e engine, log *slog.Logger) http.Handler {
	h := &handler{engine: e, log: log}
	h.router = h.routes()
	return h
}

// routes is the table of routes. The playlists, which are nearly all of the
// traffic, are matched before it, see parsePlaylist:
//
//	/live/{track}.m3u8?channel={id}
//	/channels/{id}/{track}.m3u8
//
// where the track "master" stands for the multivariant playlist. Media
// playlists have the URIs of the slate as slate/…, relative to themselves.
func (h *handler) routes() http.Handler {
	r := chi.NewRouter()
	r.Use(service.Route, openToAll)
	for pattern, get := range map[string]http.HandlerFunc{
		"/":                     h.page,
		"/plain":                h.plainPage,
		"/assets/*":             h.asset,
		"/channels":             h.channels,
		"/channels/{id}/status": h.status,
	} {
		r.Get(pattern, get)
		r.Head(pattern, get)
		r.Options(pattern, preflight)
	}
	r.HandleFunc("/live/slate/*", slateFile)
	r.HandleFunc("/channels/{id}/slate/*", slateFile)
	r.NotFound(notFound)
	r.MethodNotAllowed(methodNotAllowed)
	return r
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name, ok := parsePlaylist(r.URL); ok {
		h.servePlaylist(w, r, name)
		return
	}
	h.router.ServeHTTP(w, r)
}

// Quiet names the requests of players, which would fill an access log: all that
// ask for a playlist or a file of the slate, whether it is there or not.
func Quiet(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, ".m3u8") || strings.Contains(r.URL.Path, "/slate/")
}

// openToAll lets pages of any origin read an answer, whether or not the
// request names its origin: behind a CDN it never does.
func openToAll(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowAllOrigins(w.Header())
		w.Header()["X-Content-Type-Options"] = nosniff
		next.ServeHTTP(w, r)
	})
}

func allowAllOrigins(h http.Header) {
	h["Access-Control-Allow-Origin"] = allOrigins
	h[exposeHeaders] = exposedHeaders
}

// preflight answers the question of a browser whether it may send a request
// with headers of a player's own. Some don't know that * means all headers.
func preflight(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", allowedMethods)
	h.Set("Access-Control-Allow-Headers", "*, Cache-Control, If-None-Match, Pragma, Range, X-Requested-With")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

func notFound(w http.ResponseWriter, r *http.Request) {
	service.WriteProblem(w, r, http.StatusNotFound, "There is nothing here. Playlists are at /live/master.m3u8?channel=<id>, the channels at /channels.")
}

const allowedMethods = "GET, HEAD, OPTIONS"

func methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", allowedMethods)
	service.WriteProblem(w, r, http.StatusMethodNotAllowed, "This can only be read: use GET or HEAD.")
}

var slateFiles = slate.Handler(service.WriteProblem)

func slateFile(w http.ResponseWriter, r *http.Request) {
	u := *r.URL
	u.Path = "/" + chi.URLParam(r, "*")
	file := *r
	file.URL = &u
	slateFiles.ServeHTTP(w, &file)
}

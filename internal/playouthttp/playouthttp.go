// Package playouthttp is the engine's HTTP: playlists for players and caches,
// the files of the slate, what is on air as JSON, and a page to look at.
package playouthttp

import (
	"context"
	"log/slog"
	"net/http"

	"consuo/internal/playout"
)

// engine is what there is to serve. All methods are safe for concurrent use.
// Playlists must be cheap where nothing has changed: every player asks for one
// every few seconds.
type engine interface {
	// Multivariant returns the channel's multivariant playlist. It holds the
	// request of a channel that is just waking. Errors are those of package
	// playout; any other counts as ErrNotReady.
	Multivariant(ctx context.Context, channel string) (*playout.Document, error)
	// Playlist returns the media playlist of a track; errors as above.
	Playlist(ctx context.Context, channel, track string) (*playout.Document, error)
	// Status fails with ErrUnknownChannel. It wakes nothing.
	Status(ctx context.Context, channel string) (playout.Status, error)
	// Channels returns all channels, ordered by id.
	Channels(ctx context.Context) []playout.Summary
}

// New returns the handler of everything but the operators' routes, which are
// the service package's.
func New(e engine, log *slog.Logger) http.Handler {
	_ = log
	_ = e
	return http.NotFoundHandler()
}

// Quiet names the requests that would fill the access log: those of players.
func Quiet(r *http.Request) bool { return false }

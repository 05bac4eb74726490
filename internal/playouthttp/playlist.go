package playouthttp

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"consuo/internal/playout"
	"consuo/internal/service"
)

// playlistName is what the URL of a playlist says; nothing of it is checked.
type playlistName struct {
	route   string // pattern, for metrics
	track   string // "master" is the multivariant playlist
	channel string // "": none
	query   string // channel in the query string; "": none
}

// parsePlaylist reports whether a URL is that of a playlist, and which.
func parsePlaylist(u *url.URL) (name playlistName, ok bool) {
	name.query = queryChannel(u)
	if file, live := strings.CutPrefix(u.Path, "/live/"); live {
		name.route, name.channel = "/live/{track}.m3u8", name.query
		name.track, ok = strings.CutSuffix(file, ".m3u8")
	} else if rest, below := strings.CutPrefix(u.Path, "/channels/"); below {
		name.route = "/channels/{id}/{track}.m3u8"
		name.channel, file, _ = strings.Cut(rest, "/")
		name.track, ok = strings.CutSuffix(file, ".m3u8")
	}
	return name, ok && !strings.Contains(name.track, "/")
}

// queryChannel returns what u.Query().Get("channel") does, at no cost for the
// queries that there are.
func queryChannel(u *url.URL) string {
	if id, ok := strings.CutPrefix(u.RawQuery, "channel="); ok && validID(id) {
		return id
	}
	if strings.ContainsAny(u.RawQuery, "%+;") {
		return u.Query().Get("channel")
	}
	for rest := u.RawQuery; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		if key, value, _ := strings.Cut(pair, "="); key == "channel" {
			return value
		}
	}
	return ""
}

// validID says whether s can be the id of a channel or a track: 1 to 64 of
// A-Z a-z 0-9 _ -.
func validID(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// servePlaylist is the hot path, and all of it: nothing in it allocates when
// the answer is 200 or 304. Of headers it sends eight at most, as the map that
// net/http has for them grows with the ninth; browsers take no playlist's type
// for anything else, so that nosniff is not among them.
func (h *handler) servePlaylist(w http.ResponseWriter, r *http.Request, name playlistName) {
	service.SetRoute(w, name.route)
	header := w.Header()
	allowAllOrigins(header)
	header["Vary"] = varyEncoding
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		preflight(w, r)
		return
	default:
		methodNotAllowed(w, r)
		return
	}
	doc, err := h.find(r.Context(), name)
	if err != nil {
		h.fail(w, r, name.channel, err)
		return
	}

	tag, gzip := doc.ETag, acceptsGzip(r.Header["Accept-Encoding"])
	if gzip {
		tag = doc.GzipETag
	}
	header["Cache-Control"] = cacheControl(doc, time.Now())
	if known := knownTag(r.Header["If-None-Match"], doc, tag); known != nil {
		header["Etag"] = known
		delete(header, exposeHeaders) // the list is kept with what was not modified (RFC 9111 4.3.4)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := doc.Body
	if gzip {
		body = doc.Gzip()
		header["Content-Encoding"] = gzipEncoding
	}
	header["Etag"] = tag
	header["Content-Type"] = playlistType
	header["Content-Length"] = contentLengths.value(len(body))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the player is gone, there is nobody to tell
	}
}

// The errors of a playlist's URL.
var (
	errNoChannel    = errors.New("no channel is named")
	errOtherChannel = errors.New("path and query name different channels")
)

func (h *handler) find(ctx context.Context, name playlistName) (*playout.Document, error) {
	switch {
	case name.channel == "":
		return nil, errNoChannel
	case !validID(name.channel):
		return nil, playout.ErrUnknownChannel
	case name.query != "" && name.query != name.channel:
		return nil, errOtherChannel
	case name.track == "master":
		return h.engine.Multivariant(ctx, name.channel)
	case !validID(name.track):
		return nil, playout.ErrUnknownTrack
	}
	return h.engine.Playlist(ctx, name.channel, name.track)
}

// fail answers with an error that no cache keeps.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, channel string, err error) {
	status, detail := http.StatusServiceUnavailable, "There is nothing to show yet. Try again in a second."
	switch {
	case errors.Is(err, errNoChannel):
		status, detail = http.StatusBadRequest, "Name the channel: /live/master.m3u8?channel=<id>."
	case errors.Is(err, errOtherChannel):
		status, detail = http.StatusBadRequest, "The query names another channel than the path: leave it out."
	case errors.Is(err, playout.ErrUnknownChannel):
		status, detail = http.StatusNotFound, "There is no such channel. GET /channels lists all."
	case errors.Is(err, playout.ErrUnknownTrack):
		status, detail = http.StatusNotFound, "The channel has no such track. Its multivariant playlist lists all."
	default:
		w.Header().Set("Retry-After", "1")
		if !errors.Is(err, playout.ErrNotReady) && r.Context().Err() == nil {
			h.log.Error("request not served", "err", err, "channel", channel, "path", r.URL.Path,
				"request_id", service.WriterID(w))
		}
	}
	service.WriteProblem(w, r, status, detail)
}

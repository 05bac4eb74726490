package playouthttp

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"

	"consuo/internal/pages"
	"consuo/internal/playout"
	"consuo/internal/service"

	"github.com/go-chi/chi/v5"
)

func (h *handler) channels(w http.ResponseWriter, r *http.Request) {
	list := h.engine.Channels(r.Context())
	if list == nil {
		list = []playout.Summary{}
	}
	h.writeJSON(w, r, list)
}

func (h *handler) status(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "id")
	status, err := playout.Status{}, playout.ErrUnknownChannel
	if validID(id) {
		status, err = h.engine.Status(r.Context(), id)
	}
	if err != nil {
		h.fail(w, r, id, err)
		return
	}
	h.writeJSON(w, r, status)
}

// writeJSON answers with what holds at this moment only.
func (h *handler) writeJSON(w http.ResponseWriter, r *http.Request, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		h.log.Error("answer not encoded", "err", err, "request_id", service.WriterID(w))
		service.WriteProblem(w, r, http.StatusInternalServerError, "This is a fault of the service. The log has the reason under the request's id.")
		return
	}
	body = append(body, '\n')
	w.Header()["Vary"] = varyEncoding
	// A list of a thousand channels is ten times smaller compressed.
	if len(body) >= worthGzip && acceptsGzip(r.Header["Accept-Encoding"]) {
		w.Header()["Content-Encoding"] = gzipEncoding
		body = compressed(body)
	}
	h.write(w, r, "application/json", body)
}

// worthGzip is how many bytes an answer has at least that is compressed: less
// fits in a packet anyway.
const worthGzip = 1400

func compressed(body []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err == nil {
		_, _ = z.Write(body) // a buffer takes everything
		err = z.Close()
	}
	if err != nil {
		panic(err) // the level is one that there is
	}
	return b.Bytes()
}

func (h *handler) write(w http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the peer is gone, there is nobody to tell
	}
}

// dist is what web/ builds; without Node.js it is empty.
//
//go:embed all:page/dist
var dist embed.FS

// multiview is the full page. It may fetch from anywhere and play anything, as
// playlists, segments, keys and subtitles come from wherever the VODs are. blob:
// is what hls.js feeds a video element with, data: an empty track of subtitles.
var multiview = func() *pages.Site {
	built, err := fs.Sub(dist, "page/dist")
	if err != nil {
		panic(err)
	}
	return pages.Must(pages.Load(built, pages.Policy{Connect: "*", Media: "* blob: data:"}))
}()

//go:embed page/plain.html
var plainText string

//go:embed page/plain.css
var plainStyle string

var plain = template.Must(template.New("plain").Parse(plainText))

// plainPolicy lets the plain page load nothing but media, and those from
// anywhere: segments come from the origin of the VODs.
var plainPolicy = func() string {
	sum := sha256.Sum256([]byte(plainStyle))
	return "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"media-src http: https: blob:; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// page is the multiview, or the plain page where the program has none.
func (h *handler) page(w http.ResponseWriter, r *http.Request) {
	if !multiview.Built() {
		h.plainPage(w, r)
		return
	}
	multiview.Index(w, r)
}

func (h *handler) asset(w http.ResponseWriter, r *http.Request) {
	if !multiview.Asset(w, r, chi.URLParam(r, "*")) {
		notFound(w, r)
	}
}

// maxListed bounds the plain page, not the engine.
const maxListed = 500

// plainPage shows the channels and, with ?channel=<id>, plays one in browsers
// that play HLS by themselves. It has no scripts.
func (h *handler) plainPage(w http.ResponseWriter, r *http.Request) {
	channels := h.engine.Channels(r.Context())
	view := struct {
		Style    template.CSS
		Playing  *playout.Summary
		Channels []playout.Summary
		More     int
		Full     bool // there is a full page
	}{Style: template.CSS(plainStyle), Channels: channels, Full: multiview.Built()} //nolint:gosec // it is ours
	if len(channels) > maxListed {
		view.Channels, view.More = channels[:maxListed], len(channels)-maxListed
	}
	playing := queryChannel(r.URL)
	for i := range channels {
		if channels[i].ID == playing {
			view.Playing = &channels[i]
		}
	}
	var b bytes.Buffer
	if err := plain.Execute(&b, view); err != nil {
		h.log.Error("page not made", "err", err, "request_id", service.WriterID(w))
		service.WriteProblem(w, r, http.StatusInternalServerError, "This is a fault of the service. The log has the reason under the request's id.")
		return
	}
	header := w.Header()
	header.Set("Content-Security-Policy", plainPolicy)
	header.Set("Referrer-Policy", "no-referrer")
	h.write(w, r, "text/html; charset=utf-8", b.Bytes())
}

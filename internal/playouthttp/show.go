package playouthttp

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"

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
		h.log.Error("answer not encoded", "err", err, "request_id", service.RequestID(r.Context()))
		service.WriteProblem(w, r, http.StatusInternalServerError, "This is a fault of the service. The log has the reason under the request's id.")
		return
	}
	h.write(w, r, "application/json", append(body, '\n'))
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

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var page = template.Must(template.New("page").Parse(pageText))

// pagePolicy lets the page load nothing but media, and those from anywhere:
// segments come from the origin of the VODs.
var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"media-src http: https: blob:; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// maxListed bounds the page, not the engine.
const maxListed = 500

// page shows the channels and, with ?channel=<id>, plays one in browsers that
// play HLS by themselves.
func (h *handler) page(w http.ResponseWriter, r *http.Request) {
	channels := h.engine.Channels(r.Context())
	view := struct {
		Style    template.CSS
		Playing  *playout.Summary
		Channels []playout.Summary
		More     int
	}{Style: template.CSS(pageStyle), Channels: channels} //nolint:gosec // it is ours
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
	if err := page.Execute(&b, view); err != nil {
		h.log.Error("page not made", "err", err, "request_id", service.RequestID(r.Context()))
		service.WriteProblem(w, r, http.StatusInternalServerError, "This is a fault of the service. The log has the reason under the request's id.")
		return
	}
	header := w.Header()
	header.Set("Content-Security-Policy", pagePolicy)
	header.Set("Referrer-Policy", "no-referrer")
	h.write(w, r, "text/html; charset=utf-8", b.Bytes())
}

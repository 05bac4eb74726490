package service

import (
	"encoding/json"
	"net/http"
)

// Problem is an error answer as of RFC 9457.
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail tells the caller what to change.
	Detail string `json:"detail,omitempty"`
	// Instance is the request's id, by which the log can be searched.
	Instance string `json:"instance,omitempty"`
}

// WriteProblem answers with an error that no cache keeps. Headers that the
// caller has set are sent as well.
func WriteProblem(w http.ResponseWriter, r *http.Request, status int, detail string) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Del("Content-Length")
	h.Del("ETag")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	p := Problem{Title: http.StatusText(status), Status: status, Detail: detail}
	if id := WriterID(w); id != "" {
		p.Instance = "urn:request:" + id
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // people read it: "?channel=<id>"
	_ = e.Encode(p)        // the peer is gone, there is nobody to tell
}

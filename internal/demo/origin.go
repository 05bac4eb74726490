package demo

import (
	"io/fs"
	"net/http"
	"path"
)

// origin serves the sample VODs as a VOD origin does: to players on any page.
func origin(vods fs.FS) http.Handler {
	files := http.FileServerFS(vods)
	types := map[string]string{".m3u8": "application/vnd.apple.mpegurl", ".ts": "video/mp2t"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		if t := types[path.Ext(r.URL.Path)]; t != "" {
			w.Header().Set("Content-Type", t)
			w.Header().Set("Cache-Control", "public, max-age=3600")
		}
		files.ServeHTTP(w, r)
	})
	return mux
}

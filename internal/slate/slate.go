// Package slate is the content of last resort: a card and silence, built into
// the engine as HLS assets of 15.36 s in every shape that a channel may have.
//
// scripts/make-slate.sh made it. Playout logs and players' caches refer to its
// files by URL, so what has been released under a version never changes:
// other content gets another version beside it.
package slate

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed v1
var files embed.FS

// FS holds the files, under the folder of their version.
func FS() fs.FS { return files }

// The multivariant playlists, as paths in FS and below Handler. Video is H.264
// at 640x360 and 1280x720 and 25 frames a second, audio is AAC-LC in stereo.
const (
	MuxedTS       = "v1/ts/master.m3u8"         // audio and video in one MPEG-TS
	DemuxedTS     = "v1/ts-demuxed/master.m3u8" // both in MPEG-TS, apart
	DemuxedTSAAC  = "v1/audio-aac/demuxed.m3u8" // video in MPEG-TS, packed audio
	DemuxedFMP4   = "v1/fmp4/master.m3u8"       // both in fMP4 (CMAF), apart
	MuxedFMP4     = "v1/fmp4-muxed/master.m3u8" // audio and video in one fMP4
	AudioOnlyTS   = "v1/audio-ts/master.m3u8"
	AudioOnlyAAC  = "v1/audio-aac/master.m3u8" // packed audio
	AudioOnlyFMP4 = "v1/audio-fmp4/master.m3u8"
)

// Playlists are all of these, the commonest shapes first.
func Playlists() []string {
	return []string{MuxedTS, DemuxedFMP4, DemuxedTS, DemuxedTSAAC, MuxedFMP4, AudioOnlyTS, AudioOnlyAAC, AudioOnlyFMP4}
}

// Subtitles is a media playlist of WebVTT segments without a cue, which lasts
// as long as the rest; EmptyVTT is the segment, right for any duration.
const (
	Subtitles = "v1/text/empty.m3u8"
	EmptyVTT  = "v1/text/empty.vtt"
)

var contentTypes = map[string]string{
	".m3u8": "application/vnd.apple.mpegurl",
	".ts":   "video/mp2t",
	".mp4":  "video/mp4",
	".m4s":  "video/mp4",
	".aac":  "audio/aac",
	".vtt":  "text/vtt; charset=utf-8",
}

// Handler serves FS: GET and HEAD, with ranges, to any origin, for a cache to
// keep as long as it likes. What it can't serve is answered by refuse, with a
// text that tells why; the answer must not be kept by caches.
func Handler(refuse func(w http.ResponseWriter, r *http.Request, status int, detail string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		switch r.Method {
		case http.MethodGet, http.MethodHead:
		case http.MethodOptions:
			h.Set("Access-Control-Allow-Methods", "GET, HEAD")
			h.Set("Access-Control-Allow-Headers", "Range")
			h.Set("Access-Control-Max-Age", "86400")
			w.WriteHeader(http.StatusNoContent)
			return
		default:
			h.Set("Allow", "GET, HEAD, OPTIONS")
			refuse(w, r, http.StatusMethodNotAllowed, "The slate can only be read: use GET or HEAD.")
			return
		}
		name := strings.TrimPrefix(r.URL.Path, "/")
		contentType, known := contentTypes[path.Ext(name)]
		if known && fs.ValidPath(name) {
			_, err := fs.Stat(files, name)
			known = err == nil
		}
		if !known {
			refuse(w, r, http.StatusNotFound, "There is no such file in the slate.")
			return
		}
		h.Set("Access-Control-Expose-Headers", "Content-Length, Content-Range")
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Content-Type", contentType)
		http.ServeFileFS(w, r, files, name)
	})
}

package soak

import (
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// More troubles, of the origin.
const (
	missing    trouble = "404"
	oneVariant trouble = "one variant" // only that is missing
)

// originTakes is how long the origin takes for an answer.
const originTakes = 50 * time.Millisecond

// origin serves VODs under as many names as are asked for:
// /<number>/<asset>/master.m3u8, so that each event's asset is a new one.
type origin struct {
	files fs.FS
	ailing
}

// assets are what there is: the sample VODs, and playlists that nobody's
// encoder has made.
var assets = []string{"ember", "harbour", "meadow", "short", "uneven"}

// synthetic has the lengths of the segments of playlists without files; a
// negative one begins with a discontinuity.
var synthetic = map[string][]float64{
	"short":  {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2},
	"uneven": {5.96, 1.2, 4.003, 0.76, 6, 3.503, -2.4, 5.5, 1.001, 4.8, 0.32, 6},
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := o.trouble()
	sleep(r.Context(), originTakes)
	_, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	asset, file := path.Split(name)
	asset = strings.TrimSuffix(asset, "/")
	if what == oneVariant && file != "180.m3u8" {
		what = fine
	}
	if what != fine && path.Ext(file) == ".m3u8" {
		o.hurt.Add(1)
	}
	switch what {
	case away:
		panic(http.ErrAbortHandler)
	case missing, oneVariant:
		http.NotFound(w, r)
		return
	case slow:
		// As long as it lasts: afterwards all engines have what they want.
		for begun := time.Now(); time.Since(begun) < 20*time.Second && o.trouble() == slow && r.Context().Err() == nil; {
			sleep(r.Context(), originTakes)
		}
	case garbage:
		rubbish(w, "application/vnd.apple.mpegurl")
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	lengths, isSynthetic := synthetic[asset]
	switch {
	case path.Ext(file) == ".ts" && isSynthetic:
		w.Header().Set("Content-Type", "video/mp2t")
		http.ServeFileFS(w, r, o.files, "ember/"+strings.Split(file, "-")[0]+"-0.ts")
		return
	case path.Ext(file) == ".ts":
		w.Header().Set("Content-Type", "video/mp2t")
	default:
		w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
	}
	switch {
	case !isSynthetic:
		http.ServeFileFS(w, r, o.files, name)
	case file == "master.m3u8":
		http.ServeFileFS(w, r, o.files, "ember/master.m3u8")
	default:
		fmt.Fprint(w, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-PLAYLIST-TYPE:VOD\n")
		for i, length := range lengths {
			if length < 0 {
				fmt.Fprint(w, "#EXT-X-DISCONTINUITY\n")
			}
			fmt.Fprintf(w, "#EXTINF:%.3f,\n%s-%d.ts\n", max(length, -length), strings.TrimSuffix(file, ".m3u8"), i)
		}
		fmt.Fprint(w, "#EXT-X-ENDLIST\n")
	}
}

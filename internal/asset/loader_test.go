package asset_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"consuo/internal/asset"
	"consuo/internal/hls"
	"consuo/internal/testneeds"
)

// serve starts an origin on loopback and returns its URL.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// Every asset from the field loads whole, by each of its multivariant
// playlists.
func TestLoadVectors(t *testing.T) {
	root := testneeds.Shared(t, "vectors")
	origin := serve(t, http.FileServerFS(os.DirFS(root)))
	loader := asset.New(asset.Options{})

	// How many segments the primary variant has.
	want := map[string]int{
		"hls1/master.m3u8": 295, "hls16/master.m3u8": 295, "hls2/master.m3u8": 295,
		"hls4/master.m3u8": 26, "hls4/master-nouri.m3u8": 26, "hls5/master.m3u8": 43, "hls8/master.m3u8": 6,
		"hls_abr3/master.m3u8": 295, "hls_abr7/master.m3u8": 145,
		"hls_always_0/master.m3u8": 23, "hls_always_0_demux/master.m3u8": 23,
		"hls_byterange/master.m3u8": 44, "hls_cmaf_1/master.m3u8": 59, "hls_cmaf_1/master_nolang.m3u8": 59,
		"hls_cmaf_demux_1/master.m3u8": 77, "hls_deltatimes/master.m3u8": 63, "hls_dolby/index.m3u8": 44,
		"hls_fairplay_ts/index.m3u8": 181, "hls_multiaudiotracks/master.m3u8": 26,
		"hls_multiaudiotracks4/master.m3u8": 26, "hls_noaudioonly/master.m3u8": 7,
		"hls_reload1/master.m3u8": 19, "hls_reload1_audio/master.m3u8": 19, "hls_repeat/master.m3u8": 13,
		"hls_subs/master.m3u8": 108, "hls_subs3/index.m3u8": 8, "hls_subs7_demux/master.m3u8": 143,
		"hls_widevine/index.m3u8": 15,
	}
	for path, segments := range want {
		t.Run(path, func(t *testing.T) {
			p, err := loader.Load(t.Context(), origin+"/"+path)
			if err != nil {
				t.Fatal(err)
			}
			mv := p.Multivariant
			primary := p.Media[mv.Variants[mv.Primary()].URI]
			if got := primary.Len(); got != segments {
				t.Errorf("%d segments, want %d", got, segments)
			}
			for _, r := range mv.Renditions {
				if r.URI != "" && p.Media[r.URI] == nil {
					t.Errorf("rendition %s is not loaded", r.URI)
				}
			}
			d, err := loader.Duration(t.Context(), origin+"/"+path)
			if err != nil || d != primary.Total() || d == 0 {
				t.Errorf("Duration is %s, %v; want %s", d, err, primary.Total())
			}
			again, err := loader.Load(context.WithoutCancel(t.Context()), origin+"/"+path+"?token=2")
			if err != nil || again.Digest != p.Digest {
				t.Errorf("another token gives another digest (%v)", err)
			}
		})
	}
}

const mediaBody = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4.0,\nseg1.ts?t=1\n#EXTINF:2.5,\nseg2.ts\n#EXT-X-ENDLIST\n"

func TestLoadMediaPlaylist(t *testing.T) {
	origin := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old.m3u8" {
			http.Redirect(w, r, "/new/index.m3u8", http.StatusFound)
			return
		}
		w.Write([]byte(mediaBody))
	}))
	p, err := asset.New(asset.Options{}).Load(t.Context(), origin+"/old.m3u8")
	if err != nil {
		t.Fatal(err)
	}
	variants := p.Multivariant.Variants
	if len(variants) != 1 || variants[0] != (hls.Variant{URI: origin + "/new/index.m3u8"}) {
		t.Fatalf("variants %+v, want one without attributes, where the redirect ends", variants)
	}
	m := p.Media[variants[0].URI]
	if got, want := m.URI(0), origin+"/new/seg1.ts?t=1"; got != want {
		t.Errorf("segment is %s, want %s", got, want)
	}
	if got := m.Total(); got != 6500*time.Millisecond {
		t.Errorf("duration is %s", got)
	}
}

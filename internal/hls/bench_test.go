package hls_test

import (
	"fmt"
	"strings"
	"testing"

	"consuo/internal/hls"
)

// A film of three hours in six-second segments: half a millisecond, once per
// asset and variant.
func BenchmarkParseMedia(b *testing.B) {
	for _, form := range []string{"segment-%d.ts", "https://cdn.example/film/720p/segment-%d.ts?token=abc%%2Fdef"} {
		var s strings.Builder
		s.WriteString("#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n")
		for i := range 1800 {
			fmt.Fprintf(&s, "#EXTINF:6.006,\n"+form+"\n", i)
		}
		s.WriteString("#EXT-X-ENDLIST\n")
		b.Run(form[:7], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m, err := hls.ParseMedia("https://vod.example/film/index.m3u8", []byte(s.String()))
				if err != nil || len(m.Segments) != 1800 {
					b.Fatal(err)
				}
			}
		})
	}
}

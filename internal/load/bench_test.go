package load

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"time"
)

// BenchmarkRead is of a playlist that nobody has read yet: what it costs the
// load program that one has changed.
func BenchmarkRead(b *testing.B) {
	var text strings.Builder
	text.WriteString("#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:100\n")
	for i := range 9 {
		fmt.Fprintf(&text, "#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:4.000,\nhttps://cdn.example/films/one/v720/segment-%06d.ts\n",
			time.Unix(1800000000, 0).Add(time.Duration(i)*4*time.Second).UTC().Format(time.RFC3339), i)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(text.String()))
	_ = z.Close()
	p := newParsed()
	b.ReportAllocs()
	for b.Loop() {
		clear(p.kept)
		if _, _, err := p.read(zipped.Bytes(), true); err != nil {
			b.Fatal(err)
		}
	}
}

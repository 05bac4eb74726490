package playout

import (
	"bytes"
	"compress/gzip"
	"io"
	"sync"
	"testing"
)

func TestGzip(t *testing.T) {
	var group sync.WaitGroup
	for i := range 50 { // at the same time, with used compressors
		group.Go(func() {
			d := NewDocument(bytes.Repeat([]byte{byte('a' + i%26)}, 1000+i))
			r, err := gzip.NewReader(bytes.NewReader(d.Gzip()))
			if err != nil {
				t.Error(err)
				return
			}
			if body, err := io.ReadAll(r); err != nil || !bytes.Equal(body, d.Body) {
				t.Errorf("%q, %v", body, err)
			}
		})
	}
	group.Wait()
}

// BenchmarkGzip is of the first request for gzip after a change.
func BenchmarkGzip(b *testing.B) {
	body := bytes.Repeat([]byte("#EXTINF:4.000,\nhttps://cdn.example/one/v720/000001.ts\n"), 10)
	b.ReportAllocs()
	for b.Loop() {
		d := Document{Body: body}
		d.Gzip()
	}
}

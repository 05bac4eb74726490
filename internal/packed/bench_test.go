package packed_test

import (
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/packed"
	"consuo/internal/vodtest"
)

// film is an asset of two hours, with five videos and two audios.
func film(b *testing.B) *hls.Presentation {
	p, err := vodtest.New(2 * time.Hour).Presentation("film")
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func BenchmarkPack(b *testing.B) {
	p := film(b)
	b.ReportAllocs()
	for b.Loop() {
		packed.New(p)
	}
}

func BenchmarkMarshal(b *testing.B) {
	p := packed.New(film(b))
	b.ReportAllocs()
	for b.Loop() {
		data, err := p.Marshal()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(data))/1000, "kB")
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	data, err := packed.New(film(b)).Marshal()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := packed.Unmarshal(data); err != nil {
			b.Fatal(err)
		}
	}
}

// A segment that is not read after the one before it: of its block, 16 others
// are read first on average.
func BenchmarkAppendSegment(b *testing.B) {
	m := packed.New(film(b)).Media["http://vod.example/film/v1080.m3u8"]
	var (
		r   packed.Reader
		dst []byte
	)
	b.Run("next", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			dst = m.AppendSegment(dst[:0], &r, i%m.Len(), nil)
		}
	})
	b.Run("any", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			dst = m.AppendSegment(dst[:0], &r, i*997%m.Len(), nil)
		}
	})
}

package packed

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// newTexts packs as many texts as there are.
func newTexts(n int, text func(i int) string) *Texts {
	var p textPacker
	for i := range n {
		p.add([]byte(text(i)))
	}
	return p.finish()
}

// FuzzTexts: what was packed is read back, in any order, also from a copy that
// was stored.
func FuzzTexts(f *testing.F) {
	f.Add("")
	f.Add("\n\n")
	f.Add("seg-9.ts\nseg-10.ts\nseg-11.ts\nab\nseg-12.ts\n\nx")
	f.Add("7\n98\n189\n280")
	f.Add("a09b\na10b\nx\na11b\na12bb\na13b")
	f.Add("000000000001\n000000999999\n1")
	f.Add("0af-1\nffg-2\n0AF-2\nfff-x\nfff-x\nfffff")
	var counter, uuids strings.Builder
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		fmt.Fprintf(&counter, "#EXT-X-BYTERANGE:%d@%d\nhttps://cdn.example/a/%d/segment-%05d.ts?n=%[1]d\n", rng.IntN(1e6), i*1e5, i/10, i)
		fmt.Fprintf(&uuids, "https://cdn.example/%08x-%04x.ts\n", rng.Uint32(), rng.IntN(1<<16))
	}
	f.Add(strings.Repeat("0123g", 300) + "\n" + strings.Repeat("0123h", 300)) // many runs
	f.Add(counter.String())
	f.Add(uuids.String())
	f.Fuzz(func(t *testing.T, text string) {
		want := strings.Split(text, "\n")
		packed := newTexts(len(want), func(i int) string { return want[i] })
		stored := &Texts{Count: packed.Count, First: packed.First, Step: packed.Step, Tail: packed.Tail, Data: packed.Data}
		if err := stored.restore(); err != nil {
			t.Fatal(err)
		}
		for _, texts := range []*Texts{packed, stored} {
			var r reader
			for i := range want {
				if got := string(r.read(texts, i)); got != want[i] {
					t.Fatalf("text %d is %q, want %q", i, got, want[i])
				}
			}
			rng := rand.New(rand.NewPCG(1, uint64(len(text))))
			for range 2 * len(want) {
				i := rng.IntN(len(want))
				if got := string(r.read(texts, i)); got != want[i] {
					t.Fatalf("text %d is %q, want %q", i, got, want[i])
				}
			}
		}
	})
}

// FuzzRestore: no stored bytes make reading fail once they were accepted.
func FuzzRestore(f *testing.F) {
	good := newTexts(3, func(i int) string { return []string{"a-08", "a-09", "b-10x"}[i] })
	f.Add(good.Count, good.First, good.Step, good.Tail, good.Data)
	f.Add(40, []byte("aaaa"), uint64(0), 0, bytes.Repeat([]byte{2, 1, 3, 0x7f}, 40))
	f.Add(40, []byte("a-9x"), uint64(1<<63), 1, make([]byte, 40))
	f.Add(40, []byte("9"), uint64(9), 1, make([]byte, 40))
	f.Add(1, []byte("aaaa"), uint64(1), 9, []byte{3, 9, 9})
	f.Add(2, []byte("a"), uint64(1), -1, []byte{1, 1, 200, 1})
	f.Add(2, []byte("a"), uint64(0), 0, []byte{1, 1, 200, 1})
	f.Add(1, []byte("aaaa"), uint64(0), 0, []byte{2, 100, 4, 'x', 'y'}) // a run beyond the end
	f.Fuzz(func(t *testing.T, count int, first []byte, step uint64, tail int, data []byte) {
		texts := &Texts{Count: count, First: first, Step: step, Tail: tail, Data: data}
		if count < 0 || count > 10_000 || texts.restore() != nil {
			return
		}
		var r reader
		for i := count - 1; i >= 0; i-- {
			r.read(texts, i)
		}
	})
}

// TestTextSizes holds the sizes that the record format promises.
func TestTextSizes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, test := range []struct {
		name string
		most float64 // bytes a text
		text func(i int) string
	}{
		{"constant", 1.2, func(int) string { return "https://cdn.example/film/video.mp4" }},
		{"counter", 1.2, func(i int) string { return fmt.Sprintf("https://cdn.example/film/720p/segment-%05d.ts", i) }},
		{"growing counter", 1.2, func(i int) string { return fmt.Sprintf("https://cdn.example/film/720p/segment-%d.ts", i) }},
		{"time", 1.2, func(i int) string { return fmt.Sprintf("https://cdn.example/film/720p/%d.m4s", 360_000*i) }},
		{"byte range", 13, func(i int) string {
			return fmt.Sprintf("#EXT-X-BYTERANGE:%d@%d\n", 900_000+rng.IntN(99_999), i*1_000_000)
		}},
		{"UUID", 21, func(int) string {
			return fmt.Sprintf("https://cdn.example/film/%08x-%04x-%04x-%012x.ts", rng.Uint32(), rng.IntN(1<<16), rng.IntN(1<<16), rng.Int64N(1<<48))
		}},
		{"token", 22.2, func(i int) string {
			return fmt.Sprintf("https://cdn.example/film/segment-%05d.ts?sig=%016x%016x", i, rng.Uint64(), rng.Uint64())
		}},
	} {
		const n = 1800
		texts := newTexts(n, test.text)
		if size := float64(len(texts.Data)+4*len(texts.at)) / n; size > test.most {
			t.Errorf("%s: %.1f bytes, want %.1f at most", test.name, size, test.most)
		}
	}
}

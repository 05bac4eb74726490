package hls_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"consuo/internal/hls"
)

// Playlists that nobody means well with are refused before they cost much.
func TestHostile(t *testing.T) {
	const seg = "#EXTINF:4,\ns.ts\n"
	var doubling strings.Builder
	doubling.WriteString("#EXT-X-DEFINE:NAME=\"v0\",VALUE=\"0123456789abcdef\"\n")
	for i := range 40 {
		fmt.Fprintf(&doubling, "#EXT-X-DEFINE:NAME=\"v%d\",VALUE=\"{$v%d}{$v%d}\"\n", i+1, i, i)
	}
	large := "#EXT-X-DEFINE:NAME=\"v\",VALUE=\"" + strings.Repeat("x", 100_000) + "\"\n"
	for _, test := range []struct{ why, body string }{
		{"a million segments", strings.Repeat(seg, 1_000_000)},
		{"a line of 100 MB", strings.Repeat("x", 100<<20)},
		{"a URI of 10 MB", "#EXTINF:4,\n" + strings.Repeat("x", 10<<20)},
		{"a URI of 10 MB beside another", "#EXTINF:4,\na/s.ts\n#EXTINF:4,\na/" + strings.Repeat("x", 10<<20)},
		{"a tag of 10 MB", "#EXT-X-KEY:METHOD=\"" + strings.Repeat("x", 10<<20) + "\"\n" + seg},
		{"attributes without end", "#EXT-X-KEY:" + strings.Repeat("A=B,", 200_000) + "\n" + seg},
		{"attributes in every line", strings.Repeat("#EXT-X-KEY:"+strings.Repeat("A=B,", 250)+"\n"+seg, 3_000)},
		{"attributes that are all different", strings.Repeat(func() string {
			var list strings.Builder
			list.WriteString("#EXT-X-DATERANGE:")
			for i := range 250 {
				fmt.Fprintf(&list, "A%d=B,", i)
			}
			return list.String() + "\n" + seg
		}(), 600) + "#EXTINF:99999999,\ns.ts\n"},
		{"tags without end", strings.Repeat("#EXT-X-GAP\n", 2_000_000) + seg},
		{"keys without end", strings.Repeat("#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n", 100_000) + seg},
		{"keys of many formats", func() string {
			var b strings.Builder
			for i := range 100 {
				fmt.Fprintf(&b, "#EXT-X-KEY:METHOD=AES-128,URI=\"k\",KEYFORMAT=\"%d\"\n", i)
			}
			return b.String() + seg
		}()},
		{"one key that changes beside a long one", "#EXT-X-KEY:METHOD=AES-128,URI=\"data:" + strings.Repeat("x", 100_000) + "\"\n" +
			strings.Repeat("#EXT-X-KEY:METHOD=AES-128,URI=\"k\",KEYFORMAT=\"a\"\n"+seg, 1_000)},
		{"one key that changes beside a long init section", "#EXT-X-MAP:URI=\"" + strings.Repeat("x", 100_000) + "\"\n" +
			strings.Repeat("#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n"+seg, 1_000)},
		{"init sections under a long key", "#EXT-X-KEY:METHOD=AES-128,URI=\"data:" + strings.Repeat("x", 100_000) + "\"\n" +
			strings.Repeat("#EXT-X-MAP:URI=\"k\"\n"+seg, 1_000)},
		{"what only begins like a variable", "#EXTINF:4,\n" + strings.Repeat("{$", 500_000) + "\n#EXTINF:99999999,\ns.ts\n"},
		{"variables that double", doubling.String() + seg},
		{"variables in every line", large + strings.Repeat("#EXTINF:4,\n{$v}\n", 90_000)},
		{"variants without end", strings.Repeat("#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n", 400_000)},
		{"renditions without end", strings.Repeat("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\"\n", 400_000)},
		{"segments of no length", seg + strings.Repeat("#EXTINF:0,\ns.ts\n", 90_000)},
	} {
		t.Run(test.why, func(t *testing.T) {
			body := []byte("#EXTM3U\n" + test.body)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			_, _, err := hls.Parse(base, body)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if e, ok := errors.AsType[*hls.Error](err); !ok || e.Category != hls.OverLimits && e.Category != hls.BadTime {
				t.Fatalf("got %v, want a limit", err)
			}
			// None takes a second; with the race detector on a busy machine
			// it is ten times as much.
			if took > 30*time.Second {
				t.Errorf("took %s", took)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 200<<20 {
				t.Errorf("took %d MB", used>>20)
			}
			t.Logf("%d kB refused in %s with %d kB: %v", len(body)>>10, took, (after.TotalAlloc-before.TotalAlloc)>>10, err)
		})
	}
}

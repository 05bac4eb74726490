package hlscheck

import (
	"testing"
	"time"
)

// FuzzChecker feeds what anyone might serve: nothing may panic, and the same input gets the same verdict.
func FuzzChecker(f *testing.F) {
	for _, b := range breaches() {
		var second string
		if len(b.feed) > 1 {
			second = b.feed[1].body
		}
		f.Add(b.feed[0].body, second, int64(6*time.Second), uint8(len(b.feed)))
	}
	f.Add("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:18446744073709551615\n#EXTINF:1,\na\n#EXTINF:1,\nb\n", "", int64(-1), uint8(0))
	f.Fuzz(func(t *testing.T, a, b string, apart int64, options uint8) {
		judge := func() []Violation {
			c := New(Options{
				StoreTime: options&1 != 0, Rebases: options&2 != 0, QueryMayChange: options&4 != 0,
				AbsoluteURIs: options&8 != 0, GrowingTargetDuration: options&16 != 0,
			})
			at := epoch
			for _, body := range []string{a, b, b, a} {
				c.Multivariant(at, "https://live.example/one/master.m3u8", []byte(body))
				c.Media(at, videoURI, []byte(body))
				c.Media(at, audioURI, []byte(body))
				at = at.Add(time.Duration(apart))
			}
			c.Segments(videoURI)
			if (c.Err() == nil) != (len(c.Violations()) == 0) {
				t.Error("Err and Violations disagree")
			}
			return c.Violations()
		}
		first, second := judge(), judge()
		if len(first) != len(second) {
			t.Fatalf("%d violations, then %d", len(first), len(second))
		}
		for i := range first {
			if first[i] != second[i] {
				t.Errorf("%v, then %v", first[i], second[i])
			}
		}
		p := NewPlayer(videoURI, func(at time.Time, _ string) ([]byte, error) {
			if at.Sub(epoch)%(4*time.Second) < 2*time.Second {
				return []byte(a), nil
			}
			return []byte(b), nil
		})
		for at := epoch; at.Before(epoch.Add(time.Minute)); at = at.Add(time.Second) {
			p.Reload(at)
			if !p.Next().After(at) {
				t.Fatalf("next reload at %s after %s", stamp(p.Next()), stamp(at))
			}
		}
		_ = p.Err(epoch.Add(time.Minute))
	})
}

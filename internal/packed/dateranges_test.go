package packed_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/packed"
)

// dated is a playlist with a date and a date range for each segment; dates and
// classes are what it is given.
func dated(t testing.TB, n int, date func(i int) (anchor, start time.Time, class string)) *hls.Media {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("#EXTM3U\n#EXT-X-TARGETDURATION:6\n")
	for i := range n {
		anchor, start, class := date(i)
		fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n#EXT-X-DATERANGE:ID=\"%d\",CLASS=\"%s\",START-DATE=\"%s\",END-ON-NEXT=YES\n#EXTINF:6,\n%d.ts\n",
			anchor.Format(time.RFC3339), i, class, start.Format(time.RFC3339), i)
	}
	b.WriteString("#EXT-X-ENDLIST\n")
	_, m, err := hls.Parse("https://vod.example/a.m3u8", b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var newYear = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A date is that of the content after the latest date before it, in whatever
// order a playlist has them; a range that says so ends with the next of its class.
func TestDateRangesAmongDates(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		m := dated(t, 1+rng.IntN(8), func(int) (time.Time, time.Time, string) {
			at := func() time.Time { return newYear.Add(time.Duration(rng.IntN(20)) * time.Second) }
			return at(), at(), string("ab"[rng.IntN(2)])
		})
		ranges := packed.NewMedia(m).Ranges
		for i, r := range ranges {
			from, at := 0, time.Duration(0)
			for k, s := range m.Segments {
				if d := s.ProgramDateTime; !d.After(r.StartDate) && !d.Before(m.Segments[from].ProgramDateTime) {
					from, at = k, 6*time.Second*time.Duration(k)
				}
			}
			if want := at + r.StartDate.Sub(m.Segments[from].ProgramDateTime); r.At != want {
				t.Fatalf("range %s begins at %s, want %s", r.ID, r.At, want)
			}
			want := time.Duration(-1)
			for _, o := range ranges[i+1:] {
				if o.Class == r.Class {
					want = o.At - r.At
					break
				}
			}
			if r.Length != want {
				t.Fatalf("range %s lasts %s, want %s", r.ID, r.Length, want)
			}
		}
	}
}

// Dates that mean "never" leave times that can be added to others.
func TestDatesOutOfReach(t *testing.T) {
	_, m, err := hls.Parse("https://vod.example/a.m3u8", []byte("#EXTM3U\n#EXTINF:6,\n0.ts\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z\n"+
		"#EXT-X-DATERANGE:ID=\"open\",START-DATE=\"2026-01-01T00:00:00Z\",END-DATE=\"9999-12-31T23:59:59Z\"\n"+
		"#EXT-X-DATERANGE:ID=\"never\",START-DATE=\"9999-12-31T23:59:59Z\",DURATION=6\n"+
		"#EXT-X-DATERANGE:ID=\"always\",START-DATE=\"0001-02-03T00:00:00Z\",END-DATE=\"2026-01-01T00:00:06Z\"\n#EXTINF:6,\n1.ts\n"))
	if err != nil {
		t.Fatal(err)
	}
	const end = 12 * time.Second // of the playlist
	for _, r := range packed.NewMedia(m).Ranges {
		if begins, ends := r.At, r.At+r.Length; begins > end != (r.ID == "never") || r.ID == "open" && ends < end || ends < begins {
			t.Errorf("range %q is from %s to %s", r.ID, begins, ends)
		}
	}
}

// Of very many date ranges the first are kept.
func TestTooManyDateRanges(t *testing.T) {
	m := packed.NewMedia(dated(t, 1005, func(i int) (time.Time, time.Time, string) {
		at := newYear.Add(time.Duration(i) * 6 * time.Second)
		return at, at, "a"
	}))
	if n := len(m.Ranges); n != 1000 || m.Ranges[n-1].ID != "999" || len(m.Warnings) != 1 || !strings.HasPrefix(m.Warnings[0], "5 EXT-X-DATERANGE left out") {
		t.Errorf("%d ranges, warnings %q", n, m.Warnings)
	}
}

// BenchmarkDateRanges is of the most that an origin may send, or so: it must not
// keep other playlists from being parsed.
func BenchmarkDateRanges(b *testing.B) {
	m := dated(b, 60_000, func(i int) (time.Time, time.Time, string) {
		at := newYear.Add(time.Duration(i) * 6 * time.Second)
		return at, at, fmt.Sprint(i)
	})
	for b.Loop() {
		packed.NewMedia(m)
	}
}

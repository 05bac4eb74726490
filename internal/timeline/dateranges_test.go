package timeline_test

import (
	"strings"
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/timeline"
)

// withRanges puts dates, date ranges and cue tags on an asset of 6 s segments:
// an ad break from 12 s to 30 s, a point at 36 s, and one that begins before
// the asset.
func withRanges(p *hls.Presentation) *hls.Presentation {
	begin := time.Date(2020, 5, 1, 0, 0, 0, 0, time.UTC)
	none := time.Duration(-1)
	for _, m := range p.Media {
		m.Segments[0].ProgramDateTime = begin
		m.Segments[1].DateRanges = []hls.DateRange{
			{ID: "ad", Class: "x", StartDate: begin.Add(12 * time.Second), Duration: 18 * time.Second, PlannedDuration: none, Other: []string{`SCTE35-OUT=0xFC`}},
			{ID: "point", StartDate: begin.Add(36 * time.Second), Duration: none, PlannedDuration: none},
			{ID: "old", StartDate: begin.Add(-10 * time.Second), EndDate: begin.Add(5 * time.Second), Duration: none, PlannedDuration: none},
		}
		m.Segments[2].Cues = []string{"#EXT-X-CUE-OUT:18.0"}
		m.Segments[5].Cues = []string{"#EXT-X-CUE-IN"}
		m.TailCues = []string{"#EXT-X-CUE-OUT:0"}
	}
	return p
}

func tags(playlist, prefix string) (found []string) {
	for line := range strings.Lines(playlist) {
		if strings.HasPrefix(line, prefix) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

func TestDateRanges(t *testing.T) {
	a := newAsset(t, withRanges(muxed("a", repeat(10, "6")...)))
	b := vod(t, "b", repeat(10, "6")...)
	c := newChannel(t, b, a, b)
	c.begin()
	// a begins at a boundary of the filler and is cut within its ad break.
	begin := c.log[0].Start.Add(2 * time.Minute)
	c.events = []timeline.Event{
		{ID: "1", URI: a.URI, Start: begin, End: begin.Add(24 * time.Second)},
		{ID: "2", URI: a.URI, Start: begin.Add(24 * time.Second), End: begin.Add(84 * time.Second)},
	}
	seen := make(map[string]map[string]bool)
	for c.now.Before(begin.Add(3 * time.Minute)) {
		c.until(c.now.Add(time.Second), 500*time.Millisecond)
		for k := range c.settings.Tracks {
			for _, tag := range tags(c.playlist(k), "#EXT-X-DATERANGE:") {
				id, attributes, _ := strings.Cut(strings.TrimPrefix(tag, `#EXT-X-DATERANGE:ID="`), `"`)
				id = id[strings.Index(id, ".")+1:]
				if seen[id] == nil {
					seen[id] = make(map[string]bool)
				}
				seen[id][attributes] = true
			}
		}
	}
	c.check()
	// Twice on air: "0.old" began with each cut, "0.ad" once is cut after 12 s.
	at := func(d time.Duration) string { return begin.Add(d).Format("2006-01-02T15:04:05.000Z") }
	want := map[string][]string{
		"0.old": {
			// It is over when its first segment is listed.
			`,START-DATE="` + at(0) + `",DURATION=5,PLANNED-DURATION=5`,
			`,START-DATE="` + at(24*time.Second) + `",DURATION=5,PLANNED-DURATION=5`,
		},
		"0.ad": {
			`,CLASS="x",START-DATE="` + at(12*time.Second) + `",PLANNED-DURATION=18,SCTE35-OUT=0xFC`,
			`,CLASS="x",START-DATE="` + at(12*time.Second) + `",DURATION=12,PLANNED-DURATION=18,SCTE35-OUT=0xFC`,
			`,CLASS="x",START-DATE="` + at(36*time.Second) + `",PLANNED-DURATION=18,SCTE35-OUT=0xFC`,
			`,CLASS="x",START-DATE="` + at(36*time.Second) + `",DURATION=18,PLANNED-DURATION=18,SCTE35-OUT=0xFC`,
		},
		"0.point": {`,START-DATE="` + at(60*time.Second) + `"`},
	}
	for id, all := range want {
		for _, attributes := range all {
			if !seen[id][attributes] {
				t.Errorf("%s was never listed with %s", id, attributes)
			}
			delete(seen[id], attributes)
		}
		for attributes := range seen[id] {
			t.Errorf("%s was listed with %s", id, attributes)
		}
	}
}

func TestCuesStandBeforeTheFirstSegmentOfTheirInstant(t *testing.T) {
	a := newAsset(t, withRanges(muxed("a", repeat(10, "6")...)))
	b := vod(t, "b", repeat(10, "6")...)
	c := newChannel(t, b, a, b)
	c.begin()
	begin := c.log[0].Start.Add(2 * time.Minute)
	c.events = []timeline.Event{{ID: "1", URI: a.URI, Start: begin, End: begin.Add(time.Minute)}}
	want := map[string]string{"#EXT-X-CUE-OUT:18.0": "a/720-2.ts", "#EXT-X-CUE-IN": "a/720-5.ts", "#EXT-X-CUE-OUT:0": "b/720-0.ts"}
	found := make(map[string]bool)
	for c.now.Before(begin.Add(2 * time.Minute)) {
		c.until(c.now.Add(time.Second), time.Second)
		lines := strings.Split(c.playlist(0), "\n")
		for i, line := range lines {
			if uri, ok := want[line]; ok {
				found[line] = true
				if got := lines[i+2]; !strings.HasSuffix(got, uri) {
					t.Fatalf("%s stands before %s, want %s", line, got, uri)
				}
			}
		}
	}
	c.check()
	if len(found) != len(want) {
		t.Errorf("listed were %v", found)
	}
}

func TestDateRangesWithoutDatesAreReported(t *testing.T) {
	p := withRanges(muxed("a", repeat(10, "6")...))
	for _, m := range p.Media {
		m.Segments[0].ProgramDateTime = time.Time{}
	}
	if a := newAsset(t, p); len(a.Warnings) != 1 || !strings.Contains(a.Warnings[0], "EXT-X-DATERANGE") {
		t.Errorf("warnings: %q", a.Warnings)
	}
}

package hlscheck

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestNoSmallChangeGoesUnseen takes every line, and every character, of a response in the middle of a right series: what
// is missing, or another digit, must be found by some rule.
func TestNoSmallChangeGoesUnseen(t *testing.T) {
	source := film(60).each(func(i int, s *shot) {
		s.uri = strings.Replace(s.uri, ".ts", ".m4s", 1)
		s.state = fmt.Sprintf("#EXT-X-KEY:METHOD=AES-128,URI=\"https://k.example/%d\",IV=0x%032X\n", i/4, i/4) +
			fmt.Sprintf("#EXT-X-MAP:URI=\"https://cdn.example/%d/i.mp4\",BYTERANGE=\"700@0\"\n", i/8)
		s.tags = fmt.Sprintf("#EXT-X-BYTERANGE:1000@%d\n", 700+i%8*1000)
	}).with(14, func(s *shot) {
		s.tags += `#EXT-X-DATERANGE:ID="a",CLASS="ad",START-DATE="2026-11-22T12:01:24.000Z",DURATION=6` + "\n"
	}).with(4, func(s *shot) { s.tags += "#EXT-X-GAP\n" })
	feed := run(90*time.Second, 126*time.Second, 6*time.Second, 30*time.Second, source)
	opts := Options{StoreTime: true}
	if err := check(opts, feed).Err(); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(feed[2].body, "\n"), "\n")
	try := func(i int, line string) {
		changed := slices.Clone(lines)
		changed[i] = line
		series := slices.Clone(feed)
		series[2].body = strings.Join(changed, "") + "\n"
		if check(opts, series).Err() == nil {
			t.Errorf("line %d: %q instead of %q", i+1, line, lines[i])
		}
	}
	for i, line := range lines {
		try(i, "")
		for j := range strings.TrimSuffix(line, "\n") {
			try(i, line[:j]+line[j+1:])
			if c := line[j]; c >= '0' && c <= '9' {
				try(i, line[:j]+string('0'+(c-'0'+1)%10)+line[j+1:])
			}
		}
	}
}

package hlscheck

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// live is the window of a tape at an instant: what has been recorded by then, from the latest shot with which it lasts
// as long as asked, or if after is set, from the first shot that ends after that date.
func (t tape) live(at, least time.Duration, after time.Time) (body string, head time.Time) {
	now := epoch.Add(at)
	end := func(i int) time.Time {
		d, _, _ := parseDecimal(t.shots[i].duration)
		return t.date(i).Add(t.shots[i].offset).Add(d)
	}
	to := 0
	for to < len(t.shots) && !end(to).After(now) {
		to++
	}
	from := 0
	for ; from < to; from++ {
		if after.IsZero() && end(to-1).Sub(t.date(from+1)) < least || !after.IsZero() && end(from).After(after) {
			break
		}
	}
	return t.window(from, to), t.date(from)
}

// run is what a viewer gets who loads every playlist at a steady pace.
func run(from, to, pace time.Duration, window time.Duration, v tape, others ...tape) []response {
	var feed []response
	for at := from; at < to; at += pace {
		body, head := v.live(at, window, time.Time{})
		feed = append(feed, video(at, body))
		for i, o := range others {
			body, _ := o.live(at, window, head)
			uri := audioURI
			if i > 0 {
				uri = fmt.Sprintf("https://live.example/one/a%d.m3u8", i+1)
			}
			feed = append(feed, response{at: at, uri: uri, body: body})
		}
	}
	return feed
}

// odd is a tape of shots whose durations are no whole milliseconds, cut after each tenth.
func odd(n int) tape {
	t := tape{header: "#EXT-X-VERSION:6\n", number: 215_000_000, breaks: 215_000_000, target: 10}
	for i := range n {
		d := []string{"9.600", "9.976633", "6.006", "9.9766333", "2.5025"}[i%5]
		t.shots = append(t.shots, shot{uri: fmt.Sprintf("https://cdn.example/odd/%d.ts", i), duration: d, cut: i > 0 && i%10 == 0})
	}
	return t
}

func TestNothingFailsOnRightPlaylists(t *testing.T) {
	key := func(n int) string {
		return fmt.Sprintf("#EXT-X-KEY:METHOD=AES-128,URI=\"https://k.example/%d\",IV=0x%032X\n", n, n)
	}
	drm := `#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://1",KEYFORMAT="com.apple.streamingkeydelivery",KEYFORMATVERSIONS="1"` + "\n" +
		`#EXT-X-KEY:METHOD=SAMPLE-AES,URI="data:,a",KEYFORMAT="urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"` + "\n"
	strict := Options{StoreTime: true, MinWindow: 30 * time.Second, MaxWindow: 45 * time.Second, AbsoluteURIs: true}
	const window = 30 * time.Second
	v, a := film(30), sound(45)
	tests := map[string]struct {
		opts Options
		feed []response
	}{
		"one track":          {strict, run(60*time.Second, 300*time.Second, 2*time.Second, window, film(60))},
		"two tracks":         {strict, append([]response{master(ladder)}, run(60*time.Second, 150*time.Second, time.Second, window, film(30), sound(45))...)},
		"another order":      {strict, append(run(60*time.Second, 150*time.Second, time.Second, window, film(30), sound(45)), master(ladder))},
		"odd durations":      {Options{StoreTime: true}, run(60*time.Second, 800*time.Second, 5*time.Second, window, odd(120))},
		"dates at cuts only": {strict, run(60*time.Second, 300*time.Second, 2*time.Second, window, film(60).each(func(_ int, s *shot) { s.undated = !s.cut }))},
		"keys": {strict, run(60*time.Second, 300*time.Second, 2*time.Second, window, film(60).each(func(i int, s *shot) {
			switch {
			case i < 16:
				s.state = key(i / 2)
			case i < 24:
				s.state = "#EXT-X-KEY:METHOD=NONE\n"
			case i < 32:
				s.state = drm
			case i < 40:
				s.state = "#EXT-X-KEY:METHOD=NONE\n" + key(i/8)
			}
			if i == 40 {
				s.tags = "#EXT-X-KEY:METHOD=NONE\n"
			}
		}).with(41, func(s *shot) { s.state = "" }))},
		"fMP4": {strict, run(60*time.Second, 300*time.Second, 2*time.Second, window, film(60).each(func(i int, s *shot) {
			s.uri = strings.Replace(s.uri, ".ts", ".m4s", 1)
			s.state = fmt.Sprintf("#EXT-X-MAP:URI=\"https://cdn.example/%d/i.mp4\",BYTERANGE=\"700@0\"\n", i/8)
			s.tags = fmt.Sprintf("#EXT-X-BITRATE:1000\n#EXT-X-BYTERANGE:1000@%d\n", 700+i%8*1000)
		}))},
		"fMP4 after TS": {strict, run(60*time.Second, 150*time.Second, 2*time.Second, window, film(30).each(func(i int, s *shot) {
			if i >= 16 {
				s.uri, s.state = strings.Replace(s.uri, ".ts", ".m4s", 1), "#EXT-X-MAP:URI=\"https://cdn.example/i.mp4\"\n"
			}
		}))},
		"gaps": {strict, run(60*time.Second, 150*time.Second, 2*time.Second, window, film(30).with(12, func(s *shot) { s.tags = "#EXT-X-GAP\n" }))},
		"date range": {strict, run(80*time.Second, 150*time.Second, 2*time.Second, window, film(30).with(12, func(s *shot) {
			s.tags = `#EXT-X-DATERANGE:ID="a",CLASS="ad",START-DATE="2026-11-22T12:01:12.000Z",DURATION=6,SCTE35-OUT=0xFC00,X-N=1.5` + "\n"
		}))},
		"foreign lines": {strict, []response{video(54*time.Second, strings.ReplaceAll(
			edit(film(9).window(2, 9), "#EXT-X-VERSION", "#  a comment \n\n#EXT-X-CUE-OUT:DURATION=30\n#EXT-X-VERSION"), "\n", "\r\n"))}},
		"variables": {Options{}, []response{video(54*time.Second, edit(film(9).window(2, 9), "#EXT-X-VERSION:6\n",
			"#EXT-X-VERSION:11\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n#EXT-X-DEFINE:QUERYPARAM=\"q\"\n# {$a} {$q} {$\n"))}},
		"start and control": {Options{}, []response{video(54*time.Second, edit(film(9).window(2, 9), "#EXT-X-VERSION:6\n",
			"#EXT-X-VERSION:6\n#EXT-X-START:TIME-OFFSET=-18.5,PRECISE=NO\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,HOLD-BACK=18\n"))}},
		"nobody looked for long": {strict, append(run(60*time.Second, 70*time.Second, 2*time.Second, window, film(60)),
			run(200*time.Second, 300*time.Second, 2*time.Second, window, film(60))...)},
		"rebase": {Options{StoreTime: true, Rebases: true}, append(run(60*time.Second, 100*time.Second, 2*time.Second, window, film(60), sound(90)),
			run(102*time.Second, 200*time.Second, 2*time.Second, window, renumber(film(60), 100), renumber(sound(90), 100))...)},
		"rebase between two requests": {Options{Rebases: true}, []response{master(ladder), video(60*time.Second, v.window(2, 10)), audio(60*time.Second, a.window(4, 15)),
			video(64*time.Second, v.window(2, 10)), audio(64100*time.Millisecond, renumber(a, 100).window(5, 16)),
			video(66*time.Second, renumber(v, 100).window(3, 11)), audio(66100*time.Millisecond, renumber(a, 100).window(5, 16))}},
		"target duration grows": {Options{GrowingTargetDuration: true}, []response{
			video(60*time.Second, film(60).window(2, 10)), video(66*time.Second, edit(film(60).window(3, 11), "DURATION:6", "DURATION:7"))}},
		"new query": {Options{QueryMayChange: true}, []response{
			video(60*time.Second, film(60).each(func(_ int, s *shot) { s.uri, s.state = s.uri+"?t=1", strings.Replace(key(1), `/1"`, `/1?t=1"`, 1) }).window(2, 10)),
			video(66*time.Second, film(60).each(func(_ int, s *shot) { s.uri, s.state = s.uri+"?t=2", strings.Replace(key(1), `/1"`, `/1?t=2"`, 1) }).window(3, 11))}},
		"audio cut elsewhere": {Options{StoreTime: true}, run(60*time.Second, 240*time.Second, time.Second, window, film(60), uneven(30))},
		"ladder": {Options{Ignore: []string{rulePlaylistMissing.Name}}, []response{master(`#EXTM3U
#EXT-X-VERSION:7
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="aac-en.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="Svenska",LANGUAGE="sv",AUTOSELECT=YES,CHANNELS="2",URI="aac-sv.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="ec3",NAME="Svenska",LANGUAGE="sv",AUTOSELECT=YES,CHANNELS="6",URI="ec3-sv.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="ec3",NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="6",URI="ec3-en.m3u8"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subs",NAME="English",LANGUAGE="en",FORCED=NO,URI="s-en.m3u8"
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="CC1",INSTREAM-ID="CC1"
#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://1",KEYFORMAT="com.apple.streamingkeydelivery"
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100000,CODECS="avc1.4d401f",URI="i.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=2000000,CODECS="avc1.4d401f,mp4a.40.2",RESOLUTION=1280x720,AUDIO="aac",SUBTITLES="subs",CLOSED-CAPTIONS="cc"
v720.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2000000,CODECS="hvc1.2.4.L123.B0,ec-3",VIDEO-RANGE=PQ,RESOLUTION=1280x720,AUDIO="ec3",SUBTITLES="subs",CLOSED-CAPTIONS="cc"
https://other.example/h720.m3u8
`)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := check(tt.opts, tt.feed).Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

// renumber moves all numbers of a tape, as a rebase does.
func renumber(t tape, by uint64) tape {
	t.number, t.breaks = t.number+by, t.breaks+by
	return t
}

// uneven is audio that goes with film: 48 s are ten shots of 4.608 s and one of 1.92 s, or with an overlap of 0.4 s or a
// hole at its cut.
func uneven(n int) tape {
	t := tape{header: "#EXT-X-VERSION:6\n", number: 1, breaks: 50, target: 6}
	for i := range n * 11 {
		s := shot{uri: fmt.Sprintf("https://cdn.example/u/%d.aac", i), duration: "4.608", cut: i > 0 && i%11 == 0}
		if i%11 == 10 {
			s.duration = "1.92"
		}
		if i/11%2 == 1 {
			s.offset = 400 * time.Millisecond // a hole before, an overlap after
		}
		t.shots = append(t.shots, s)
	}
	return t
}

func TestSegmentsTellWhatAired(t *testing.T) {
	c := check(Options{StoreTime: true}, append([]response{master(ladder)}, run(60*time.Second, 150*time.Second, 3*time.Second, 30*time.Second, film(30), sound(45))...))
	if got := c.Playlists(); len(got) != 2 || got[0] != videoURI || got[1] != audioURI || c.Primary() != videoURI {
		t.Errorf("playlists %v, primary %s", got, c.Primary())
	}
	aired := c.Segments(videoURI)
	if len(aired) != 19 { // of 24 recorded by 147 s, less the five that had left before 60 s
		t.Fatalf("%d segments", len(aired))
	}
	for i, s := range aired {
		n := i + 5
		want := Segment{
			MediaSequence: 1000 + uint64(n), DiscontinuitySequence: 50 + uint64(n/8), Discontinuity: n%8 == 0,
			URI: fmt.Sprintf("https://cdn.example/%d/%d.ts", n/8, n%8), Duration: 6 * time.Second,
			Date: epoch.Add(time.Duration(n) * 6 * time.Second), Seen: epoch.Add(max(60*time.Second, time.Duration(n+1)*6*time.Second)),
			inf: "6.000,", timed: true, dated: true,
		}
		if s != want {
			t.Errorf("segment %d is\n%+v, not\n%+v", n, s, want)
		}
	}
	if c.Segments("https://live.example/none.m3u8") != nil {
		t.Error("segments of a playlist that never was")
	}
}

func TestErrTellsCountsAndFirst(t *testing.T) {
	var feed []response
	for i := range 30 {
		feed = append(feed, video(54*time.Second, edit(film(60).window(2, 9), "/0/5.ts", fmt.Sprintf("/0/5.ts?%d", i))))
	}
	c := check(Options{}, feed)
	if got := len(c.Violations()); got != mostPerRule {
		t.Errorf("%d violations kept", got)
	}
	if err := c.Err(); err == nil || !strings.HasPrefix(err.Error(), "29 violations\n  2026-11-22T12:00:54.000Z "+videoURI+": segment-kept (draft 6.2.1, 6.2.2): 1005 was ") {
		t.Error(err)
	}
}

// BenchmarkMedia is one response with a new segment in a window of eight.
func BenchmarkMedia(b *testing.B) {
	tape := film(4000)
	var bodies [][]byte
	for i := range 2000 {
		bodies = append(bodies, []byte(tape.window(i, i+8)))
	}
	for b.Loop() {
		c := New(Options{StoreTime: true})
		for i, body := range bodies {
			at := epoch.Add(time.Duration(i+8) * 6 * time.Second)
			c.Media(at, videoURI, body)
		}
		if err := c.Err(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(bodies)), "ns/response")
}

package hlscheck

import (
	"fmt"
	"strings"
	"time"
)

// sound is a tape of n audio shots of 4 s that go with film: its cuts are at the audio boundaries nearest to the film's.
func sound(n int) tape {
	t := tape{header: "#EXT-X-VERSION:6\n", number: 5000, breaks: 50, target: 6}
	for i := range n {
		t.shots = append(t.shots, shot{uri: fmt.Sprintf("https://cdn.example/a/%d.aac", i), duration: "4.000", cut: i%12 == 0 && i > 0})
	}
	return t
}

const ladder = `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=2000000,AVERAGE-BANDWIDTH=1500000,CODECS="avc1.4d401f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=25.000,AUDIO="aac",CLOSED-CAPTIONS=NONE
v.m3u8
`

// acrossBreaches are series of responses of several tracks, each right by itself.
func acrossBreaches() []breach {
	v, a := film(30), sound(45)
	pair := func(r *Rule, name string, at time.Duration, v, a string) breach {
		return breach{rule: r, name: name, feed: []response{master(ladder), video(at, v), audio(at, a)}}
	}
	ahead := a
	ahead.breaks++
	behind := a
	behind.breaks--
	moved := a.with(12, func(s *shot) { s.cut = false }).with(14, func(s *shot) { s.cut = true })
	slow := a
	slow.target = 7
	date := `#EXT-X-DATERANGE:ID="%s",START-DATE="2026-11-22T12:00:30.000Z"` + "\n"
	ranged := func(t tape, i int, id string) tape {
		return t.with(i, func(s *shot) { s.tags = fmt.Sprintf(date, id) })
	}
	return []breach{
		{rule: rulePlaylistMissing, name: "audio", feed: []response{master(ladder), video(60*time.Second, v.window(2, 9))}},
		{rule: rulePlaylistUnknown, name: "another", feed: []response{master(ladder), video(60*time.Second, v.window(3, 10)), audio(60*time.Second, a.window(4, 15)),
			{at: 60 * time.Second, uri: "https://live.example/one/x.m3u8", body: v.window(3, 10)}}},
		pair(ruleTargetDurationSame, "7 and 6", 60*time.Second, v.window(3, 10), slow.window(4, 15)),
		pair(ruleBreaks, "number ahead", 60*time.Second, v.window(3, 10), ahead.window(4, 15)),
		pair(ruleBreaks, "number behind", 60*time.Second, v.window(3, 10), behind.window(4, 15)),
		pair(ruleBreaks, "break late", 60*time.Second, v.window(3, 10), moved.window(4, 15)),
		pair(ruleBreaks, "break missing", 68*time.Second, v.window(4, 11), a.with(12, func(s *shot) { s.cut = false }).window(6, 17)),
		{rule: ruleBreaks, name: "rebase of one track", opts: Options{Rebases: true}, feed: []response{master(ladder),
			video(60*time.Second, v.window(2, 10)), audio(60*time.Second, a.window(4, 15)), video(64*time.Second, v.window(2, 10)),
			audio(64100*time.Millisecond, renumber(a, 100).window(5, 16)), video(66*time.Second, v.window(3, 11)),
			audio(66100*time.Millisecond, renumber(a, 100).window(5, 16))}},
		pair(ruleHeads, "longer", 60*time.Second, v.window(3, 10), a.window(2, 15)),
		pair(ruleEdges, "behind", 60*time.Second, v.window(3, 10), a.window(4, 13)),
		pair(ruleDateRangesSame, "another", 60*time.Second, ranged(v, 5, "a").window(3, 10), ranged(a, 8, "b").window(4, 15)),
		{rule: ruleDateRangeKept, name: "tracks differ", feed: []response{master(ladder), video(60*time.Second, ranged(v, 5, "a").window(3, 10)),
			audio(60*time.Second, strings.Replace(ranged(a, 8, "a").window(4, 15), "12:00:30.000Z\"\n", "12:00:31.000Z\"\n", 1))}},
	}
}

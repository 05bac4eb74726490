package hlscheck

import (
	"strings"
	"time"
)

// historyBreaches are series of responses of one track, each right by itself.
func historyBreaches() []breach {
	t := film(60)
	good := t.window(2, 9)
	two := func(r *Rule, name, a, b string) breach {
		return breach{rule: r, name: name, feed: []response{video(54*time.Second, a), video(60*time.Second, b)}}
	}
	one := func(r *Rule, name, body string) breach {
		return breach{rule: r, name: name, feed: []response{video(54*time.Second, body)}}
	}
	later := t.window(3, 10)
	key := `#EXT-X-KEY:METHOD=AES-128,URI="https://k.example/1",IV=0x0000000000000000000000000000000A` + "\n"
	keyed := t.with(2, func(s *shot) { s.state = key }).with(3, func(s *shot) { s.state = key }).with(4, func(s *shot) { s.tags = "#EXT-X-KEY:METHOD=NONE\n" })
	fmp4 := func(name string) tape {
		return t.each(func(_ int, s *shot) {
			s.uri, s.state = strings.Replace(s.uri, ".ts", ".m4s", 1), "#EXT-X-MAP:URI=\"https://cdn.example/"+name+".mp4\"\n"
		})
	}
	encrypted := fmp4("i").each(func(_ int, s *shot) { s.state = key + s.state })
	store := func(b breach) breach { b.opts.StoreTime = true; return b }
	audioTwo := func(r *Rule, name string, change func(s *shot)) breach {
		plain := film(20)
		plain.target = 6
		return breach{rule: r, name: name, feed: []response{
			video(54*time.Second, plain.window(2, 9)), audio(54*time.Second, plain.with(8, change).window(2, 9)),
		}}
	}
	// Every shot is 1.4 ms longer than its dates say: nothing that one step shows.
	drifting := film(40).each(func(i int, s *shot) {
		s.duration, s.offset = "5.9986", time.Duration(i)*1400*time.Microsecond
	})
	rebased := func(number, breaks uint64) string {
		r := t
		r.number, r.breaks = number, breaks
		return r.window(3, 10)
	}
	return []breach{
		two(ruleHeaderKept, "version changed", good, edit(later, "VERSION:6", "VERSION:7")),
		two(ruleHeaderKept, "tag gone", good, edit(later, "#EXT-X-INDEPENDENT-SEGMENTS\n", "")),
		two(ruleTargetDurationKept, "grown", good, edit(later, "DURATION:6", "DURATION:7")),
		{rule: ruleTargetDurationKept, name: "shrunk", opts: Options{GrowingTargetDuration: true},
			feed: []response{video(54*time.Second, edit(good, "DURATION:6", "DURATION:7")), video(60*time.Second, later)}},
		{rule: ruleWindowShort, name: "after growth", opts: Options{GrowingTargetDuration: true},
			feed: []response{video(54*time.Second, good), video(60*time.Second, edit(t.window(8, 10), "DURATION:6", "DURATION:9"))}},
		{rule: ruleWindowShort, name: "long after growth", opts: Options{GrowingTargetDuration: true},
			feed: []response{video(54*time.Second, edit(good, "DURATION:6", "DURATION:9")), video(60*time.Second, edit(t.window(6, 10), "DURATION:6", "DURATION:9"))}},
		two(ruleMediaSequenceBack, "one back", later, good),
		two(ruleTailBack, "last segment gone", t.window(2, 10), t.window(3, 9)),
		two(ruleSegmentKept, "sequence moved too far", good, edit(later, "SEQUENCE:1003", "SEQUENCE:1004")),
		two(ruleSegmentKept, "sequence did not move", good, edit(later, "SEQUENCE:1003", "SEQUENCE:1002")),
		two(ruleSegmentKept, "another URI", good, edit(later, "/0/5.ts", "/9/5.ts")),
		two(ruleSegmentKept, "one from the middle gone", good, edit(t.with(4, func(s *shot) { s.undated = true }).window(3, 10),
			"#EXTINF:6.000,\nhttps://cdn.example/0/4.ts\n", "")),
		two(ruleSegmentKept, "query", good, edit(later, "/0/5.ts", "/0/5.ts?token=1")),
		two(ruleSegmentKept, "duration", t.with(5, func(s *shot) { s.duration = "6.0" }).window(2, 9), later),
		two(ruleSegmentKept, "byte range", t.with(5, func(s *shot) { s.tags = "#EXT-X-BYTERANGE:10@0\n" }).window(2, 9), later),
		two(ruleSegmentKept, "gap", t.with(5, func(s *shot) { s.tags = "#EXT-X-GAP\n" }).window(2, 9), later),
		two(ruleSegmentKept, "discontinuity tag lost", t.window(7, 12), edit(edit(t.window(8, 13), "#EXT-X-DISCONTINUITY\n", ""), "SEQUENCE:50", "SEQUENCE:51")),
		two(ruleDiscontinuityKept, "sequence frozen", t.window(8, 13), edit(t.window(9, 14), "SEQUENCE:51", "SEQUENCE:50")),
		two(ruleDiscontinuityKept, "sequence early", good, edit(later, "DISCONTINUITY-SEQUENCE:50", "DISCONTINUITY-SEQUENCE:51")),
		two(ruleDiscontinuitySequenceBack, "no old segment left", t.window(8, 12), edit(t.window(12, 16), "SEQUENCE:51", "SEQUENCE:50")),
		two(ruleDiscontinuityStep, "no old segment left", t.window(2, 5), edit(t.window(5, 8), "DISCONTINUITY-SEQUENCE:50", "DISCONTINUITY-SEQUENCE:51")),
		two(ruleKeyKept, "not stated at the head", keyed.window(2, 9), edit(keyed.window(3, 10), key, "")),
		two(ruleMapKept, "another map", fmp4("i").window(2, 7), fmp4("j").window(3, 7)),
		two(ruleMapKept, "its key is another", encrypted.window(2, 7), encrypted.each(func(_ int, s *shot) { s.state = swapLines(s.state) }).window(3, 7)),
		two(ruleDateKept, "tag lost", good, edit(later, "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:24.000Z\n", "")),
		two(ruleDateKept, "other rounding", good, edit(later, "12:00:24.000Z", "12:00:24.001Z")),
		two(ruleDateKept, "slipped", good, t.each(func(i int, s *shot) {
			if i < 8 {
				s.offset = 3 * time.Millisecond
			}
		}).window(3, 8)+strings.SplitAfter(t.window(8, 10), "SEQUENCE:50\n")[1]),
		two(ruleJump, "hole", good, t.window(11, 18)),
		two(ruleJump, "rebase", good, rebased(2000, 100)),
		{rule: ruleJump, name: "rebase in one number only", opts: Options{Rebases: true},
			feed: []response{video(54*time.Second, good), video(60*time.Second, rebased(2000, 60))}},
		{rule: ruleDiscontinuitySequenceBack, name: "after a long absence", feed: []response{
			video(54*time.Second, good), video(20*6*time.Second, edit(t.window(12, 20), "SEQUENCE:51", "SEQUENCE:49"))}},
		one(ruleURI, "escape", edit(good, "/0/5.ts", "/0/%zz.ts")),
		one(ruleURI, "no host", edit(good, "https://cdn.example/0/5.ts", "https:///0/5.ts")),
		one(ruleURIRoot, "segment", edit(good, "https://cdn.example/0/5.ts", "/0/5.ts")),
		one(ruleURIRoot, "key", t.each(func(_ int, s *shot) { s.state = strings.Replace(key, "https://k.example", "", 1) }).window(2, 9)),
		{rule: ruleURIAbsolute, name: "relative", opts: Options{AbsoluteURIs: true},
			feed: []response{video(54*time.Second, edit(good, "https://cdn.example/0/5.ts", "0/5.ts"))}},
		one(ruleDateHead, "first segment", edit(good, "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:12.000Z\n", "")),
		one(ruleDateBreak, "after a discontinuity", edit(good, "#EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:48.000Z\n", "")),
		one(ruleDateStep, "slip", t.each(func(i int, s *shot) {
			if i > 4 {
				s.offset = 3 * time.Millisecond
			}
		}).window(2, 9)),
		{rule: ruleDateDrift, name: "adds up", feed: []response{video(240*time.Second, drifting.window(2, 9))}},
		one(ruleDatePrimary, "gap", t.with(8, func(s *shot) { s.offset = 100 * time.Millisecond }).window(2, 9)),
		one(ruleDatePrimary, "overlap", t.with(8, func(s *shot) { s.offset = -100 * time.Millisecond }).window(2, 9)),
		{rule: ruleDateHole, name: "more than a segment", feed: []response{
			video(54*time.Second, good),
			audio(54*time.Second, t.each(func(i int, s *shot) {
				if s.offset = 3300 * time.Millisecond; i < 8 {
					s.offset = -s.offset
				}
			}).window(2, 9)),
		}},
		audioTwo(ruleDateOverlap, "a second", func(s *shot) { s.offset = -time.Second }),
		one(ruleWindowShort, "under three target durations", t.window(2, 4)),
		{rule: ruleWindowShort, name: "option", opts: Options{MinWindow: time.Minute}, feed: []response{video(54*time.Second, good)}},
		{rule: ruleWindowLong, name: "option", opts: Options{MaxWindow: 40 * time.Second}, feed: []response{video(54*time.Second, good)}},
		store(breach{rule: ruleSameInstant, name: "two replicas", feed: []response{video(60*time.Second, good), video(60*time.Second, later)}}),
		{rule: ruleStale, name: "ten seconds", feed: []response{video(54*time.Second, good), video(63*time.Second, good), video(64*time.Second, good)}},
		store(one(ruleEarly, "not over yet", t.window(3, 10))),
		store(breach{rule: ruleLate, name: "late", feed: []response{video(64*time.Second, good)}}),
	}
}

// swapLines exchanges the two lines of a text.
func swapLines(text string) string {
	lines := strings.SplitAfter(text, "\n")
	return lines[1] + lines[0]
}

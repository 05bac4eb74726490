package hlscheck

import (
	"strings"
	"time"
)

// syntaxBreaches are single media playlists that are wrong in themselves.
func syntaxBreaches() []breach {
	good := film(20).window(2, 9) // a cut inside, at index 8
	first := "#EXTINF:6.000,\nhttps://cdn.example/0/2.ts\n"
	one := func(r *Rule, name, body string) breach {
		return breach{rule: r, name: name, feed: []response{video(54*time.Second, body)}}
	}
	replace := func(r *Rule, name, old, new string) breach { return one(r, name, edit(good, old, new)) }
	old := "#EXT-X-VERSION:6\n"
	return []breach{
		one(ruleUTF8, "latin 1", edit(good, "#EXT-X-VERSION", "# caf\xe9\n#EXT-X-VERSION")),
		one(ruleBOM, "byte order mark", "\ufeff"+good),
		replace(ruleControl, "tab", first, "#\tcomment\n"+first),
		replace(ruleControl, "carriage return inside", first, "# a\rb\n"+first),
		replace(ruleControl, "C1", first, "# a\u0085b\n"+first),
		one(ruleLineEnd, "last line open", strings.TrimSuffix(good, "\n")),
		replace(ruleWhiteSpace, "blank after tag", "#EXT-X-INDEPENDENT-SEGMENTS\n", "#EXT-X-INDEPENDENT-SEGMENTS \n"),
		replace(ruleWhiteSpace, "blank before URI", "https://cdn.example/0/2.ts", " https://cdn.example/0/2.ts"),
		replace(ruleWhiteSpace, "line of blanks", first, "  \n"+first),
		one(ruleExtM3U, "comment first", "# hello\n"+good),
		one(ruleExtM3U, "missing", strings.TrimPrefix(good, "#EXTM3U\n")),
		one(ruleExtM3U, "blank line first", "\n"+good),
		replace(ruleTagOnce, "two target durations", "#EXT-X-TARGETDURATION:6\n", "#EXT-X-TARGETDURATION:6\n#EXT-X-TARGETDURATION:6\n"),
		replace(ruleTagOnce, "two EXTINF", first, "#EXTINF:6.000,\n"+first),
		replace(ruleTagOnce, "two discontinuities", "#EXT-X-DISCONTINUITY\n", "#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY\n"),
		replace(ruleTagPlace, "multivariant tag", old, old+"#EXT-X-STREAM-INF:BANDWIDTH=1\n"),
		replace(ruleTagUnknown, "misspelt", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-INDEPENDANT-SEGMENTS"),
		replace(ruleTagForm, "value on a bare tag", "#EXT-X-DISCONTINUITY\n", "#EXT-X-DISCONTINUITY:1\n"),
		replace(ruleTagForm, "version is no number", old, "#EXT-X-VERSION:six\n"),
		replace(ruleTagForm, "start without attributes", old, old+"#EXT-X-START\n"),
		replace(ruleTagForm, "number too large", "#EXT-X-MEDIA-SEQUENCE:1002", "#EXT-X-MEDIA-SEQUENCE:18446744073709551616"),
		replace(ruleVersion, "fraction", old, "#EXT-X-VERSION:2\n"),
		replace(ruleVersion, "no version", old, ""),
		one(ruleVersion, "byte range", edit(edit(good, old, "#EXT-X-VERSION:3\n"), first, "#EXT-X-BYTERANGE:10@0\n"+first)),
		one(ruleVersion, "init section", strings.ReplaceAll(edit(edit(good, old, "#EXT-X-VERSION:5\n"),
			"#EXT-X-DISCONTINUITY-SEQUENCE:50\n", "#EXT-X-DISCONTINUITY-SEQUENCE:50\n#EXT-X-MAP:URI=\"https://cdn.example/i.mp4\"\n"), ".ts", ".m4s")),
		one(ruleVersion, "key formats", edit(edit(good, old, "#EXT-X-VERSION:4\n"), first,
			`#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI="data:x",KEYFORMAT="a",KEYFORMATVERSIONS="1"`+"\n"+first)),
		replace(ruleVersion, "IV", old, "#EXT-X-VERSION:1\n"+`#EXT-X-KEY:METHOD=AES-128,URI="https://k.example/1",IV=0x00000000000000000000000000000001`+"\n"),
		replace(ruleVersion, "define", old, old+"#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n"),
		replace(ruleVersion, "query parameter", old, "#EXT-X-VERSION:10\n#EXT-X-DEFINE:QUERYPARAM=\"a\"\n"),
		replace(ruleVersion, "skip", old, "#EXT-X-VERSION:8\n#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n"),
		replace(ruleVariable, "undefined", old+"#EXT-X-INDEPENDENT-SEGMENTS\n", "#EXT-X-VERSION:8\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n# {$a} {$b}\n"),
		one(ruleLiveOnly, "end", good+"#EXT-X-ENDLIST\n"),
		replace(ruleLiveOnly, "playlist type", old, old+"#EXT-X-PLAYLIST-TYPE:EVENT\n"),
		replace(ruleLiveOnly, "I-frames", old, old+"#EXT-X-I-FRAMES-ONLY\n"),
		one(ruleHeaderOrder, "media sequence late", edit(good, "#EXT-X-MEDIA-SEQUENCE:1002\n", "")+"#EXT-X-MEDIA-SEQUENCE:1002\n"),
		one(ruleHeaderOrder, "discontinuity sequence after a tag", edit(edit(good, "#EXT-X-DISCONTINUITY-SEQUENCE:50\n", ""),
			first, "#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY-SEQUENCE:50\n"+first)),
		replace(ruleTargetDuration, "missing", "#EXT-X-TARGETDURATION:6\n", ""),
		replace(ruleTargetDuration, "zero", "#EXT-X-TARGETDURATION:6\n", "#EXT-X-TARGETDURATION:0\n"),
		replace(ruleMediaSequence, "missing", "#EXT-X-MEDIA-SEQUENCE:1002\n", ""),
		replace(ruleDiscontinuitySequence, "missing", "#EXT-X-DISCONTINUITY-SEQUENCE:50\n", ""),
		{rule: ruleEmpty, name: "header only", feed: []response{video(0, "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:1\n")}},
		replace(ruleExtInf, "no EXTINF", first, "https://cdn.example/0/2.ts\n"),
		replace(ruleExtInf, "no comma", first, strings.Replace(first, ",", "", 1)),
		replace(ruleExtInf, "not a number", first, strings.Replace(first, "6.000", "NaN", 1)),
		replace(ruleExtInf, "exponent", first, strings.Replace(first, "6.000", "6e0", 1)),
		replace(ruleExtInf, "negative", first, strings.Replace(first, "6.000", "-6.000", 1)),
		one(ruleDuration, "rounds up", film(9).with(4, func(s *shot) { s.duration = "6.5" }).window(2, 9)),
		one(ruleDangling, "EXTINF at the end", good+"#EXTINF:6.000,\n"),
		one(ruleDangling, "discontinuity at the end", good+"#EXT-X-DISCONTINUITY\n"),
		replace(ruleByteRange, "not numbers", first, "#EXT-X-BYTERANGE:10@x\n"+first),
		replace(ruleByteRangeOffset, "no offset", first, "#EXT-X-BYTERANGE:10\n"+first),
		replace(ruleDateForm, "no milliseconds", ":12.000Z", ":12Z"),
		replace(ruleDateForm, "zone", ":12.000Z", ":12.000+00:00"),
		replace(ruleDateForm, "microseconds", ":12.000Z", ":12.000000Z"),
		replace(ruleAttributeList, "blank after comma", old, old+"#EXT-X-START:TIME-OFFSET=1, PRECISE=YES\n"),
		replace(ruleAttributeList, "open quotes", old, "#EXT-X-VERSION:8\n#EXT-X-DEFINE:NAME=\"a,VALUE=b\n"),
		replace(ruleAttributeList, "lower-case name", old, old+"#EXT-X-START:time-offset=1\n"),
		replace(ruleAttributeList, "comma at the end", old, old+"#EXT-X-START:TIME-OFFSET=1,\n"),
		replace(ruleAttributeList, "empty value", old, old+"#EXT-X-START:TIME-OFFSET=\n"),
		replace(ruleAttributeList, "text after quotes", old, "#EXT-X-VERSION:8\n#EXT-X-DEFINE:NAME=\"a\"b\n"),
		replace(ruleAttributeTwice, "twice", old, old+"#EXT-X-START:TIME-OFFSET=1,TIME-OFFSET=1\n"),
		replace(ruleAttributeType, "quoted number", old, old+"#EXT-X-START:TIME-OFFSET=\"1\"\n"),
		replace(ruleAttributeType, "unknown word", old, old+"#EXT-X-START:TIME-OFFSET=1,PRECISE=MAYBE\n"),
		replace(ruleAttributeType, "word for quotes", old, "#EXT-X-VERSION:8\n#EXT-X-DEFINE:NAME=a\n"),
	}
}

// keyBreaches are media playlists with wrong keys and init sections.
func keyBreaches() []breach {
	iv := ",IV=0x0000000000000000000000000000000A"
	aes := `#EXT-X-KEY:METHOD=AES-128,URI="https://k.example/1"` + iv + "\n"
	fairplay := `#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://1",KEYFORMAT="com.apple.streamingkeydelivery",KEYFORMATVERSIONS="1"` + "\n"
	widevine := `#EXT-X-KEY:METHOD=SAMPLE-AES,URI="data:,a",KEYFORMAT="urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"` + "\n"
	one := func(r *Rule, name string, tags ...string) breach {
		tape := film(9)
		for i, text := range tags {
			tape = tape.with(3+i, func(s *shot) { s.tags = text })
		}
		return breach{rule: r, name: name, feed: []response{video(54*time.Second, tape.window(2, 9))}}
	}
	fmp4 := func(r *Rule, name, head string, change func(tape) tape) breach {
		t := film(9).each(func(_ int, s *shot) { s.uri, s.state = strings.Replace(s.uri, ".ts", ".m4s", 1), head })
		return breach{rule: r, name: name, feed: []response{video(54*time.Second, change(t).window(2, 9))}}
	}
	same := func(t tape) tape { return t }
	return []breach{
		one(ruleKeyAttributes, "no method", `#EXT-X-KEY:URI="https://k.example/1"`+iv+"\n"),
		one(ruleKeyAttributes, "no URI", `#EXT-X-KEY:METHOD=AES-128`+iv+"\n"),
		one(ruleKeyAttributes, "none with URI", `#EXT-X-KEY:METHOD=NONE,URI="https://k.example/1"`+"\n"),
		one(ruleAttributeType, "method unknown", strings.Replace(aes, "AES-128", "AES-129", 1)),
		one(ruleAttributeType, "IV in lower case", strings.Replace(aes, "000A", "000a", 1)),
		one(ruleKeyIV, "AES-128 without", strings.Replace(aes, iv, "", 1)),
		one(ruleKeyIV, "SAMPLE-AES identity without", `#EXT-X-KEY:METHOD=SAMPLE-AES,URI="https://k.example/1"`+"\n"),
		one(ruleKeyIV, "short", strings.Replace(aes, "0x00", "0x", 1)),
		one(ruleKeyMix, "two methods", aes+fairplay),
		one(ruleKeyMix, "one format twice", aes+strings.Replace(aes, "/1", "/2", 1)),
		one(ruleKeyMix, "none after a key", aes+"#EXT-X-KEY:METHOD=NONE\n"),
		one(ruleKeyFormats, "one is not repeated", fairplay+widevine, fairplay),
		one(ruleKeyFormats, "one more", fairplay, fairplay+widevine),
		one(ruleKeyFormats, "another", aes, "", fairplay),
		fmp4(ruleMapAttributes, "no URI", "#EXT-X-MAP:BYTERANGE=\"10@0\"\n", same),
		fmp4(ruleMapAttributes, "no offset", "#EXT-X-MAP:URI=\"https://cdn.example/i.mp4\",BYTERANGE=\"10\"\n", same),
		fmp4(ruleMapMissing, "no map", "", same),
		fmp4(ruleMapForeign, "TS after fMP4", "#EXT-X-MAP:URI=\"https://cdn.example/i.mp4\"\n", func(t tape) tape {
			return t.with(8, func(s *shot) { s.uri = "https://cdn.example/1/0.ts" })
		}),
		fmp4(ruleMapChange, "no discontinuity", "#EXT-X-MAP:URI=\"https://cdn.example/i.mp4\"\n", func(t tape) tape {
			return t.with(4, func(s *shot) { s.tags = "#EXT-X-MAP:URI=\"https://cdn.example/j.mp4\"\n" })
		}),
		fmp4(ruleContainerChange, "fMP4 after TS", "#EXT-X-MAP:URI=\"https://cdn.example/i.mp4\"\n", func(t tape) tape {
			return t.with(2, func(s *shot) { s.uri, s.state = "https://cdn.example/0/2.ts", "" }).
				with(3, func(s *shot) { s.uri, s.state = "https://cdn.example/0/2.ts", "" })
		}),
	}
}

// dateRangeBreaches are media playlists with wrong date ranges.
func dateRangeBreaches() []breach {
	one := func(r *Rule, name, tags string) breach {
		return breach{rule: r, name: name, feed: []response{video(54*time.Second,
			film(9).with(3, func(s *shot) { s.tags = tags }).window(2, 9))}}
	}
	id := `#EXT-X-DATERANGE:ID="a",`
	start := `START-DATE="2026-11-22T12:00:20.000Z"`
	two := func(r *Rule, name, a, b string) breach {
		t := film(20)
		first := t.with(3, func(s *shot) { s.tags = a }).window(2, 9)
		second := t.with(4, func(s *shot) { s.tags = b }).window(3, 10)
		return breach{rule: r, name: name, feed: []response{video(54*time.Second, first), video(60*time.Second, second)}}
	}
	return []breach{
		one(ruleDateRangeAttributes, "no ID", `#EXT-X-DATERANGE:`+start+"\n"),
		one(ruleDateRangeAttributes, "no start", id+`DURATION=1`+"\n"),
		one(ruleDateRangeAttributes, "start is no date", id+`START-DATE="soon"`+"\n"),
		one(ruleDateRangeAttributes, "end is no date", id+start+`,END-DATE="later"`+"\n"),
		one(ruleDateRangeAttributes, "end on next without class", id+start+`,END-ON-NEXT=YES`+"\n"),
		one(ruleDateRangeEnd, "before the start", id+start+`,END-DATE="2026-11-22T12:00:19.000Z"`+"\n"),
		one(ruleDateRangeEnd, "against the duration", id+start+`,DURATION=5,END-DATE="2026-11-22T12:00:24.000Z"`+"\n"),
		one(ruleAttributeType, "negative duration", id+start+`,DURATION=-5`+"\n"),
		one(ruleAttributeType, "client attribute", id+start+`,X-CUE=word`+"\n"),
		two(ruleDateRangeKept, "another duration", id+start+",DURATION=5\n", id+start+",DURATION=6\n"),
		two(ruleDateRangeKept, "attribute gone", id+start+",DURATION=5\n", id+start+"\n"),
		two(ruleDateRangeRemoved, "start is listed", id+start+"\n", ""),
		two(ruleDateRangeRemoved, "end is listed", id+`START-DATE="2026-11-22T12:00:05.000Z",DURATION=20`+"\n", ""),
		{rule: ruleDateRangeDates, name: "no dates", opts: Options{Ignore: []string{ruleDateHead.Name, ruleDateBreak.Name}},
			feed: []response{video(54*time.Second, undate(film(9).with(3, func(s *shot) { s.tags = id + start + "\n" }).window(2, 9)))}},
	}
}

// undate removes every date from a playlist.
func undate(body string) string {
	var lines []string
	for line := range strings.Lines(body) {
		if !strings.HasPrefix(line, "#EXT-X-PROGRAM-DATE-TIME") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

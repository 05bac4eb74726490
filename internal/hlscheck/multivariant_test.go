package hlscheck

import "strings"

// multivariantBreaches are wrong multivariant playlists.
func multivariantBreaches() []breach {
	// The media playlists do not matter here.
	opts := Options{Ignore: []string{rulePlaylistMissing.Name}}
	one := func(r *Rule, name, body string) breach {
		return breach{rule: r, name: name, opts: opts, feed: []response{master(body)}}
	}
	replace := func(r *Rule, name, old, new string) breach { return one(r, name, edit(ladder, old, new)) }
	english := strings.SplitAfter(ladder, "\n")[3]
	variant := strings.Join(strings.SplitAfter(ladder, "\n")[4:6], "")
	second := strings.Replace(english, `GROUP-ID="aac"`, `GROUP-ID="ac3"`, 1)
	secondVariant := strings.Replace(variant, `AUDIO="aac"`, `AUDIO="ac3"`, 1)
	return []breach{
		one(ruleStreams, "none", "#EXTM3U\n#EXT-X-VERSION:6\n"),
		replace(ruleStreamURI, "no URI", "\nv.m3u8\n", "\n"),
		replace(ruleStreamURI, "URI alone", "\nv.m3u8\n", "\nv.m3u8\nw.m3u8\n"),
		replace(ruleStreamURI, "tag between", "\nv.m3u8\n", "\n#EXT-X-START:TIME-OFFSET=1\nv.m3u8\n"),
		replace(ruleBandwidth, "missing", "BANDWIDTH=2000000,AVERAGE-", "AVERAGE-"),
		replace(ruleAttributeType, "bandwidth with a fraction", "=2000000", "=2000000.5"),
		replace(ruleAttributeType, "resolution", "1280x720", "720p"),
		replace(ruleAttributeType, "resolution without height", "1280x720", "1280x"),
		replace(ruleAttributeType, "captions", "CLOSED-CAPTIONS=NONE", "CLOSED-CAPTIONS=YES"),
		replace(ruleCodecs, "blank", "f,mp4a", "f, mp4a"),
		replace(ruleCodecs, "profile", "avc1.4d401f", "avc1.77.30"),
		replace(ruleCodecs, "name", "mp4a.40.2", "aac"+"+x"),
		replace(ruleCodecs, "empty", `"avc1.4d401f,mp4a.40.2"`, `"avc1.4d401f,"`),
		replace(ruleGroupMissing, "audio", `RATE=25.000,AUDIO="aac"`, `RATE=25.000,AUDIO="aac",SUBTITLES="subs"`),
		one(ruleGroupUnused, "subtitles", edit(ladder, english, english+`#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="English",URI="s.m3u8"`+"\n")),
		one(ruleCaptionsNone, "not on all", ladder+strings.Replace(variant, ",CLOSED-CAPTIONS=NONE", "", 1)),
		replace(ruleMediaAttributes, "no name", `NAME="English",`, ""),
		replace(ruleMediaAttributes, "forced audio", "AUTOSELECT=YES", "AUTOSELECT=YES,FORCED=YES"),
		one(ruleMediaAttributes, "captions without instream", edit(edit(ladder, "=NONE", `="cc"`), english,
			english+`#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="CC1"`+"\n")),
		one(ruleMediaAttributes, "subtitles without URI", edit(edit(ladder, "CLOSED-CAPTIONS", `SUBTITLES="s",CLOSED-CAPTIONS`), english,
			english+`#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="English"`+"\n")),
		one(ruleVersion, "service", edit(edit(ladder, "=NONE", `="cc"`), english,
			english+`#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="CC1",INSTREAM-ID="SERVICE1"`+"\n")),
		replace(ruleVersion, "video layout", "RESOLUTION", `REQ-VIDEO-LAYOUT="CH-STEREO",RESOLUTION`),
		replace(ruleTagPlace, "media playlist tag", "#EXT-X-MEDIA:", "#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA:"),
		one(ruleGroupNames, "two of a name", edit(ladder, english, english+strings.Replace(english, "DEFAULT=YES", "DEFAULT=NO", 1))),
		one(ruleGroupDefault, "two", edit(ladder, english, english+strings.Replace(english, `"English"`, `"Svenska"`, 1))),
		replace(ruleAutoselect, "missing", "DEFAULT=YES,AUTOSELECT=YES", "DEFAULT=YES"),
		one(ruleGroupMembers, "one more", edit(ladder, english, english+second+
			strings.NewReplacer(`"English"`, `"Svenska"`, "DEFAULT=YES", "DEFAULT=NO").Replace(second))+secondVariant),
		one(ruleGroupMembers, "another language", edit(ladder, english, english+strings.Replace(second, `"en"`, `"sv"`, 1))+secondVariant),
		replace(ruleURIRoot, "variant", "\nv.m3u8", "\n/one/v.m3u8"),
		replace(ruleURIRoot, "session key", english, english+`#EXT-X-SESSION-KEY:METHOD=AES-128,URI="/k"`+"\n"),
		{rule: ruleMultivariantKept, name: "bandwidth", opts: opts, feed: []response{master(ladder), master(edit(ladder, "=2000000", "=2000001"))}},
		{rule: ruleMultivariantKept, name: "shorter", opts: opts, feed: []response{master(ladder + "\n"), master(ladder)}},
	}
}

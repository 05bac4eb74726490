package hlscheck

import (
	"testing"
	"time"
)

func TestParseDecimal(t *testing.T) {
	tests := map[string]struct {
		d        time.Duration
		fraction bool
		ok       bool
	}{
		"0":             {0, false, true},
		"6":             {6 * time.Second, false, true},
		"6.006":         {6006 * time.Millisecond, true, true},
		"9.9766333":     {9976633300, true, true},
		"0.1234567894":  {123456789, true, true},
		"0.1234567895":  {123456790, true, true},
		"0.99999999999": {time.Second, true, true},
		"999999999":     {999999999 * time.Second, false, true},
		"1000000000":    {},
		"":              {},
		"6.":            {0, true, false},
		".5":            {0, true, false},
		"-1":            {},
		"+1":            {},
		"1e3":           {},
		"1.5s":          {0, true, false},
		"NaN":           {},
		" 1":            {},
	}
	for text, want := range tests {
		d, fraction, ok := parseDecimal(text)
		if ok != want.ok || fraction != want.fraction || (ok && d != want.d) {
			t.Errorf("%q is %v, fraction %t, %t", text, d, fraction, ok)
		}
	}
}

func TestParseInteger(t *testing.T) {
	for text, want := range map[string]uint64{"0": 0, "007": 7, "18446744073709551615": 1<<64 - 1} {
		if n, ok := parseInteger(text); !ok || n != want {
			t.Errorf("%q is %d, %t", text, n, ok)
		}
	}
	for _, text := range []string{"", "-1", "1.0", "18446744073709551616", "99999999999999999999", "100000000000000000000", "٣"} {
		if n, ok := parseInteger(text); ok {
			t.Errorf("%q is %d", text, n)
		}
	}
}

func TestContainer(t *testing.T) {
	for uri, want := range map[string]string{
		"https://cdn.example/1.ts?a=b.mp4": "ts", "1.M4S": "fmp4", "a.aac#x": "packed", "s/1.webvtt": "text",
		"https://cdn.example/segment": "", "https://cdn.example/v.1/segment": "",
	} {
		if got := container(uri); got != want {
			t.Errorf("%s is %q", uri, got)
		}
	}
}

func TestCodecs(t *testing.T) {
	for _, codec := range []string{"avc1.4D401f", "avc3.640028", "hvc1.2.4.L123.B0", "dvh1.08.06", "mp4a.40.2", "mp4a.a5", "ac-3", "ec-3", "opus", "wvtt", "stpp.ttml.im1t"} {
		if !isCodec(codec) {
			t.Errorf("%q is refused", codec)
		}
	}
	for _, codec := range []string{"", "aac1x", "avc1", "avc1.77.30", "mp4a", "mp4a.40.", "hvc1..2", "hvc1.2.", " ec-3", "vp09=1"} {
		if isCodec(codec) {
			t.Errorf("%q is taken", codec)
		}
	}
}

func TestPrimaryIsTheFirstWithVideo(t *testing.T) {
	const sound = "#EXT-X-STREAM-INF:BANDWIDTH=64000,CODECS=\"mp4a.40.2\"\na.m3u8\n"
	for body, want := range map[string]string{
		sound: "https://live.example/one/a.m3u8",
		sound + "#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"mp4a.40.2,avc1.4d401f\"\n../v.m3u8\n": "https://live.example/v.m3u8",
		sound + "#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1x1\nhttps://x.example/v.m3u8\n" +
			"#EXT-X-STREAM-INF:BANDWIDTH=2,RESOLUTION=2x2\nw.m3u8\n": "https://x.example/v.m3u8",
	} {
		c := check(Options{}, []response{master("#EXTM3U\n" + body)})
		if c.Primary() != want {
			t.Errorf("%s leads in %q", c.Primary(), body)
		}
	}
}

func TestBreakSkew(t *testing.T) {
	// The audio's break is 4 s after the film's.
	moved := sound(45).with(12, func(s *shot) { s.cut = false }).with(13, func(s *shot) { s.cut = true })
	feed := []response{video(60*time.Second, film(30).window(3, 10)), audio(60*time.Second, moved.window(4, 15))}
	if err := check(Options{}, feed).Err(); err != nil {
		t.Error(err)
	}
	// Both segments at the break lie too far on the wrong side of it.
	if v := check(Options{BreakSkew: 3 * time.Second}, feed).Violations(); len(v) != 2 || v[0].Rule != ruleBreaks.Name || v[1].Rule != ruleBreaks.Name {
		t.Errorf("violations %v", v)
	}
}

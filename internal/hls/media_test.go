package hls_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"consuo/internal/hls"
)

// media parses a playlist whose header is left out of the table.
func media(t *testing.T, body string) *hls.Media {
	t.Helper()
	m, err := hls.ParseMedia(base, []byte("#EXTM3U\n#EXT-X-TARGETDURATION:10\n"+body))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestParseMediaEverything(t *testing.T) {
	m, err := hls.ParseMedia(base, []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	fairplay := hls.Key{Method: "SAMPLE-AES", URI: "skd://key1", KeyFormat: "com.apple.streamingkeydelivery", KeyFormatVersions: "1"}
	widevine := hls.Key{Method: "SAMPLE-AES", URI: "data:text/plain;base64,AAAA", KeyID: "0x67B3", KeyFormat: "urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"}
	both := []hls.Key{fairplay, widevine}
	init := &hls.Map{URI: "https://vod.example/film/a%20b/init.mp4?q=x%20y", Range: hls.ByteRange{Length: 700, Offset: 16}, Keys: both}
	other := &hls.Map{URI: "https://vod.example/film/other.mp4"}
	start := time.Date(2026, 3, 1, 11, 0, 2, 0, time.UTC)
	want := &hls.Media{
		URL: base, Version: 8, TargetDuration: 10 * time.Second, MediaSequence: 7, DiscontinuitySequence: 2,
		IndependentSegments: true, EndList: true,
		TailCues: []string{"#EXT-OATCLS-SCTE35:/DAlAAAAAAAAAP/wFAUAAAABf+//"},
		TailRanges: []hls.DateRange{{ID: "ad1", StartDate: start, EndDate: start.Add(15 * time.Second), Duration: 15 * time.Second,
			PlannedDuration: -1, Other: []string{"SCTE35-IN=0xFC003F"}}},
		Segments: []hls.Segment{
			{
				URI: "https://vod.example/film/a%20b/1.m4s", Duration: 9600 * time.Millisecond, DurationText: "9.600",
				Keys: both, Map: init, Bitrate: 2500,
				ProgramDateTime: time.Date(2026, 3, 1, 11, 0, 0, 123456000, time.UTC),
				DateRanges: []hls.DateRange{{ID: "ad1", Class: "com.example.ad", StartDate: start, Duration: -1,
					PlannedDuration: 15500 * time.Millisecond, Other: []string{"SCTE35-OUT=0xFC002F", `X-COM-EXAMPLE="a,b=c"`}}},
			},
			{
				URI: "https://vod.example/film/2.m4s", Duration: 9600 * time.Millisecond, DurationText: "9.6",
				Keys: both, Map: init, Bitrate: 2500, Gap: true, Cues: []string{"#EXT-X-CUE-OUT:DURATION=15.12"},
			},
			{
				URI: "https://vod.example/film/all.mp4", Duration: 3333333333, DurationText: "3.333333333333",
				Discontinuity: true, Map: other, Range: hls.ByteRange{Length: 1000, Offset: 500},
			},
			{
				URI: "https://vod.example/film/all.mp4", Duration: 3 * time.Second, DurationText: "3",
				Map: other, Range: hls.ByteRange{Length: 2000, Offset: 1500},
			},
			{
				URI: "https://vod.example/x.ts?a=%22b%22&c=d%20e", Duration: 500 * time.Millisecond, DurationText: "0.5",
				Keys: []hls.Key{{Method: "AES-128", URI: "https://vod.example/film/key.bin", IV: "0x0123456789abcdef0123456789ABCDEF"}},
				Map:  other, Bitrate: 2500, Cues: []string{"#EXT-X-CUE-IN"},
			},
		},
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got  %+v\nwant %+v", m, want)
		for i := range m.Segments {
			if !reflect.DeepEqual(m.Segments[i], want.Segments[i]) {
				t.Errorf("segment %d\ngot  %+v\nwant %+v", i, m.Segments[i], want.Segments[i])
			}
		}
	}
}

// The same playlist in the forms that editors and servers give it.
func TestParseMediaForms(t *testing.T) {
	want, err := hls.ParseMedia(base, []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"CRLF":             strings.ReplaceAll(everything, "\n", "\r\n"),
		"byte order mark":  "\ufeff" + everything,
		"blank lines":      strings.ReplaceAll(everything, "\n", "\n \n\n"),
		"trailing blanks":  strings.ReplaceAll(everything, "\n", " \t\n"),
		"no last newline":  strings.TrimSuffix(everything, "\n"),
		"comments":         strings.ReplaceAll(everything, "\n", "\n# a comment \xff\x00\n## another\n"),
		"unknown tags":     strings.ReplaceAll(everything, "\n", "\n#EXT-X-VENDOR:A=\"b\n#USP-X-MEDIA:1\n"),
		"strange titles":   strings.ReplaceAll(everything, "comma", "comma \x01\xff\""),
		"long line":        strings.ReplaceAll(everything, `"a,b=c"`, `"`+strings.Repeat("x", 100_000)+`"`),
		"EXTM3U and blank": strings.Replace(everything, "#EXTM3U", "#EXTM3U x=1", 1),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := hls.ParseMedia(base, []byte(body))
			if err != nil {
				t.Fatal(err)
			}
			if name == "long line" {
				other := got.Segments[0].DateRanges[0].Other
				if len(other[1]) < 100_000 {
					t.Errorf("lost %q", other)
				}
				other[1] = `X-COM-EXAMPLE="a,b=c"`
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestKeyScope(t *testing.T) {
	const (
		a1   = `#EXT-X-KEY:METHOD=AES-128,URI="a1"` + "\n"
		a2   = `#EXT-X-KEY:METHOD=AES-128,URI="a2",KEYFORMAT="identity"` + "\n"
		f1   = `#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://f1",KEYFORMAT="f"` + "\n"
		f2   = `#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://f2",KEYFORMAT="f"` + "\n"
		none = "#EXT-X-KEY:METHOD=NONE\n"
		init = `#EXT-X-MAP:URI="i"` + "\n"
		seg  = "#EXTINF:4,\ns.ts\n"
	)
	for _, test := range []struct {
		clause, body string
		want         string // keys of each segment, and after / those of its map
	}{
		{"4.4.4.4: until the next key", a1 + seg + seg, "a1 a1"},
		{"4.4.4.4: not before the tag", seg + a1 + seg, "- a1"},
		{"4.4.4.4: the last of one KEYFORMAT counts; identity is the default", a1 + a2 + seg, "a2"},
		{"4.4.4.4: several KEYFORMATs at once, in their order", a1 + f1 + seg, "a1+f1"},
		{"4.4.4.4: rotation of both keeps the order", a1 + f1 + seg + a2 + f2 + seg, "a1+f1 a2+f2"},
		{"4.4.4.4: rotation of one keeps the other", a1 + f1 + seg + f2 + seg, "a1+f1 a1+f2"},
		{"4.4.4.4: NONE ends all", a1 + f1 + seg + none + seg, "a1+f1 -"},
		{"4.4.4.4: a key after NONE stands alone", a1 + f1 + seg + none + f2 + seg, "a1+f1 f2"},
		{"4.4.4.5: a map is encrypted by the keys before it", a1 + init + a2 + seg, "a2/a1"},
		{"4.4.4.5: a clear map before encrypted segments", init + a1 + seg + seg, "a1/- a1/-"},
		{"4.4.4.5: a map holds across a discontinuity", init + seg + "#EXT-X-DISCONTINUITY\n" + seg, "-/- -/-"},
	} {
		t.Run(test.clause, func(t *testing.T) {
			show := func(keys []hls.Key) string {
				var names []string
				for _, k := range keys {
					names = append(names, k.URI[len(k.URI)-2:])
				}
				if names == nil {
					return "-"
				}
				return strings.Join(names, "+")
			}
			var got []string
			for _, s := range media(t, test.body).Segments {
				one := show(s.Keys)
				if s.Map != nil {
					one += "/" + show(s.Map.Keys)
				}
				got = append(got, one)
			}
			if got := strings.Join(got, " "); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestURIs(t *testing.T) {
	for _, test := range []struct{ base, ref, want string }{
		{"http://h/a/b.m3u8", "c.ts", "http://h/a/c.ts"},
		{"http://h/a/b.m3u8?x=/y/z", "c.ts", "http://h/a/c.ts"},
		{"http://h/a/b.m3u8", "c.ts?d=e&f=/../g", "http://h/a/c.ts?d=e&f=/../g"},
		{"http://h/a/b.m3u8", "../c/./d.ts", "http://h/c/d.ts"},
		{"http://h/a/b.m3u8", "/c.ts", "http://h/c.ts"},
		{"http://h/a/b.m3u8", "//i/c.ts", "http://i/c.ts"},
		{"http://h/a/b.m3u8", "https://i:8443/c.ts?d", "https://i:8443/c.ts?d"},
		{"http://h/a/b.m3u8", "?d=e", "http://h/a/b.m3u8?d=e"},
		{"http://h", "c.ts", "http://h/c.ts"},
		{"http://h/a%2Fb/c.m3u8", "d%2Fe f.ts", "http://h/a%2Fb/d%2Fe%20f.ts"},
		{"http://h/é/c.m3u8", "日.ts?q=日", "http://h/%C3%A9/%E6%97%A5.ts?q=%E6%97%A5"},
		{"http://h/a/b.m3u8", `c".ts?d="e"`, "http://h/a/c%22.ts?d=%22e%22"},
		{"http://h/a/b.m3u8", `c\d.ts`, "http://h/a/c%5Cd.ts"},
		{"http://h/a/b.m3u8", "c.ts#t=10", "http://h/a/c.ts"},
		{"http://user:secret@h/a/b.m3u8", "c.ts", "http://h/a/c.ts"},
		{"http://h/a/b.m3u8", "HTTP://I/c.ts", "http://I/c.ts"},
		{"http://[2001:db8::1]:80/a/b.m3u8", "c:d/e.ts", ""},
		{"http://h/a/b.m3u8", "./c:d.ts", "http://h/a/c:d.ts"},
		{"http://h/a/b.m3u8", "file:///etc/passwd", ""},
		{"http://h/a/b.m3u8", "data:video/mp2t,x", ""},
		{"http://h/a/b.m3u8", "http:///c.ts", ""},
		{"http://h/a/b.m3u8", "http:c.ts", ""},
		{"http://h/a/b.m3u8", "http://user@i/c.ts", ""},
		{"http://h/a/b.m3u8", `http://i"j/c.ts`, ""},
		{"http://h/a/b.m3u8", "http://i<j>/c.ts", ""},
		{"http://h/a/b.m3u8", "100%.ts", ""},
		{"ftp://h/a/b.m3u8", "c.ts", ""},
		{"/a/b.m3u8", "c.ts", ""},
	} {
		t.Run(test.base+" "+test.ref, func(t *testing.T) {
			m, err := hls.ParseMedia(test.base, []byte("#EXTM3U\n#EXTINF:1,\nfirst.ts\n#EXTINF:1,\n"+test.ref+"\n#EXTINF:1,\n"+test.ref+"\n"))
			if test.want == "" {
				if e, ok := errors.AsType[*hls.Error](err); !ok || e.Category != hls.BadURI {
					t.Fatalf("got %+v, %v; want a URI error", m, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range m.Segments[1:] { // the second may take a short cut
				if s.URI != test.want {
					t.Errorf("got %s, want %s", s.URI, test.want)
				}
			}
		})
	}
}

func TestParseMediaRefuses(t *testing.T) {
	const seg = "#EXTINF:4,\ns.ts\n"
	for _, test := range []struct {
		why, body string
		category  hls.Category
		line      int
	}{
		{"HTML", "<!doctype html><title>404</title>", hls.NotHLS, 0},
		{"nothing", "", hls.NotHLS, 0},
		{"other encoding", "\xff\xfe#\x00E\x00X\x00T\x00", hls.NotHLS, 0},
		{"EXTM3U is not first", "#EXTINF:4,\ns.ts\n#EXTM3U\n", hls.NotHLS, 0},
		{"no segments", "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-ENDLIST\n", hls.Empty, 0},
		{"no duration at all", "#EXTM3U\n#EXTINF:0,\ns.ts\n", hls.Empty, 0},
		{"multivariant", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n", hls.WrongKind, 0},
		{"both kinds", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n" + seg, hls.WrongKind, 0},
		{"delta update", "#EXTM3U\n#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n" + seg, hls.WrongKind, 2},
		{"URI without EXTINF", "#EXTM3U\n\n" + seg + "t.ts\n", hls.Syntax, 5},
		{"two EXTINF", "#EXTM3U\n#EXTINF:4,\n#EXTINF:5,\ns.ts\n", hls.Syntax, 3},
		{"cut off", "#EXTM3U\n" + seg + "#EXTINF:4,\n", hls.Syntax, 4},
		{"control character", "#EXTM3U\n#EXTINF:4,\ns\x01.ts\n", hls.Syntax, 3},
		{"delete", "#EXTM3U\n#EXTINF:4,\ns\x7f.ts\n", hls.Syntax, 3},
		{"carriage return within a line", "#EXTM3U\n#EXTINF:4,\ns.ts\rt.ts\n", hls.Syntax, 3},
		{"not UTF-8", "#EXTM3U\n#EXTINF:4,\ns\xff.ts\n", hls.Syntax, 3},
		{"line separator", "#EXTM3U\n#EXTINF:4,\ns\u2028.ts\n", hls.Syntax, 3},

		{"EXTINF is a word", "#EXTM3U\n#EXTINF:abc,\ns.ts\n", hls.BadTime, 2},
		{"EXTINF NaN", "#EXTM3U\n#EXTINF:NaN,\ns.ts\n", hls.BadTime, 2},
		{"EXTINF infinite", "#EXTM3U\n#EXTINF:Inf,\ns.ts\n", hls.BadTime, 2},
		{"EXTINF negative", "#EXTM3U\n#EXTINF:-1,\ns.ts\n", hls.BadTime, 2},
		{"EXTINF with exponent", "#EXTM3U\n#EXTINF:1e300,\ns.ts\n", hls.BadTime, 2},
		{"EXTINF hexadecimal", "#EXTM3U\n#EXTINF:0x10,\ns.ts\n", hls.BadTime, 2},
		{"EXTINF 10^18", "#EXTM3U\n#EXTINF:1000000000000000000,\ns.ts\n", hls.BadTime, 2},
		{"EXTINF without a value", "#EXTM3U\n#EXTINF\ns.ts\n", hls.BadTime, 2},
		{"EXTINF empty", "#EXTM3U\n#EXTINF:,\ns.ts\n", hls.BadTime, 2},
		{"EXTINF ends in a dot", "#EXTM3U\n#EXTINF:5.,\ns.ts\n", hls.BadTime, 2},
		{"EXTINF of a day and more", "#EXTM3U\n#EXTINF:86400.1,\ns.ts\n", hls.BadTime, 2},
		{"longer than a month", "#EXTM3U\n" + strings.Repeat("#EXTINF:86400,\ns.ts\n", 32), hls.BadTime, 64},
		{"a hundred segments in no time", "#EXTM3U\n" + seg + strings.Repeat("#EXTINF:0.0001,\ns.ts\n", 200) + seg, hls.BadTime, 0},

		{"first range without offset", "#EXTM3U\n#EXT-X-BYTERANGE:5\n" + seg, hls.BadRange, 4},
		{"range continues another resource", "#EXTM3U\n#EXT-X-BYTERANGE:5@0\n#EXTINF:4,\na.ts\n#EXT-X-BYTERANGE:5\n" + seg, hls.BadRange, 7},
		{"range continues a whole resource", "#EXTM3U\n" + seg + "#EXT-X-BYTERANGE:5\n" + seg, hls.BadRange, 6},
		{"empty range", "#EXTM3U\n#EXT-X-BYTERANGE:0@5\n" + seg, hls.BadRange, 2},
		{"negative range", "#EXTM3U\n#EXT-X-BYTERANGE:5@-5\n" + seg, hls.BadRange, 2},
		{"range beyond any file", "#EXTM3U\n#EXT-X-BYTERANGE:9223372036854775807@1\n" + seg, hls.BadRange, 2},
		{"range grows beyond any file", "#EXTM3U\n#EXT-X-BYTERANGE:1@9223372036854775806\n" + seg + "#EXT-X-BYTERANGE:1\n" + seg, hls.BadRange, 7},
		{"range of a map", "#EXTM3U\n#EXT-X-MAP:URI=\"i\",BYTERANGE=\"x\"\n" + seg, hls.BadRange, 2},

		{"map without URI", "#EXTM3U\n#EXT-X-MAP:BYTERANGE=\"1@0\"\n" + seg, hls.BadURI, 2},
		{"key without METHOD", "#EXTM3U\n#EXT-X-KEY:URI=\"k\"\n" + seg, hls.BadKey, 2},
		{"key without URI", "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128\n" + seg, hls.BadKey, 2},
		{"METHOD with a quote in it", "#EXTM3U\n#EXT-X-KEY:METHOD=\"A,B\",URI=\"k\"\n" + seg, hls.BadKey, 2},
		{"IV is no number", "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=12\n" + seg, hls.BadKey, 2},
		{"IV without an x", "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0y12\n" + seg, hls.BadKey, 2},
		{"IV below the digits", "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x1/\n" + seg, hls.BadKey, 2},
		{"IV above the digits", "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x1G\n" + seg, hls.BadKey, 2},
		{"IV too long", "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x" + strings.Repeat("0", 33) + "\n" + seg, hls.BadKey, 2},
		{"quote is not closed", "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\n" + seg, hls.Syntax, 2},
		{"text after a quote", "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"IV=0x1\n" + seg, hls.Syntax, 2},
		{"quote within a value", "#EXTM3U\n#EXT-X-KEY:METHOD=AES\"-128,URI=\"k\"\n" + seg, hls.Syntax, 2},
		{"a name without end", "#EXTM3U\n#EXT-X-KEY:" + strings.Repeat("A", 10_000) + "=\"\n" + seg, hls.Syntax, 2},
		{"no attributes", "#EXTM3U\n#EXT-X-KEY\n" + seg, hls.Syntax, 2},
		{"attribute twice", "#EXTM3U\n#EXT-X-KEY:METHOD=NONE,METHOD=AES-128\n" + seg, hls.Syntax, 2},
		{"media sequence", "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:-1\n" + seg, hls.Syntax, 2},

		{"variable without a value", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\"\n" + seg, hls.BadVar, 2},
		{"variable twice", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"\"\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"\"\n" + seg, hls.BadVar, 3},
		{"unknown variable", "#EXTM3U\n#EXTINF:4,\n{$a}.ts\n", hls.BadVar, 3},
		{"nothing to import from", "#EXTM3U\n#EXT-X-DEFINE:IMPORT=\"a\"\n" + seg, hls.BadVar, 2},
		{"no such query parameter", "#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM=\"a\"\n" + seg, hls.BadVar, 2},
	} {
		t.Run(test.why, func(t *testing.T) {
			m, err := hls.ParseMedia(base, []byte(test.body))
			e, ok := errors.AsType[*hls.Error](err)
			if !ok {
				t.Fatalf("got %+v, %v; want an error", m, err)
			}
			if e.Category != test.category || e.Line != test.line {
				t.Errorf("got %s at line %d (%v), want %s at line %d", e.Category, e.Line, e, test.category, test.line)
			}
			checkError(t, err)
		})
	}
}

// A playlist at a long address does not take that many times the memory, nor
// the time.
func TestLongBase(t *testing.T) {
	far := "https://vod.example/" + strings.Repeat("a", 1<<20) + "/"
	for _, uri := range []string{"s.ts", "../s.ts"} {
		for segments, want := range map[int]hls.Category{10: "", 100: hls.OverLimits} {
			_, err := hls.ParseMedia(far+"media.m3u8", []byte("#EXTM3U\n#EXT-X-TARGETDURATION:4\n"+strings.Repeat("#EXTINF:4,\n"+uri+"\n", segments)))
			e, _ := errors.AsType[*hls.Error](err)
			if want == "" && err != nil || want != "" && (e == nil || e.Category != want) {
				t.Errorf("%d times %s: %v, want %q", segments, uri, err, want)
			}
		}
	}
}

// What is wrong but harms nothing is left out or repaired, and said.
func TestParseMediaWarns(t *testing.T) {
	const seg = "#EXTINF:4,\ns.ts\n"
	for _, body := range []string{
		"#EXT-X-VERSION:x\n" + seg,
		"#EXT-X-DISCONTINUITY-SEQUENCE:-1\n" + seg,
		"#EXT-X-DISCONTINUITY-SEQUENCE:-1234567890123456789\n" + seg,
		"#EXT-X-BITRATE:fast\n" + seg,
		"#EXT-X-BITRATE:+1234567890123456789\n" + seg,
		"#EXT-X-BITRATE:12345678901234567890\n" + seg,
		"#EXT-X-PROGRAM-DATE-TIME:yesterday\n" + seg,
		"#EXT-X-DATERANGE:START-DATE=\"2026-03-01T12:00:00Z\"\n" + seg,
		"#EXT-X-DATERANGE:ID=\"a\"\n" + seg,
		"#EXT-X-DATERANGE:ID=\"a\",X-JSON=\"{\"b\":1}\"\n" + seg,
		"#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-03-01T12:00:00Z\",DURATION=-5\n" + seg,
	} {
		m := media(t, body)
		if len(m.Warnings) != 1 || !strings.HasPrefix(m.Warnings[0], "line 3: ") {
			t.Errorf("%s: warnings %q", body, m.Warnings)
		}
		if s := m.Segments[0]; s.DateRanges != nil || !s.ProgramDateTime.IsZero() || s.Bitrate != 0 || m.DiscontinuitySequence != 0 {
			t.Errorf("%s: not left out: %+v", body, s)
		}
	}
	m, err := hls.ParseMedia(base, []byte("#EXTM3U\n"+seg+"#EXTINF:5.6,\ns.ts\n"))
	if err != nil || m.TargetDuration != 6*time.Second || len(m.Warnings) != 1 {
		t.Errorf("without EXT-X-TARGETDURATION: %+v, %v", m, err)
	}
}

func TestDurations(t *testing.T) {
	for digits, want := range map[string]time.Duration{
		"10":                       10 * time.Second,
		"9.600":                    9600 * time.Millisecond,
		"0.041":                    41 * time.Millisecond,
		"5.005":                    5005 * time.Millisecond, // inexact as a float
		"15.120000000000001":       15120 * time.Millisecond,
		"3.33333333333333333":      3333333333,
		"1.0000000005":             1000000001,
		"0.9999999999":             time.Second,
		"00007.5":                  7500 * time.Millisecond,
		"86400":                    24 * time.Hour,
		"4.00000000000000000000 ":  4 * time.Second,
		"6.006,a title, and 9.0 s": 6006 * time.Millisecond,
	} {
		m := media(t, "#EXTINF:"+digits+"\ns.ts\n")
		if got := m.Segments[0].Duration; got != want {
			t.Errorf("%s: got %d, want %d", digits, got, want)
		}
	}
	m := media(t, "#EXTINF:2.5,\na.ts\n#EXTINF:0.000,\nb.ts\n")
	if len(m.Segments) != 2 || m.Segments[0].Duration+m.Segments[1].Duration != 2500*time.Millisecond {
		t.Errorf("a last segment of no length: %+v", m)
	}
}

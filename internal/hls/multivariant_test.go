package hls_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"consuo/internal/hls"
)

func TestParseMultivariantEverything(t *testing.T) {
	m, err := hls.ParseMultivariant(base, []byte(everyVariant))
	if err != nil {
		t.Fatal(err)
	}
	want := &hls.Multivariant{
		URL: base, Version: 7, IndependentSegments: true,
		Variables: map[string]string{"host": "https://cdn.example"},
		Renditions: []hls.Rendition{
			{Type: hls.Audio, GroupID: "a", Name: "日本語", Language: "ja", AssocLanguage: "en", Default: true, Autoselect: true,
				Channels: "16/JOC", BitDepth: "24", SampleRate: "48000", URI: "https://cdn.example/a.m3u8", StableRenditionID: "a1"},
			{Type: hls.Subtitles, GroupID: "s", Name: "English", Forced: true, URI: "https://vod.example/film/s.m3u8",
				Characteristics: "public.accessibility.describes-music-and-sound"},
			{Type: hls.ClosedCaptions, GroupID: "cc", Name: "CC1", InstreamID: "CC1"},
			{Type: hls.Video, GroupID: "v", Name: "Angle 1"},
		},
		Variants: []hls.Variant{
			{URI: "https://vod.example/film/v.m3u8?x=1", Bandwidth: 8e9, AverageBandwidth: 7e9, Score: "1.5",
				Codecs: "hvc1.2.4.L123.B0,mp4a.40.2", SupplementalCodecs: "dvh1.08.07/db4h", Width: 3840, Height: 2160,
				FrameRate: "59.940", HDCPLevel: "TYPE-1", VideoRange: "PQ", StableVariantID: "v1",
				Audio: "a", Video: "v", Subtitles: "s", ClosedCaptions: "cc"},
			{URI: "https://vod.example/low.m3u8", Bandwidth: 64000, Codecs: "mp4a.40.2", Audio: "a", ClosedCaptions: "NONE"},
		},
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got  %+v\nwant %+v", m, want)
	}
	if m.Primary() != 0 || m.Variants[0].AudioOnly() || !m.Variants[1].AudioOnly() {
		t.Error("which variant has video is wrong")
	}
}

func TestTitle(t *testing.T) {
	const variant = "#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n"
	const id = "#EXT-X-SESSION-DATA:DATA-ID=\"com.apple.hls.title\",VALUE="
	for _, test := range []struct{ tags, want string }{
		{"", ""},
		{id + "\"The film\"\n", "The film"},
		{id + "\"Filmen\",LANGUAGE=\"sv\"\n" + id + "\"Der Film\",LANGUAGE=\"de\"\n", "Filmen"},
		{id + "\"Filmen\",LANGUAGE=\"sv\"\n" + id + "\"The film\"\n", "The film"},
		{"#EXT-X-SESSION-DATA:DATA-ID=\"example.title\",VALUE=\"com.apple.hls.title\"\n", ""},
		{"#EXT-X-DEFINE:NAME=\"n\",VALUE=\"1\"\n" + id + "\"Part {$n}\"\n", "Part 1"},
		{id + "\"{$unknown}\"\n", ""},
		{id + "x\n", "x"},
		{id + "\"" + strings.Repeat("x", 1<<20) + "\"\n", ""},
	} {
		m, err := hls.ParseMultivariant(base, []byte("#EXTM3U\n"+test.tags+variant))
		if err != nil || m.Title != test.want {
			t.Errorf("%.80s: %v, %+v; want %q", test.tags, err, m, test.want)
		}
	}
}

func TestParseMultivariantRefuses(t *testing.T) {
	const variant = "#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n"
	for _, test := range []struct {
		why, body string
		category  hls.Category
		line      int
	}{
		{"media playlist", "#EXTM3U\n#EXTINF:4,\ns.ts\n", hls.WrongKind, 0},
		{"only I-frames", "#EXTM3U\n#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"i\"\n", hls.Empty, 0},
		{"only renditions", "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\",URI=\"a\"\n", hls.Empty, 0},
		{"two STREAM-INF", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n" + variant, hls.Syntax, 3},
		{"cut off", "#EXTM3U\n" + variant + "#EXT-X-STREAM-INF:BANDWIDTH=1\n", hls.Syntax, 4},
		{"codecs without quotes", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=a,b\nv.m3u8\n", hls.Syntax, 2},
		{"variant on a disk", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nfile:///etc/passwd\n", hls.BadURI, 3},
		{"rendition on a disk", "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\",URI=\"file:///a\"\n" + variant, hls.BadURI, 2},
		{"IMPORT", "#EXTM3U\n#EXT-X-DEFINE:IMPORT=\"a\"\n" + variant, hls.BadVar, 2},
		{"a variable makes another attribute", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"1,AUDIO=x\"\n#EXT-X-STREAM-INF:BANDWIDTH={$a}\nv.m3u8\n", hls.Syntax, 3},
		{"too many variants", "#EXTM3U\n" + strings.Repeat(variant, 501), hls.OverLimits, 1002},
		{"too many renditions", "#EXTM3U\n" + strings.Repeat("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\"\n", 501) + variant, hls.OverLimits, 502},
	} {
		t.Run(test.why, func(t *testing.T) {
			m, err := hls.ParseMultivariant(base, []byte(test.body))
			e, ok := errors.AsType[*hls.Error](err)
			if !ok {
				t.Fatalf("got %+v, %v; want an error", m, err)
			}
			if e.Category != test.category || e.Line != test.line {
				t.Errorf("got %s at line %d (%v), want %s at line %d", e.Category, e.Line, e, test.category, test.line)
			}
		})
	}
}

func TestParseMultivariantWarns(t *testing.T) {
	const variant = "#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n"
	// Packagers that write tags of media playlists into the multivariant one
	// are no reason even for a warning.
	if m, err := hls.ParseMultivariant(base, []byte("#EXTM3U\n#EXT-X-TARGETDURATION:6\n"+variant+"#EXT-X-ENDLIST\n")); err != nil || m.Warnings != nil {
		t.Errorf("%+v, %v", m, err)
	}
	for _, test := range []struct {
		body       string
		renditions int
	}{
		{"#EXT-X-STREAM-INF:CODECS=\"a\"\nv.m3u8\n", 0},
		{"#EXT-X-STREAM-INF:BANDWIDTH=fast\nv.m3u8\n", 0},
		{"#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1080p\nv.m3u8\n", 0},
		{"#EXT-X-STREAM-INF:BANDWIDTH=1,FRAME-RATE=\"24 fps\"\nv.m3u8\n", 0},
		{"#EXT-X-STREAM-INF:BANDWIDTH=1,VIDEO-RANGE=\"S,D\"\nv.m3u8\n", 0},
		{"#EXT-X-MEDIA:TYPE=SMELL,GROUP-ID=\"a\",NAME=\"a\"\n" + variant, 0},
		{"#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"a\"\n" + variant, 0},
		{"#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"a\",NAME=\"a\"\n" + variant, 0},
		{"#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",LANGUAGE=\"sv\"\n" + variant, 1},
		{"#EXT-X-INDEPENDENT-SEGMENTS\n" + variant + "stray.m3u8\n", 0},
	} {
		m, err := hls.ParseMultivariant(base, []byte("#EXTM3U\n"+test.body))
		if err != nil {
			t.Errorf("%s: %v", test.body, err)
			continue
		}
		if len(m.Warnings) != 1 || len(m.Variants) != 1 || len(m.Renditions) != test.renditions {
			t.Errorf("%s: %+v", test.body, m)
		}
	}
	// People choose renditions by their names.
	for language, want := range map[string]string{"": "a", ",LANGUAGE=\"sv\"": "sv"} {
		m, err := hls.ParseMultivariant(base, []byte("#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\""+language+"\n"+variant))
		if err != nil || m.Renditions[0].Name != want {
			t.Errorf("without a name: %+v, %v", m, err)
		}
	}
}

// Draft 4.3 and 4.4.2.3.
func TestVariables(t *testing.T) {
	const playlist = "https://vod.example/m.m3u8?tok%65n=a%20b&q=1&q=2&quote=%22&line=a%0Ab&empty="
	for _, test := range []struct {
		clause, define, ref string
		want                string // "": refused
	}{
		{"NAME", `NAME="a",VALUE="x"`, "{$a}/{$a}.ts", "https://vod.example/x/x.ts"},
		{"empty VALUE", `NAME="a",VALUE=""`, "s{$a}.ts", "https://vod.example/s.ts"},
		{"VALUE is not replaced again", `NAME="a",VALUE="{$a"`, "{$a}}", "https://vod.example/%7B$a%7D"},
		{"no reference", `NAME="a",VALUE="x"`, "{$}{a}{$ a}$a.ts", "https://vod.example/%7B$%7D%7Ba%7D%7B$%20a%7D$a.ts"},
		{"QUERYPARAM, decoded", `QUERYPARAM="token"`, "{$token}.ts", "https://vod.example/a%20b.ts"},
		{"QUERYPARAM twice in the query", `QUERYPARAM="q"`, "{$q}.ts", "https://vod.example/1.ts"},
		{"QUERYPARAM empty", `QUERYPARAM="empty"`, "{$empty}.ts", ""},
		{"QUERYPARAM with a quote", `QUERYPARAM="quote"`, "{$quote}.ts", ""},
		{"QUERYPARAM with a line", `QUERYPARAM="line"`, "{$line}.ts", ""},
		{"IMPORT", `IMPORT="cdn"`, "{$cdn}/s.ts", "https://cdn.example/s.ts"},
		{"IMPORT of what is not there", `IMPORT="x"`, "{$x}.ts", ""},
		{"name with a space", `NAME="a b",VALUE="x"`, "s.ts", ""},
		{"undefined", `NAME="a",VALUE="x"`, "{$b}.ts", ""},
	} {
		t.Run(test.clause, func(t *testing.T) {
			mv := &hls.Multivariant{Variables: map[string]string{"cdn": "https://cdn.example"}}
			m, err := mv.ParseMedia(playlist, []byte("#EXTM3U\n#EXT-X-DEFINE:"+test.define+"\n#EXTINF:4,\n"+test.ref+"\n"))
			if test.want == "" {
				if e, ok := errors.AsType[*hls.Error](err); !ok || e.Category != hls.BadVar {
					t.Fatalf("got %+v, %v; want an error about the variable", m, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Segments[0].URI; got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

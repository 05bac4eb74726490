package hls_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/testneeds"
)

const base = "https://vod.example/film/index.m3u8?q=x%20y"

// checkMedia is what must hold of any text: if it parses, it is safe to write,
// and what is written parses to the same values.
func checkMedia(t *testing.T, body []byte) {
	m, err := hls.ParseMedia(base, body)
	if err != nil {
		checkError(t, err)
		return
	}
	written := writeMedia(m)
	checkLines(t, written)
	again, err := hls.ParseMedia(base, written)
	if err != nil {
		t.Fatalf("does not parse again: %v\n%s", err, written)
	}
	// The digits of a target duration, tags that repeat themselves and
	// warnings are not kept.
	m.Warnings, again.Warnings = nil, nil
	m.TargetDuration, again.TargetDuration = 0, 0
	if !reflect.DeepEqual(m, again) {
		t.Fatalf("is not the same when it is parsed again\n%+v\n%+v\n%s", m, again, written)
	}
}

func checkMultivariant(t *testing.T, body []byte) {
	m, err := hls.ParseMultivariant(base, body)
	if err != nil {
		checkError(t, err)
		return
	}
	written := writeMultivariant(m)
	checkLines(t, written)
	again, err := hls.ParseMultivariant(base, written)
	if err != nil {
		t.Fatalf("does not parse again: %v\n%s", err, written)
	}
	m.Warnings, again.Warnings = nil, nil
	m.Variables = nil
	if !reflect.DeepEqual(m, again) {
		t.Fatalf("is not the same when it is parsed again\n%+v\n%+v\n%s", m, again, written)
	}
}

// checkError: errors are printable and bounded, whatever they are about.
func checkError(t *testing.T, err error) {
	t.Helper()
	if s := err.Error(); len(s) > 500 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) {
		t.Fatalf("error %q", s)
	}
	if e, ok := err.(*hls.Error); !ok || e.Category == "" {
		t.Fatalf("error %T without category: %v", err, err)
	}
}

// checkLines: each line is a tag, whose quotes are balanced, or an absolute
// URI that no reader takes for something else.
func checkLines(t *testing.T, written []byte) {
	t.Helper()
	for line := range bytes.Lines(written) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		for _, r := range string(line) {
			if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
				t.Fatalf("control character in %q", line)
			}
		}
		switch {
		case bytes.HasPrefix(line, []byte("#EXT")):
			isCue := bytes.Contains(line, []byte("CUE")) || bytes.Contains(line, []byte("SCTE35")) || bytes.Contains(line, []byte("ASSET"))
			if bytes.Count(line, []byte(`"`))%2 != 0 && !isCue {
				t.Fatalf("quotes in %q", line)
			}
		case bytes.HasPrefix(line, []byte("https://")), bytes.HasPrefix(line, []byte("http://")):
			if bytes.ContainsAny(line, "\" <>\\") {
				t.Fatalf("URI %q", line)
			}
		default:
			t.Fatalf("line %q is no tag and no absolute URI", line)
		}
	}
}

func FuzzParseMedia(f *testing.F) {
	seed(f, false)
	f.Add([]byte(everything))
	f.Fuzz(func(t *testing.T, body []byte) {
		frugal(t, body, checkMedia)
	})
}

func FuzzParseMultivariant(f *testing.F) {
	seed(f, true)
	f.Add([]byte(everyVariant))
	f.Fuzz(func(t *testing.T, body []byte) {
		frugal(t, body, checkMultivariant)
	})
}

// frugal runs a check and fails it where time or memory are out of proportion
// to the text.
func frugal(t *testing.T, body []byte, check func(*testing.T, []byte)) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	check(t, body)
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("%d bytes took %s", len(body), d)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20+2000*uint64(len(body)) {
		t.Errorf("%d bytes took %d bytes of memory", len(body), used)
	}
}

// seed adds the smaller playlists from the field, where they are.
func seed(f *testing.F, multivariant bool) {
	f.Add([]byte("#EXTM3U\n#EXTINF:1,\na.ts\n"))
	paths, err := filepath.Glob(filepath.Join(testneeds.Root(), "..", "shared", "vectors", "*", "*.m3u8"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if len(body) < 10_000 && bytes.Contains(body, []byte("#EXT-X-STREAM-INF")) == multivariant {
			f.Add(body)
		}
	}
}

// everything has each tag of a media playlist.
const everything = `#EXTM3U
#EXT-X-VERSION:8
#EXT-X-TARGETDURATION:10
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-DISCONTINUITY-SEQUENCE:2
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-START:TIME-OFFSET=0
#EXT-X-DEFINE:NAME="dir",VALUE="a b"
#EXT-X-DEFINE:QUERYPARAM="q"
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://key1",KEYFORMAT="com.apple.streamingkeydelivery",KEYFORMATVERSIONS="1"
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="data:text/plain;base64,AAAA",KEYID=0x67B3,KEYFORMAT="urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"
#EXT-X-MAP:URI="{$dir}/init.mp4?q={$q}",BYTERANGE="700@16"
#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:00.123456+01:00
#EXT-X-DATERANGE:ID="ad1",CLASS="com.example.ad",START-DATE="2026-03-01T11:00:02Z",PLANNED-DURATION=15.5,SCTE35-OUT=0xFC002F,X-COM-EXAMPLE="a,b=c"
#EXT-X-BITRATE:2500
#EXTINF:9.600,title, with a comma
{$dir}/1.m4s
#EXT-X-GAP
#EXT-X-CUE-OUT:DURATION=15.12
#EXTINF:9.6,
2.m4s
#EXT-X-DISCONTINUITY
#EXT-X-KEY:METHOD=NONE
#EXT-X-MAP:URI="other.mp4"
#EXTINF:3.333333333333,
#EXT-X-BYTERANGE:1000@500
all.mp4
#EXTINF:3,
#EXT-X-BYTERANGE:2000
all.mp4
#EXT-X-KEY:METHOD=AES-128,URI="key.bin",IV=0x0123456789abcdef0123456789ABCDEF
#EXT-X-CUE-IN
#EXTINF:0.5
../x.ts?a="b"&c=d e
#EXT-X-DATERANGE:ID="ad1",END-DATE="2026-03-01T11:00:17Z",DURATION=15,SCTE35-IN=0xFC003F
#EXT-OATCLS-SCTE35:/DAlAAAAAAAAAP/wFAUAAAABf+//
#EXT-X-ENDLIST
`

// everyVariant has each tag of a multivariant playlist.
const everyVariant = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-DEFINE:NAME="host",VALUE="https://cdn.example"
#EXT-X-SESSION-DATA:DATA-ID="com.example.title",VALUE="x"
#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://key1"
#EXT-X-CONTENT-STEERING:SERVER-URI="/steer"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="日本語",LANGUAGE="ja",ASSOC-LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="16/JOC",BIT-DEPTH=24,SAMPLE-RATE=48000,URI="{$host}/a.m3u8",STABLE-RENDITION-ID="a1"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="English",FORCED=YES,CHARACTERISTICS="public.accessibility.describes-music-and-sound",URI="s.m3u8"
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="CC1",INSTREAM-ID="CC1"
#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID="v",NAME="Angle 1"
#EXT-X-STREAM-INF:BANDWIDTH=8000000000,AVERAGE-BANDWIDTH=7000000000,SCORE=1.5,CODECS="hvc1.2.4.L123.B0,mp4a.40.2",SUPPLEMENTAL-CODECS="dvh1.08.07/db4h",RESOLUTION=3840x2160,FRAME-RATE=59.940,HDCP-LEVEL=TYPE-1,VIDEO-RANGE="PQ",STABLE-VARIANT-ID="v1",AUDIO="a",VIDEO="v",SUBTITLES="s",CLOSED-CAPTIONS="cc",PATHWAY-ID="x"
v.m3u8?x=1
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="i.m3u8"
#EXT-X-STREAM-INF:PROGRAM-ID=1,BANDWIDTH=64000,CODECS="mp4a.40.2",AUDIO="a",CLOSED-CAPTIONS=NONE
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="i2.m3u8"
/low.m3u8
`

package packed_test

import (
	"strings"
	"testing"

	"consuo/internal/hls"
	"consuo/internal/packed"
)

// everyVariant and everything have what a digest is made of.
const (
	everyVariant = `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="x",LANGUAGE="ja",URI="a.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=8000000,AVERAGE-BANDWIDTH=7000000,AUDIO="a"
v.m3u8?x=1
`
	everything = `#EXTM3U
#EXT-X-TARGETDURATION:10
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-DEFINE:NAME="q",VALUE="1"
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://key1",KEYFORMAT="com.apple.streamingkeydelivery",KEYFORMATVERSIONS="1"
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="data:text/plain;base64,AAAA",KEYFORMAT="urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"
#EXT-X-MAP:URI="init.mp4?q={$q}",BYTERANGE="700@16"
#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:00.123456+01:00
#EXT-X-DATERANGE:ID="ad1",CLASS="com.example.ad",START-DATE="2026-03-01T11:00:02Z",PLANNED-DURATION=15.5,SCTE35-OUT=0xFC002F
#EXT-X-BITRATE:2500
#EXTINF:9.600,title, with a comma
1.m4s
#EXT-X-GAP
#EXT-X-CUE-OUT:DURATION=15.12
#EXTINF:9.6,
2.m4s
#EXT-X-DISCONTINUITY
#EXT-X-KEY:METHOD=NONE
#EXT-X-MAP:URI="other.mp4"
#EXTINF:3,
#EXT-X-BYTERANGE:1000@500
all.mp4
#EXTINF:3,
#EXT-X-BYTERANGE:2000
all.mp4
#EXT-X-KEY:METHOD=AES-128,URI="key.bin",IV=0x0123456789abcdef0123456789ABCDEF
#EXTINF:0.5
../x.ts?a=b
#EXT-X-KEY:METHOD=AES-128,URI="key.bin?token=1",IV=0x0123456789abcdef0123456789ABCDEF
#EXTINF:0.5
y.ts
#EXT-OATCLS-SCTE35:/DAlAAAAAAAAAP/wFAUAAAABf+//
`
)

// digest is that of an asset of which all media playlists are the same.
func digest(t *testing.T, multivariant, media string) string {
	t.Helper()
	const base = "https://vod.example/film/index.m3u8"
	mv, err := hls.ParseMultivariant(base, []byte(multivariant))
	if err != nil {
		t.Fatal(err)
	}
	p := &hls.Presentation{URL: base, Multivariant: mv, Media: make(map[string]*hls.Media)}
	for _, uri := range []string{mv.Variants[0].URI, mv.Renditions[0].URI} {
		if p.Media[uri], err = mv.ParseMedia(uri, []byte(media)); err != nil {
			t.Fatal(err)
		}
	}
	return packed.New(p).Digest
}

func TestDigest(t *testing.T) {
	original := digest(t, everyVariant, everything)

	// What is told to players changes the digest.
	for _, change := range [][2]string{
		{"9.600", "9.60"}, {"1.m4s", "3.m4s"}, {"1000@500", "1000@501"}, {"#EXT-X-GAP\n", ""},
		{"#EXT-X-DISCONTINUITY\n", ""}, {"skd://key1", "skd://key2"}, {"data:text", "data:test"}, {"700@16", "701@16"},
		{"12:00:00.123456", "12:00:00.123457"}, {"PLANNED-DURATION=15.5", "PLANNED-DURATION=15"},
		{"CUE-OUT:DURATION=15.12", "CUE-OUT"}, {"/DAlAA", "/DAlBB"}, {"BITRATE:2500", "BITRATE:2501"},
		{"SEQUENCE:7", "SEQUENCE:8"}, {"IV=0x01", "IV=0x02"},
	} {
		media := strings.Replace(everything, change[0], change[1], 1)
		if media == everything {
			t.Fatalf("nothing to replace: %s", change[0])
		}
		if digest(t, everyVariant, media) == original {
			t.Errorf("the same with %s for %s", change[1], change[0])
		}
	}
	for _, change := range [][2]string{
		{"AVERAGE-BANDWIDTH=7", "AVERAGE-BANDWIDTH=6"}, {`LANGUAGE="ja"`, `LANGUAGE="sv"`}, {"v.m3u8", "w.m3u8"},
	} {
		if digest(t, strings.Replace(everyVariant, change[0], change[1], 1), everything) == original {
			t.Errorf("the same with %s for %s", change[1], change[0])
		}
	}

	// Tokens do not, nor what is only written differently.
	media := strings.NewReplacer("1.m4s", "1.m4s?token=9", `"key.bin"`, `"key.bin?token=9"`, "token=1", "token=2", "a=b", "a=c", `VALUE="1"`, `VALUE="2"`, "other.mp4", "other.mp4?x",
		"\n", "\r\n", "title, with a comma", "").Replace(everything)
	multivariant := strings.NewReplacer("v.m3u8?x=1", "v.m3u8?x=2&y", "a.m3u8", "a.m3u8?x").Replace(everyVariant)
	if digest(t, multivariant, media) != original {
		t.Error("another digest with other tokens")
	}
}

package hls_test

import (
	"encoding/json"
	"strings"
	"testing"

	"consuo/internal/hls"
)

// present makes a presentation of two playlists' text, as a loader does.
func present(t *testing.T, multivariant, media string) *hls.Presentation {
	t.Helper()
	mv, err := hls.ParseMultivariant(base, []byte(multivariant))
	if err != nil {
		t.Fatal(err)
	}
	p := &hls.Presentation{URL: base, Multivariant: mv, Media: make(map[string]*hls.Media)}
	add := func(uri string) {
		if uri == "" {
			return
		}
		if p.Media[uri], err = mv.ParseMedia(uri, []byte(media)); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range mv.Variants {
		add(v.URI)
	}
	for _, r := range mv.Renditions {
		add(r.URI)
	}
	return p
}

func digest(p *hls.Presentation) string {
	return p.Multivariant.Digest(func(uri string) string {
		if m := p.Media[uri]; m != nil {
			return m.Digest()
		}
		return ""
	})
}

func TestDigest(t *testing.T) {
	simple := strings.Replace(everything, `#EXT-X-DEFINE:QUERYPARAM="q"`, `#EXT-X-DEFINE:NAME="q",VALUE="1"`, 1)
	original := digest(present(t, everyVariant, simple))

	// What is told to players changes the digest.
	for _, change := range [][2]string{
		{"9.600", "9.60"}, {"1.m4s", "3.m4s"}, {"1000@500", "1000@501"}, {"#EXT-X-GAP\n", ""},
		{"#EXT-X-DISCONTINUITY\n", ""}, {"skd://key1", "skd://key2"}, {"data:text", "data:test"}, {"700@16", "701@16"},
		{"12:00:00.123456", "12:00:00.123457"}, {"PLANNED-DURATION=15.5", "PLANNED-DURATION=15"},
		{"CUE-OUT:DURATION=15.12", "CUE-OUT"}, {"/DAlAA", "/DAlBB"}, {"BITRATE:2500", "BITRATE:2501"},
		{"SEQUENCE:7", "SEQUENCE:8"}, {"IV=0x01", "IV=0x02"},
	} {
		media := strings.Replace(simple, change[0], change[1], 1)
		if media == simple {
			t.Fatalf("nothing to replace: %s", change[0])
		}
		if digest(present(t, everyVariant, media)) == original {
			t.Errorf("the same with %s for %s", change[1], change[0])
		}
	}
	for _, change := range [][2]string{
		{"AVERAGE-BANDWIDTH=7", "AVERAGE-BANDWIDTH=6"}, {`LANGUAGE="ja"`, `LANGUAGE="sv"`}, {"v.m3u8", "w.m3u8"},
	} {
		if digest(present(t, strings.Replace(everyVariant, change[0], change[1], 1), simple)) == original {
			t.Errorf("the same with %s for %s", change[1], change[0])
		}
	}

	// Tokens do not, nor what is only written differently, nor a copy.
	media := strings.NewReplacer("1.m4s", "1.m4s?token=9", `"key.bin"`, `"key.bin?token=9"`, `VALUE="1"`, `VALUE="2"`, "other.mp4", "other.mp4?x",
		"\n", "\r\n", "title, with a comma", "").Replace(simple)
	multivariant := strings.NewReplacer("v.m3u8?x=1", "v.m3u8?x=2&y", "a.m3u8", "a.m3u8?x").Replace(everyVariant)
	if digest(present(t, multivariant, media)) != original {
		t.Error("another digest with other tokens")
	}
	stored, err := json.Marshal(present(t, everyVariant, simple))
	if err != nil {
		t.Fatal(err)
	}
	var restored hls.Presentation
	if err := json.Unmarshal(stored, &restored); err != nil {
		t.Fatal(err)
	}
	if digest(&restored) != original {
		t.Error("another digest after a way through JSON")
	}
}

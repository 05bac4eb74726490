package timeline_test

import (
	"strings"
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/playlog"
	"consuo/internal/timeline"
)

// TestMapSound: an asset that has nothing for any audio track of a channel is
// refused; the last resort is not, and gaps stand in for what it lacks.
func TestMapSound(t *testing.T) {
	t.Parallel()
	// apart is an asset with one rendition a codec, each in segments of that type.
	apart := func(extension string, codecs ...string) *timeline.Asset {
		p := &hls.Presentation{URL: "https://vod.example/film.m3u8", Multivariant: &hls.Multivariant{}, Media: map[string]*hls.Media{
			"video": media("video", ".ts", repeat(4, "6")...),
		}}
		v := hls.Variant{URI: "video", Bandwidth: 1e6, Codecs: "avc1.4d401e", Width: 640, Height: 360}
		if len(codecs) == 0 {
			p.Multivariant.Variants = []hls.Variant{v}
		}
		for _, codec := range codecs {
			v.Codecs, v.Audio = "avc1.4d401e,"+codec, codec
			p.Multivariant.Variants = append(p.Multivariant.Variants, v)
			p.Multivariant.Renditions = append(p.Multivariant.Renditions, hls.Rendition{Type: hls.Audio, GroupID: codec, Name: "en", Default: true, URI: codec})
			p.Media[codec] = media(codec, extension, repeat(4, "6")...)
		}
		return newAsset(t, p)
	}
	both, err := timeline.Settle(apart(".ts", "mp4a.40.2", "ac-3"), nil)
	if err != nil {
		t.Fatal(err)
	}
	aac, err := timeline.Settle(apart(".ts", "mp4a.40.2"), nil)
	if err != nil {
		t.Fatal(err)
	}
	mute, err := timeline.Settle(apart(""), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name       string
		channel    *playlog.Settings
		asset      *timeline.Asset
		lastResort bool
		lacks      string // tracks that list gaps
		want       string // of the refusal
	}{
		{"all of it", both, apart(".ts", "mp4a.40.2", "ac-3"), false, "", ""},
		{"one of two codecs", both, apart(".ts", "mp4a.40.2"), false, "a-2", ""},
		{"another codec", aac, apart(".ts", "ac-3"), false, "", "no codec in common with the channel's: the channel's audio is mp4a.40.2, the asset's is ac-3"},
		{"another container", aac, apart(".aac", "mp4a.40.2"), false, "", "another shape than the channel's: the channel's audio is MPEG-TS, the asset's is packed audio"},
		{"no sound", aac, apart(""), false, "", "another shape than the channel's: the channel has audio apart; the asset is without sound, and players would wait for it"},
		{"no sound, the last resort", aac, apart(""), true, "a", ""},
		{"the channel has none", mute, apart(""), false, "", ""},
	} {
		feed, err := timeline.Map(test.channel, test.asset, timeline.MapOptions{TargetDuration: 6 * time.Second, LastResort: test.lastResort})
		switch {
		case err != nil:
			if err.Error() != test.want {
				t.Errorf("%s: %v, want %q", test.name, err, test.want)
			}
		case test.want != "":
			t.Errorf("%s: it plays", test.name)
		default:
			if lacks := strings.Join(feed.Lacks(test.channel), " "); lacks != test.lacks {
				t.Errorf("%s: it lacks %q, want %q", test.name, lacks, test.lacks)
			}
		}
	}
}

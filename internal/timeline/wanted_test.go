package timeline_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/timeline"
)

// ladder is an asset with much to choose from: two codecs of video, two of
// audio in two languages, subtitles in one.
func ladder(t testing.TB) *timeline.Asset {
	t.Helper()
	p := &hls.Presentation{URL: "https://vod.example/ladder.m3u8", Media: make(map[string]*hls.Media), Multivariant: &hls.Multivariant{}}
	m := p.Multivariant
	for _, group := range []struct{ id, channels string }{{"aac", "2"}, {"ec3", "6"}} {
		for _, language := range []string{"en", "sv"} {
			m.Renditions = append(m.Renditions, hls.Rendition{
				Type: hls.Audio, GroupID: group.id, Language: language, Name: language, Channels: group.channels,
				Default: language == "en", URI: group.id + "-" + language,
			})
		}
	}
	m.Renditions = append(m.Renditions, hls.Rendition{Type: hls.Subtitles, GroupID: "subs", Language: "en", Name: "English", URI: "subs-en"})
	for _, v := range []struct {
		codec         string
		height, width int
		bandwidth     int64
	}{
		{"avc1.640028", 1080, 1920, 6e6}, {"avc1.64001f", 720, 1280, 3e6}, {"avc1.64001f", 720, 1280, 2e6},
		{"avc1.4d401e", 360, 640, 1e6}, {"hvc1.1.6.L93.B0", 720, 1280, 15e5},
	} {
		for _, audio := range []struct{ group, codec string }{{"aac", "mp4a.40.2"}, {"ec3", "ec-3"}} {
			m.Variants = append(m.Variants, hls.Variant{
				URI: fmt.Sprintf("%.4s-%d-%d", v.codec, v.height, v.bandwidth), Bandwidth: v.bandwidth, Codecs: v.codec + "," + audio.codec,
				Width: v.width, Height: v.height, Audio: audio.group, Subtitles: "subs",
			})
		}
	}
	for _, v := range m.Variants {
		p.Media[v.URI] = media(v.URI, ".ts", repeat(10, "6")...)
	}
	for _, r := range m.Renditions {
		p.Media[r.URI] = media(r.URI, ".ts", repeat(10, "6")...)
	}
	return newAsset(t, p)
}

func TestWantedTracks(t *testing.T) {
	t.Parallel()
	const audio, text = " a-en a-sv a-en-2 a-sv-2", " s-en"
	for _, test := range []struct{ name, wanted, tracks string }{
		{"nothing", `[]`, "v1080 v720 v720-2 v360 v720-3" + audio + text},
		{"null", `null`, "v1080 v720 v720-2 v360 v720-3" + audio + text},
		{"two heights in this order", `[{"type":"video","height":360},{"type":"video","height":1080}]`, "v360 v1080" + audio + text},
		{"the nearest height", `[{"type":"video","height":400}]`, "v360" + audio + text},
		{"a codec", `[{"type":"video","codecs":"hvc1"}]`, "v720" + audio + text},
		{"a codec with its audio", `[{"type":"video","codecs":"hev1.1.6.L93.B0"}]`, "v720" + audio + text},
		{"a bandwidth", `[{"type":"video","height":720,"codecs":"avc1","bandwidth":2200000}]`, "v720" + audio + text},
		{"all of a height", `[{"type":"video","height":720}]`, "v720 v720-2 v720-3" + audio + text},
		{"a height twice", `[{"type":"video","height":720,"bandwidth":3000000},{"type":"video","height":720}]`, "v720 v720-2 v720-3" + audio + text},
		{"a language in every group", `[{"type":"audio","language":"sv"}]`, "v1080 v720 v720-2 v360 v720-3 a-sv a-sv-2" + text},
		{"a language by its long code", `[{"type":"audio","language":"swe"}]`, "v1080 v720 v720-2 v360 v720-3 a-sv a-sv-2" + text},
		{"a codec of audio", `[{"type":"video","height":360},{"type":"audio","codecs":"mp4a.40.2"}]`, "v360 a-en a-sv" + text},
		{"channels", `[{"type":"video","height":360},{"type":"audio","channels":"6"}]`, "v360 a-en a-sv" + text},
		{"subtitles that it lacks", `[{"type":"video","height":360},{"type":"audio","language":"en"},{"type":"subtitles","language":"fi"},{"type":"subtitles","language":"en"}]`,
			"v360 a-en a-en-2 s-fi s-en"},
		{"audio that it lacks", `[{"type":"video","height":360},{"type":"audio","codecs":"mp4a","language":"en"},{"type":"audio","codecs":"mp4a","language":"fi","name":"Suomi"}]`,
			"v360 a-en a-fi" + text},
	} {
		t.Run(test.name, func(t *testing.T) {
			wanted, err := timeline.ParseTracks(json.RawMessage(test.wanted))
			if err != nil {
				t.Fatal(err)
			}
			film := ladder(t)
			c := newChannel(t, film, film)
			if c.settings, err = timeline.Settle(film, nil, wanted...); err != nil {
				t.Fatal(err)
			}
			if c.filler, err = timeline.Map(c.settings, film, timeline.MapOptions{TargetDuration: c.target, EmptySubtitles: "empty.vtt"}); err != nil {
				t.Fatal(err)
			}
			c.assets[film.URI] = c.filler
			var ids []string
			for _, track := range c.settings.Tracks {
				ids = append(ids, track.ID)
			}
			if got := strings.Join(ids, " "); got != test.tracks {
				t.Errorf("tracks %s, want %s", got, test.tracks)
			}
			c.events = []timeline.Event{{URI: film.URI, Start: epoch.Add(-time.Minute), End: epoch.Add(2 * time.Minute)}}
			c.begin()
			c.until(epoch.Add(time.Minute), 3*time.Second)
			c.check()
		})
	}
}

func TestWantedTracksRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ wanted, says string }{
		{`{"type":"video"}`, "want an array"},
		{`["720p"]`, "want an array"},
		{`[{"type":"text"}]`, `entry 1: type is "text"`},
		{`[{}]`, `entry 1: type is ""`},
		{`[{"type":"video","hight":720}]`, `unknown field "hight"`},
		{`[{"type":"video"},{"type":"audio","height":720}]`, "entry 2: width and height"},
		{`[{"type":"video","language":"en"}]`, "entry 1: language"},
		{`[{"type":"audio","language":"English language"}]`, "BCP 47"},
		{`[{"type":"video","codecs":"h264"}]`, `"h264"`},
		{`[{"type":"video","height":-1}]`, "pixels"},
		{`[{"type":"subtitles","channels":"2"}]`, "subtitles"},
		{`[] []`, "more after"},
	} {
		_, err := timeline.ParseTracks(json.RawMessage(test.wanted))
		if !errors.Is(err, timeline.ErrTracks) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want something about %s", test.wanted, err, test.says)
		}
	}
	wanted, err := timeline.ParseTracks(json.RawMessage(`[{"type":"video","codecs":"av01.0.04M.08"}]`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := timeline.Settle(ladder(t), nil, wanted...); !errors.Is(err, timeline.ErrTracks) {
		t.Errorf("AV1 of an asset that has none: %v", err)
	}
}

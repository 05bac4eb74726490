package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/packed"
	"consuo/internal/playlog"
	"consuo/internal/timeline"
)

// vods is an origin of presentations.
type vods map[string]*packed.Presentation

func (v vods) Load(_ context.Context, uri string) (*packed.Presentation, error) {
	if p := v[uri]; p != nil {
		return p, nil
	}
	return nil, errors.New(uri + ": the origin answers 404 Not Found")
}

func (v vods) CheckDelivery(_ context.Context, segment string) []string {
	if strings.Contains(segment, "nocors") {
		return []string{"no CORS"}
	}
	return nil
}

// add makes a VOD of three segments of this many seconds each, with this name
// of segment files and these tags before its only variant.
func (v vods) add(t *testing.T, uri, seconds, segment, tags string) {
	t.Helper()
	codecs := "avc1.4d401e,mp4a.40.2"
	if strings.Contains(segment, "silent") {
		codecs = "avc1.4d401e"
	}
	mv, err := hls.ParseMultivariant(uri, []byte("#EXTM3U\n"+tags+"#EXT-X-STREAM-INF:BANDWIDTH=1000000,RESOLUTION=640x360,CODECS=\""+codecs+"\"\nv.m3u8\n"))
	if err != nil {
		t.Fatal(err)
	}
	text := "#EXTM3U\n#EXT-X-TARGETDURATION:20\n"
	if strings.HasSuffix(segment, ".m4s") {
		text += "#EXT-X-MAP:URI=\"init.mp4\"\n"
	}
	m, err := mv.ParseMedia(mv.Variants[0].URI, []byte(text+strings.Repeat("#EXTINF:"+seconds+",\n"+segment+"\n", 3)+"#EXT-X-ENDLIST\n"))
	if err != nil {
		t.Fatal(err)
	}
	v[uri] = packed.New(&hls.Presentation{URL: uri, Multivariant: mv, Media: map[string]*hls.Media{mv.Variants[0].URI: m}})
}

func TestAsset(t *testing.T) {
	origin := vods{}
	const silent = "https://vod.example/silent/index.m3u8"
	const ts, mp4, long, gone = "https://vod.example/the-ts_film/index.m3u8", "https://vod.example/mp4/index.m3u8", "https://vod.example/long/index.m3u8", "https://vod.example/gone/index.m3u8"
	origin.add(t, ts, "4.001", "s.ts", "")
	origin.add(t, mp4, "4", "nocors.m4s", "#EXT-X-SESSION-DATA:DATA-ID=\"com.apple.hls.title\",VALUE=\" A  name \"\n")
	origin.add(t, long, "12", "s.ts", "")
	origin.add(t, silent, "4", "silent.ts", "")
	a, err := timeline.NewAsset(origin[ts], timeline.AssetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	settled, err := timeline.Settle(a, nil)
	if err != nil {
		t.Fatal(err)
	}
	provisional := &playlog.Settings{Tracks: []playlog.Track{{ID: slatePrefix + "v"}}}
	for _, test := range []struct {
		name, uri string
		ch        *Channel
		want      string // of the verdict
		settled   bool
		warning   string
	}{
		{"no channel", ts, nil, "", false, ""},
		{"fits", ts, &Channel{Settings: settled, TargetDuration: 6 * time.Second}, "joins", true, ""},
		{"another shape", mp4, &Channel{Settings: settled, TargetDuration: 6 * time.Second}, "another shape than the channel's: ", true, "no CORS"},
		{"grows", long, &Channel{Settings: settled, TargetDuration: 6 * time.Second}, "joins", true, "raises the channel's target duration from 6s to 12s"},
		{"may not grow", long, &Channel{Settings: settled, TargetDuration: 6 * time.Second, Config: json.RawMessage(`{"target_duration":6}`)}, "a segment is longer than the channel's target_duration", true, ""},
		{"would be the first", mp4, &Channel{}, "joins", false, ""},
		{"is the first", mp4, &Channel{First: mp4}, "joins", false, ""},
		{"the first decides", mp4, &Channel{First: ts}, "another shape than the channel's: ", false, ""},
		{"the first with sound decides", ts, &Channel{First: silent}, "joins", false, ""},
		{"no sound", silent, &Channel{First: ts}, "another shape than the channel's: the channel is MPEG-TS with video and audio together; the asset is MPEG-TS without sound", false, ""},
		{"the first decides, provisional tracks don't", mp4, &Channel{First: mp4, Settings: provisional}, "joins", false, ""},
		{"the first is gone", mp4, &Channel{First: gone}, "unknown: The channel's tracks will follow from its first event, whose asset can't be loaded: " + gone, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := Asset(t.Context(), origin, test.uri, test.ch)
			if err != nil {
				t.Fatal(err)
			}
			if test.warning != "" && !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, test.warning) }) {
				t.Errorf("warnings %q, want %q", r.Warnings, test.warning)
			}
			if test.ch == nil {
				if r.Verdict != nil || r.Duration != 12003*time.Millisecond || r.Title != "The ts film" || len(r.Tracks) != 1 || !r.Tracks[0].Muxed || r.Tracks[0].Height != 360 {
					t.Errorf("%+v", r)
				}
				return
			}
			got := r.Verdict.Reason
			switch {
			case r.Verdict.Joins:
				got = "joins"
			case r.Verdict.Unknown != "":
				got = "unknown: " + r.Verdict.Unknown
			}
			if !strings.HasPrefix(got, test.want) || r.Verdict.Settled != test.settled {
				t.Errorf("%q, settled %v; want %q", got, r.Verdict.Settled, test.want)
			}
			if test.uri == mp4 && r.Title != "A name" {
				t.Errorf("title %q", r.Title)
			}
		})
	}
	if _, err := Asset(t.Context(), origin, gone, nil); err == nil {
		t.Error("no error for what is gone")
	}
}

func TestTitleOf(t *testing.T) {
	for uri, want := range map[string]string{
		"https://vod.example/news/index.m3u8":                     "News",
		"https://vod.example/big-buck_bunny.m3u8?token=secret":    "Big buck bunny",
		"https://vod.example/films/Tears%20of%20Steel/hls/a.m3u8": "A",
		"https://vod.example/F%C3%A5glar/master.m3u8":             "Fåglar",
		"https://vod.example/åäö/prog_index.m3u8":                 "Åäö",
		"https://vod.example/film.ism/.m3u8":                      "Film",
		"https://vod.example/film.mp4/index.m3u8":                 "Film",
		"https://vod.example/master.m3u8":                         "",
		"https://vod.example":                                     "",
		"https://vod.example/%00%0A<b>x</b>.m3u8":                 "B>",
		"://": "",
	} {
		if got := titleOf(uri); got != want {
			t.Errorf("%s: %q, want %q", uri, got, want)
		}
	}
}

func FuzzTitleOf(f *testing.F) {
	f.Add("https://vod.example/big-buck_bunny.m3u8?token=secret")
	f.Add("https://h/%ff/..;/a b.c")
	f.Fuzz(func(t *testing.T, uri string) {
		if got := titleOf(uri); len(got) > maxTitle+8 || got != line(got) {
			t.Errorf("%q: %q", uri, got)
		}
	})
}

package playlog_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"consuo/internal/bubble"
	"consuo/internal/hls"
	"consuo/internal/playlog"
)

// wire is a cut as stores and engines write it. It is a format at rest: a log
// that was written once must be read for ever.
const wire = `{
 "number": 3, "previous": "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "start": 1795348800123456789, "kind": "event", "reason": "joined", "detail": "why", "rebase": true,
 "airing": {"event_id": "e1", "title": "Film", "uri": "https://vod.example/wanted", "start": 1795348800000000000, "end": 1795352400000000001},
 "asset": {"uri": "https://vod.example/a", "digest": "d1", "feeds": [0, -1]},
 "filler": {"uri": "https://vod.example/f", "digest": "d2", "feeds": [2, 1]},
 "tracks": [{"first": 4, "media_sequence": 217000000}, {"first": 5, "media_sequence": 217000001}],
 "discontinuity_sequence": 217000002, "target_duration": 6000000000,
 "settings": {
  "tracks": [
   {"id": "v720", "media": "video", "container": "fmp4", "codecs": "avc1.64001f", "width": 1280, "height": 720, "bandwidth": 3000000},
   {"id": "a-en", "media": "audio", "container": "packed", "muxed": true, "language": "en", "channels": "2", "group_id": "g", "default": true}],
  "multivariant": {
   "independent_segments": true,
   "variants": [{"uri": "v720", "bandwidth": 1, "average_bandwidth": 2, "codecs": "c", "supplemental_codecs": "s", "width": 3, "height": 4,
    "frame_rate": "25", "video_range": "SDR", "hdcp_level": "NONE", "score": "1", "audio": "g", "video": "v", "subtitles": "st",
    "closed_captions": "cc", "stable_variant_id": "sv"}],
   "renditions": [{"type": "AUDIO", "uri": "a-en", "group_id": "g", "language": "en", "assoc_language": "sv", "name": "n", "stable_rendition_id": "sr",
    "default": true, "autoselect": true, "forced": true, "instream_id": "CC1", "characteristics": "ch", "channels": "2", "bit_depth": "16", "sample_rate": "48000"}]},
  "version": 7}}`

func TestWire(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	want := playlog.Cut{
		Number: 3, Previous: "0f1e2d3c4b5a69788796a5b4c3d2e1f0", Start: start.Add(123456789), Kind: playlog.Event, Reason: playlog.Joined, Detail: "why", Rebase: true,
		Airing:                &playlog.Airing{EventID: "e1", Title: "Film", URI: "https://vod.example/wanted", Start: start, End: start.Add(time.Hour + 1)},
		Asset:                 playlog.Source{URI: "https://vod.example/a", Digest: "d1", Feeds: []int{0, -1}},
		Filler:                playlog.Source{URI: "https://vod.example/f", Digest: "d2", Feeds: []int{2, 1}},
		Tracks:                []playlog.Position{{First: 4, MediaSequence: 217000000}, {First: 5, MediaSequence: 217000001}},
		DiscontinuitySequence: 217000002, TargetDuration: 6 * time.Second,
		Settings: &playlog.Settings{
			Tracks: []playlog.Track{
				{ID: "v720", Media: playlog.VideoTrack, Container: playlog.FragmentMP4, Codecs: "avc1.64001f", Width: 1280, Height: 720, Bandwidth: 3e6},
				{ID: "a-en", Media: playlog.AudioTrack, Container: playlog.PackedAudio, Muxed: true, Language: "en", Channels: "2", GroupID: "g", Default: true},
			},
			Multivariant: hls.Multivariant{
				IndependentSegments: true,
				Variants: []hls.Variant{{
					URI: "v720", Bandwidth: 1, AverageBandwidth: 2, Codecs: "c", SupplementalCodecs: "s", Width: 3, Height: 4, FrameRate: "25",
					VideoRange: "SDR", HDCPLevel: "NONE", Score: "1", Audio: "g", Video: "v", Subtitles: "st", ClosedCaptions: "cc", StableVariantID: "sv",
				}},
				Renditions: []hls.Rendition{{
					Type: hls.Audio, URI: "a-en", GroupID: "g", Language: "en", AssocLanguage: "sv", Name: "n", StableRenditionID: "sr",
					Default: true, Autoselect: true, Forced: true, InstreamID: "CC1", Characteristics: "ch", Channels: "2", BitDepth: "16", SampleRate: "48000",
				}},
			},
			Version: 7,
		},
	}
	var got playlog.Cut
	if err := json.Unmarshal([]byte(wire), &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read:\n%+v\nwant:\n%+v", got, want)
	}
	body, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if json.Unmarshal(body, &a) != nil || json.Unmarshal([]byte(wire), &b) != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("written: %s", body)
	}
	// So is the digest, which the next cut of a stored log has.
	if is := got.Digest(); is != "bd33a3f3b3357433ebc269e300ebd756" || is != want.Digest() {
		t.Errorf("digest of what was read: %s, of what was written: %s", is, want.Digest())
	}
	// The filler of a cut that repeats its own asset means nothing.
	want.Loop = true
	if body, _ = json.Marshal(want); strings.Contains(string(body), `"filler"`) {
		t.Errorf("written: %s", body)
	}
	other := want
	other.Filler = playlog.Source{}
	if !want.Equal(other) {
		t.Error("cuts that repeat the same asset differ by a filler that neither has")
	}
}

// TestMemoryForgets: the store keeps the latest cuts, and what all of them need.
func TestMemoryForgets(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		log := playlog.NewMemory(playlog.Lead)
		page, err := log.Read(t.Context(), "one", 0)
		if err != nil {
			t.Fatal(err)
		}
		cut := playlog.Cut{
			Number: 1, Start: page.Now, Kind: playlog.Slate, Reason: playlog.Gap, Loop: true,
			Asset: playlog.Source{URI: "slate", Feeds: []int{0}}, Tracks: []playlog.Position{{}}, TargetDuration: time.Second,
			Settings: &playlog.Settings{Version: 6, Tracks: []playlog.Track{{ID: "v"}}, Multivariant: hls.Multivariant{Variants: []hls.Variant{{URI: "v"}}}},
		}
		for range 2500 {
			if _, err := log.Append(t.Context(), "one", page.ID, []playlog.Cut{cut}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
			cut.Number++
			cut.Start = time.Now().Add(playlog.Lead)
			cut.Tracks = []playlog.Position{{MediaSequence: 3 * cut.Number}}
			cut.DiscontinuitySequence++
			cut.Settings = nil
		}
		page, err = log.Read(t.Context(), "one", 0)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(page.Cuts); n < 1000 || n > 2000 {
			t.Errorf("%d cuts are kept, 1,000 to 2,000 should be", n)
		}
		if last := page.Cuts[len(page.Cuts)-1]; last.Number != 2500 {
			t.Errorf("the last cut is %d", last.Number)
		}
		if page.Settings == nil || page.Settings.Version != 6 {
			t.Errorf("settings are %+v, not those of the first cut", page.Settings)
		}
		log.Delete("one")
		anew, err := log.Read(t.Context(), "one", 0)
		if err != nil || anew.ID == page.ID || len(anew.Cuts) > 0 || anew.Settings != nil {
			t.Errorf("after its channel was deleted the log is %+v, %v", anew, err)
		}
	})
}

// FuzzCheck: whatever a store is sent, it decides without a panic, and what it
// takes once it takes again.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(wire), []byte(wire), int64(1795348800))
	f.Add([]byte(`{}`), []byte(`{"tracks":[{}],"asset":{"feeds":[0]}}`), int64(0))
	f.Fuzz(func(t *testing.T, stored, sent []byte, now int64) {
		var last, next playlog.Cut
		if json.Unmarshal(stored, &last) != nil || json.Unmarshal(sent, &next) != nil {
			return
		}
		at := time.Unix(now, 0)
		_ = playlog.Check(nil, []playlog.Cut{next}, at, playlog.Lead)
		log := []playlog.Cut{last}
		add, err := playlog.Decide(log, []playlog.Cut{next}, at, playlog.Lead)
		if err != nil {
			return
		}
		if again, err := playlog.Decide(append(log, add...), []playlog.Cut{next}, at.AddDate(1, 0, 0), playlog.Lead); err != nil || len(again) > 0 {
			t.Errorf("taken once, and then: %d to add, %v", len(again), err)
		}
	})
}

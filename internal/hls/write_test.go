package hls_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"consuo/internal/hls"
)

// writeMedia writes a playlist from its values, in the simplest way that
// loses nothing: what a renderer does, without a window.
func writeMedia(m *hls.Media) []byte {
	out := fmt.Appendf(nil, "#EXTM3U\n#EXT-X-VERSION:%d\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-DISCONTINUITY-SEQUENCE:%d\n",
		m.Version, int64(m.TargetDuration.Seconds()), m.MediaSequence, m.DiscontinuitySequence)
	if m.IndependentSegments {
		out = append(out, "#EXT-X-INDEPENDENT-SEGMENTS\n"...)
	}
	if m.IFramesOnly {
		out = append(out, "#EXT-X-I-FRAMES-ONLY\n"...)
	}
	var keys []hls.Key
	setKeys := func(now []hls.Key) {
		if !slices.Equal(keys, now) {
			out = append(out, hls.KeyNone...)
			out = hls.AppendKeys(out, now)
			keys = now
		}
	}
	var init *hls.Map
	var bitrate int64
	for _, s := range m.Segments {
		if s.Discontinuity {
			out = append(out, "#EXT-X-DISCONTINUITY\n"...)
		}
		if s.Map != nil && !reflect.DeepEqual(init, s.Map) {
			setKeys(s.Map.Keys)
			out = hls.AppendMap(out, s.Map)
			init = s.Map
		}
		setKeys(s.Keys)
		if s.Range.Length == 0 && s.Bitrate != bitrate {
			out = fmt.Appendf(out, "#EXT-X-BITRATE:%d\n", s.Bitrate)
			bitrate = s.Bitrate
		}
		if !s.ProgramDateTime.IsZero() {
			out = append(hls.AppendDate(append(out, "#EXT-X-PROGRAM-DATE-TIME:"...), s.ProgramDateTime), '\n')
		}
		for _, r := range s.DateRanges {
			out = hls.AppendDateRange(out, r)
		}
		for _, cue := range s.Cues {
			out = append(append(out, cue...), '\n')
		}
		if s.Gap {
			out = append(out, "#EXT-X-GAP\n"...)
		}
		out = fmt.Appendf(out, "#EXTINF:%s,\n", s.DurationText)
		if s.Range.Length > 0 {
			out = append(hls.AppendByteRange(append(out, "#EXT-X-BYTERANGE:"...), s.Range), '\n')
		}
		out = append(append(out, s.URI...), '\n')
	}
	for _, r := range m.TailRanges {
		out = hls.AppendDateRange(out, r)
	}
	for _, cue := range m.TailCues {
		out = append(append(out, cue...), '\n')
	}
	if m.EndList {
		out = append(out, "#EXT-X-ENDLIST\n"...)
	}
	return out
}

// writeMultivariant does the same for a multivariant playlist.
func writeMultivariant(m *hls.Multivariant) []byte {
	out := fmt.Appendf(nil, "#EXTM3U\n#EXT-X-VERSION:%d\n", m.Version)
	if m.IndependentSegments {
		out = append(out, "#EXT-X-INDEPENDENT-SEGMENTS\n"...)
	}
	for i := range m.Renditions {
		out = hls.AppendRendition(out, &m.Renditions[i])
	}
	for i := range m.Variants {
		out = hls.AppendVariant(out, &m.Variants[i])
	}
	return out
}

// TestAppendDate holds dates to what package time writes.
func TestAppendDate(t *testing.T) {
	for _, date := range []time.Time{
		time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		time.Date(2026, 11, 22, 23, 59, 59, 999999999, time.UTC),
		time.Date(2026, 3, 1, 0, 30, 0, 7000000, time.FixedZone("", 3600)),
		time.Date(7, 12, 31, 0, 0, 0, 1, time.UTC),
		time.Date(0, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600)),
		time.Date(9999, 12, 31, 23, 0, 0, 120, time.FixedZone("", -7200)),
	} {
		layout := "2006-01-02T15:04:05.000Z"
		if date.Nanosecond()%1_000_000 != 0 {
			layout = "2006-01-02T15:04:05.000000000Z"
		}
		if got, want := string(hls.AppendDate(nil, date)), date.UTC().Format(layout); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

package browsertest

import (
	"reflect"
	"testing"
	"time"
)

func TestStalls(t *testing.T) {
	const s = time.Second
	at := func(at, position time.Duration) Sample { return Sample{At: at, Position: position} }
	for _, tc := range []struct {
		name    string
		started time.Duration
		samples []Sample
		want    []Stall
	}{
		{"never started", -1, []Sample{at(0, 0), at(9*s, 0)}, nil},
		{"slow start is no stall", 3 * s, []Sample{at(0, 0), at(2*s, 0), at(3*s, s/10), at(4*s, s)}, nil},
		{"a second is allowed", 0, []Sample{at(0, s), at(s, s), at(2*s, 2*s)}, nil},
		{"in the middle", 0, []Sample{at(0, s), at(s, 2*s), at(2*s, 2*s), at(3*s, 2*s), at(4*s, 3*s)}, []Stall{{s, 2 * s, 2 * s}}},
		{"at the end", 0, []Sample{at(0, s), at(s, 2*s), at(2*s, 2*s), at(3*s, 2*s)}, []Stall{{s, 2 * s, 2 * s}}},
		{"a gap between samples is none", 0, []Sample{at(0, s), at(5*s, 6*s)}, nil},
		{"backwards is moving", 0, []Sample{at(0, 5*s), at(s, 4*s), at(2*s, 5*s)}, nil},
	} {
		if got := stalls(tc.samples, tc.started, stallLimit); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestMessages(t *testing.T) {
	for _, tc := range []struct {
		line string
		want Message
	}{
		{"[h264 @ 0x55d0c0] [error] error while decoding MB 3 4, bytestream -5", Message{"h264", "error", "error while decoding MB 3 4, bytestream -5", KindDecode}},
		{"[aac @ 0x55d0c0] [error] channel element 2.1 is not allocated", Message{"aac", "error", "channel element 2.1 is not allocated", KindDecode}},
		{"[https @ 0x1] [warning] HTTP error 404 Not Found", Message{"https", "warning", "HTTP error 404 Not Found", KindLoad}},
		{"[mpegts @ 0x1] [warning] Packet corrupt (stream = 0, dts = 2815200).", Message{"mpegts", "warning", "Packet corrupt (stream = 0, dts = 2815200).", KindContinuity}},
		{"[hls @ 0x1] [warning] skipping 3 segments ahead, expired from playlists", Message{"hls", "warning", "skipping 3 segments ahead, expired from playlists", KindPlaylist}},
		{"[null @ 0x1] [error] Application provided invalid, non monotonically increasing dts to muxer in stream 0: 5 >= 5", Message{"null", "error", "Application provided invalid, non monotonically increasing dts to muxer in stream 0: 5 >= 5", KindTimestamp}},
		{"[error] http://127.0.0.1/live.m3u8: Invalid data found when processing input", Message{"", "error", "http://127.0.0.1/live.m3u8: Invalid data found when processing input", KindDecode}},
		{"[hls @ 0x1] [mpegts @ 0x2] [warning] something new", Message{"hls] [mpegts", "warning", "something new", KindOther}},
		{"no level", Message{"", "error", "no level", KindOther}},
	} {
		got := messages(tc.line + "\n")
		if len(got) != 1 || got[0] != tc.want {
			t.Errorf("%q:\n got %+v\nwant %+v", tc.line, got, tc.want)
		}
	}
}

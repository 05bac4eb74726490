package slate_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"consuo/internal/service"
	"consuo/internal/slate"
	"consuo/internal/testneeds"
)

const (
	segments    = 8
	duration    = 1.92 // of each segment, in seconds
	videoFrames = 48   // in each segment
	audioFrames = 90
)

var (
	uriLine   = regexp.MustCompile(`(?m)^[^#\n].*$`)
	uriAttr   = regexp.MustCompile(`URI="([^"]+)"`)
	bandwidth = regexp.MustCompile(`[:,]BANDWIDTH=(\d+)`)
	average   = regexp.MustCompile(`AVERAGE-BANDWIDTH=(\d+)`)
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := fs.ReadFile(slate.FS(), name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// media are the segments and the init section of a media playlist, as paths.
func media(t *testing.T, playlist string) (init string, files []string) {
	t.Helper()
	text := string(read(t, playlist))
	for _, uri := range uriLine.FindAllString(text, -1) {
		files = append(files, path.Join(path.Dir(playlist), uri))
	}
	if m := uriAttr.FindStringSubmatch(text); m != nil {
		init = path.Join(path.Dir(playlist), m[1])
	}
	return init, files
}

func TestEveryFileIsNamedAndTheSetIsSmall(t *testing.T) {
	named := map[string]bool{slate.Subtitles: true}
	playlists := []string{slate.Subtitles}
	for _, multivariant := range slate.Playlists() {
		named[multivariant] = true
		text := string(read(t, multivariant))
		uris := uriLine.FindAllString(text, -1)
		for _, m := range uriAttr.FindAllStringSubmatch(text, -1) {
			uris = append(uris, m[1])
		}
		for _, uri := range uris {
			name := path.Join(path.Dir(multivariant), uri)
			if !named[name] {
				named[name] = true
				playlists = append(playlists, name)
			}
		}
	}
	for _, playlist := range playlists {
		text := string(read(t, playlist))
		if n := strings.Count(text, "#EXTINF:1.920000,\n"); n != segments {
			t.Errorf("%s: %d segments of 1.92 s, want %d", playlist, n, segments)
		}
		if !strings.HasSuffix(text, "#EXT-X-ENDLIST\n") || !strings.Contains(text, "#EXT-X-TARGETDURATION:2\n") {
			t.Errorf("%s: not a complete playlist with a target duration of 2 s:\n%s", playlist, text)
		}
		init, files := media(t, playlist)
		if init != "" {
			named[init] = true
		}
		for _, f := range files {
			named[f] = true
		}
	}
	size := 0
	err := fs.WalkDir(slate.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		size += len(read(t, name))
		if !named[name] {
			t.Errorf("%s: no playlist names it", name)
		}
		delete(named, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range named {
		t.Errorf("%s: named, but not there", name)
	}
	if size > 1<<20 {
		t.Errorf("the slate has %d bytes, want at most 1 MiB", size)
	}
}

// A version that was released never changes; who makes another one by the
// script sees the sums of the old one change here.
func TestSums(t *testing.T) {
	versions, err := fs.ReadDir(slate.FS(), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range versions {
		list, err := os.ReadFile(version.Name() + ".sha256")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(string(list)) {
			sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
			got := sha256.Sum256(read(t, name))
			if hex.EncodeToString(got[:]) != sum {
				t.Errorf("%s: changed within its version", name)
			}
			n++
		}
		if n == 0 {
			t.Errorf("%s.sha256 is empty", version.Name())
		}
	}
}

// BANDWIDTH is the peak and AVERAGE-BANDWIDTH the mean of the segments, the
// audio rendition counted in.
func TestBandwidth(t *testing.T) {
	rates := func(playlist string) (peak, mean float64) {
		_, files := media(t, playlist)
		for _, f := range files {
			bits := float64(8 * len(read(t, f)))
			peak = max(peak, bits/duration)
			mean += bits / duration / float64(len(files))
		}
		return peak, mean
	}
	for _, multivariant := range slate.Playlists() {
		text := string(read(t, multivariant))
		var audioPeak, audioMean float64
		if m := uriAttr.FindStringSubmatch(text); m != nil {
			audioPeak, audioMean = rates(path.Join(path.Dir(multivariant), m[1]))
		}
		blocks := strings.Split(text, "#EXT-X-STREAM-INF")[1:]
		if len(blocks) == 0 {
			t.Errorf("%s: no variant", multivariant)
		}
		for _, block := range blocks {
			peak, mean := rates(path.Join(path.Dir(multivariant), strings.Split(block, "\n")[1]))
			near(t, multivariant+" BANDWIDTH", bandwidth.FindStringSubmatch(block)[1], peak+audioPeak)
			near(t, multivariant+" AVERAGE-BANDWIDTH", average.FindStringSubmatch(block)[1], mean+audioMean)
		}
	}
}

func near(t *testing.T, what, got string, want float64) {
	t.Helper()
	v, err := strconv.ParseFloat(got, 64)
	if err != nil || v < want || v > want+3 {
		t.Errorf("%s = %s, want %.1f rounded up", what, got, want)
	}
}

type packet struct {
	CodecType string `json:"codec_type"`
	PTS       string `json:"pts_time"`
	Flags     string `json:"flags"`
}

func probe(t *testing.T, ffprobe, init, segment string) []packet {
	t.Helper()
	file := filepath.Join(t.TempDir(), "segment"+path.Ext(segment))
	var b []byte
	if init != "" {
		b = append(b, read(t, init)...)
	}
	if err := os.WriteFile(file, append(b, read(t, segment)...), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), ffprobe, "-v", "error", "-show_packets", "-of", "json", file).Output()
	if err != nil {
		t.Fatalf("ffprobe %s: %v", segment, err)
	}
	var list struct {
		Packets []packet `json:"packets"`
	}
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatal(err)
	}
	return list.Packets
}

// Every segment has the whole number of pictures and of audio frames that make
// up its duration, begins with a key frame, and audio and video begin at the
// instant at which the segment before ended.
func TestSegments(t *testing.T) {
	ffprobe := testneeds.Tool(t, "ffprobe")
	for _, tc := range []struct {
		playlist     string
		video, audio bool
		first        float64 // the first segment's time stamp; <0: not in the container
	}{
		{"v1/ts/360.m3u8", true, true, 1.4},
		{"v1/ts/720.m3u8", true, true, 1.4},
		{"v1/ts-demuxed/360.m3u8", true, false, 1.4},
		{"v1/ts-demuxed/720.m3u8", true, false, 1.4},
		{"v1/audio-ts/audio.m3u8", false, true, 1.4},
		{"v1/audio-aac/audio.m3u8", false, true, -1},
		{"v1/fmp4/360.m3u8", true, false, 0},
		{"v1/fmp4/720.m3u8", true, false, 0},
		{"v1/fmp4-muxed/360.m3u8", true, true, 0},
		{"v1/fmp4-muxed/720.m3u8", true, true, 0},
		{"v1/audio-fmp4/audio.m3u8", false, true, 0},
	} {
		t.Run(tc.playlist, func(t *testing.T) {
			t.Parallel()
			init, files := media(t, tc.playlist)
			for _, i := range []int{0, 1, segments - 1} {
				f := files[i]
				count := map[string]int{}
				for _, p := range probe(t, ffprobe, init, f) {
					if count[p.CodecType]++; count[p.CodecType] > 1 {
						continue
					}
					if p.CodecType == "video" && !strings.HasPrefix(p.Flags, "K") {
						t.Errorf("%s begins without a key frame", f)
					}
					if tc.first < 0 {
						continue
					}
					pts, err := strconv.ParseFloat(p.PTS, 64)
					if want := tc.first + float64(i)*duration; err != nil || pts < want-0.0001 || pts > want+0.0001 {
						t.Errorf("%s: %s begins at %s, want %.4f", f, p.CodecType, p.PTS, want)
					}
				}
				if tc.video && count["video"] != videoFrames || !tc.video && count["video"] != 0 {
					t.Errorf("%s has %d pictures", f, count["video"])
				}
				if tc.audio && count["audio"] != audioFrames || !tc.audio && count["audio"] != 0 {
					t.Errorf("%s has %d audio frames", f, count["audio"])
				}
			}
		})
	}
}

// Packed audio has its time stamp in an ID3 tag at its start, on the clock of
// the MPEG-TS video that it belongs to.
func TestPackedAudioTimestamps(t *testing.T) {
	_, files := media(t, "v1/audio-aac/audio.m3u8")
	for i, f := range files {
		owner := []byte("com.apple.streaming.transportStreamTimestamp\x00")
		b := read(t, f)
		at := bytes.Index(b, owner)
		if !bytes.HasPrefix(b, []byte("ID3")) || at < 0 {
			t.Errorf("%s: no ID3 tag with a time stamp", f)
			continue
		}
		var ticks int64
		for _, c := range b[at+len(owner):][:8] {
			ticks = ticks<<8 | int64(c)
		}
		if want := int64(126000 + i*172800); ticks != want {
			t.Errorf("%s: time stamp %d, want %d", f, ticks, want)
		}
	}
}

func TestFFmpegDecodes(t *testing.T) {
	ffmpeg := testneeds.Tool(t, "ffmpeg")
	server := httptest.NewServer(slate.Handler(service.WriteProblem))
	defer server.Close()
	for _, playlist := range slate.Playlists() {
		cmd := exec.CommandContext(t.Context(), ffmpeg, "-nostdin", "-v", "warning", "-i", server.URL+"/"+playlist, "-f", "null", "-")
		out, err := cmd.CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("ffmpeg plays %s: %v\n%s", playlist, err, out)
		}
	}
}

func TestHandler(t *testing.T) {
	segment := read(t, "v1/ts/360-0.ts")
	for _, tc := range []struct {
		method, path, byteRange string
		status, length          int
		header                  map[string]string
	}{
		{"GET", "/" + slate.MuxedTS, "", 200, len(read(t, slate.MuxedTS)), map[string]string{
			"Content-Type":                "application/vnd.apple.mpegurl",
			"Cache-Control":               "public, max-age=31536000, immutable",
			"Access-Control-Allow-Origin": "*",
		}},
		{"GET", "/v1/ts/360-0.ts", "", 200, len(segment), map[string]string{"Content-Type": "video/mp2t", "Accept-Ranges": "bytes"}},
		{"GET", "/v1/ts/360-0.ts", "bytes=188-375", 206, 188, map[string]string{"Content-Range": "bytes 188-375/" + strconv.Itoa(len(segment))}},
		{"HEAD", "/v1/ts/360-0.ts", "", 200, 0, map[string]string{"Content-Length": strconv.Itoa(len(segment))}},
		{"GET", "/v1/fmp4/360-init.mp4", "", 200, -1, map[string]string{"Content-Type": "video/mp4"}},
		{"GET", "/v1/fmp4/360-0.m4s", "", 200, -1, map[string]string{"Content-Type": "video/mp4"}},
		{"GET", "/v1/audio-aac/audio-0.aac", "", 200, -1, map[string]string{"Content-Type": "audio/aac"}},
		{"GET", "/" + slate.EmptyVTT, "", 200, 8, map[string]string{"Content-Type": "text/vtt; charset=utf-8"}},
		{"OPTIONS", "/v1/ts/360-0.ts", "", 204, 0, map[string]string{"Access-Control-Allow-Headers": "Range"}},
		{"POST", "/v1/ts/360-0.ts", "", 405, -1, map[string]string{"Allow": "GET, HEAD, OPTIONS", "Content-Type": "application/problem+json", "Cache-Control": "no-store"}},
		{"GET", "/v1/ts/360-9.ts", "", 404, -1, map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}},
		{"GET", "/v1/ts/", "", 404, -1, nil},
		{"GET", "/", "", 404, -1, nil},
		{"GET", "/v1/../slate.go", "", 404, -1, nil},
	} {
		t.Run(tc.method+" "+tc.path+" "+tc.byteRange, func(t *testing.T) {
			r := httptest.NewRequest(tc.method, tc.path, nil)
			if tc.byteRange != "" {
				r.Header.Set("Range", tc.byteRange)
			}
			w := httptest.NewRecorder()
			slate.Handler(service.WriteProblem).ServeHTTP(w, r)
			if w.Code != tc.status {
				t.Errorf("status %d, want %d", w.Code, tc.status)
			}
			if tc.length >= 0 && w.Body.Len() != tc.length {
				t.Errorf("%d bytes, want %d", w.Body.Len(), tc.length)
			}
			for name, want := range tc.header {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

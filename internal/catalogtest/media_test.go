package catalogtest

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"consuo/internal/asset"
	"consuo/internal/browsertest"
	"consuo/internal/playlog"
	"consuo/internal/playout"
	"consuo/internal/playouthttp"
	"consuo/internal/scheduleclient"
	"consuo/internal/testneeds"

	"github.com/prometheus/client_golang/prometheus"
)

// kind is a kind of asset that ffmpeg can make.
type kind struct {
	name string
	make func(m *maker, film film)
	// noSlate: the built-in slate has no such codec; the schedule has no gaps.
	noSlate bool
	// apart: audio in a playlist of its own. ffmpeg's player does not keep two
	// playlists together over discontinuities (docs/SUPPORT.md): each is played
	// by itself, and the time stamps of the segments are compared.
	apart bool
	audio bool // no pictures
	// oneInit: all assets have equal init sections and the slate is not on
	// air, because ffmpeg's player ignores all but the first: see TestFFmpegLimits.
	oneInit bool
}

// film is what assets are made of: a flash and a beep, half a second after
// each full one, for ten seconds.
type film struct {
	path string // an MP4 with H.264 and AAC
	dir  string // of the asset
}

const (
	filmLength = 10 * time.Second
	tsOffset   = 10 // seconds at which the time stamps of MPEG-TS begin
)

var kinds = []kind{
	{name: "ts muxed", make: func(m *maker, f film) {
		m.hls(f, "v", "-map", "0")
		m.master(f, variant("avc1.64000d,mp4a.40.2", "", "v"))
	}},
	{name: "ts single file", make: func(m *maker, f film) {
		m.hls(f, "v", "-map", "0", "-hls_flags", "single_file")
		m.implicit(f, "v")
		m.master(f, variant("avc1.64000d,mp4a.40.2", "", "v"))
	}},
	{name: "ts AES-128 with IV", make: func(m *maker, f film) {
		m.encrypted(f, "0x000102030405060708090a0b0c0d0e0f")
		m.master(f, variant("avc1.64000d,mp4a.40.2", "", "v"))
	}},
	{name: "ts AES-128 without IV", make: func(m *maker, f film) {
		m.encrypted(f, "")
		m.master(f, variant("avc1.64000d,mp4a.40.2", "", "v"))
	}},
	{name: "ts AC-3", noSlate: true, make: func(m *maker, f film) {
		m.hls(f, "v", "-map", "0", "-c:a", "ac3", "-b:a", "128k")
		m.master(f, variant("avc1.64000d,ac-3", "", "v"))
	}},
	{name: "ts with subtitles", make: func(m *maker, f film) {
		m.hls(f, "v", "-map", "0")
		if !strings.HasSuffix(f.dir, "b") { // the second asset has none: empty ones are served
			m.subtitles(f, "s")
			m.master(f, `#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",LANGUAGE="en",NAME="English",AUTOSELECT=YES,URI="s.m3u8"`,
				variant("avc1.64000d,mp4a.40.2", `,SUBTITLES="s"`, "v"))
			return
		}
		m.master(f, variant("avc1.64000d,mp4a.40.2", "", "v"))
	}},
	{name: "ts demuxed packed AAC", apart: true, make: func(m *maker, f film) {
		m.hls(f, "v", "-an")
		m.packed(f, "a")
		m.master(f, rendition("en", "a"), variant("avc1.64000d,mp4a.40.2", `,AUDIO="a"`, "v"))
	}},
	{name: "ts demuxed languages", apart: true, make: func(m *maker, f film) {
		m.hls(f, "v", "-an")
		m.hls(f, "en", "-vn")
		m.hls(f, "sv", "-vn")
		m.master(f, rendition("en", "en"), rendition("sv", "sv"), variant("avc1.64000d,mp4a.40.2", `,AUDIO="a"`, "v"))
	}},
	{name: "fMP4 muxed", oneInit: true, make: func(m *maker, f film) {
		m.fmp4(f, "v", "-map", "0")
		m.master(f, variant("avc1.64000d,mp4a.40.2", "", "v"))
	}},
	{name: "fMP4 demuxed", oneInit: true, apart: true, make: func(m *maker, f film) {
		m.fmp4(f, "v", "-an")
		m.fmp4(f, "a", "-vn")
		m.master(f, rendition("en", "a"), variant("avc1.64000d,mp4a.40.2", `,AUDIO="a"`, "v"))
	}},
	{name: "fMP4 demuxed single files", oneInit: true, apart: true, make: func(m *maker, f film) {
		m.fmp4(f, "v", "-an", "-hls_flags", "single_file")
		m.fmp4(f, "a", "-vn", "-hls_flags", "single_file")
		m.master(f, rendition("en", "a"), variant("avc1.64000d,mp4a.40.2", `,AUDIO="a"`, "v"))
	}},
	{name: "audio only packed AAC", audio: true, make: func(m *maker, f film) {
		m.packed(f, "a")
		m.master(f, "#EXT-X-STREAM-INF:BANDWIDTH=100000,CODECS=\"mp4a.40.2\"\na.m3u8")
	}},
	{name: "audio only ts", audio: true, make: func(m *maker, f film) {
		m.hls(f, "a", "-vn")
		m.master(f, "#EXT-X-STREAM-INF:BANDWIDTH=100000,CODECS=\"mp4a.40.2\"\na.m3u8")
	}},
}

func variant(codecs, more, playlist string) string {
	return fmt.Sprintf("#EXT-X-STREAM-INF:BANDWIDTH=600000,CODECS=%q,RESOLUTION=320x180%s\n%s.m3u8", codecs, more, playlist)
}

func rendition(language, playlist string) string {
	return fmt.Sprintf(`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",LANGUAGE=%q,NAME=%q,AUTOSELECT=YES,DEFAULT=%s,CHANNELS="2",URI="%s.m3u8"`,
		language, language, map[bool]string{true: "YES", false: "NO"}[language == "en"], playlist)
}

// maker makes assets with ffmpeg.
type maker struct {
	testing.TB
	ffmpeg string
}

func (m *maker) run(args ...string) {
	m.Helper()
	cmd := exec.CommandContext(m.Context(), m.ffmpeg, append([]string{"-nostdin", "-hide_banner", "-loglevel", "error", "-y"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		m.Fatalf("ffmpeg %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// films makes three, of different frame rates and loudness.
func (m *maker) films(dir string) []string {
	m.Helper()
	var paths []string
	for i, rate := range []string{"25", "30000/1001", "50"} {
		path := filepath.Join(dir, fmt.Sprintf("film-%d.mp4", i))
		frames := map[string]string{"25": "50", "30000/1001": "60", "50": "100"}[rate]
		m.run("-f", "lavfi", "-i", "color=c=black:s=320x180:r="+rate+",drawbox=c=white:t=fill:enable='gte(mod(t\\,1)\\,0.5)*lt(mod(t\\,1)\\,0.6)'",
			"-f", "lavfi", "-i", "aevalsrc='if(gte(mod(t,1),0.5)*lt(mod(t,1),0.6),0.7*sin(2*PI*1000*t),0)|0':s=48000",
			"-t", strconv.FormatFloat(filmLength.Seconds(), 'f', -1, 64), "-c:v", "libx264", "-preset", "superfast", "-pix_fmt", "yuv420p",
			"-g", frames, "-keyint_min", frames, "-sc_threshold", "0", "-c:a", "aac", "-b:a", "96k", path)
		paths = append(paths, path)
	}
	return paths
}

func (m *maker) write(f film, name string, body []byte) {
	m.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), body, 0o644); err != nil {
		m.Fatal(err)
	}
}

func (m *maker) read(f film, name string) []byte {
	m.Helper()
	body, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		m.Fatal(err)
	}
	return body
}

func (m *maker) master(f film, lines ...string) {
	m.Helper()
	m.write(f, "master.m3u8", []byte("#EXTM3U\n#EXT-X-VERSION:7\n"+strings.Join(lines, "\n")+"\n"))
}

// hls writes a playlist with MPEG-TS segments of two seconds.
func (m *maker) hls(f film, name string, options ...string) {
	m.Helper()
	args := append([]string{"-copyts", "-i", f.path, "-c", "copy"}, options...)
	m.run(append(args, "-output_ts_offset", strconv.Itoa(tsOffset), "-muxdelay", "0", "-muxpreload", "0", "-f", "hls", "-hls_time", "2",
		"-hls_playlist_type", "vod", "-hls_segment_filename", filepath.Join(f.dir, segmentName(name, options, ".ts")),
		filepath.Join(f.dir, name+".m3u8"))...)
}

func (m *maker) fmp4(f film, name string, options ...string) {
	m.Helper()
	args := append([]string{"-i", f.path, "-c", "copy"}, options...)
	m.run(append(args, "-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4",
		"-hls_fmp4_init_filename", name+"-init.mp4", "-hls_segment_filename", filepath.Join(f.dir, segmentName(name, options, ".m4s")),
		filepath.Join(f.dir, name+".m3u8"))...)
}

func segmentName(name string, options []string, ext string) string {
	if slices.Contains(options, "single_file") {
		return name + strings.Replace(ext, "m4s", "mp4", 1)
	}
	return name + "-%d" + ext
}

var (
	rangeOffset = regexp.MustCompile(`(#EXT-X-BYTERANGE:\d+)@\d+`)
	segmentLine = regexp.MustCompile(`(?m)^v-(\d+)\.ts$`)
)

// implicit takes the offsets of all byte ranges but the first away.
func (m *maker) implicit(f film, name string) {
	m.Helper()
	seen := false
	m.write(f, name+".m3u8", rangeOffset.ReplaceAllFunc(m.read(f, name+".m3u8"), func(tag []byte) []byte {
		if !seen {
			seen = true
			return tag
		}
		return rangeOffset.ReplaceAll(tag, []byte("$1"))
	}))
}

// encrypted writes AES-128 segments. Without an IV that of each is its media
// sequence number, which ffmpeg's own muxer does not do.
func (m *maker) encrypted(f film, iv string) {
	m.Helper()
	const first = 4711
	m.hls(f, "v", "-map", "0")
	key := []byte("0123456789abcdef")
	m.write(f, "key", key)
	block, err := aes.NewCipher(key)
	if err != nil {
		m.Fatal(err)
	}
	playlist := string(m.read(f, "v.m3u8"))
	for _, match := range segmentLine.FindAllStringSubmatch(playlist, -1) {
		n, _ := strconv.Atoi(match[1])
		vector := make([]byte, aes.BlockSize)
		binary.BigEndian.PutUint64(vector[8:], uint64(first+n))
		if iv != "" {
			for i := range vector {
				b, _ := strconv.ParseUint(iv[2+2*i:4+2*i], 16, 8)
				vector[i] = byte(b)
			}
		}
		plain := m.read(f, match[0])
		pad := aes.BlockSize - len(plain)%aes.BlockSize
		plain = append(plain, bytes.Repeat([]byte{byte(pad)}, pad)...)
		cipher.NewCBCEncrypter(block, vector).CryptBlocks(plain, plain)
		m.write(f, match[0], plain)
	}
	tag := `#EXT-X-KEY:METHOD=AES-128,URI="key"`
	if iv != "" {
		tag += ",IV=" + iv
	}
	playlist = strings.Replace(playlist, "#EXT-X-MEDIA-SEQUENCE:0", fmt.Sprintf("#EXT-X-MEDIA-SEQUENCE:%d\n%s", first, tag), 1)
	m.write(f, "v.m3u8", []byte(playlist))
}

// packed writes packed audio: ADTS of about two seconds each, which begins
// with its time stamp in an ID3 tag (draft 3.1.4).
func (m *maker) packed(f film, name string) {
	m.Helper()
	all := filepath.Join(f.dir, name+".adts")
	m.run("-i", f.path, "-vn", "-c", "copy", "-f", "adts", all)
	data := m.read(f, name+".adts")
	var frames [][]byte
	for len(data) > 7 {
		n := int(data[3]&3)<<11 | int(data[4])<<3 | int(data[5])>>5
		frames = append(frames, data[:n])
		data = data[n:]
	}
	const samples, rate, perSegment = 1024, 48000, 94
	var playlist strings.Builder
	playlist.WriteString("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:3\n")
	at := -samples // the encoder's first frame lies before the start
	for i := 0; len(frames) > 0; i++ {
		n := min(perSegment, len(frames))
		stamp := int64(tsOffset)*90_000 + int64(at)*90_000/rate
		body := append(timestampTag(stamp), bytes.Join(frames[:n], nil)...)
		segment := fmt.Sprintf("%s-%d.aac", name, i)
		m.write(f, segment, body)
		fmt.Fprintf(&playlist, "#EXTINF:%f,\n%s\n", float64(n*samples)/rate, segment)
		frames, at = frames[n:], at+n*samples
	}
	playlist.WriteString("#EXT-X-ENDLIST\n")
	m.write(f, name+".m3u8", []byte(playlist.String()))
}

// timestampTag is an ID3 2.4 tag with one PRIV frame.
func timestampTag(stamp int64) []byte {
	frame := binary.BigEndian.AppendUint64([]byte("com.apple.streaming.transportStreamTimestamp\x00"), uint64(stamp))
	tag := []byte{'I', 'D', '3', 4, 0, 0, 0, 0, 0, byte(10 + len(frame))}
	return append(append(tag, 'P', 'R', 'I', 'V', 0, 0, 0, byte(len(frame)), 0, 0), frame...)
}

func (m *maker) subtitles(f film, name string) {
	m.Helper()
	var playlist strings.Builder
	playlist.WriteString("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n")
	for i := range int(filmLength.Seconds()) / 2 {
		body := fmt.Sprintf("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:%d,LOCAL:00:00:00.000\n\n00:00:%02d.000 --> 00:00:%02d.500\nline %d\n", tsOffset*90_000, 2*i, 2*i+1, i)
		m.write(f, fmt.Sprintf("%s-%d.vtt", name, i), []byte(body))
		fmt.Fprintf(&playlist, "#EXTINF:2,\n%s-%d.vtt\n", name, i)
	}
	playlist.WriteString("#EXT-X-ENDLIST\n")
	m.write(f, name+".m3u8", []byte(playlist.String()))
}

// programme is a schedule that the engine reads: short events in turn.
type programme map[string][]scheduleclient.Event

func (p programme) Channels(context.Context) (scheduleclient.List, error) {
	var list scheduleclient.List
	for id := range p {
		list.Channels = append(list.Channels, scheduleclient.Channel{ID: id, Name: id, Revision: "1"})
	}
	return list, nil
}

func (p programme) Schedule(_ context.Context, channel string, start, end time.Time) (scheduleclient.Schedule, error) {
	return scheduleclient.Schedule{Start: start, End: end, Events: p[channel]}, nil
}

// serve is an origin of the files below a folder, for players in browsers too.
func serve(t *testing.T, root string) *httptest.Server {
	t.Helper()
	files := http.FileServer(http.Dir(root))
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(origin.Close)
	return origin
}

// TestMedia has ffmpeg make assets of every kind and play channels of them.
func TestMedia(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute of real time")
	}
	m := &maker{t, testneeds.Tool(t, "ffmpeg")}
	root := t.TempDir()
	films := m.films(root)
	origin := serve(t, root)

	p := make(programme)
	for i, k := range kinds {
		var uris []string
		for j, path := range films {
			name := fmt.Sprintf("%d%c", i, 'a'+j)
			f := film{path: path, dir: filepath.Join(root, name)}
			if k.oneInit {
				f.path = films[0]
			}
			if err := os.Mkdir(f.dir, 0o755); err != nil {
				t.Fatal(err)
			}
			k.make(m, f)
			uris = append(uris, origin.URL+"/"+name+"/master.m3u8")
		}
		p[strconv.Itoa(i)] = turns(uris, !k.noSlate && !k.oneInit)
	}
	engine := onLoopback(t, p)
	t.Run("play", func(t *testing.T) {
		for i, k := range kinds {
			t.Run(k.name, func(t *testing.T) {
				t.Parallel()
				play(t, k, fmt.Sprintf("%s/channels/%d/master.m3u8", engine, i))
			})
		}
	})
}

// turns lists events of eight seconds, which cut the assets of ten.
func turns(uris []string, gaps bool) []scheduleclient.Event {
	var events []scheduleclient.Event
	at := time.Now().Add(-70 * time.Second).Truncate(time.Second)
	for i := range 30 {
		end := at.Add(8 * time.Second)
		events = append(events, scheduleclient.Event{ID: strconv.Itoa(i), URI: uris[i%len(uris)], Start: at, End: end})
		at = end
		if gaps && i%4 == 1 {
			at = at.Add(4 * time.Second)
		}
	}
	return events
}

func onLoopback(t *testing.T, p programme) string {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	engine := playout.New(playout.Options{
		Schedule: p, Log: playlog.NewMemory(playlog.Lead),
		Loader: asset.New(asset.Options{}), Window: 30 * time.Second, Poll: 5 * time.Second,
		Logger: log, Registerer: prometheus.NewRegistry(),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(playouthttp.New(engine, log))
	t.Cleanup(server.Close)
	return server.URL
}

// watch is how much of a channel is played: from the window's beginning, so
// that most of it is there at once.
const watch = 45 * time.Second

// play decodes a channel twice: for messages, and for when flashes and beeps
// come.
func play(t *testing.T, k kind, url string) {
	await(t, url)
	if k.apart {
		playApart(t, url)
		return
	}
	type found struct {
		flashes, beeps []float64
		err            error
	}
	measured := make(chan found, 1)
	ffmpeg := testneeds.Tool(t, "ffmpeg")
	go func() {
		var f found
		f.flashes, f.beeps, f.err = moments(t.Context(), ffmpeg, k, url)
		measured <- f
	}()
	faults(t, url)
	f := <-measured
	if f.err != nil {
		t.Fatal(f.err)
	}
	// Slate has none, and the start takes its time.
	least := int(watch.Seconds()) / 3
	if len(f.beeps) < least || !k.audio && len(f.flashes) < least {
		t.Errorf("%d flashes and %d beeps, want %d", len(f.flashes), len(f.beeps), least)
	}
	worst, matched := 0.0, 0
	for _, at := range f.flashes {
		off := math.Inf(1)
		for _, b := range f.beeps {
			if math.Abs(b-at) < math.Abs(off) {
				off = b - at
			}
		}
		if math.Abs(off) < 0.4 { // its own beep, not another one's
			matched++
			if math.Abs(off) > math.Abs(worst) {
				worst = off
			}
		}
	}
	t.Logf("%d flashes, %d beeps, %d together, at most %.0f ms apart", len(f.flashes), len(f.beeps), matched, 1000*math.Abs(worst))
	if matched < len(f.flashes)-4 { // one may be lost at a cut
		t.Errorf("%d of %d flashes have a beep", matched, len(f.flashes))
	}
	if math.Abs(worst) > 0.1 {
		t.Errorf("sound is %.0f ms off the picture", 1000*worst)
	}
}

// harmless are messages about what ffmpeg 5.1 can't do, and plays on without:
// ID3 tags between packed audio, a second init section, subtitles.
var harmless = regexp.MustCompile("Changing ID3 metadata in HLS|Found duplicated MOOV Atom|Can't support the subtitle")

// faults plays a playlist, from the beginning of its window.
func faults(t *testing.T, url string) {
	t.Helper()
	r := browsertest.PlayFFmpeg(t, url, watch, "-live_start_index", "0")
	for _, f := range r.Faults() {
		if !harmless.MatchString(f) {
			t.Error(f)
		}
	}
	if r.Played < watch*3/4 { // by its own clock, which jumps over discontinuities
		t.Errorf("%s of %s played, want %s", r.Played, url, watch)
	}
}

// await asks until the channel answers 200.
func await(t *testing.T, url string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		r, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		if r.StatusCode == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("GET %s: %s", url, r.Status)
		}
	}
}

// moments returns when flashes and beeps begin, in seconds of the player's clock.
func moments(ctx context.Context, ffmpeg string, k kind, url string) (flashes, beeps []float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, watch+time.Minute)
	defer cancel()
	args := []string{"-nostdin", "-hide_banner", "-loglevel", "error", "-http_persistent", "0", "-live_start_index", "0", "-i", url}
	if !k.audio {
		args = append(args, "-map", "0:v:0", "-filter:v", "signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-:direct=1")
	}
	args = append(args, "-map", "0:a:0", "-filter:a", "astats=metadata=1:reset=1,ametadata=print:key=lavfi.astats.1.RMS_level:file=-:direct=1",
		"-t", strconv.FormatFloat(watch.Seconds(), 'f', -1, 64), "-f", "null", "-")
	out, err := exec.CommandContext(ctx, ffmpeg, args...).Output()
	if err != nil {
		return nil, nil, fmt.Errorf("ffmpeg: %w", err)
	}
	return onsets(out, "lavfi.signalstats.YAVG", 100), onsets(out, "lavfi.astats.1.RMS_level", -30), nil
}

// onsets reads what metadata filters printed, a line with the time before each
// value: when a value rises above a threshold.
func onsets(text []byte, key string, threshold float64) (at []float64) {
	was := true
	when := 0.0
	for line := range strings.Lines(string(text)) {
		if _, digits, ok := strings.Cut(line, "pts_time:"); ok {
			when, _ = strconv.ParseFloat(strings.TrimSpace(digits), 64)
			continue
		}
		name, digits, _ := strings.Cut(strings.TrimSpace(line), "=")
		value, err := strconv.ParseFloat(digits, 64) // -inf is a number
		if err != nil || name != key {
			continue
		}
		if value > threshold && !was {
			at = append(at, when)
		}
		was = value > threshold
	}
	return at
}

// playApart plays the video and an audio playlist each by itself, and compares
// their segments' time stamps with their dates: what a player that goes by
// either of them keeps together.
func playApart(t *testing.T, url string) {
	var video, audio string
	folder := url[:strings.LastIndexByte(url, '/')+1]
	for line := range strings.SplitSeq(fetch(t, url), "\n") {
		if uri := attribute(line, "URI"); strings.HasPrefix(line, "#EXT-X-MEDIA:TYPE=AUDIO") && audio == "" {
			audio = folder + uri
		} else if line != "" && line[0] != '#' {
			video = folder + line
		}
	}
	t.Run("video", func(t *testing.T) {
		t.Parallel()
		faults(t, video)
		compareStamps(t, video, audio)
	})
	t.Run("audio", func(t *testing.T) {
		t.Parallel()
		faults(t, audio)
	})
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %v", url, r.Status, err)
	}
	return string(body)
}

func attribute(line, name string) string {
	_, value, ok := strings.Cut(line, name+`="`)
	if !ok {
		return ""
	}
	value, _, _ = strings.Cut(value, `"`)
	return value
}

// compareStamps: on each discontinuity number, date less time stamp is the
// same on both tracks, within 100 ms.
func compareStamps(t *testing.T, video, audio string) {
	t.Helper()
	v, a := anchors(t, video), anchors(t, audio)
	compared, worst := 0, time.Duration(0)
	for number, at := range v {
		if other, ok := a[number]; ok {
			compared++
			worst = max(worst, at.Sub(other).Abs())
		}
	}
	t.Logf("%d discontinuities compared, at most %s apart", compared, worst)
	if compared < 3 {
		t.Errorf("%d discontinuities are on both tracks, want 3", compared)
	}
	if worst > 100*time.Millisecond {
		t.Errorf("sound is %s off the picture", worst)
	}
}

// anchors returns the date of time stamp 0 for each discontinuity number of a
// playlist, from its first segment there that is not the slate's.
func anchors(t *testing.T, url string) map[int]time.Time {
	t.Helper()
	at := make(map[int]time.Time)
	number, init, slice := 0, "", ""
	var date time.Time
	for line := range strings.SplitSeq(fetch(t, url), "\n") {
		tag, value, _ := strings.Cut(line, ":")
		switch {
		case tag == "#EXT-X-DISCONTINUITY-SEQUENCE":
			number, _ = strconv.Atoi(value)
		case tag == "#EXT-X-DISCONTINUITY":
			number++
		case tag == "#EXT-X-PROGRAM-DATE-TIME":
			date, _ = time.Parse(time.RFC3339, value)
		case tag == "#EXT-X-MAP":
			init = value
		case tag == "#EXT-X-BYTERANGE":
			slice = value
		case line != "" && line[0] != '#':
			if _, known := at[number]; !known && strings.HasPrefix(line, "http") {
				var data []byte
				if init != "" {
					data = download(t, attribute(init, "URI"), attribute(init, "BYTERANGE"))
				}
				data = append(data, download(t, line, slice)...)
				at[number] = date.Add(-stamp(t, data))
			}
			slice = ""
		}
	}
	return at
}

// download gets a resource or a sub-range "length@offset" of it.
func download(t *testing.T, url, slice string) []byte {
	t.Helper()
	data := []byte(fetch(t, url))
	if length, offset, ok := strings.Cut(slice, "@"); ok {
		n, _ := strconv.Atoi(length)
		from, _ := strconv.Atoi(offset)
		return slices.Clone(data[from : from+n])
	}
	return data
}

// stamp returns the first time stamp of a segment: that of its ID3 tag in
// packed audio, else the least that ffprobe sees.
func stamp(t *testing.T, data []byte) time.Duration {
	t.Helper()
	const owner = "transportStreamTimestamp\x00"
	if i := bytes.Index(data[:min(200, len(data))], []byte(owner)); i >= 0 {
		ticks := binary.BigEndian.Uint64(data[i+len(owner):])
		return time.Duration(ticks) * time.Second / 90_000
	}
	path := filepath.Join(t.TempDir(), "segment")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), testneeds.Tool(t, "ffprobe"), "-v", "error", "-show_entries", "packet=pts_time", "-of", "csv=p=0", path).Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	least := math.Inf(1)
	for field := range strings.FieldsSeq(string(out)) {
		if s, err := strconv.ParseFloat(strings.Trim(field, ","), 64); err == nil {
			least = min(least, s)
		}
	}
	return time.Duration(least * float64(time.Second))
}

// TestFFmpegLimits shows on playlists that are written by hand that what
// TestMedia leaves out or forgives fails in ffmpeg with any legal playlist.
func TestFFmpegLimits(t *testing.T) {
	if testing.Short() {
		t.Skip("it encodes video")
	}
	m := &maker{t, testneeds.Tool(t, "ffmpeg")}
	root := t.TempDir()
	var made []film
	for _, size := range []string{"320x180", "640x360"} {
		name := string(rune('a' + len(made)))
		f := film{path: filepath.Join(root, name+".mp4"), dir: filepath.Join(root, name)}
		m.run("-f", "lavfi", "-i", "testsrc=r=25:s="+size, "-t", "6", "-c:v", "libx264", "-preset", "superfast", "-pix_fmt", "yuv420p",
			"-g", "50", f.path)
		if err := os.Mkdir(f.dir, 0o755); err != nil {
			t.Fatal(err)
		}
		made = append(made, f)
	}
	// playing returns what ffmpeg says of a playlist in testdata.
	playing := func(t *testing.T, name string) *browsertest.FFmpegReport {
		t.Helper()
		playlist, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), playlist, 0o644); err != nil {
			t.Fatal(err)
		}
		return browsertest.PlayFFmpeg(t, filepath.Join(root, name), 8*time.Second)
	}
	says := func(r *browsertest.FFmpegReport, text string) bool {
		return slices.ContainsFunc(r.Messages, func(m browsertest.Message) bool { return strings.Contains(m.Text, text) })
	}

	t.Run("second init section", func(t *testing.T) {
		for _, f := range made {
			m.fmp4(f, "v", "-map", "0")
		}
		r := playing(t, "ffmpeg-second-init.m3u8")
		if !says(r, "Found duplicated MOOV Atom") || len(r.Of(browsertest.KindDecode)) == 0 {
			t.Errorf("this ffmpeg reads a second init section: let TestMedia have them\n%v", r.Messages)
		}
	})
	t.Run("gap", func(t *testing.T) {
		m.hls(made[0], "v", "-map", "0")
		if r := playing(t, "ffmpeg-gap.m3u8"); !says(r, "Failed to open segment 1 of playlist 0") {
			t.Errorf("this ffmpeg leaves gaps alone: let TestMedia have them\n%v", r.Messages)
		}
	})
	t.Run("subtitles", func(t *testing.T) {
		m.hls(made[0], "v", "-map", "0")
		m.subtitles(made[0], "s")
		if r := playing(t, "ffmpeg-subtitles.m3u8"); !says(r, "Can't support the subtitle") {
			t.Errorf("this ffmpeg reads subtitles: let TestMedia play them\n%v", r.Messages)
		}
	})
	t.Run("audio apart", func(t *testing.T) {
		c := film{path: filepath.Join(root, "c.mp4"), dir: filepath.Join(root, "c")}
		m.run("-i", made[0].path, "-f", "lavfi", "-i", "sine=r=48000", "-t", "6", "-c:v", "copy", "-c:a", "aac", c.path)
		if err := os.Mkdir(c.dir, 0o755); err != nil {
			t.Fatal(err)
		}
		m.hls(c, "v", "-an")
		m.hls(c, "a", "-vn")
		m.master(c, rendition("en", "a"), variant("avc1.64000d,mp4a.40.2", `,AUDIO="a"`, "v"))
		if n := run(t, filepath.Join(c.dir, "master.m3u8")); n > 100 {
			t.Errorf("%d pictures without sound between them in one asset by itself: the test is wrong", n)
		}
		for _, name := range []string{"ffmpeg-audio-apart-v.m3u8", "ffmpeg-audio-apart-a.m3u8"} {
			playing(t, name)
		}
		playing(t, "ffmpeg-audio-apart.m3u8")
		// The second and the third are six seconds each.
		if n := run(t, filepath.Join(root, "ffmpeg-audio-apart.m3u8")); n < 290 {
			t.Errorf("at most %d pictures without sound between them: this ffmpeg reads audio apart over discontinuities, let TestMedia play it", n)
		}
	})
}

// run returns the most pictures that ffmpeg's demuxer gives without any sound
// between them.
func run(t *testing.T, playlist string) int {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), testneeds.Tool(t, "ffprobe"), "-v", "error", "-show_entries", "packet=codec_type", "-of", "csv=p=0", playlist).Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	n, most := 0, 0
	for field := range strings.FieldsSeq(string(out)) {
		if n++; !strings.HasPrefix(field, "video") {
			n = 0
		}
		most = max(most, n)
	}
	return most
}

// Package vodtest makes films for benchmarks: an origin in memory whose every
// asset has five videos and two audios of their own, long and with names, digits
// and tags as packagers write them; or six plain variants.
package vodtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"consuo/internal/hls"
)

// Segment is how long a segment of video lasts; those of audio last about as
// long.
const Segment = 4 * time.Second

// Origin serves films, at http://vod.example/NAME/master.m3u8 for every NAME
// that has no slash. It is an http.Handler, and an http.RoundTripper that needs
// no network. Its playlists have been made before the first request.
type Origin struct {
	segments int
	files    map[string][][]byte // by file name; the film's name belongs between the parts
}

// nameMark stands for the name of the film until a playlist is taken apart.
const nameMark = "@NAME@"

// New returns an origin of films that last so long, 4 s a segment.
func New(length time.Duration) *Origin { return newOrigin(length, tracks) }

// NewPlain returns an origin of films that are like most: six variants in
// MPEG-TS with the audio in them, and nothing but durations and short names in
// their playlists.
func NewPlain(length time.Duration) *Origin {
	var variants []track
	for i, height := range []int{1080, 720, 540, 432, 360, 240} {
		name := fmt.Sprintf("v%d", height)
		variants = append(variants, track{name: name, height: height, bandwidth: 6_000_000 / (i + 1), segment: func(i int) string {
			return fmt.Sprintf("%s/segment-%05d.ts", name, i+1)
		}})
	}
	return newOrigin(length, variants)
}

func newOrigin(length time.Duration, tracks []track) *Origin {
	o := &Origin{segments: int(length / Segment), files: make(map[string][][]byte)}
	var wait sync.WaitGroup
	for i, t := range tracks {
		parts := new([][]byte)
		wait.Go(func() { *parts = bytes.Split(o.media(t, i), []byte(nameMark)) })
		defer func() { o.files[t.name+".m3u8"] = *parts }()
	}
	wait.Wait()
	o.files[multivariant] = [][]byte{master(tracks)}
	return o
}

// URL returns the address of a film.
func URL(name string) string { return "http://vod.example/" + name + "/" + multivariant }

const multivariant = "master.m3u8"

// Files returns the playlists of a film by file name.
func (o *Origin) Files(name string) map[string][]byte {
	files := make(map[string][]byte)
	for file := range o.files {
		files[file] = o.file(name, file)
	}
	return files
}

// Presentation returns a film as it is parsed.
func (o *Origin) Presentation(name string) (*hls.Presentation, error) {
	files := o.Files(name)
	mv, err := hls.ParseMultivariant(URL(name), files[multivariant])
	if err != nil {
		return nil, err
	}
	p := &hls.Presentation{URL: URL(name), Multivariant: mv, Media: make(map[string]*hls.Media)}
	for file, body := range files {
		uri := strings.TrimSuffix(URL(name), multivariant) + file
		if file == multivariant {
			continue
		}
		if p.Media[uri], err = mv.ParseMedia(uri, body); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (o *Origin) file(name, file string) []byte {
	return bytes.Join(o.files[file], []byte(name))
}

func (o *Origin) find(path string) (name, file string, ok bool) {
	name, file, ok = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return name, file, ok && o.files[file] != nil
}

// ServeHTTP implements http.Handler.
func (o *Origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, file, ok := o.find(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	body := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(body)
	body.Reset()
	_, _ = body.ReadFrom(&reader{parts: o.files[file], name: []byte(name)}) // neither fails
	w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	_, _ = w.Write(body.Bytes())
}

// bodies are used again: the origin takes as little as it can of the processors
// that it shares with what is measured, as one that serves files would.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// RoundTrip implements http.RoundTripper.
func (o *Origin) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := &http.Response{
		StatusCode: http.StatusOK, Request: r, Body: http.NoBody,
		Header: http.Header{"Access-Control-Allow-Origin": {"*"}},
	}
	if r.Method == http.MethodHead {
		return answer, nil
	}
	name, file, ok := o.find(r.URL.Path)
	if !ok {
		answer.StatusCode = http.StatusNotFound
		return answer, nil
	}
	answer.Body = io.NopCloser(&reader{parts: o.files[file], name: []byte(name)})
	return answer, nil
}

// reader reads a playlist from its parts, so that the origin takes no memory
// and little time from the program that is measured.
type reader struct {
	parts [][]byte // that have not been begun
	name  []byte
	rest  []byte // of the one that has
	named bool   // the name has been put before the next part
}

func (r *reader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(r.rest) == 0 {
			if len(r.parts) == 0 {
				return n, io.EOF
			}
			if r.named {
				r.rest = r.name
			} else {
				r.rest, r.parts = r.parts[0], r.parts[1:]
			}
			r.named = !r.named
		}
		copied := copy(p[n:], r.rest)
		r.rest = r.rest[copied:]
		n += copied
	}
	return n, nil
}

// track is a playlist of every film.
type track struct {
	name      string
	height    int // 0: audio
	bandwidth int
	language  string
	segment   func(i int) string // the lines of a segment, but for EXTINF
}

var tracks = []track{
	{name: "v1080", height: 1080, bandwidth: 5_800_000, segment: func(i int) string {
		return fmt.Sprintf("https://cdn.vod.example/assets/2026/"+nameMark+"/cmaf/video/1080p_5800k/segment-%05d.m4s", i+1)
	}},
	{name: "v720", height: 720, bandwidth: 3_200_000, segment: func(i int) string { // a token per segment
		sum := sha256.Sum256([]byte(strconv.Itoa(i)))
		return fmt.Sprintf("video/720p_3200k/segment-%05d.m4s?exp=1798761600&sig=%s", i+1, hex.EncodeToString(sum[:16]))
	}},
	{name: "v540", height: 540, bandwidth: 2_000_000, segment: func(i int) string { // one file
		return fmt.Sprintf("#EXT-X-BYTERANGE:%d@%d\nvideo/540p_2000k/"+nameMark+"-single-file-with-all-segments.mp4",
			990_000+i*7919%20_011, 1000+i*1_000_000)
	}},
	{name: "v360", height: 360, bandwidth: 900_000, segment: func(i int) string {
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * Segment)
		return fmt.Sprintf("#EXT-X-PROGRAM-DATE-TIME:%s\nhttps://cdn.vod.example/assets/2026/"+nameMark+"/cmaf/video/360p_900k/%d.m4s",
			at.Format("2006-01-02T15:04:05.000Z"), 90_000*int(Segment/time.Second)*i)
	}},
	{name: "v240", height: 240, bandwidth: 400_000, segment: func(i int) string {
		return fmt.Sprintf("https://cdn.vod.example/assets/2026/"+nameMark+"/cmaf/video/240p_400k/segment-%d.m4s", i)
	}},
	{name: "a-en", bandwidth: 128_000, language: "en", segment: func(i int) string {
		return fmt.Sprintf("https://cdn.vod.example/assets/2026/"+nameMark+"/cmaf/audio/en_128k_stereo/segment-%05d.m4s", i+1)
	}},
	{name: "a-sv", bandwidth: 128_000, language: "sv", segment: func(i int) string {
		return fmt.Sprintf("https://cdn.vod.example/assets/2026/"+nameMark+"/cmaf/audio/sv_128k_stereo/segment-%05d.m4s", i+1)
	}},
}

func master(tracks []track) []byte {
	audio := ""
	b := []byte("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n")
	for _, t := range tracks {
		if t.height == 0 {
			audio = `,AUDIO="aac"`
			b = fmt.Appendf(b, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"aac\",LANGUAGE=\"%s\",NAME=\"%[1]s\",AUTOSELECT=YES,CHANNELS=\"2\",URI=\"%s.m3u8\"\n", t.language, t.name)
		}
	}
	for _, t := range tracks {
		if t.height > 0 {
			b = fmt.Appendf(b, "#EXT-X-STREAM-INF:BANDWIDTH=%d,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=%dx%d,FRAME-RATE=25.000%s\n%s.m3u8\n",
				t.bandwidth, t.height*16/9, t.height, audio, t.name)
		}
	}
	return b
}

// media writes a playlist. Audio is cut where frames of 1,024 samples at 48 kHz
// end.
func (o *Origin) media(t track, index int) []byte {
	b := []byte("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:5\n#EXT-X-PLAYLIST-TYPE:VOD\n")
	if !strings.HasSuffix(t.segment(0), ".ts") {
		b = fmt.Appendf(b, "#EXT-X-MAP:URI=\"init-%d.mp4\"\n", index)
	}
	frames := func(i int) int { return (i*int(Segment/time.Second)*48_000 + 512) / 1024 }
	for i := range o.segments {
		digits := "4.000000"
		if t.height == 0 {
			digits = strconv.FormatFloat(float64((frames(i+1)-frames(i))*1024)/48_000, 'f', 6, 64)
		}
		b = fmt.Appendf(b, "#EXTINF:%s,\n%s\n", digits, t.segment(i))
	}
	return append(b, "#EXT-X-ENDLIST\n"...)
}

package browsertest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"consuo/internal/browsertest"
	"consuo/internal/testneeds"
)

// live serves sample VODs, one after the other, as a live playlist with a
// sliding window. It is written without any of the product's code: it has to
// be right on its own for a test of the harness.
type live struct {
	segments []liveSegment
	begin    time.Time     // the instant at which the first segment starts
	frozen   time.Duration // from here on the playlist doesn't change; 0: never
	files    http.Handler
}

type liveSegment struct {
	uri           string
	extinf        string
	start, end    time.Duration
	discontinuity int // sequence number
}

func newLive(t *testing.T, ahead time.Duration, names ...string) *live {
	t.Helper()
	root := filepath.Join(testneeds.Root(), "testdata", "vod")
	l := &live{begin: time.Now().Add(-ahead), files: http.FileServer(http.Dir(root))}
	var at time.Duration
	for i, name := range names {
		text, err := os.ReadFile(filepath.Join(root, name, "360.m3u8"))
		if err != nil {
			t.Fatal(err)
		}
		extinf := ""
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			if digits, ok := strings.CutPrefix(line, "#EXTINF:"); ok {
				extinf = strings.TrimSuffix(digits, ",")
			} else if !strings.HasPrefix(line, "#") {
				seconds, err := strconv.ParseFloat(extinf, 64)
				if err != nil {
					t.Fatal(err)
				}
				end := at + time.Duration(seconds*float64(time.Second))
				l.segments = append(l.segments, liveSegment{"/" + name + "/" + line, extinf, at, end, i})
				at = end
			}
		}
	}
	return l
}

func (l *live) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if r.URL.Path != "/live.m3u8" {
		l.files.ServeHTTP(w, r)
		return
	}
	now := time.Since(l.begin)
	if l.frozen > 0 {
		now = min(now, l.frozen)
	}
	last := 0
	for last+1 < len(l.segments) && l.segments[last+1].end <= now {
		last++
	}
	first := last
	for first > 0 && l.segments[last].end-l.segments[first].start < 24*time.Second {
		first--
	}
	w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
	w.Header().Set("Cache-Control", "no-store")
	// A discontinuity that stands in the playlist begins a sequence number;
	// the number of the head counts those that have left.
	head := l.segments[first].discontinuity
	fmt.Fprintf(w, "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-DISCONTINUITY-SEQUENCE:%d\n", first, head)
	for i := first; i <= last; i++ {
		s := l.segments[i]
		if i > first && s.discontinuity != l.segments[i-1].discontinuity {
			fmt.Fprintln(w, "#EXT-X-DISCONTINUITY")
		}
		fmt.Fprintf(w, "#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:%s,\n%s\n", l.begin.Add(s.start).UTC().Format("2006-01-02T15:04:05.000Z07:00"), s.extinf, s.uri)
	}
}

func TestHLSJSPlaysOverADiscontinuity(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newLive(t, 40*time.Second, "harbour", "meadow", "ember"))
	defer server.Close()
	picture := filepath.Join(t.TempDir(), "end.png")
	r := browsertest.PlayHLSJS(t, server.URL+"/live.m3u8", browsertest.Options{For: 15 * time.Second, Picture: picture})
	for _, f := range r.Faults() {
		t.Error(f)
	}
	if r.Played() < 13*time.Second {
		t.Errorf("played %v in 15s", r.Played())
	}
	if r.Transitions() != 1 || len(r.Fragments) < 3 || len(r.Updates) < 2 {
		t.Errorf("%d transitions, %d fragments, %d updates; want 1, at least 3, at least 2", r.Transitions(), len(r.Fragments), len(r.Updates))
	}
	if last := r.Samples[len(r.Samples)-1]; last.Frames < 300 || last.Height != 360 {
		t.Errorf("%d frames of height %d were decoded", last.Frames, last.Height)
	}
	if fi, err := os.Stat(picture); err != nil || fi.Size() < 1000 {
		t.Errorf("no picture of the page: %v", err)
	}
}

func TestBrowserPlaysByItself(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newLive(t, 40*time.Second, "harbour", "meadow", "ember"))
	defer server.Close()
	r := browsertest.PlayHLSJS(t, server.URL+"/live.m3u8", browsertest.Options{For: 5 * time.Second, Native: true})
	for _, f := range r.Faults() {
		t.Error(f)
	}
	if r.Played() < 4*time.Second {
		t.Errorf("played %v in 5s", r.Played())
	}
}

// A channel that stands still must not pass.
func TestHLSJSReportsAStall(t *testing.T) {
	t.Parallel()
	channel := newLive(t, 40*time.Second, "harbour", "meadow")
	channel.frozen = 40 * time.Second
	server := httptest.NewServer(channel)
	defer server.Close()
	r := browsertest.PlayHLSJS(t, server.URL+"/live.m3u8", browsertest.Options{
		For: 14 * time.Second, Config: map[string]any{"liveSyncDuration": 8},
	})
	if len(r.Stalls) == 0 || r.Stalls[0].For < 2*time.Second {
		t.Errorf("the playlist stood still: stalls %v, errors %v", r.Stalls, r.Errors)
	}
}

func TestHLSJSReportsErrors(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	for _, native := range []bool{false, true} {
		r := browsertest.PlayHLSJS(t, server.URL+"/live.m3u8", browsertest.Options{
			StartWithin: 15 * time.Second, Native: native,
		})
		if r.StartedAt >= 0 || len(r.Errors) == 0 || !r.Errors[len(r.Errors)-1].Fatal {
			t.Errorf("native=%v: a missing playlist gave started %v, errors %v", native, r.StartedAt, r.Errors)
		}
	}
}

func TestFFmpegPlaysOverADiscontinuity(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newLive(t, 40*time.Second, "harbour", "meadow", "ember"))
	defer server.Close()
	r := browsertest.PlayFFmpeg(t, server.URL+"/live.m3u8", 15*time.Second)
	for _, f := range r.Faults() {
		t.Error(f)
	}
	if r.Played < 14900*time.Millisecond || r.Frames < 370 {
		t.Errorf("played %v and %d frames of 15s", r.Played, r.Frames)
	}
}

func TestFFmpegReportsBrokenMedia(t *testing.T) {
	t.Parallel()
	root := filepath.Join(testneeds.Root(), "testdata", "vod", "ember")
	files := http.FileServer(http.Dir(root))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/360-3.ts":
			b, err := os.ReadFile(filepath.Join(root, "360-3.ts"))
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			for i := 1000; i < len(b); i += 97 {
				b[i] ^= 0xff
			}
			w.Write(b)
		case "/360-6.ts":
			http.NotFound(w, r)
		default:
			files.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	r := browsertest.PlayFFmpeg(t, server.URL+"/360.m3u8", time.Minute)
	if len(r.Of(browsertest.KindDecode)) == 0 {
		t.Errorf("a broken segment gave no decode error: %v", r.Messages)
	}
	if len(r.Of(browsertest.KindLoad)) == 0 {
		t.Errorf("a missing segment gave no load error: %v", r.Messages)
	}
}

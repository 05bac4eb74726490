// Package browsertest lets real players play a channel in a test and reports
// how it looked to a viewer: hls.js (or the browser's own player) in headless
// Chromium, and ffmpeg.
package browsertest

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"consuo/internal/testneeds"
)

//go:embed js/package.json js/package-lock.json js/driver.mjs js/page.html
var js embed.FS

// stallLimit is how long the position may stand still before it counts as a
// stall.
const stallLimit = time.Second

// Options say how PlayHLSJS plays. The zero value plays for ten seconds with
// hls.js as it comes.
type Options struct {
	For         time.Duration  // how long to watch after playback has started; default 10 s
	StartWithin time.Duration  // how long to wait for the start; default 30 s
	Config      map[string]any // hls.js configuration
	Native      bool           // the browser's own player instead of hls.js; the lists of fragments and updates stay empty
	Picture     string         // file for a PNG of the page at the end
}

// Report is what a viewer of PlayHLSJS saw. Instants are counted from the
// beginning of the page.
type Report struct {
	StartedAt time.Duration // first instant at which the picture moved; <0: never
	Samples   []Sample      // ten a second
	Stalls    []Stall       // longer than stallLimit, after the start
	Errors    []Error
	Fragments []Fragment // as they came on screen
	Updates   []Update   // as playlists were loaded

	// FailedRequests are those without an answer, with their cause.
	FailedRequests []string
}

// Sample is the state of the video element at an instant.
type Sample struct {
	At       time.Duration
	Position time.Duration // currentTime
	Buffered time.Duration // end of the last buffered range
	Frames   int           // decoded so far
	Dropped  int           // of those
	Height   int           // height of the picture
}

// Stall is a time during which the position stood still.
type Stall struct {
	At       time.Duration
	For      time.Duration
	Position time.Duration
}

// Error is an error event of hls.js, of the video element or of the page.
type Error struct {
	At            time.Duration
	Type, Details string // hls.js's names; Type is "video", "play" or "page" for the others
	Reason        string
	URL           string
	Status        int
	Fatal         bool
}

func (e Error) String() string {
	s := fmt.Sprintf("%.1fs: %s %s %s", e.At.Seconds(), e.Type, e.Details, e.Reason)
	if e.URL != "" {
		s += " " + e.URL
	}
	if e.Status != 0 {
		s += " status " + strconv.Itoa(e.Status)
	}
	if e.Fatal {
		s += " (fatal)"
	}
	return s
}

// Fragment is a segment that came on screen.
type Fragment struct {
	At            time.Duration
	URL           string
	MediaSequence int64
	Discontinuity int64 // its discontinuity sequence number
	Level         int
	Start         time.Duration // on the player's timeline
	Duration      time.Duration
}

// Update is a media playlist of a variant as the player read it.
type Update struct {
	At             time.Duration
	Level          int
	First, Last    int64 // media sequence numbers
	Discontinuity  int64 // EXT-X-DISCONTINUITY-SEQUENCE
	TargetDuration time.Duration
	Edge           time.Duration // end of the last segment on the player's timeline
	Live           bool
}

// Played is how long the position moved: from its first to its last sample
// after the start.
func (r *Report) Played() time.Duration {
	var first, last time.Duration
	for _, s := range r.Samples {
		if s.At < r.StartedAt || r.StartedAt < 0 {
			continue
		}
		if first == 0 {
			first = s.Position
		}
		last = s.Position
	}
	return last - first
}

// Transitions counts the discontinuities that came on screen.
func (r *Report) Transitions() int {
	n := 0
	for i := 1; i < len(r.Fragments); i++ {
		if r.Fragments[i].Discontinuity != r.Fragments[i-1].Discontinuity {
			n++
		}
	}
	return n
}

// Faults lists what a viewer of a faultless channel never sees: no start, a
// stall, an error event (also of those that hls.js mends by itself), an
// unanswered request.
func (r *Report) Faults() []string {
	var faults []string
	if r.StartedAt < 0 {
		faults = append(faults, "playback did not start")
	}
	for _, s := range r.Stalls {
		faults = append(faults, fmt.Sprintf("%.1fs: stood still for %.1fs at position %.2fs", s.At.Seconds(), s.For.Seconds(), s.Position.Seconds()))
	}
	for _, e := range r.Errors {
		faults = append(faults, e.String())
	}
	return append(faults, r.FailedRequests...)
}

// stalls finds the times after the start during which the position stood
// still for more than limit. The last one counts though it may go on.
func stalls(samples []Sample, started, limit time.Duration) []Stall {
	var out []Stall
	if started < 0 {
		return nil
	}
	var since Sample
	seen := false
	last := time.Duration(0)
	end := func() {
		if seen && last-since.At > limit {
			out = append(out, Stall{At: since.At, For: last - since.At, Position: since.Position})
		}
	}
	for _, s := range samples {
		if s.At < started {
			continue
		}
		if !seen || s.Position != since.Position {
			// The old position was last seen one sample ago; it is not known
			// when it was left, so the doubt is in the player's favour.
			end()
			since, seen = s, true
		}
		last = s.At
	}
	end()
	return out
}

// PlayHLSJS plays a channel or asset in headless Chromium. It fails the test
// only when the browser can't be run; what it saw is for the caller to judge.
func PlayHLSJS(t testing.TB, playlist string, o Options) *Report {
	t.Helper()
	chromium := testneeds.Tool(t, "chromium")
	node := testneeds.Tool(t, "node")
	if o.For == 0 {
		o.For = 10 * time.Second
	}
	if o.StartWithin == 0 {
		o.StartWithin = 30 * time.Second
	}
	dir := modules(t)

	page, err := js.ReadFile("js/page.html")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page)
	})
	mux.HandleFunc("GET /hls.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(dir, "node_modules", "hls.js", "dist", "hls.min.js"))
	})
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	server := httptest.NewServer(mux)
	defer server.Close()

	options, err := json.Marshal(map[string]any{"url": playlist, "native": o.Native, "config": o.Config})
	if err != nil {
		t.Fatal(err)
	}
	args := []string{
		filepath.Join(dir, "driver.mjs"), server.URL + "/?options=" + url.QueryEscape(string(options)), chromium,
		strconv.FormatInt(o.For.Milliseconds(), 10), strconv.FormatInt(o.StartWithin.Milliseconds(), 10),
	}
	if o.Picture != "" {
		args = append(args, o.Picture)
	}
	cmd := exec.CommandContext(t.Context(), node, args...)
	// Chromium is the driver's child: both are ended by their group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	deadline := time.AfterFunc(o.StartWithin+o.For+time.Minute, func() { _ = cmd.Cancel() })
	defer deadline.Stop()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("play %s in Chromium: %v\n%s", playlist, err, stderr.String())
	}
	report, err := parseReport(stdout.Bytes())
	if err != nil {
		t.Fatalf("play %s in Chromium: %v\n%s", playlist, err, stdout.String())
	}
	return report
}

// parseReport reads what driver.mjs prints.
func parseReport(b []byte) (*Report, error) {
	type fragment struct {
		At, Start, Duration float64
		URL                 string
		MediaSequence       int64
		Discontinuity       int64
		Level               int
	}
	var raw struct {
		StartedAt float64
		Samples   []struct {
			At, Position, Buffered  float64
			Frames, Dropped, Height int
		}
		Errors []struct {
			At                         float64
			Type, Details, Reason, URL string
			Status                     int
			Fatal                      bool
		}
		Fragments []fragment
		Updates   []struct {
			At, TargetDuration, Edge   float64
			Level                      int
			First, Last, Discontinuity int64
			Live                       bool
		}
		FailedRequests []string
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("read the page's report: %w", err)
	}
	ms := func(v float64) time.Duration { return time.Duration(v * float64(time.Millisecond)) }
	sec := func(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
	r := &Report{StartedAt: ms(raw.StartedAt), FailedRequests: raw.FailedRequests}
	for _, s := range raw.Samples {
		r.Samples = append(r.Samples, Sample{ms(s.At), sec(s.Position), sec(s.Buffered), s.Frames, s.Dropped, s.Height})
	}
	for _, e := range raw.Errors {
		r.Errors = append(r.Errors, Error{ms(e.At), e.Type, e.Details, e.Reason, e.URL, e.Status, e.Fatal})
	}
	for _, f := range raw.Fragments {
		r.Fragments = append(r.Fragments, Fragment{ms(f.At), f.URL, f.MediaSequence, f.Discontinuity, f.Level, sec(f.Start), sec(f.Duration)})
	}
	for _, u := range raw.Updates {
		r.Updates = append(r.Updates, Update{ms(u.At), u.Level, u.First, u.Last, u.Discontinuity, sec(u.TargetDuration), sec(u.Edge), u.Live})
	}
	r.Stalls = stalls(r.Samples, r.StartedAt, stallLimit)
	return r, nil
}

// modules returns a folder with the driver and its npm packages. It is made
// once per state of the lock file, in .cache of the checkout.
func modules(t testing.TB) string {
	t.Helper()
	hash := sha256.New()
	content := map[string][]byte{}
	for _, name := range []string{"package.json", "package-lock.json", "driver.mjs"} {
		b, err := js.ReadFile("js/" + name)
		if err != nil {
			t.Fatal(err)
		}
		content[name] = b
		hash.Write(b)
	}
	cache := filepath.Join(testneeds.Root(), ".cache")
	dir := filepath.Join(cache, "browsertest-"+hex.EncodeToString(hash.Sum(nil)[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	npm := testneeds.Tool(t, "npm")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	tmp, err := os.MkdirTemp(cache, "browsertest-new-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	for name, b := range content {
		if err := os.WriteFile(filepath.Join(tmp, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1", "--fetch-timeout=60000")
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		message := fmt.Sprintf("npm ci: %v: %s", err, first)
		if os.Getenv("CI") == "true" {
			t.Fatal("NEEDS hls.js and playwright-core: " + message)
		}
		t.Skip("SKIPPED, NEEDS hls.js and playwright-core, which npm could not fetch: " + message)
	}
	// Another process may have been faster; then its folder is as good.
	if err := os.Rename(tmp, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr != nil {
			t.Fatal(err)
		}
	}
	return dir
}

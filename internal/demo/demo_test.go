package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"consuo/internal/testneeds"
)

func vodDir() string { return filepath.Join(testneeds.Root(), "testdata", "vod") }

func TestSamples(t *testing.T) {
	got, err := samples(os.DirFS(vodDir()))
	if err != nil {
		t.Fatal(err)
	}
	want := []sample{
		{"ember", "Ember", 53 * time.Second},
		{"harbour", "Harbour", 29920 * time.Millisecond},
		{"meadow", "Meadow", 41307933 * time.Microsecond},
	}
	if len(got) != len(want) {
		t.Fatalf("%v, want %v", got, want)
	}
	for i := range want {
		if d := got[i].duration - want[i].duration; d.Abs() > time.Microsecond {
			t.Errorf("%s lasts %v, want %v", got[i].name, got[i].duration, want[i].duration)
		}
		got[i].duration = want[i].duration
		if got[i] != want[i] {
			t.Errorf("%v, want %v", got[i], want[i])
		}
	}
}

// They are in the repository, so they have to be small.
func TestSamplesAreSmall(t *testing.T) {
	var size int64
	err := fs.WalkDir(os.DirFS(vodDir()), ".", func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		size += info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if size > 4<<20 {
		t.Errorf("the sample VODs have %d bytes, want less than 4 MiB", size)
	}
}

var abc = []sample{{"a", "A", 10 * time.Second}, {"b", "B", 20*time.Second + time.Microsecond}, {"c", "C", 5 * time.Second}}

func TestProgramme(t *testing.T) {
	begin := time.UnixMilli(1_000_000)
	got := programme(abc, "http://vod", 0, begin, begin.Add(50*time.Second))
	want := []event{
		{"A", 1_000_000, 1_010_000, "http://vod/a/master.m3u8"},
		{"B", 1_010_000, 1_030_001, "http://vod/b/master.m3u8"},
		{"C", 1_030_001, 1_035_001, "http://vod/c/master.m3u8"},
		{"A", 1_043_001, 1_053_001, "http://vod/a/master.m3u8"},
	}
	if len(got) != len(want) {
		t.Fatalf("%v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("event %d is %v, want %v", i, got[i], want[i])
		}
	}
	// In one go or bit by bit: it's the same programme.
	long := programme(abc, "http://vod", 0, begin, begin.Add(10*time.Minute))
	short := programme(abc, "http://vod", 0, begin, begin.Add(time.Minute))
	for len(short) < len(long) {
		turn, from := resume(abc, short[len(short)-1])
		short = append(short, programme(abc, "http://vod", turn, from, from.Add(time.Second))...)
	}
	for i := range long {
		if long[i] != short[i] {
			t.Fatalf("event %d is %v in one go and %v bit by bit", i, long[i], short[i])
		}
	}
}

func TestNowAndNext(t *testing.T) {
	begin := time.UnixMilli(0)
	events := programme(abc, "", 0, begin, begin.Add(40*time.Second)) // A 0-10, B 10-30, C 30-35
	for _, tc := range []struct {
		at       time.Duration
		on, next string
	}{
		{-time.Second, "", "A"},
		{0, "A", "B"},
		{10 * time.Second, "B", "C"},
		{31 * time.Second, "C", ""},
		{36 * time.Second, "", ""},
	} {
		on, next := nowAndNext(events[:3], begin.Add(tc.at))
		title := func(e *event) string {
			if e == nil {
				return ""
			}
			return e.Title
		}
		if title(on) != tc.on || title(next) != tc.next {
			t.Errorf("at %v: %q then %q, want %q then %q", tc.at, title(on), title(next), tc.on, tc.next)
		}
	}
}

// fakeSchedule is what the demo uses of the schedule service.
type fakeSchedule struct {
	key      string // that writes need
	mu       sync.Mutex
	channels map[string]bool
	events   []event
}

func (f *fakeSchedule) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Method != http.MethodGet && r.Header.Get("X-API-Key") != f.key {
		http.Error(w, "no key", http.StatusUnauthorized)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "POST /channels":
		var c struct{ ID string }
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if f.channels[c.ID] {
			w.WriteHeader(http.StatusConflict)
			return
		}
		f.channels[c.ID] = true
		w.WriteHeader(http.StatusCreated)
	case "GET /channels/demo/schedule":
		start, err1 := strconv.ParseInt(r.FormValue("start"), 10, 64)
		end, err2 := strconv.ParseInt(r.FormValue("end"), 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		list := []event{}
		for _, e := range f.events {
			if e.StartTime < end && e.EndTime > start {
				list = append(list, e)
			}
		}
		if err := json.NewEncoder(w).Encode(list); err != nil {
			panic(err)
		}
	case "POST /channels/demo/schedule":
		var more []event
		if err := json.NewDecoder(r.Body).Decode(&more); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if len(f.events) > 0 && more[0].StartTime < f.events[len(f.events)-1].EndTime {
			http.Error(w, "overlap", http.StatusConflict)
			return
		}
		f.events = append(f.events, more...)
		w.WriteHeader(http.StatusCreated)
	default:
		http.NotFound(w, r)
	}
}

func TestTopUp(t *testing.T) {
	fake := &fakeSchedule{key: "theKey", channels: map[string]bool{}}
	server := httptest.NewServer(fake)
	defer server.Close()
	api := &client{base: server.URL, key: "theKey", http: server.Client()}
	o := Options{Channel: "demo", VODURL: "http://vod"}
	begin := time.UnixMilli(1_000_000_000)
	for hour := range 5 {
		// Each time after a while; the last but one after a night's sleep.
		now := begin.Add(time.Duration(hour) * 20 * time.Minute)
		if hour >= 3 {
			now = now.Add(8 * time.Hour)
		}
		events, err := topUp(t.Context(), api, o, abc, now)
		if err != nil {
			t.Fatal(err)
		}
		if events[0].start().After(now.Add(-lookBack + pause)) {
			t.Errorf("the programme begins at %v, now is %v", events[0].start(), now)
		}
		if end := events[len(events)-1].end(); end.Before(now.Add(ahead)) {
			t.Errorf("the programme ends at %v, now is %v", end, now)
		}
		for i := 1; i < len(events); i++ {
			if gap := events[i].start().Sub(events[i-1].end()); gap != 0 && gap != pause {
				t.Errorf("a gap of %v before %v", gap, events[i])
			}
		}
	}
}

// freePort is one that nobody listens on, as far as one can tell.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// output is a buffer that a test may read while the demo writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func waitFor(t *testing.T, what string, within time.Duration, ok func() bool) {
	t.Helper()
	deadline := time.After(within)
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("no %s within %v", what, within)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestRunBesideARunningSchedule(t *testing.T) {
	server := httptest.NewServer(&fakeSchedule{channels: map[string]bool{}})
	defer server.Close()
	port := freePort(t)
	out := &output{}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{Schedule: server.URL + "/", VODDir: vodDir(), VODPort: port, VODURL: "http://demo:8002", Channel: "demo", Out: out})
	}()
	waitFor(t, "programme", 10*time.Second, func() bool { return strings.Contains(out.String(), "on now: Harbour, until ") })
	if !strings.Contains(out.String(), "next: Meadow at ") {
		t.Errorf("what is next is missing:\n%s", out)
	}
	if err := Healthcheck(ctx, port); err != nil {
		t.Error(err)
	}
	resp, err := http.Get("http://127.0.0.1:" + strconv.Itoa(port) + "/ember/360-0.ts")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("Access-Control-Allow-Origin") != "*" || resp.Header.Get("Content-Type") != "video/mp2t" {
		t.Errorf("a segment: %s, %v", resp.Status, resp.Header)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stopped with %v", err)
	}
}

func TestRunSaysWhichPortIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	err = Run(t.Context(), Options{VODDir: vodDir(), SchedulePort: freePort(t), EnginePort: taken, VODPort: freePort(t), Channel: "demo", Out: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "port "+strconv.Itoa(taken)+" is taken") || !strings.Contains(err.Error(), "-engine-port") {
		t.Errorf("error %v", err)
	}
}

func TestRunSaysWhyADaemonEnded(t *testing.T) {
	bin := t.TempDir()
	for name, script := range map[string]string{
		"schedule": "#!/bin/sh\necho some log line\necho the disk is full\nexit 3\n",
		"engine":   "#!/bin/sh\nexec sleep 60\n",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	err := Run(t.Context(), Options{
		BinDir: bin, DataDir: t.TempDir(), VODDir: vodDir(),
		SchedulePort: freePort(t), EnginePort: freePort(t), VODPort: freePort(t), Channel: "demo", Out: io.Discard,
	})
	if err == nil || !strings.Contains(err.Error(), "schedule ended by itself (exit status 3)") || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("error %v", err)
	}
}

package soak

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"consuo/internal/daemon"
	"consuo/internal/testneeds"
)

// programs builds the services once for all tests that set no clocks.
var programs = sync.OnceValues(func() (string, error) {
	var err error
	if built, err = os.MkdirTemp("", "consuo-soak-bin-"); err == nil {
		err = daemon.Build(context.Background(), testneeds.Root(), built)
	}
	return built, err
})

var built string // what programs has made, if it was called

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

func options(t *testing.T, out io.Writer) Options {
	t.Helper()
	if testing.Short() {
		t.Skip("it starts real processes and takes its time")
	}
	return Options{VODDir: filepath.Join(testneeds.Root(), "testdata", "vod"), Dir: t.TempDir(), For: time.Minute, Seed: 1, Out: out}
}

// TestTimeCanBeStepped tells early that a new Go needs another overlay.
func TestTimeCanBeStepped(t *testing.T) {
	if _, err := steppedNow(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestSoak injects every fault once, as make soak FOR=60s does.
func TestSoak(t *testing.T) {
	if os.Getenv("CI") != "true" {
		t.Skip("SKIPPED, TAKES THREE MINUTES: make soak FOR=60s does the same, and CI runs it here")
	}
	var out bytes.Buffer
	o := options(t, &out)
	o.BinDir = t.TempDir()
	if err := Build(t.Context(), testneeds.Root(), o.BinDir); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), o); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// newStation puts the channels on air without players, editors and observers
// of its own.
func newStation(t *testing.T) *station {
	t.Helper()
	o := options(t, io.Discard)
	var err error
	if o.BinDir, err = programs(); err != nil {
		t.Fatal(err)
	}
	s := newRun(o)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		s.stopAll()
	})
	if err := s.build(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

// listing asks an engine for a playlist until it has one.
func (s *station) listing(t *testing.T, p *process, track string) listing {
	t.Helper()
	var last string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		response, body, err := fetch(t.Context(), p.base()+"/channels/one/"+track+".m3u8", answerWithin)
		if err == nil && response.StatusCode == http.StatusOK {
			l, err := parse(string(body))
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		last = string(body)
	}
	t.Fatalf("%s has no playlist after 10 s: %s", p.name, last)
	return listing{}
}

// TestKilledEngineIsBackWithinASecond holds the promise of a restart: the first
// playlist within a second of listening when origins answer in 50 ms, with the
// same numbers.
func TestKilledEngineIsBackWithinASecond(t *testing.T) {
	s := newStation(t)
	track := s.tracks[0]
	for _, all := range []bool{false, true} {
		before := s.listing(t, s.engines[0], track)
		killed := s.engines[:1]
		if all {
			killed = s.engines
		}
		if err := each(killed, func(p *process) error { p.kill(); return p.start(t.Context()) }); err != nil {
			t.Fatal(err)
		}
		for _, p := range killed {
			after := s.listing(t, p, track)
			if took := time.Since(p.running().listening); took > time.Second {
				t.Errorf("%s, all killed: %t: first playlist %s after listening", p.name, all, took)
			}
			shared := 0
			for i, is := range after.segments {
				if k := after.first + int64(i) - before.first; k >= 0 && k < int64(len(before.segments)) {
					shared++
					if was := before.segments[k]; is != was {
						t.Errorf("%s: %d was %v and is %v", p.name, after.first+int64(i), was, is)
					}
				}
			}
			if shared == 0 {
				t.Errorf("%s lists %d segments from %d on, before it was %d from %d on", p.name, len(after.segments), after.first, len(before.segments), before.first)
			}
		}
	}
}

// TestTermination holds the promise of a graceful stop: a request in flight is
// answered, and the exit status is 0 within the grace period.
func TestTermination(t *testing.T) {
	s := newStation(t)
	// Whether a channel exists takes a while to find out.
	s.setLinks(slow)
	for _, p := range s.engines {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.base(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "GET /channels/nobody/master.m3u8 HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
		// It has been taken when one that came later has been answered.
		if _, _, err := fetch(t.Context(), p.base()+"/healthz", answerWithin); err != nil {
			t.Fatal(err)
		}
		if err := p.terminate(); err != nil {
			t.Error(err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 404") {
			t.Errorf("%s: a request in flight was answered with %q, %v, want 404", p.name, line, err)
		}
	}
	if err := s.schedule.terminate(); err != nil {
		t.Error(err)
	}
}

package operations

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consuo/internal/daemon"
	"consuo/internal/testneeds"
)

// programs is the folder that the services were built into.
var programs string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "consuo-operations-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		programs = dir
		if err := daemon.Build(context.Background(), testneeds.Root(), dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// process is one of the services, started and listening.
type process struct{ *daemon.Daemon }

// start starts a program that listens on a port that the system chooses, in a
// folder of its own. It is killed at the end of the test.
func start(t *testing.T, program string, env ...string) *process {
	t.Helper()
	return startCommand(t, daemon.Command(filepath.Join(programs, program), env...))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	cmd.Dir = t.TempDir()
	d, err := daemon.Start(t.Context(), cmd, filepath.Join(cmd.Dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.Kill()
		if t.Failed() {
			t.Logf("log of %s:\n%s", filepath.Base(cmd.Path), d.Log())
		}
	})
	return &process{d}
}

// send sends a request and returns the answer's status and body.
func (p *process) send(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, p.Base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(content)
}

// must is send where only one status will do.
func (p *process) must(t *testing.T, status int, method, path, body string) string {
	t.Helper()
	got, content := p.send(t, method, path, body)
	if got != status {
		t.Fatalf("%s %s: %d, want %d\n%s", method, path, got, status, content)
	}
	return content
}

// until asks again and again, for at most a minute, until the answer is to
// one's liking.
func (p *process) until(t *testing.T, path string, good func(status int, body string) bool) string {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		status, body := p.send(t, http.MethodGet, path, "")
		if good(status, body) {
			return body
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("GET %s is still %d after a minute:\n%s", path, status, body)
		}
	}
}

// origin serves the sample VODs, and below /feed what it is given.
func origin(t *testing.T, feed string) *httptest.Server {
	files := http.FileServer(http.Dir(filepath.Join(testneeds.Root(), "testdata", "vod")))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		switch {
		case strings.HasSuffix(r.URL.Path, ".m3u8"):
			w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
		case r.URL.Path == "/feed" && feed != "":
			w.Header().Set("Content-Type", "application/atom+xml")
			_, _ = io.WriteString(w, strings.ReplaceAll(feed, "ORIGIN", "http://"+r.Host))
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testneeds.Root(), path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

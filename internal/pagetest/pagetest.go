// Package pagetest runs the browser tests of the web pages: scripts in
// web/test, in headless Chromium, against both services.
package pagetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"consuo/internal/testneeds"
)

// limit is how long a script may take at most.
const limit = 5 * time.Minute

// step is what a script reports, a line of JSON each: see web/test/harness.mjs.
type step struct {
	Name, Text string
	OK         bool
	MS         int64
	Done       bool // the last line: the script has come to its end
}

// Run runs web/test/<script>.spec.mjs. Its steps become subtests of t; values
// are added to the options that it gets. With UPDATE_IMAGES=1 the pictures that
// it takes go to docs/images.
func Run(t *testing.T, script string, values map[string]any) {
	t.Helper()
	chromium := testneeds.Tool(t, "chromium")
	node := testneeds.Tool(t, "node")
	web := filepath.Join(testneeds.Root(), "web")
	testneeds.Pages(t)

	failures, err := os.MkdirTemp("", "pagetest-") // kept if there is something in it
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(failures)
	images := t.TempDir()
	if os.Getenv("UPDATE_IMAGES") != "" {
		images = filepath.Join(testneeds.Root(), "docs", "images")
	}
	options := map[string]any{"chromium": chromium, "failures": failures, "images": images}
	maps.Copy(options, values)
	arguments, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}

	cmd := exec.CommandContext(t.Context(), node, filepath.Join("test", script+".spec.mjs"), string(arguments))
	cmd.Dir = web
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Chromium is the script's child
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	deadline := time.AfterFunc(limit, func() { _ = cmd.Cancel() })
	defer deadline.Stop()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := false
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s step
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Log(lines.Text()) // what a script prints when somebody debugs it
			continue
		}
		if s.Done {
			done = true
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Logf("%d ms", s.MS)
			if !s.OK {
				t.Error(s.Text)
			}
		})
	}
	if err := cmd.Wait(); err != nil || !done {
		t.Errorf("%s.spec.mjs did not come to its end: %v\n%s", script, err, stderr.String())
	}
}

package soak

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"consuo/internal/daemon"
)

// The date of a machine can't be set for one process, and services that could
// be told another one would be tested in something that they don't do. So they
// are built here with a time.Now that adds to the date, and to the date only,
// what a file says: the monotonic clock goes on as it does.

// steps is what is added to package time.
//
//go:embed steps.go.txt
var steps []byte

// clockVariable names the file; steps.go.txt reads it.
const clockVariable = "SOAK_CLOCK"

// nowBefore is where time.Now has read the clocks, nowAfter what then is there.
const (
	nowBefore = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	nowAfter  = nowBefore + "\tsec, nsec = stepped(sec, nsec)\n"
)

var errTimeChanged = errors.New("time.Now of this Go is not the one that nowBefore knows: adapt it")

// Build builds the services into a folder, with dates that can be set. That
// compiles all that they are made of once more.
func Build(ctx context.Context, root, dir string) error {
	files, err := steppedNow(ctx)
	if err != nil {
		return fmt.Errorf("build the services: %w", err)
	}
	replace := make(map[string]string, len(files))
	for file, text := range files {
		copied := filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(copied, text, 0o644); err != nil {
			return fmt.Errorf("build the services: %w", err)
		}
		replace[file] = copied
	}
	overlay := filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err == nil {
		err = os.WriteFile(overlay, text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("build the services: %w", err)
	}
	return daemon.Build(ctx, root, dir, "-overlay", overlay)
}

// steppedNow returns the files of Go's package time that make dates that can be
// set, by where they belong.
func steppedNow(ctx context.Context) (map[string][]byte, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	file := filepath.Join(dir, "time.go")
	now, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if bytes.Count(now, []byte(nowBefore)) != 1 {
		return nil, errTimeChanged
	}
	return map[string][]byte{
		file:                           bytes.Replace(now, []byte(nowBefore), []byte(nowAfter), 1),
		filepath.Join(dir, "steps.go"): steps,
	}, nil
}

// setClock has the date of a process be off from now on, also when it is
// started again.
func (p *process) setClock(off time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = off
	// A file is replaced at once: half a number would be another time.
	part := p.clock + ".new"
	if err := os.WriteFile(part, []byte(off.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(part, p.clock)
}

// stepClock sets the date of a process by so much, for as long as do takes.
func (p *process) stepClock(by time.Duration, do func() error) error {
	p.mu.Lock()
	off := p.off
	p.mu.Unlock()
	if err := p.setClock(off + by); err != nil {
		return err
	}
	time.Sleep(clockRead)
	err := errors.Join(do(), p.setClock(off))
	time.Sleep(clockRead)
	return err
}

// clockRead is how long a process may take to see that its date was set: see
// steps.go.txt.
const clockRead = 200 * time.Millisecond

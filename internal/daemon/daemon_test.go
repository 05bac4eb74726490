package daemon

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const listening = `echo '{"msg":"starting"}'; printf '{"msg":"listening",' >&2; echo '"addr":"[::]:81"}' >&2; `

// shell is a service that is a script.
func shell(script string) *exec.Cmd { return exec.Command("sh", "-c", script) }

func TestStartStop(t *testing.T) {
	for _, c := range []struct {
		name, script string
		err          string // of Start
		stop         string // error of Stop
	}{
		{name: "stops", script: `trap 'kill $! 2>&-; exit 0' INT; ` + listening + `sleep 60 & wait`},
		{name: "fails as it stops", script: `trap 'kill $! 2>&-; exit 4' INT; ` + listening + `sleep 60 & wait`, stop: "exit status 4"},
		{name: "ends before it listens", script: "echo the disk is full; exit 3", err: "sh ended by itself (exit status 3); the end of "},
		{name: "a line that is no JSON", script: "echo panic; exit 0", err: "(exit status 0)"},
		{name: "an address that is none", script: `echo '{"msg":"listening","addr":"here"}'; exec sleep 60`, err: "missing port"},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "log")
			d, err := Start(t.Context(), shell(c.script), log)
			if c.err != "" || err != nil {
				if err == nil || c.err == "" || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				return
			}
			if d.Base != "http://127.0.0.1:81" {
				t.Errorf("base %s", d.Base)
			}
			if err := d.Ended(); err != nil || d.Stopping() {
				t.Errorf("while it runs: %v, stopping %t", err, d.Stopping())
			}
			if err := d.Stop(os.Interrupt); c.stop == "" && err != nil || c.stop != "" && (err == nil || !strings.Contains(err.Error(), c.stop)) {
				t.Errorf("Stop: %v, want %q", err, c.stop)
			}
			if err := d.Ended(); err != nil {
				t.Errorf("it was asked to: %v", err)
			}
			if got := d.Log(); !strings.HasPrefix(got, `{"msg":"starting"}`) || strings.Count(got, "\n") != 2 {
				t.Errorf("log:\n%s", got)
			}
		})
	}
}

func TestEndedByItself(t *testing.T) {
	d, err := Start(t.Context(), shell(listening+"echo the disk is full; exit 3"), filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Wait(); err == nil {
		t.Error("Wait: no error")
	}
	if err := d.Ended(); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.HasSuffix(err.Error(), "the disk is full") {
		t.Errorf("Ended: %v", err)
	}
	if err := d.Stop(os.Interrupt); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("Stop: %v", err)
	}
}

func TestStartIsGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, shell("exec sleep 60"), filepath.Join(t.TempDir(), "log")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestKill(t *testing.T) {
	d, err := Spawn(shell("exec sleep 60"), filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	d.Kill()
	d.Kill() // of what has ended is nothing
	if err := d.Ended(); err != nil {
		t.Error(err)
	}
}

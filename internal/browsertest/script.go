package browsertest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"consuo/internal/testneeds"
)

// RunScript runs a module for Node.js that may import playwright-core, and
// returns what it writes to standard output. Its arguments are the path of
// Chromium and then args. It has two minutes.
func RunScript(t testing.TB, script string, args ...string) []byte {
	t.Helper()
	chromium := testneeds.Tool(t, "chromium")
	node := testneeds.Tool(t, "node")
	// Modules are looked for from where the script lies.
	file, err := os.CreateTemp(modules(t), "script-*.mjs")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(script); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, append([]string{file.Name(), chromium}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Chromium is the script's child
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	deadline := time.AfterFunc(2*time.Minute, func() { _ = cmd.Cancel() })
	defer deadline.Stop()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(file.Name()), err, stderr.String())
	}
	return stdout.Bytes()
}

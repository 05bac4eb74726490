// Package testneeds says loudly what a test cannot do without: a tool that is
// not installed skips the test on a developer's machine and fails it in CI.
package testneeds

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Tool returns the path of an executable that the test runs. Where it is not
// installed the test is skipped, or fails if the environment has CI=true.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("NEEDS %s: not installed, and CI=true does not allow a skip (apt-get install %s)", name, name)
	}
	t.Skipf("SKIPPED, NEEDS %s: install it to run this test", name)
	return ""
}

// Shared returns the path of something in the folder shared/ that lies beside
// the checkout (the playlists from the field, for instance). Where it is
// absent the test is skipped.
func Shared(t testing.TB, elem ...string) string {
	t.Helper()
	path := filepath.Join(append([]string{Root(), "..", "shared"}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED, NEEDS %s: the folder is not beside this checkout", path)
	}
	return path
}

// Root is the root folder of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

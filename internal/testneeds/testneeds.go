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
	Missing(t, name)
	return ""
}

// Missing ends a test because something is not installed: as Tool does, for
// what is no executable. The name is that of Debian's package.
func Missing(t testing.TB, name string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("NEEDS %s: not installed, and CI=true does not allow a skip (apt-get install %s)", name, name)
	}
	t.Skipf("SKIPPED, NEEDS %s: install it to run this test", name)
}

// Pages makes sure that the web pages are built and their test tools there.
// Where they are not the test is skipped, or fails if the environment has
// CI=true. Whether the build is that of the present sources is make's concern.
func Pages(t testing.TB) {
	t.Helper()
	for _, path := range []string{"web/node_modules/playwright-core", "internal/playouthttp/page/dist/index.html.gz", "internal/schedulehttp/page/dist/index.html.gz"} {
		if _, err := os.Stat(filepath.Join(Root(), path)); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("NEEDS %s, and CI=true does not allow a skip: run make pages", path)
		}
		t.Skipf("SKIPPED, NEEDS %s: run make pages", path)
	}
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

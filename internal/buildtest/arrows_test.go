package buildtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"consuo/internal/testneeds"
)

// listed is what go list tells of a package.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func goList(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json"}, args...)...)
	cmd.Dir = testneeds.Root()
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// The arrows between packages, as docs/ARCHITECTURE.md draws them.
func TestArrows(t *testing.T) {
	const module = "consuo/"
	pure := []string{"internal/schedule", "internal/hls", "internal/packed", "internal/timeline", "internal/playlog", "internal/asrun"}
	effects := []string{"net", "net/http", "os", "os/exec", "database/sql", "log", "log/slog", "embed"}
	// fmt and time know os, so for the standard library only what a package
	// itself imports says something.
	engine := []string{"cmd/engine", "internal/asset", "internal/playout", "internal/playouthttp", "internal/scheduleclient", "internal/slate"}
	store := []string{"internal/schedule", "internal/schedulehttp", "internal/schedulesql", "internal/autoschedule"}

	for _, p := range goList(t, "./...") {
		name := strings.TrimPrefix(p.ImportPath, module)
		if slices.Contains(pure, name) {
			for _, i := range p.Imports {
				if slices.Contains(effects, i) {
					t.Errorf("%s imports %s: the core does no I/O", name, i)
				}
			}
			for _, i := range p.Deps {
				if own, ok := strings.CutPrefix(i, module); ok && !slices.Contains(pure, own) {
					t.Errorf("%s imports %s, directly or not: the core knows the core only", name, own)
				}
			}
		}
		if slices.Contains(engine, name) || slices.Contains(pure[1:], name) {
			for _, i := range p.Deps {
				if slices.Contains(store, strings.TrimPrefix(i, module)) {
					t.Errorf("%s imports %s, directly or not: the contract between the services is HTTP", name, i)
				}
			}
		}
		if slices.Contains(store, name) || name == "cmd/schedule" {
			for _, i := range p.Deps {
				// The loader is shared: the length of a VOD may stand for an end.
				if i != module+"internal/asset" && slices.Contains(engine, strings.TrimPrefix(i, module)) {
					t.Errorf("%s imports %s, directly or not: the schedule knows no engine", name, i)
				}
			}
		}
		if name != "internal/hls" && slices.Contains(p.Imports, "github.com/grafov/m3u8") {
			t.Errorf("%s imports grafov/m3u8: only internal/hls knows it", name)
		}
	}
}

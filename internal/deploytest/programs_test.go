package deploytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"consuo/internal/testneeds"
)

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testneeds.Root(), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// command runs in the repository's root.
func command(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = testneeds.Root()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// program is what a service tells of itself.
type program struct {
	name      string
	port      string            // default of PORT
	variables map[string]string // defaults by name
}

// image is the name of the program's image.
func (p program) image() string { return "consuo-" + p.name }

var (
	programsOnce sync.Once
	programsMade map[string]program
	// Columns of -help: name, default, meaning.
	helpLine = regexp.MustCompile(`(?m)^([A-Z][A-Z_]+)   *(.*)$`)
)

// programs asks both services for the variables that they read.
func programs(t testing.TB) map[string]program {
	t.Helper()
	programsOnce.Do(func() {
		all := make(map[string]program)
		for _, name := range []string{"schedule", "engine"} {
			p := program{name: name, variables: make(map[string]string)}
			for _, m := range helpLine.FindAllStringSubmatch(string(command(t, "go", "run", "./cmd/"+name, "-help")), -1) {
				value, _, _ := strings.Cut(m[2], "   ")
				p.variables[m[1]] = strings.TrimSpace(value)
			}
			p.port = p.variables["PORT"]
			all[name] = p
		}
		programsMade = all
	})
	if len(programsMade) != 2 || programsMade["engine"].port == "" || programsMade["schedule"].port == "" {
		t.Fatalf("-help of the services was not understood: %v", programsMade)
	}
	return programsMade
}

// knows says whether a service reads a variable, or Go itself does.
func (p program) knows(variable string) bool {
	_, ok := p.variables[variable]
	return ok || variable == "GOMEMLIMIT" || variable == "GOMAXPROCS" || variable == "ZONEINFO"
}

// sources are the files, by path from the root, of which a program is made.
func sources(t testing.TB, pkg string) map[string]bool {
	t.Helper()
	root, err := filepath.Abs(testneeds.Root())
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]bool)
	for d := json.NewDecoder(bytes.NewReader(command(t, "go", "list", "-json", "-deps", pkg))); ; {
		var p struct {
			Dir        string
			Module     *struct{ Path string }
			GoFiles    []string
			EmbedFiles []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return files
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || p.Module.Path != "consuo" {
			continue
		}
		dir, err := filepath.Rel(root, p.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range append(p.GoFiles, p.EmbedFiles...) {
			files[path.Join(filepath.ToSlash(dir), f)] = true
		}
	}
}

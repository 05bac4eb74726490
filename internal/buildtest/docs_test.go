package buildtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"consuo/internal/testneeds"
)

// documents are those whose links and names are checked.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md"} {
		found, err := filepath.Glob(filepath.Join(testneeds.Root(), pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, _ := filepath.Rel(testneeds.Root(), path)
			texts[name] = string(text)
		}
	}
	if len(texts) < 5 {
		t.Fatalf("only %d documents found", len(texts))
	}
	return texts
}

var (
	link     = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	variable = regexp.MustCompile("`([A-Z][A-Z_]{2,})`")
	folder   = regexp.MustCompile("`((?:internal|cmd|docs|deploy|scripts)/[A-Za-z0-9_./-]+)`")
	target   = regexp.MustCompile(`\bmake ([a-z]+)\b`)
	helpLine = regexp.MustCompile(`(?m)^([A-Z][A-Z_]+) `)
)

func TestDocumentsNameWhatExists(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(testneeds.Root(), "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range documents(t) {
		exists := func(kind, path string) {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s names the %s %s, which is not there", name, kind, path)
			}
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			exists("link", filepath.Join(testneeds.Root(), filepath.Dir(name), m[1]))
		}
		for _, m := range folder.FindAllStringSubmatch(text, -1) {
			exists("path", filepath.Join(testneeds.Root(), m[1]))
		}
		for _, m := range target.FindAllStringSubmatch(text, -1) {
			if strings.Contains(text, "`make "+m[1]) && !strings.Contains(string(makefile), "\n"+m[1]+":") {
				t.Errorf("%s tells to run make %s, which is no target", name, m[1])
			}
		}
	}
}

// TestReadmeHasEveryVariable holds the README's tables to what the programs
// read, both ways.
func TestReadmeHasEveryVariable(t *testing.T) {
	readme := documents(t)["README.md"]
	configuration := readme[strings.Index(readme, "## Configuration"):]
	var known []string
	for _, program := range []string{"schedule", "engine"} {
		cmd := exec.CommandContext(t.Context(), "go", "run", "./cmd/"+program, "-help")
		cmd.Dir = testneeds.Root()
		help, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s -help: %v", program, err)
		}
		for _, m := range helpLine.FindAllStringSubmatch(string(help), -1) {
			if m[1] == "VARIABLE" {
				continue
			}
			known = append(known, m[1])
			if !strings.Contains(configuration, "`"+m[1]+"`") {
				t.Errorf("%s of %s is not in the README", m[1], program)
			}
		}
	}
	for line := range strings.Lines(configuration) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cell, _, _ := strings.Cut(line[2:], "|")
		for _, m := range variable.FindAllStringSubmatch(cell, -1) {
			if !slices.Contains(known, m[1]) {
				t.Errorf("the README has %s, which no program reads", m[1])
			}
		}
	}
}

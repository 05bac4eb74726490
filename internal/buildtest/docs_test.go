package buildtest

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"consuo/internal/testneeds"
)

// documents are those whose links and names are checked: all of the repository.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	root := testneeds.Root()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || path != root && strings.HasPrefix(entry.Name(), ".")) {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		texts[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) < 20 {
		t.Fatalf("only %d documents found", len(texts))
	}
	return texts
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testneeds.Root(), path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	link     = regexp.MustCompile(`\]\(([^)#:\s]*)(#[^)\s]*)?\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.*)$`)
	variable = regexp.MustCompile("`([A-Z][A-Z_]{2,})`")
	folder   = regexp.MustCompile("`((?:internal|cmd|docs|deploy|scripts|web|api)/[A-Za-z0-9_./-]+)`")
	// A command stands in backticks, or at the beginning of a line of code.
	target   = regexp.MustCompile("(?m)(?:^    |^|`|&& )(?:[A-Z_]+=\\S+ )*make ([a-z]+)\\b")
	testRun  = regexp.MustCompile(`go test [^\n]*?(\./(?:internal|cmd)/[a-z/]+)(?: [^\n]*?-(?:run|bench) ([A-Za-z]+))?`)
	flag     = regexp.MustCompile(`(?:bin/([a-z]+) |(DEMO|SOAK|PERF)=")(-[a-z-]+)`)
	helpLine = regexp.MustCompile(`(?m)^([A-Z][A-Z_]+) +(?:(\S+)   )?`)
)

// anchor is what GitHub makes of a heading.
func anchor(title string) string {
	title = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(title, "$1")
	return strings.ReplaceAll(regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(title), ""), " ", "-")
}

func TestDocumentsNameWhatExists(t *testing.T) {
	makefile := readFile(t, "Makefile")
	texts := documents(t)
	for name, text := range texts {
		exists := func(kind, path string) {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s names the %s %s, which is not there", name, kind, path)
			}
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			to := name
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(name), m[1])
				exists("link", filepath.Join(testneeds.Root(), to))
			}
			if m[2] == "" {
				continue
			}
			if !slices.ContainsFunc(heading.FindAllStringSubmatch(texts[to], -1), func(h []string) bool { return "#"+anchor(h[1]) == m[2] }) {
				t.Errorf("%s links to %s%s, and there is no such heading", name, to, m[2])
			}
		}
		for _, m := range folder.FindAllStringSubmatch(text, -1) {
			exists("path", filepath.Join(testneeds.Root(), m[1]))
		}
		for _, m := range target.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s tells to run make %s, which is no target", name, m[1])
			}
		}
		for _, m := range testRun.FindAllStringSubmatch(text, -1) {
			exists("package", filepath.Join(testneeds.Root(), m[1]))
			if m[2] != "" && !hasTest(t, m[1], m[2]) {
				t.Errorf("%s: %s has no test or benchmark %s", name, m[1], m[2])
			}
		}
	}
}

// hasTest says whether a package has a test or benchmark whose name has a word.
func hasTest(t *testing.T, folder, word string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testneeds.Root(), folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	function := regexp.MustCompile(`(?m)^func (?:Test|Benchmark)\w*\(`)
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && slices.ContainsFunc(function.FindAllString(string(text), -1), func(f string) bool { return strings.Contains(f, word) })
	})
}

// help is what a program of ours prints for -help. Package flag has status 2
// for that in some, and none of them prints it anywhere but to the two outputs.
func help(t *testing.T, program string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "run", "./cmd/"+program, "-help")
	cmd.Dir = testneeds.Root()
	out, err := cmd.CombinedOutput()
	if len(out) == 0 {
		t.Fatalf("%s -help: %v", program, err)
	}
	return string(out)
}

// TestDocumentsNameFlags holds the flags in documents to the programs.
func TestDocumentsNameFlags(t *testing.T) {
	printed := make(map[string]string)
	for name, text := range documents(t) {
		for _, m := range flag.FindAllStringSubmatch(text, -1) {
			program := m[1] + strings.ToLower(m[2])
			if printed[program] == "" {
				printed[program] = help(t, program)
			}
			if !strings.Contains(printed[program], m[3]) {
				t.Errorf("%s: %s has no flag %s:\n%s", name, program, m[3], printed[program])
			}
		}
	}
}

// TestReadmeHasEveryVariable holds the README's tables to what the programs
// read, both ways, defaults included.
func TestReadmeHasEveryVariable(t *testing.T) {
	_, configuration, found := strings.Cut(documents(t)["README.md"], "## Configuration")
	if !found {
		t.Fatal("the README has no configuration")
	}
	rows := make(map[string]string) // the default of each variable
	for line := range strings.Lines(configuration) {
		if cells := strings.Split(line, "|"); strings.HasPrefix(line, "| `") {
			for _, m := range variable.FindAllStringSubmatch(cells[1], -1) {
				rows[m[1]] += cells[2]
			}
		}
	}
	known := make(map[string]bool)
	for _, program := range []string{"schedule", "engine"} {
		for _, m := range helpLine.FindAllStringSubmatch(help(t, program), -1) {
			if m[1] == "VARIABLE" {
				continue
			}
			known[m[1]] = true
			if cell, there := rows[m[1]]; !there {
				t.Errorf("%s of %s is not in the README", m[1], program)
			} else if !strings.Contains(cell, m[2]) {
				t.Errorf("the default of %s in %s is %s, the README says %s", m[1], program, m[2], cell)
			}
		}
	}
	if len(known) < 15 {
		t.Errorf("only %d variables found", len(known))
	}
	for name := range rows {
		if !known[name] {
			t.Errorf("the README has %s, which no program reads", name)
		}
	}
}

// TestDocumentsNameRoutes holds the paths in documents to what both services
// serve: the schedule's are in its OpenAPI document, the engine's in the source
// of its router.
func TestDocumentsNameRoutes(t *testing.T) {
	var document struct{ Paths map[string]any }
	if err := json.Unmarshal([]byte(readFile(t, "api/openapi.json")), &document); err != nil {
		t.Fatal(err)
	}
	both := []string{"/", "/healthz", "/readyz", "/metrics"}
	routes := map[string][]string{
		"schedule": append(both, "/api/docs/"),
		"engine":   append(both, "/channels", "/channels/{id}/status", "/channels/{id}/{track}.m3u8", "/live/{track}.m3u8"),
	}
	for path := range document.Paths {
		routes["schedule"] = append(routes["schedule"], path)
	}
	source := readFile(t, "internal/playouthttp/playouthttp.go") + readFile(t, "internal/playouthttp/playlist.go")
	for _, route := range routes["engine"][len(both):] {
		if !strings.Contains(source, route) {
			t.Errorf("the engine has no route %s any more", route)
		}
	}
	for _, service := range []struct{ name, hosts string }{
		{"schedule", `(?:localhost|127\.0\.0\.1|schedule):8001|\$SCHEDULE|curl [^\n]*[ '"]schedule`},
		{"engine", `(?:localhost|127\.0\.0\.1|engine):8000|\$ENGINE|curl [^\n]*[ '"]engine`},
	} {
		var patterns []string
		for _, route := range routes[service.name] {
			patterns = append(patterns, regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(route), `[^/]+`))
		}
		route := regexp.MustCompile("^(?:" + strings.Join(patterns, "|") + ")$")
		used := regexp.MustCompile(`(?:` + service.hosts + `)(/[^\s?'"<>;,)` + "`" + `\\]*)`)
		count := 0
		for name, text := range documents(t) {
			for _, m := range used.FindAllStringSubmatch(text, -1) {
				count++
				if path := strings.TrimRight(m[1], ".:"); !route.MatchString(path) {
					t.Errorf("%s: the %s has no route %s", name, service.name, path)
				}
			}
		}
		if count < 10 {
			t.Errorf("only %d paths of the %s found", count, service.name)
		}
	}
}

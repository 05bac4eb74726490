package buildtest

import (
	goversion "go/version"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"consuo/internal/testneeds"
)

// ignore is a .dockerignore: its patterns in order, of which the last one that
// matches a file or a folder that it is in decides.
type ignore []struct {
	pattern *regexp.Regexp
	keep    bool
}

func parseIgnore(text string) ignore {
	var out ignore
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		pattern, keep := strings.CutPrefix(line, "!")
		pattern = strings.Trim(path.Clean(pattern), "/")
		expr := regexp.QuoteMeta(pattern)
		expr = strings.ReplaceAll(expr, `\*\*/`, `(.*/)?`)
		expr = strings.ReplaceAll(expr, `\*\*`, `.*`)
		expr = strings.ReplaceAll(expr, `\*`, `[^/]*`)
		expr = strings.ReplaceAll(expr, `\?`, `[^/]`)
		out = append(out, struct {
			pattern *regexp.Regexp
			keep    bool
		}{regexp.MustCompile("^" + expr + "(/.*)?$"), keep})
	}
	return out
}

func (g ignore) ignores(name string) bool {
	ignored := false
	for _, rule := range g {
		if rule.pattern.MatchString(name) {
			ignored = !rule.keep
		}
	}
	return ignored
}

func TestIgnore(t *testing.T) {
	g := parseIgnore("# comment\n*\n!a\n!b/c\n**/*_test.go\na/*/x\n")
	for name, want := range map[string]bool{
		"go.mod": true, "a/f.go": false, "a/f_test.go": true, "a/d/x/y": true, "a/d/e/x": false,
		"b/c/f": false, "b/d": true, "ab": true,
	} {
		if g.ignores(name) != want {
			t.Errorf("%s: ignored is %v", name, !want)
		}
	}
}

// buildContext are the files that a builder sees.
func buildContext(t *testing.T) map[string]bool {
	t.Helper()
	root := testneeds.Root()
	text, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	g := parseIgnore(string(text))
	files := map[string]bool{}
	err = fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name == ".git" || name == ".cache" || d.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		if !g.ignores(name) {
			files[name] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var programs = map[string]string{
	"Dockerfile.schedule":            "./cmd/schedule",
	"Dockerfile.engine":              "./cmd/engine",
	"deploy/compose/Dockerfile.demo": "./cmd/demo",
}

// variables are those that an image or docker-compose.yml sets, by the program
// that reads them; TestCompose looks for them there.
var variables = map[string][]string{
	"./cmd/schedule": {"DATABASE_URL", "PORT"},
	"./cmd/engine":   {"CHANNELMGRAPI", "DELIVERY_MAP", "PORT"},
}

func file(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testneeds.Root(), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDockerfiles(t *testing.T) {
	port := map[string]string{"./cmd/schedule": "8001", "./cmd/engine": "8000", "./cmd/demo": "8002"}
	check := map[string]string{"./cmd/schedule": `["/schedule", "healthcheck"]`, "./cmd/engine": `["/engine", "healthcheck"]`, "./cmd/demo": `["/demo", "-healthcheck"]`}
	base := regexp.MustCompile(`(?m)^FROM --platform=\$BUILDPLATFORM golang:([0-9.]+)-\S+ AS build$`)
	goVersion := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(file(t, "go.mod"))[1]
	for name, program := range programs {
		text := file(t, name)
		for _, line := range []string{
			"FROM scratch",
			"ENV CGO_ENABLED=0 GOTOOLCHAIN=local",
			"USER 65532:65532",
			"EXPOSE " + port[program],
			`ENTRYPOINT ["/` + path.Base(program) + `"]`,
		} {
			if !strings.Contains(text, "\n"+line+"\n") {
				t.Errorf("%s lacks the line %s", name, line)
			}
		}
		if !strings.Contains(text, " CMD "+check[program]+"\n") {
			t.Errorf("%s: the health check is not %s", name, check[program])
		}
		version := base.FindStringSubmatch(text)
		if version == nil || goversion.Compare("go"+version[1], "go"+goVersion) < 0 {
			t.Errorf("%s: the base %v is older than go.mod's %s", name, version, goVersion)
		}
	}
}

func TestCompose(t *testing.T) {
	text := file(t, "docker-compose.yml")
	for _, want := range []string{
		`"8001:8001"`, `"8000:8000"`, `"8002:8002"`,
		"CHANNELMGRAPI: http://schedule:8001\n",
		"DELIVERY_MAP: http://demo:8002/=http://",
		`"-vod-url", "http://demo:8002"`,
		`"schedule-data:/data"`,
		"dockerfile: Dockerfile.schedule\n", "dockerfile: Dockerfile.engine\n", "dockerfile: deploy/compose/Dockerfile.demo\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("docker-compose.yml lacks %s", want)
		}
	}
	known := append(slices.Concat(variables["./cmd/schedule"], variables["./cmd/engine"]), "VERSION")
	for _, m := range regexp.MustCompile(`(?m)^\s+([A-Z][A-Z_]+): `).FindAllStringSubmatch(text, -1) {
		if !slices.Contains(known, m[1]) {
			t.Errorf("docker-compose.yml sets %s, which this test does not know", m[1])
		}
	}
}

// All that a program is made of is in the context of its image.
func TestContextHasWhatTheBuildNeeds(t *testing.T) {
	files := buildContext(t)
	root, err := filepath.Abs(testneeds.Root())
	if err != nil {
		t.Fatal(err)
	}
	need := map[string]string{"go.mod": "the build", "go.sum": "the build", "testdata/vod/ember/master.m3u8": "the demo's image"}
	for _, program := range programs {
		for _, p := range goList(t, "-deps", program) {
			if p.Module == nil || p.Module.Path != "consuo" {
				continue
			}
			dir, err := filepath.Rel(root, p.Dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range append(p.GoFiles, p.EmbedFiles...) {
				need[path.Join(filepath.ToSlash(dir), f)] = p.ImportPath
			}
		}
	}
	for f, who := range need {
		if !files[f] {
			t.Errorf("%s, which %s needs, is not in the build context: see .dockerignore", f, who)
		}
	}
	for f := range files {
		if strings.HasSuffix(f, "_test.go") || strings.HasPrefix(f, "docs/") || strings.HasSuffix(f, ".db") {
			t.Errorf("%s is in the build context and spoils the cache", f)
		}
	}
}

// The context alone builds the programs.
func TestContextBuilds(t *testing.T) {
	root, dir, bin := testneeds.Root(), t.TempDir(), t.TempDir()
	for name := range buildContext(t) {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for dockerfile, program := range programs {
		text, err := os.ReadFile(filepath.Join(root, dockerfile))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), " "+program) {
			t.Errorf("%s does not build %s", dockerfile, program)
		}
		binary := filepath.Join(bin, path.Base(program))
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false",
			"-ldflags", "-s -w -X consuo/internal/service.version=v1.2.3", "-o", binary, program)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("build %s from the context of its image: %v\n%s", program, err, out)
			continue
		}
		info, err := os.Stat(binary)
		if err != nil {
			t.Fatal(err)
		}
		if limit := int64(20 << 20); program == "./cmd/engine" && info.Size() > limit {
			t.Errorf("the engine has %d bytes, and its image should have less than %d", info.Size(), limit)
		}
		if program == "./cmd/demo" {
			continue
		}
		help, err := exec.CommandContext(t.Context(), binary, "-help").CombinedOutput()
		if err != nil {
			t.Errorf("%s -help: %v\n%s", program, err, help)
		}
		for _, variable := range variables[program] {
			if !strings.Contains(string(help), variable) {
				t.Errorf("docker-compose.yml or the Dockerfile sets %s, which %s does not know", variable, program)
			}
		}
		out, err := exec.CommandContext(t.Context(), binary, "version").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "v1.2.3") {
			t.Errorf("%s version: %v, %q", program, err, out)
		}
	}
}

package deploytest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"consuo/internal/testneeds"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// image is a Dockerfile of ours.
type image struct {
	file, program, port string
	check               []string // health check
}

func images(t testing.TB) []image {
	t.Helper()
	all := []image{{"deploy/compose/Dockerfile.demo", "demo", "8002", []string{"/demo", "-healthcheck"}}}
	for name, p := range programs(t) {
		all = append(all, image{"Dockerfile." + name, name, p.port, []string{"/" + name, "healthcheck"}})
	}
	return all
}

// parse reads a Dockerfile as BuildKit does.
func parse(t testing.TB, file string) (stages []instructions.Stage) {
	t.Helper()
	text := read(t, file)
	result, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for _, w := range result.Warnings {
		t.Errorf("%s: %s", file, w.Short)
	}
	stages, global, err := instructions.Parse(result.AST, nil)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(global) > 0 {
		t.Errorf("%s: an ARG before the first FROM, which the test does not know", file)
	}
	return stages
}

// commands are those of one kind in a stage.
func commands[C instructions.Command](stage instructions.Stage) (found []C) {
	for _, c := range stage.Commands {
		if c, ok := c.(C); ok {
			found = append(found, c)
		}
	}
	return found
}

var exactTag = regexp.MustCompile(`^[a-z0-9./-]+:v?(\d+\.\d+(?:\.\d+)?)(-[a-z0-9.-]+)?$`)

func TestDockerfiles(t *testing.T) {
	goVersion := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(read(t, "go.mod"))[1]
	for _, image := range images(t) {
		stages := parse(t, image.file)
		final := stages[len(stages)-1]
		if final.BaseName != "scratch" || len(commands[*instructions.RunCommand](final)) > 0 {
			t.Errorf("%s: the image is not from scratch", image.file)
		}
		for _, stage := range stages[:len(stages)-1] {
			if stage.Platform != "$BUILDPLATFORM" {
				t.Errorf("%s: stage %s does not run on the builder's own platform", image.file, stage.Name)
			}
			version := exactTag.FindStringSubmatch(stage.BaseName)
			if version == nil {
				t.Errorf("%s: the base %s is no exact version", image.file, stage.BaseName)
			} else if strings.HasPrefix(stage.BaseName, "golang:") && !strings.HasPrefix(version[1], strings.TrimSuffix(goVersion, ".0")) {
				t.Errorf("%s: %s, but go.mod has %s", image.file, stage.BaseName, goVersion)
			}
		}
		user, ports := commands[*instructions.UserCommand](final), commands[*instructions.ExposeCommand](final)
		if len(user) != 1 || user[0].User != "65532:65532" {
			t.Errorf("%s: USER is %v", image.file, user)
		}
		if len(ports) != 1 || !slices.Equal(ports[0].Ports, []string{image.port}) {
			t.Errorf("%s: EXPOSE is %v, and the program's port is %s", image.file, ports, image.port)
		}
		entry, check := commands[*instructions.EntrypointCommand](final), commands[*instructions.HealthCheckCommand](final)
		if len(entry) != 1 || entry[0].PrependShell || !slices.Equal(entry[0].CmdLine, []string{"/" + image.program}) {
			t.Errorf("%s: ENTRYPOINT is %v", image.file, entry)
		}
		if len(check) != 1 || !slices.Equal(check[0].Health.Test, append([]string{"CMD"}, image.check...)) {
			t.Errorf("%s: HEALTHCHECK is %v, want %s without a shell", image.file, check, image.check)
		}
		labels := make(map[string]string)
		for _, command := range commands[*instructions.LabelCommand](final) {
			for _, l := range command.Labels {
				labels[l.Key] = l.Value
			}
		}
		want := map[string]string{
			"org.opencontainers.image.title": "consuo-" + image.program, "org.opencontainers.image.licenses": "Apache-2.0",
		}
		if p, service := programs(t)[image.program]; service {
			want["org.opencontainers.image.version"], want["org.opencontainers.image.revision"] = "$VERSION", "$REVISION"
			for _, env := range commands[*instructions.EnvCommand](final) {
				for _, v := range env.Env {
					if !p.knows(v.Key) {
						t.Errorf("%s sets %s, which the program does not read", image.file, v.Key)
					}
				}
			}
		}
		for label, value := range want {
			if strings.Trim(labels[label], `"`) != value {
				t.Errorf("%s: %s is %q, want %q", image.file, label, labels[label], value)
			}
		}
	}
	engine, schedule := parse(t, "Dockerfile.engine"), parse(t, "Dockerfile.schedule")
	for i, c := range engine[0].Commands {
		if i >= len(schedule[0].Commands) || !slices.Equal(text(c), text(schedule[0].Commands[i])) {
			t.Errorf("the stage %s is not the same in both files: %s", engine[0].Name, text(c))
		}
	}
}

func text(c instructions.Command) []string {
	if c, ok := c.(interface{ String() string }); ok {
		return []string{c.String()}
	}
	return []string{c.Name()}
}

// buildContext are the files that a builder sees.
func buildContext(t testing.TB) map[string]bool {
	t.Helper()
	patterns, err := ignorefile.ReadAll(strings.NewReader(read(t, ".dockerignore")))
	if err != nil {
		t.Fatal(err)
	}
	ignore, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]bool)
	err = fs.WalkDir(os.DirFS(testneeds.Root()), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name == ".git" || name == ".cache" || d.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		ignored, err := ignore.MatchesOrParentMatches(name)
		if !ignored {
			files[name] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// All that a program is made of is in the context of its image, and little else.
func TestContextHasWhatTheBuildNeeds(t *testing.T) {
	files := buildContext(t)
	need := map[string]string{"go.mod": "the build", "go.sum": "the build", "testdata/vod/ember/master.m3u8": "the demo's image"}
	for _, image := range images(t) {
		for f := range sources(t, "./cmd/"+image.program) {
			if !strings.Contains(f, "/page/dist/") || path.Base(f) == ".keep" { // the pages are built
				need[f] = "cmd/" + image.program
			}
		}
	}
	for f, who := range need {
		if !files[f] {
			t.Errorf("%s, which %s needs, is not in the build context: see .dockerignore", f, who)
		}
	}
	for f := range files {
		if strings.HasSuffix(f, "_test.go") || strings.HasPrefix(f, "docs/") || strings.HasSuffix(f, ".db") ||
			strings.HasPrefix(f, "web/test/") || strings.Contains(f, "/page/dist/assets/") {
			t.Errorf("%s is in the build context and spoils the cache", f)
		}
	}
}

// builder does with folders what a builder does with file systems. A RUN is
// run by the shell of this machine, with the paths that our files use replaced.
type builder struct {
	*testing.T
	dir  string // a folder below it stands for the root of each stage
	arch string
	args map[string]string
}

// path is where a path of a stage is on this machine.
func (b *builder) path(stage, at string) string {
	return filepath.Join(b.dir, stage, filepath.FromSlash(at))
}

func (b *builder) copyContext(sources []string, to string) {
	b.Helper()
	for name := range buildContext(b) {
		for _, source := range sources {
			source = strings.TrimSuffix(path.Clean(source), "/")
			rest, below := strings.CutPrefix(name, source+"/")
			if source == "." {
				rest, below = name, true
			} else if name == source {
				rest, below = path.Base(name), true
			}
			if below {
				b.copyFile(filepath.Join(testneeds.Root(), name), filepath.Join(to, rest))
			}
		}
	}
}

func (b *builder) copyFile(from, to string) {
	b.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, data, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// build follows a Dockerfile and returns the folder of its last build stage.
func (b *builder) build(file string) string {
	b.Helper()
	stages := parse(b, file)
	for _, stage := range stages[:len(stages)-1] {
		workdir, env := "/", map[string]string{"TARGETOS": "linux", "TARGETARCH": b.arch}
		for _, c := range stage.Commands {
			switch c := c.(type) {
			case *instructions.WorkdirCommand:
				workdir = c.Path
				if err := os.MkdirAll(b.path(stage.Name, workdir), 0o755); err != nil {
					b.Fatal(err)
				}
			case *instructions.EnvCommand:
				for _, v := range c.Env {
					env[v.Key] = v.Value
				}
			case *instructions.ArgCommand:
				for _, a := range c.Args {
					if a.Value != nil {
						env[a.Key] = *a.Value
					}
					if given, ok := b.args[a.Key]; ok {
						env[a.Key] = given
					}
				}
			case *instructions.CopyCommand:
				if c.From != "" {
					b.Fatalf("%s: COPY --from in a build stage, which the test does not know", file)
				}
				b.copyContext(c.SourcePaths, b.path(stage.Name, path.Join(workdir, c.DestPath)))
			case *instructions.RunCommand:
				b.run(file, stage.Name, workdir, env, c)
			default:
				b.Fatalf("%s: %s in a build stage, which the test does not know", file, c.Name())
			}
		}
	}
	return b.path(stages[len(stages)-2].Name, "/")
}

func (b *builder) run(file, stage, workdir string, env map[string]string, c *instructions.RunCommand) {
	b.Helper()
	lex := shell.NewLex('\\')
	if err := c.Expand(func(word string) (string, error) {
		out, _, err := lex.ProcessWord(word, shell.EnvsFromSlice(nil))
		return out, err
	}); err != nil {
		b.Fatal(err)
	}
	if slices.Equal(c.CmdLine, []string{"npm ci"}) {
		// make pages has installed what the same lock says.
		if err := os.Symlink(mustAbs(b, "web/node_modules"), b.path(stage, path.Join(workdir, "node_modules"))); err != nil {
			b.Fatal(err)
		}
		return
	}
	if slices.Equal(c.CmdLine, []string{"go mod download"}) {
		return // done, or this test would not run
	}
	script := strings.Join(c.CmdLine, "\n")
	replace := map[string]string{"/out": b.path(stage, "/out"), "/volume": b.path(stage, "/volume"), "/usr/local/go/": runtimeRoot(b) + "/"}
	dir := b.path(stage, workdir)
	for _, m := range instructions.GetMounts(c) {
		switch {
		case m.Type == instructions.MountTypeCache:
		case m.From != "":
			replace[m.Target] = b.path(m.From, m.Source)
		case m.Target == ".":
			b.copyContext([]string{"."}, dir)
		default:
			b.copyFile(filepath.Join(testneeds.Root(), m.Source), filepath.Join(dir, m.Target))
		}
	}
	for _, from := range slices.Sorted(maps.Keys(replace)) {
		script = regexp.MustCompile(`(^|\s)`+regexp.QuoteMeta(from)+`(/|\s|$)`).ReplaceAllString(script, "${1}"+strings.TrimSuffix(replace[from], "/")+"$2")
	}
	cmd := exec.CommandContext(b.Context(), "sh", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off")
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s, stage %s: RUN %s: %v\n%s", file, stage, script, err, out)
	}
}

func mustAbs(t testing.TB, name string) string {
	t.Helper()
	p, err := filepath.Abs(filepath.Join(testneeds.Root(), name))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func runtimeRoot(t testing.TB) string {
	t.Helper()
	return strings.TrimSpace(string(command(t, "go", "env", "GOROOT")))
}

// The steps of the Dockerfiles, done with what their context has, make programs
// that run, with the full pages in them, and everything else that the last
// stage copies.
func TestImagesBuild(t *testing.T) {
	testneeds.Pages(t)
	testneeds.Tool(t, "npm")
	for _, image := range images(t) {
		t.Run(image.program, func(t *testing.T) {
			b := &builder{T: t, dir: t.TempDir(), arch: runtime.GOARCH, args: map[string]string{"VERSION": "v1.2.3", "SOURCE_DATE_EPOCH": "86400"}}
			root := b.build(image.file)
			binary := filepath.Join(root, "out", image.program)
			info, err := os.Stat(binary)
			if err != nil {
				t.Fatal(err)
			}
			if image.program == "demo" {
				if _, err := os.Stat(filepath.Join(root, "out", "testdata", "vod", "ember", "master.m3u8")); err != nil {
					t.Error(err)
				}
				return
			}
			if limit := int64(20 << 20); image.program == "engine" && info.Size() > limit {
				t.Errorf("the engine has %d bytes, and its image should have less than %d", info.Size(), limit)
			}
			if info.ModTime().Unix() != 86400 {
				t.Errorf("the program is dated %s, not as SOURCE_DATE_EPOCH says", info.ModTime())
			}
			for _, file := range []string{"etc/ssl/certs/ca-certificates.crt", "zoneinfo.zip"} {
				if info, err := os.Stat(filepath.Join(root, "out", file)); err != nil || info.Size() < 1000 {
					t.Errorf("%s: %v", file, err)
				}
			}
			if out, err := exec.CommandContext(t.Context(), binary, "version").CombinedOutput(); err != nil || !strings.Contains(string(out), "v1.2.3") {
				t.Errorf("version: %v, %q", err, out)
			}
			program, err := os.ReadFile(binary)
			if err != nil {
				t.Fatal(err)
			}
			service := map[string]string{"engine": "playouthttp", "schedule": "schedulehttp"}[image.program]
			pages, err := filepath.Glob(filepath.Join(b.path("pages", "/src/internal/"+service+"/page/dist"), "assets", "*"))
			if err != nil || len(pages) == 0 {
				t.Fatalf("no pages were built: %v", err)
			}
			for _, page := range pages {
				if !strings.Contains(string(program), "page/dist/assets/"+filepath.Base(page)) {
					t.Errorf("%s was built and is not in the program", filepath.Base(page))
				}
			}
		})
	}
}

// The same sources give the same image, wherever they lie.
func TestImagesAreReproducible(t *testing.T) {
	testneeds.Pages(t)
	testneeds.Tool(t, "npm")
	sums := make([]string, 2)
	for i := range sums {
		b := &builder{T: t, dir: t.TempDir(), arch: runtime.GOARCH, args: map[string]string{"SOURCE_DATE_EPOCH": "86400"}}
		out := filepath.Join(b.build("Dockerfile.engine"), "out")
		sum := sha256.New()
		err := fs.WalkDir(os.DirFS(out), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil && !d.IsDir() {
				var data []byte
				data, err = os.ReadFile(filepath.Join(out, name))
				_, _ = sum.Write(data)
			}
			fmt.Fprintln(sum, name, info.Mode(), info.ModTime().Unix())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = hex.EncodeToString(sum.Sum(nil))
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds of the engine differ: %v", sums)
	}
}

// Both platforms are compiled for, without cgo.
func TestOtherPlatformCompiles(t *testing.T) {
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", os.DevNull, "./cmd/engine")
	cmd.Dir = testneeds.Root()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+other)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go build for %s: %v\n%s", other, err, out)
	}
}

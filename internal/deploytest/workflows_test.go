package deploytest

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
	"sigs.k8s.io/yaml"
)

func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob(mustAbs(t, ".github/workflows/*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pinned := regexp.MustCompile(`^(\./.+|[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		faults, err := linter.Lint(file, text, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range faults {
			t.Error(fault)
		}
		for _, m := range regexp.MustCompile(`(?m)^\s*-?\s*uses: (.+)$`).FindAllSubmatch(text, -1) {
			if !pinned.Match(m[1]) {
				t.Errorf("%s: %s is not pinned to a commit", filepath.Base(file), m[1])
			}
		}
	}
}

// The release builds the images of this repository, for both platforms, under
// the tag's name.
func TestRelease(t *testing.T) {
	var release struct {
		On   struct{ Push struct{ Tags []string } } `json:"true"` // as YAML 1.1 reads "on"
		Jobs map[string]struct {
			Needs    string
			Uses     string
			Strategy struct{ Matrix map[string][]string }
			Steps    []struct {
				Uses string
				With map[string]any
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, ".github/workflows/release.yml")), &release); err != nil {
		t.Fatal(err)
	}
	job := release.Jobs["images"]
	if release.Jobs[job.Needs].Uses != "./.github/workflows/ci.yml" || !slices.Equal(release.On.Push.Tags, []string{"v*"}) {
		t.Errorf("a release needs %q and is made on %v", job.Needs, release.On.Push.Tags)
	}
	for name := range programs(t) {
		if !slices.Contains(job.Strategy.Matrix["service"], name) {
			t.Errorf("%s is not built", name)
		}
	}
	built := false
	for _, step := range job.Steps {
		if !strings.HasPrefix(step.Uses, "docker/build-push-action@") {
			continue
		}
		built = true
		for input, want := range map[string]any{
			"context": ".", "file": "Dockerfile.${{ matrix.service }}", "platforms": "linux/amd64,linux/arm64", "push": true,
			"tags":       "${{ vars.REGISTRY }}/consuo-${{ matrix.service }}:${{ github.ref_name }}",
			"provenance": "mode=max", "sbom": true,
		} {
			if step.With[input] != want {
				t.Errorf("%s is %v, want %v", input, step.With[input], want)
			}
		}
		arguments, _ := step.With["build-args"].(string)
		for line := range strings.Lines(arguments) {
			name, _, _ := strings.Cut(line, "=")
			if !strings.Contains(read(t, "Dockerfile.engine"), name+"=") || !strings.Contains(read(t, "Makefile"), "--build-arg "+name+"=") {
				t.Errorf("the argument %s is not in the Dockerfile or not in make images", name)
			}
		}
	}
	if !built {
		t.Error("no step builds images")
	}
	toolchain := regexp.MustCompile(`golang:\S+`).FindString(read(t, "Dockerfile.engine"))
	if !strings.Contains(read(t, ".github/workflows/ci.yml"), "container: "+toolchain+"\n") {
		t.Errorf("the workflow does not test with %s, with which the images are built", toolchain)
	}
	node := regexp.MustCompile(`node:([0-9.]+)-`).FindStringSubmatch(read(t, "Dockerfile.engine"))[1]
	if !strings.Contains(read(t, ".github/workflows/ci.yml"), "node-version: "+node+"\n") {
		t.Errorf("the workflow does not test with Node.js %s", node)
	}
}

// Wherever an image of ours is named, it is one that is built.
func TestImageNames(t *testing.T) {
	known := map[string]bool{"demo": true, "schedule": true, "engine": true}
	anywhere := regexp.MustCompile(`\bconsuo-([a-z0-9]+)\b`)
	// Accounts in a cloud have other things of such names.
	tagged := regexp.MustCompile(`\bconsuo-([a-z0-9]+):[$a-z]`)
	for pattern, name := range map[string]*regexp.Regexp{
		"README.md": anywhere, "Makefile": anywhere, "docker-compose.yml": anywhere, "Dockerfile.*": anywhere,
		"deploy/kubernetes/*/*": anywhere, ".github/workflows/*": anywhere,
		"docs/*.md": tagged, "deploy/aws/*": tagged,
	} {
		files, err := filepath.Glob(mustAbs(t, pattern))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: no file (%v)", pattern, err)
		}
		named := make(map[string]bool)
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range name.FindAllSubmatch(text, -1) {
				named[string(m[1])] = true
				if !known[string(m[1])] {
					t.Errorf("%s names %s, which is no image of ours", filepath.Base(file), m[0])
				}
			}
		}
		if pattern != ".github/workflows/*" && (!named["schedule"] || !named["engine"]) {
			t.Errorf("%s does not name both images: %v", pattern, named)
		}
	}
}

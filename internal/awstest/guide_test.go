package awstest

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"consuo/internal/testneeds"
)

// commands are the indented lines of the guide, but for pictures and
// configuration, one after the other.
func commands(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for block := range strings.SplitSeq(read(t, "docs/aws.md"), "\n\n") {
		if strings.HasPrefix(block, "    ") && !strings.Contains(block, "──") && !strings.HasPrefix(block, "    scrape_configs:") {
			out.WriteString(block + "\n")
		}
	}
	return out.String()
}

// The guide names what the template has: parameters, outputs, files.
func TestGuide(t *testing.T) {
	tmpl, guide, shell := load(t), read(t, "docs/aws.md"), commands(t)

	given := regexp.MustCompile(`\b([A-Z][a-z]\w*)=[^=]`)
	var overridden []string
	for _, m := range given.FindAllStringSubmatch(guide, -1) {
		if p := m[1]; tmpl.parameters[p] == nil && p != "Name" && p != "Values" { // of a filter
			t.Errorf("the guide sets %s, which is no parameter", p)
		}
	}
	for _, call := range strings.Split(shell, "aws cloudformation deploy")[1:] {
		call, _, _ := strings.Cut(strings.ReplaceAll(call, "\\\n", " "), "\n")
		_, set, _ := strings.Cut(call, "--parameter-overrides")
		var names []string
		for _, m := range given.FindAllStringSubmatch(set, -1) {
			names = append(names, m[1])
		}
		if overridden == nil { // the first makes the stack
			overridden = names
		}
		if !strings.Contains(call, "--template-file deploy/aws/consuo.yaml --capabilities CAPABILITY_IAM") || len(names) == 0 {
			t.Errorf("the guide deploys%s", call)
		}
	}
	for name, p := range tmpl.parameters {
		if p["Default"] == nil && !slices.Contains(overridden, name) {
			t.Errorf("the guide launches the stack without %s", name)
		}
		if !strings.Contains(guide, "`"+name+"`") {
			t.Errorf("the guide's table lacks %s", name)
		}
	}
	outputs := regexp.MustCompile(`\boutput ([A-Z]\w+)`)
	for _, m := range outputs.FindAllStringSubmatch(guide, -1) {
		if tmpl.outputs[m[1]] == nil {
			t.Errorf("the guide asks for the output %s, which is not there", m[1])
		}
	}
	for name := range tmpl.outputs {
		if !strings.Contains(guide, "output "+name) {
			t.Errorf("the guide has no use for the output %s", name)
		}
	}

	s := evaluate(t, nil)
	for _, c := range services {
		if url := "http://" + c.program + ".consuo.internal:" + c.metrics + "/metrics"; !strings.Contains(shell, url) {
			t.Errorf("the guide does not tell of %s", url)
		}
		if target := "names: [" + c.program + ".consuo.internal], type: A, port: " + c.metrics; !strings.Contains(guide, target) {
			t.Errorf("the guide's Prometheus lacks %s", target)
		}
		if at(t, s.resources[c.name+"Name"], "Name") != c.program {
			t.Errorf("there is no name %s", c.program)
		}
	}
	if !strings.Contains(guide, "has not been launched") {
		t.Error("the guide does not say that nobody has launched the template")
	}
}

func TestGuideIsShell(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), testneeds.Tool(t, "bash"), "-n")
	cmd.Stdin = strings.NewReader(commands(t))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if n := strings.Count(commands(t), "\n"); n < 50 {
		t.Errorf("only %d lines of commands were found", n)
	}
}

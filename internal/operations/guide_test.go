package operations

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"consuo/internal/testneeds"
)

// block is a fenced block of a guide: commands, or the answer that they get.
type block struct {
	kind string // sh, or json, http, text for an answer
	set  bool   // sh that sets variables, for the reader to change
	line int
	text string
}

func blocks(guide string) (all []block) {
	var in *block
	for i, line := range strings.Split(guide, "\n") {
		info, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && in == nil:
			kind, rest, _ := strings.Cut(info, " ")
			in = &block{kind: kind, set: rest == "set", line: i + 1}
		case fence:
			all = append(all, *in)
			in = nil
		case in != nil:
			in.text += line + "\n"
		}
	}
	return all
}

// Every command of the API guide works, in its order, and answers as the guide
// says: JSON with these fields of these types, texts with these lines.
func TestAPIGuide(t *testing.T) {
	sh := testneeds.Tool(t, "sh")
	testneeds.Tool(t, "curl")
	guide := read(t, "docs/api.md")
	vods := origin(t, "")
	schedule := start(t, "schedule", "DATABASE_URL=s.db")
	engine := start(t, "engine", "CHANNELMGRAPI="+schedule.Base, "POLL_INTERVAL=500ms")

	all := blocks(guide)
	var ours string // what the test sets
	for i, b := range all {
		if b.set {
			for name, value := range map[string]string{"SCHEDULE": schedule.Base, "ENGINE": engine.Base, "VOD": vods.URL + "/harbour/master.m3u8"} {
				changed := regexp.MustCompile(`(?m)^`+name+`=.*$`).ReplaceAllLiteralString(b.text, name+"="+value)
				if changed == b.text {
					t.Errorf("docs/api.md:%d does not set %s", b.line, name)
				}
				b.text = changed
			}
			ours = b.text
			continue
		}
		if b.kind != "sh" {
			continue
		}
		if i+1 == len(all) || all[i+1].kind == "sh" {
			t.Errorf("docs/api.md:%d: the commands have no answer below them", b.line)
			continue
		}
		cmd := exec.CommandContext(t.Context(), sh, "-eu", "-c", ours+b.text)
		cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("docs/api.md:%d: %v\n%s", b.line, err, out)
		}
		want := all[i+1]
		if err := answers(want, string(out)); err != nil {
			t.Errorf("docs/api.md:%d: %v; the answer is\n%s", want.line, err, out)
		}
		// What the guide says next needs the engine to have read the schedule.
		if strings.Contains(b.text, `"title":"Harbour"`) {
			engine.until(t, "/live/master.m3u8?channel=one", func(status int, body string) bool {
				return status == http.StatusOK && strings.Contains(body, "v360.m3u8")
			})
			engine.until(t, "/channels/one/status", func(_ int, body string) bool { return strings.Contains(body, `"kind":"event"`) })
		}
	}

	// It shows every operation that is for people.
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(read(t, "api/openapi.json")), &document); err != nil {
		t.Fatal(err)
	}
	// Of the playout logs, people read one channel's. The rest is for engines.
	forEngines := regexp.MustCompile(`^POST /channels/\{channelId\}/playout$|/playout/assets/| /playout$`)
	shown := commands(all)
	parameter := regexp.MustCompile(`\{\w+\}`)
	for path, methods := range document.Paths {
		for method := range methods {
			operation := strings.ToUpper(method) + " " + path
			pattern := regexp.MustCompile("^" + parameter.ReplaceAllString(operation, `[a-z0-9]+`) + "$")
			if !slices.ContainsFunc(shown, pattern.MatchString) && !forEngines.MatchString(operation) {
				t.Errorf("docs/api.md does not show %s", operation)
			}
		}
	}
}

// The commands of the runbook work: what they ask for is there, and jq
// understands its part.
func TestRunbookCommands(t *testing.T) {
	bash := testneeds.Tool(t, "bash")
	testneeds.Tool(t, "curl")
	testneeds.Tool(t, "jq")
	vods := origin(t, "")
	schedule := start(t, "schedule", "DATABASE_URL=s.db")
	engine := start(t, "engine", "CHANNELMGRAPI="+schedule.Base, "POLL_INTERVAL=500ms")
	schedule.must(t, 201, "POST", "/channels", `{"id":"one"}`)
	schedule.must(t, 201, "POST", "/channels/one/schedule", fmt.Sprintf(`{"title":"x","uri":%q,"start_time":%d,"duration":3600}`, vods.URL+"/ember/master.m3u8", time.Now().UnixMilli()))
	engine.until(t, "/live/master.m3u8?channel=one", func(status int, _ string) bool { return status == http.StatusOK })

	// In backticks, or a line of code.
	commands := regexp.MustCompile("(?m)`(curl [^`]*)`|^    (curl .*)$").FindAllStringSubmatch(read(t, "docs/runbook.md"), -1)
	if len(commands) < 10 {
		t.Fatalf("only %d commands found", len(commands))
	}
	host := regexp.MustCompile(`([ '])(engine|schedule)/`)
	for _, m := range commands {
		command := host.ReplaceAllStringFunc(m[1]+m[2], func(s string) string {
			return s[:1] + map[string]string{"engine/": engine.Base, "schedule/": schedule.Base}[s[1:]] + "/"
		})
		cmd := exec.CommandContext(t.Context(), bash, "-eu", "-o", "pipefail", "-c", strings.ReplaceAll(command, "curl ", "curl --fail "))
		cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "CHANNELMGRAPI=" + schedule.Base}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", m[1]+m[2], err, out)
		}
	}
}

// commands returns methods and paths of the curls.
func commands(all []block) (shown []string) {
	curl := regexp.MustCompile(`curl -s( -i)?( -X ([A-Z]+))? "?\$(SCHEDULE|ENGINE)([^"?\s;]*)`)
	for _, b := range all {
		for _, m := range curl.FindAllStringSubmatch(b.text, -1) {
			method := m[3]
			if method == "" {
				method = http.MethodGet
			}
			shown = append(shown, method+" "+m[5])
		}
	}
	return shown
}

// answers says in what an answer differs from what the guide shows.
func answers(want block, got string) error {
	switch want.kind {
	case "json":
		wanted, is := json.NewDecoder(strings.NewReader(want.text)), json.NewDecoder(strings.NewReader(got))
		for {
			var w, g any
			end := wanted.Decode(&w)
			if err := is.Decode(&g); err != nil && end == nil {
				return fmt.Errorf("an answer is missing: %w", err)
			} else if errors.Is(end, io.EOF) && errors.Is(err, io.EOF) {
				return nil
			} else if end != nil {
				return fmt.Errorf("the guide's JSON ends before the answers do: %w", end)
			}
			if err := shape("", w, g); err != nil {
				return err
			}
		}
	case "http":
		lines := strings.Split(strings.TrimSpace(want.text), "\n")
		status, rest, _ := strings.Cut(got, "\r\n")
		if status != lines[0] {
			return fmt.Errorf("%q, want %q", status, lines[0])
		}
		for _, line := range lines[1:] {
			name, _, _ := strings.Cut(line, ":")
			if !strings.Contains("\r\n"+rest, "\r\n"+name+": ") {
				return fmt.Errorf("there is no header %s", name)
			}
		}
		return nil
	case "text":
		rest := strings.Split(strings.ReplaceAll(got, "\r", ""), "\n")
		for line := range strings.Lines(want.text) {
			line = strings.TrimSpace(line)
			pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*") + "$")
			i := slices.IndexFunc(rest, func(l string) bool { return pattern.MatchString(strings.TrimSpace(l)) })
			if i < 0 {
				return fmt.Errorf("there is no line %q after the ones before it", line)
			}
			rest = rest[i+1:]
		}
		return nil
	}
	return fmt.Errorf("an answer of the kind %q", want.kind)
}

// shape says whether a value has all that another has, in the same types.
// Words are compared, but for reasons: an event is joined where the test is slow.
func shape(where string, want, got any) error {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is no object", where)
		}
		for key, value := range w {
			is, has := g[key]
			if !has {
				return fmt.Errorf("%s has no field %s", where, key)
			}
			if err := shape(where+"."+key, value, is); err != nil {
				return err
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) < len(w) {
			return fmt.Errorf("%s has fewer than %d elements", where, len(w))
		}
		for i := range w {
			if err := shape(fmt.Sprintf("%s[%d]", where, i), w[i], g[i]); err != nil {
				return err
			}
		}
	case string:
		g, ok := got.(string)
		word := regexp.MustCompile(`^[A-Za-z ]{1,24}$`)
		if !ok || word.MatchString(w) && strings.ToUpper(w) != w && !strings.HasSuffix(where, ".reason") && g != w {
			return fmt.Errorf("%s is %v, want %q", where, got, w)
		}
	case nil:
		// null is where there may be something else at another time.
	default:
		if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
			return fmt.Errorf("%s is %v, want for instance %v", where, got, want)
		}
	}
	return nil
}

// The comparison finds differences.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		kind, want, got string
		same            bool
	}{
		{"json", `{"id": "one", "n": 1}`, `{"id":"one","n":7,"more":true}`, true},
		{"json", `{"id": "one", "n": 1}`, `{"id":"one"}`, false},
		{"json", `{"id": "one", "n": 1}`, `{"id":"two","n":1}`, false},
		{"json", `{"n": 1}`, `{"n":"1"}`, false},
		{"json", `[{"n": 1}]`, `[]`, false},
		{"json", `{} {}`, `{}`, false},
		{"json", `{}`, `{}{}`, false},
		{"http", "HTTP/1.1 200 OK\nEtag: x", "HTTP/1.1 200 OK\r\nEtag: y\r\n\r\n", true},
		{"http", "HTTP/1.1 200 OK\nEtag: x", "HTTP/1.1 200 OK\r\nDate: y\r\n\r\n", false},
		{"http", "HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found\r\n\r\n", false},
		{"text", "a\n…c", "a\nb\nbc\n", true},
		{"text", "…c\na", "a\nb\nbc\n", false},
	} {
		if err := answers(block{kind: c.kind, text: c.want}, c.got); (err == nil) != c.same {
			t.Errorf("%s %q, %q: %v", c.kind, c.want, c.got, err)
		}
	}
}

package schedule

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func fields(faults []Fault) string {
	var names []string
	for _, f := range faults {
		names = append(names, f.Field)
	}
	return strings.Join(names, " ")
}

func TestEventCheck(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	valid := Event{ID: "a", Title: "Tom & Jerry – “Ä” 日本 🎬", URI: "https://vod.example:8080/ä/a.m3u8?b=c#d", Slot: Slot{noon, noon.Add(time.Hour)}}
	if faults := valid.Check(); faults != nil {
		t.Fatalf("a valid event: %v", faults)
	}
	for _, c := range []struct {
		name   string
		change func(*Event)
		want   string
	}{
		{"no id", func(e *Event) { e.ID = "" }, "id"},
		{"path in the id", func(e *Event) { e.ID = "../x" }, "id"},
		{"newline after the id", func(e *Event) { e.ID = "x\n" }, "id"},
		{"long id", func(e *Event) { e.ID = strings.Repeat("a", 65) }, "id"},
		{"longest id", func(e *Event) { e.ID = strings.Repeat("a", 64) }, ""},
		{"newline", func(e *Event) { e.Title = "a\nb" }, "title"},
		{"line separator", func(e *Event) { e.Title = "a\u2028b" }, "title"},
		{"half a surrogate", func(e *Event) { e.Title = "\ufffd" }, "title"},
		{"longest title", func(e *Event) { e.Title = strings.Repeat("ä", MaxTitleLength) }, ""},
		{"long title", func(e *Event) { e.Title = strings.Repeat("a", MaxTitleLength+1) }, "title"},
		{"no uri", func(e *Event) { e.URI = "" }, "uri"},
		{"path only", func(e *Event) { e.URI = "/a.m3u8" }, "uri"},
		{"file", func(e *Event) { e.URI = "file:///etc/passwd" }, "uri"},
		{"script", func(e *Event) { e.URI = "javascript:alert(1)" }, "uri"},
		{"no host", func(e *Event) { e.URI = "https:///a" }, "uri"},
		{"password", func(e *Event) { e.URI = "https://me:pw@host/a" }, "uri"},
		{"playlist in the uri", func(e *Event) { e.URI = "https://host/a\n#EXTM3U" }, "uri"},
		{"attribute in the uri", func(e *Event) { e.URI = `https://host/a",URI="b` }, "uri"},
		{"long uri", func(e *Event) { e.URI = "https://host/" + strings.Repeat("a", MaxURILength) }, "uri"},
		{"empty", func(e *Event) { e.End = e.Start }, "end"},
		{"backwards", func(e *Event) { e.End = e.Start.Add(-1) }, "end"},
		{"longest", func(e *Event) { e.End = e.Start.Add(MaxDuration) }, ""},
		{"too long", func(e *Event) { e.End = e.Start.Add(MaxDuration + 1) }, "end"},
		{"seconds for milliseconds", func(e *Event) { e.Start, e.End = time.UnixMilli(1795348800), time.UnixMilli(1795348900) }, "start end"},
		{"microseconds for milliseconds", func(e *Event) { e.End = time.UnixMilli(1795348800000000) }, "end"},
		{"everything", func(e *Event) { *e = Event{Title: "\x00"} }, "id title uri start end"},
	} {
		e := valid
		c.change(&e)
		if got := fields(e.Check()); got != c.want {
			t.Errorf("%s: faults in %q, want %q", c.name, got, c.want)
		}
	}
}

func TestChannelCheck(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"none", ``, ""},
		{"empty", `{}`, ""},
		{"all that is known", `{"tracks":[],"target_duration":6,"filler":"https://a/b.m3u8","delivery":"http://vod/=https://cdn.example/vod/, http://b/=http://c/",
			"always_on":true,"auto_populate":true,"auto_populate_content":"https://feed.example/","auto_cleanup":false}`, ""},
		{"unknown is kept", `{"colour":{"url":1},"":null}`, ""},
		{"null is absent", `{"filler":null}`, ""},
		{"not an object", `[]`, "config"},
		{"null", `null`, "config"},
		{"fraction", `{"target_duration":6.5}`, "config.target_duration"},
		{"too long", `{"target_duration":61}`, "config.target_duration"},
		{"number in a string", `{"target_duration":"6"}`, "config.target_duration"},
		{"filler", `{"filler":"ftp://a/b"}`, "config.filler"},
		{"bool", `{"always_on":"yes"}`, "config.always_on"},
		{"delivery", `{"delivery":"http://vod/"}`, "config.delivery"},
		{"delivery object", `{"delivery":{}}`, "config.delivery"},
		{"tracks", `{"tracks":"v720"}`, "config.tracks"},
		{"case", `{"Filler":"https://a/b"}`, "config.Filler"},
		{"long", `{"x":"` + strings.Repeat("a", MaxConfigLength) + `"}`, "config"},
	} {
		ch := Channel{ID: "one", Config: json.RawMessage(c.config)}
		if got := fields(ch.Check()); got != c.want {
			t.Errorf("%s: faults in %q, want %q", c.name, got, c.want)
		}
	}
	bad := Channel{ID: "a b", Name: "x\ty", Config: json.RawMessage(`{"filler":1}`)}
	if got := fields(bad.Check()); got != "id name config.filler" {
		t.Errorf("faults in %q", got)
	}
}

// The domain does no I/O and knows nothing but the standard library.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			path := strings.Trim(spec.Path.Value, `"`)
			first, _, _ := strings.Cut(path, "/")
			if strings.Contains(first, ".") || first == "consuo" || path == "os" || path == "net" || path == "net/http" || path == "database/sql" || path == "log/slog" {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

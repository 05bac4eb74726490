package schedulehttp

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"consuo/internal/inspect"

	"github.com/danielgtaylor/huma/v2"
)

// operations are all of the document, in the order of their ids.
func operations(api *huma.OpenAPI) (list []*huma.Operation) {
	for _, item := range api.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Delete} {
			if op != nil {
				list = append(list, op)
			}
		}
	}
	slices.SortFunc(list, func(a, b *huma.Operation) int { return strings.Compare(a.OperationID, b.OperationID) })
	return list
}

// What linters ask of a document, and generators of clients need.
func TestDocumentIsWhole(t *testing.T) {
	_, h, err := build(Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	api := h.api.OpenAPI()
	tags, ids := map[string]bool{}, map[string]bool{}
	for _, tag := range api.Tags {
		tags[tag.Name] = tag.Description != ""
	}
	if api.Info.License == nil || api.Info.Description == "" || len(api.Servers) == 0 || len(api.Components.SecuritySchemes) != 2 {
		t.Error("the document says too little of the service")
	}
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	for _, op := range operations(api) {
		fault := func(format string, args ...any) {
			t.Helper()
			t.Errorf("%s: "+format, append([]any{op.OperationID}, args...)...)
		}
		if !kebab.MatchString(op.OperationID) || ids[op.OperationID] {
			fault("its id is not lower-case words, or not its own")
		}
		ids[op.OperationID] = true
		if op.Summary == "" || len(op.Tags) != 1 || !tags[op.Tags[0]] {
			fault("summary %q, tags %v", op.Summary, op.Tags)
		}
		if op.Security == nil {
			fault("does not say who may call it")
		}
		inPath := regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(op.Path, -1)
		for _, p := range op.Parameters {
			if p.Description == "" {
				fault("parameter %s has no description", p.Name)
			}
			if p.In == "path" {
				inPath = slices.DeleteFunc(inPath, func(m []string) bool { return m[1] == p.Name })
				if p.Example == nil && len(p.Schema.Examples) == 0 {
					fault("parameter %s has no example", p.Name)
				}
			}
		}
		if len(inPath) > 0 {
			fault("does not describe the parameters %v", inPath)
		}
		if op.RequestBody != nil {
			for mediaType, media := range op.RequestBody.Content {
				if media.Schema == nil || media.Example == nil && mediaType != "application/octet-stream" && op.Tags[0] != "playout" {
					fault("its body %s has no schema or no example", mediaType)
				}
			}
		}
		success := 0
		for status, response := range op.Responses {
			if response.Description == "" || response.Headers["Store-Time"] == nil {
				fault("%s lacks a description or a header", status)
			}
			switch {
			case status[0] == '2':
				success++
			case status[0] == '4' || status[0] == '5':
				media := response.Content["application/problem+json"]
				if len(response.Content) != 1 || media == nil || media.Schema == nil || media.Schema.Ref == "" || media.Example == nil {
					fault("%s is no problem with a schema and an example", status)
				}
			}
		}
		if success == 0 {
			fault("never succeeds")
		}
		if op.Method != http.MethodGet {
			for _, status := range []string{"401", "403", "422", "429", "503"} {
				if op.Responses[status] == nil {
					fault("has no %s", status)
				}
			}
		}
	}
	checkReferences(t, h)
}

// checkReferences finds references to nothing, and schemas that nothing refers to.
func checkReferences(t *testing.T, h *handler) {
	t.Helper()
	text, err := h.document()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`"\$ref": "#/components/schemas/(\w+)"`).FindAllStringSubmatch(string(text), -1) {
		used[m[1]] = true
	}
	known := h.api.OpenAPI().Components.Schemas.Map()
	for name := range used {
		if known[name] == nil {
			t.Errorf("a reference to %s, which is not there", name)
		}
	}
	for name := range known {
		if !used[name] {
			t.Errorf("nothing refers to the schema %s", name)
		}
	}
}

// The document for older generators has nothing that only 3.1 knows.
func TestOlderDocument(t *testing.T) {
	_, h, err := build(Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	text, err := h.olderDocument()
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case []any:
			for i, item := range v {
				walk(fmt.Sprint(at, "/", i), item)
			}
		case map[string]any:
			for _, newer := range []string{"contentMediaType", "contentEncoding", "identifier", "examples", "const"} {
				if _, there := v[newer]; there && !strings.HasSuffix(at, "/properties") {
					t.Errorf("%s has %s", at, newer)
				}
			}
			if _, isRef := v["$ref"]; isRef && len(v) > 1 {
				t.Errorf("%s has more than a $ref", at)
			}
			for key, item := range v {
				walk(at+"/"+key, item)
			}
		}
	}
	walk("", tree)
	if !strings.Contains(string(text), `"openapi": "3.0.3"`) {
		t.Error("it is no OpenAPI 3.0")
	}
}

// generator makes values for schemas.
type generator struct {
	*rand.Rand
	registry huma.Registry
}

// hostile are texts that have broken services.
var hostile = []string{
	"", " ", "\x00", "\u2028", "'; DROP TABLE events; --", "\" OR \"\"=\"", "../../etc/passwd", "<script>alert(1)</script>", "%00", "%s%n",
	"NaN", "-1", "9223372036854775808", "1e400", "null", "true", "[]", "{}", "🎬\u202e", "ｏｎｅ", strings.Repeat("a", 5000), "2026-13-45T99:99:99Z",
	"2026-11-22T12:00:00", "Europe/Nowhere", "Local", "../UTC", "http://user:pw@host/", "file:///etc/passwd", "http://[::1", "*", `"x"`, "W/\"\"", ",,,",
}

// value fits a schema, more or less: with some luck it is valid.
func (g generator) value(s *huma.Schema, depth int) any {
	if s.Ref != "" {
		s = g.registry.SchemaFromRef(s.Ref)
	}
	switch {
	case depth > 8:
		return nil
	case len(s.OneOf) > 0:
		return g.value(s.OneOf[g.IntN(len(s.OneOf))], depth+1)
	case len(s.Enum) > 0:
		return s.Enum[g.IntN(len(s.Enum))]
	case len(s.Examples) > 0 && g.IntN(5) > 0:
		return s.Examples[0]
	}
	switch s.Type {
	case huma.TypeObject:
		object := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if slices.Contains(s.Required, name) || g.IntN(3) == 0 {
				object[name] = g.value(s.Properties[name], depth+1)
			}
		}
		return object
	case huma.TypeArray:
		list := make([]any, g.IntN(4))
		for i := range list {
			list[i] = g.value(s.Items, depth+1)
		}
		return list
	case huma.TypeBoolean:
		return g.IntN(2) == 0
	case huma.TypeInteger:
		return []int64{0, 1, -1, 1795348800000 + g.Int64N(1e9), 1 << 53, -1 << 62}[g.IntN(6)]
	case huma.TypeNumber:
		return []float64{0, 0.001, 1800, 1e300, -5}[g.IntN(5)]
	case huma.TypeString:
		return []string{"one", "https://vod.example/x.m3u8", "2026-11-22T12:00:00Z", hostile[g.IntN(len(hostile))]}[g.IntN(4)]
	}
	return hostile[g.IntN(len(hostile))]
}

// spoil breaks a part of a value.
func (g generator) spoil(v any) any {
	bad := []any{nil, true, -1, 1e300, "", []any{}, map[string]any{}, hostile[g.IntN(len(hostile))], []any{nil}, map[string]any{"": nil}}
	switch v := v.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		if len(keys) == 0 || g.IntN(6) == 0 {
			return bad[g.IntN(len(bad))]
		}
		v = maps.Clone(v)
		switch key := keys[g.IntN(len(keys))]; g.IntN(4) {
		case 0:
			delete(v, key)
		case 1:
			v[hostile[g.IntN(len(hostile))]] = v[key]
		default:
			v[key] = g.spoil(v[key])
		}
		return v
	case []any:
		if len(v) > 0 && g.IntN(3) > 0 {
			v = slices.Clone(v)
			i := g.IntN(len(v))
			v[i] = g.spoil(v[i])
			return v
		}
	}
	return bad[g.IntN(len(bad))]
}

// text is a body of a media type, spoilt if it is to be.
func (g generator) text(mediaType string, media *huma.MediaType, valid bool) string {
	if mediaType != "application/json" {
		text, _ := media.Example.(string)
		if !valid {
			text = strings.ReplaceAll(text, ",", hostile[g.IntN(len(hostile))])
		}
		return text + " "
	}
	v := any(nil)
	if media.Example != nil && g.IntN(2) == 0 {
		v = media.Example
	} else {
		v = g.value(media.Schema, 0)
	}
	if !valid {
		v = g.spoil(v)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // the values above can be marshalled
	}
	text := string(raw)
	if !valid {
		switch g.IntN(12) {
		case 0:
			text = text[:g.IntN(len(text))]
		case 1:
			text += text
		case 2:
			text = strings.Replace(text, ":", ":\xff", 1)
		case 3:
			text = strings.Replace(text, "{", `{"id":"x","id":"y",`, 1)
		case 4:
			text = strings.Repeat(`{"a":`, 200) + text
		}
	}
	return text + " "
}

// logID is the id of channel one's playout log.
func (c *client) logID() string {
	var page struct{ ID string }
	_ = json.Unmarshal([]byte(c.do("GET", "/channels/one/playout", nil, "").body), &page) // "" where there is no channel
	return page.ID
}

// Every operation, with generated input of which half is valid: no 5xx, and no
// answer that the document does not know. (client.do checks each.)
func TestGeneratedInput(t *testing.T) {
	c := newClient(t, Options{Inspect: func(context.Context, string, *inspect.Channel) (*inspect.Report, error) {
		return &inspect.Report{Tracks: []inspect.Track{{Media: "video", Container: "ts"}}, Verdict: &inspect.Verdict{}}, nil
	}})
	api := c.doc.api
	seed := uint64(20261122)
	g := generator{rand.New(rand.NewPCG(seed, 1)), api.Components.Schemas}
	rounds := 60
	if testing.Short() {
		rounds = 5
	}
	answered := map[string]map[int]int{}
	for round := range rounds {
		for _, op := range operations(api) {
			if op.Method == http.MethodDelete && round%4 > 0 {
				continue // else there is never anything
			}
			if round%4 == 0 {
				c.do("PUT", "/channels/one", nil, `{}`)
				c.do("PUT", "/channels/one/schedule/news-1200", nil, `{"uri":"https://vod.example/a.m3u8","start_time":1795348800000,"duration":60}`)
			}
			valid := g.IntN(2) == 0
			path, query, header := op.Path, url.Values{}, http.Header{}
			for _, p := range op.Parameters {
				value := fmt.Sprint(g.value(p.Schema, 0))
				if len(p.Schema.Examples) > 0 && (valid || g.IntN(2) == 0) {
					value = fmt.Sprint(p.Schema.Examples[0])
				} else if p.Example != nil && (valid || g.IntN(2) == 0) {
					value = fmt.Sprint(p.Example)
				} else if !valid {
					value = hostile[g.IntN(len(hostile))]
				}
				switch p.In {
				case "path":
					if value == "" || strings.Trim(value, ".") == "" {
						value = "x"
					}
					path = strings.Replace(path, "{"+p.Name+"}", url.PathEscape(value), 1)
				case "query":
					if p.Required || g.IntN(3) == 0 {
						query.Set(p.Name, value)
					}
				case "header":
					if g.IntN(4) == 0 {
						header.Set(p.Name, strings.Map(func(r rune) rune {
							if r < ' ' || r > '~' {
								return -1
							}
							return r
						}, value))
					}
				}
			}
			body := ""
			if op.RequestBody != nil {
				types := slices.Sorted(maps.Keys(op.RequestBody.Content))
				mediaType := types[g.IntN(len(types))]
				body = g.text(mediaType, op.RequestBody.Content[mediaType], valid)
				header.Set("Content-Type", mediaType)
			}
			if valid { // what is new has to be new, and what is of a log of that log
				fresh := strings.NewReplacer(`"one"`, fmt.Sprintf(`"g%d"`, round), "news-1200", fmt.Sprintf("e%d", round),
					"2026-11-22T1", fmt.Sprintf("20%d-11-22T1", 30+round), "6NUQXW4AFTGF2LHCGHZ3EAMDZI", c.logID())
				switch op.OperationID {
				case "create-channel", "create-events", "append-playout":
					body = fresh.Replace(body)
				case "replace-events": // few of all ranges can be replaced by the body
					query.Del("start")
					query.Del("end")
					query.Set("date", "2026-11-22")
					query.Set("tz", "UTC")
				case "put-frozen-asset", "get-frozen-asset":
					for name := range query {
						query.Set(name, fresh.Replace(query.Get(name)))
					}
				}
			}
			if len(query) > 0 {
				path += "?" + query.Encode()
			}
			for name, values := range header {
				if values[0] == "" {
					delete(header, name)
				}
			}
			a := c.do(op.Method, path, header, body)
			if a.status >= 500 {
				t.Errorf("seed %d, round %d: %s %.300s %v %.300q: %d %s", seed, round, op.Method, path, header, body, a.status, a.body)
			}
			if answered[op.OperationID] == nil {
				answered[op.OperationID] = map[int]int{}
			}
			answered[op.OperationID][a.status]++
		}
	}
	// Input that is never right shows nothing.
	for id, statuses := range answered {
		success := 0
		for status, n := range statuses {
			if status < 300 {
				success += n
			}
		}
		if success == 0 && !testing.Short() {
			t.Errorf("%s never succeeded: %v", id, statuses)
		}
	}
	t.Logf("%v", answered)
}

package schedulehttp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/schedule"
	"consuo/internal/schedulesql"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
)

// A client sends requests to a whole service and checks every answer against
// the OpenAPI document.
type client struct {
	t      testing.TB
	server *httptest.Server
	doc    *document
}

func newClient(t testing.TB, o Options) *client {
	t.Helper()
	if o.Store == nil {
		store, err := schedulesql.Open(t.Context(), filepath.Join(t.TempDir(), "schedule.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		o.Store, o.Playout = store, store.Playout(8*time.Second)
	}
	if s, ok := o.Store.(*schedulesql.Store); ok {
		o.Playout = s.Playout(playlog.Lead)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	handler, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &client{t: t, server: server, doc: newDocument(t)}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (c *client) do(method, path string, header http.Header, body string) answer {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.server.URL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, values := range header {
		r.Header[name] = values
		if values[0] == "" {
			delete(r.Header, name)
		}
	}
	resp, err := c.server.Client().Transport.RoundTrip(r) // follows no redirects
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	a := answer{resp.StatusCode, resp.Header, string(content)}
	c.doc.check(c.t, method, r.URL.Path, a)
	return a
}

// document checks answers by the OpenAPI document, as it is served.
type document struct {
	api *huma.OpenAPI
}

func newDocument(t testing.TB) *document {
	t.Helper()
	_, h, err := build(Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return &document{h.api.OpenAPI()}
}

// operation finds the one that a request means, nil if there is none.
func (d *document) operation(method, path string) *huma.Operation {
	parts := strings.Split(path, "/")
	for template, item := range d.api.Paths {
		want := strings.Split(template, "/")
		if len(want) != len(parts) || !slices.EqualFunc(want, parts, func(w, p string) bool {
			return w == p || strings.HasPrefix(w, "{") && p != ""
		}) {
			continue
		}
		switch method {
		case http.MethodGet, http.MethodHead:
			return item.Get
		case http.MethodPost:
			return item.Post
		case http.MethodPut:
			return item.Put
		case http.MethodDelete:
			return item.Delete
		}
	}
	return nil
}

func (d *document) check(t testing.TB, method, path string, a answer) {
	t.Helper()
	if a.header.Get("Store-Time") == "" {
		t.Errorf("%s %s: no Store-Time", method, path)
	}
	if a.status >= 400 && a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s %s: %d is no problem+json: %v", method, path, a.status, a.header)
	}
	op := d.operation(method, path)
	if op == nil {
		return
	}
	response := op.Responses[fmt.Sprint(a.status)]
	if response == nil {
		t.Errorf("%s %s: the document does not know the status %d: %s", method, path, a.status, a.body)
		return
	}
	if method == http.MethodHead || len(response.Content) == 0 {
		if a.body != "" {
			t.Errorf("%s %s: %d has a body: %s", method, path, a.status, a.body)
		}
		return
	}
	mediaType, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	media := response.Content[mediaType]
	if media == nil {
		t.Errorf("%s %s: the document does not know the type %s for %d", method, path, a.header.Get("Content-Type"), a.status)
		return
	}
	if !strings.HasSuffix(mediaType, "json") {
		return
	}
	var v any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Errorf("%s %s: %v: %s", method, path, err, a.body)
		return
	}
	var result huma.ValidateResult
	huma.Validate(d.api.Components.Schemas, media.Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, &result)
	for _, err := range result.Errors {
		t.Errorf("%s %s: the answer does not fit the document: %v", method, path, err)
	}
}

// The check of the document must find what is wrong.
func TestDocumentCheck(t *testing.T) {
	d := newDocument(t)
	header := http.Header{"Store-Time": {"1"}, "Content-Type": {"application/json"}}
	for _, a := range []answer{
		{200, header, `[]`},
		{200, header, `{"id":"one","name":"","config":{}}`},
		{200, header, `{"id":"one","name":"","config":{},"revision":"1"}`},
		{200, header, `{"id":"one","name":"","config":{},"revision":1,"more":1}`},
		{200, http.Header{"Store-Time": {"1"}, "Content-Type": {"text/html"}}, `x`},
		{299, header, `{}`},
		{404, header, `{}`},
	} {
		probe := &recorder{TB: t}
		d.check(probe, "GET", "/channels/one", a)
		if !probe.failed {
			t.Errorf("%+v passes", a)
		}
	}
	probe := &recorder{TB: t}
	d.check(probe, "GET", "/channels/one", answer{200, header, `{"id":"one","name":"","config":{"x":1},"revision":1}`})
	if probe.failed {
		t.Error("a right answer fails")
	}
}

type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Errorf(string, ...any) { r.failed = true }

// Every route must be in the document, and every operation of it must be a route.
func TestRoutesAreDocumented(t *testing.T) {
	router, h, err := build(Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	pages := []string{"GET /", "GET /plain", "GET /assets/*", "GET /api/docs", "GET /api/docs/*", "GET /api/docs/openapi.json", "GET /api/docs/openapi-3.0.json"}
	routes := map[string]bool{}
	err = chi.Walk(router, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		routes[method+" "+route] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range h.api.OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "PUT": item.Put, "POST": item.Post, "DELETE": item.Delete} {
			if op == nil {
				continue
			}
			if op.OperationID == "" || op.Summary == "" || len(op.Tags) == 0 {
				t.Errorf("%s %s lacks an id, a summary or a tag", method, path)
			}
			if !routes[method+" "+path] {
				t.Errorf("%s %s is in the document, but no route", method, path)
			}
			delete(routes, method+" "+path)
		}
	}
	for _, page := range pages {
		if !routes[page] {
			t.Errorf("%s is no route", page)
		}
		delete(routes, page)
	}
	for route := range routes {
		t.Errorf("%s is a route, but not in the document", route)
	}
}

// TestScripts runs testdata/*.txt. A script is a list of exchanges:
//
//	# comment
//	POST /channels            request line
//	X-API-Key: secret         its headers; "Content-Type:" sends none
//	{"id":"one"}              its body, one line
//	=> 201                    the status
//	Location: /channels/one   headers: the value, "*" for any, "-" for none
//	{"id":"one","name":"*"}   the body: this JSON, where "*" is any value,
//	~ taken                   or a part of its text
//
// The first lines may be options: "options keys=a,b origins=https://a".
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runScript(t, file) })
	}
}

func runScript(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var c *client
	var o Options
	var method, path, body string
	var header http.Header
	var got *answer
	send := func() {
		if c == nil {
			c = newClient(t, o)
		}
		a := c.do(method, path, header, body)
		got = &a
	}
	for i, line := range strings.Split(string(text), "\n") {
		fail := func(format string, args ...any) {
			t.Helper()
			t.Errorf("%s:%d: %s\n  want %s", file, i+1, fmt.Sprintf(format, args...), line)
		}
		name, value, isHeader := strings.Cut(line, ":")
		verb, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case verb == "options":
			for field := range strings.FieldsSeq(rest) {
				switch key, value, _ := strings.Cut(field, "="); key {
				case "keys":
					o.APIKeys = strings.Split(value, ",")
				case "origins":
					o.Origins = strings.Split(value, ",")
				case "duration":
					d, err := time.ParseDuration(value)
					o.Duration = func(context.Context, string) (time.Duration, error) { return d, err }
				default:
					t.Fatalf("%s:%d: unknown option %s", file, i+1, key)
				}
			}
		case slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}, verb):
			method, path, body, header, got = verb, rest, "", http.Header{}, nil
		case verb == "=>":
			send()
			if fmt.Sprint(got.status) != rest {
				fail("%s %s %s: got %d: %s", method, path, body, got.status, got.body)
			}
		case got != nil && verb == "~":
			if !strings.Contains(got.body, rest) {
				fail("got %s", got.body)
			}
		case isHeader && !strings.ContainsAny(name, "{[\" "):
			value = strings.TrimSpace(value)
			if got == nil {
				header[http.CanonicalHeaderKey(name)] = []string{value}
				continue
			}
			have := strings.Join(got.header.Values(name), ", ")
			if value == "-" && have != "" || value == "*" && have == "" || value != "-" && value != "*" && have != value {
				fail("got %q", have)
			}
		case got == nil:
			body = line
		default:
			var want, have any
			if err := json.Unmarshal([]byte(line), &want); err != nil {
				t.Fatalf("%s:%d: %v", file, i+1, err)
			}
			if err := json.Unmarshal([]byte(got.body), &have); err != nil || !same(want, have) {
				fail("got %s", got.body)
			}
		}
	}
}

// same compares JSON; "*" in want is any value.
func same(want, have any) bool {
	switch w := want.(type) {
	case string:
		if w == "*" {
			return true
		}
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok || len(h) != len(w) {
			return false
		}
		for key, value := range w {
			if v, ok := h[key]; !ok || !same(value, v) {
				return false
			}
		}
		return true
	case []any:
		h, ok := have.([]any)
		return ok && slices.EqualFunc(w, h, same)
	}
	return reflect.DeepEqual(want, have)
}

// What GET gives may be sent back, and changes nothing.
func TestRoundTrip(t *testing.T) {
	c := newClient(t, Options{})
	c.do("POST", "/channels", nil, `{"id":"one","config":{"x":{"y":[1.5,null]},"filler":"https://a/b"}}`)
	c.do("POST", "/channels/one/schedule", nil, `[{"id":"a","uri":"https://a/a","start_time":1795348800001,"duration":9.609},{"uri":"https://a/b","start":"2026-11-22T13:00:00+01:00","end_time":1795348800001,"title":"Ü <&> \"\\"}]`)
	before := c.do("GET", "/channels", nil, "")
	for _, path := range []string{"/channels/one", "/channels/one/schedule/a"} {
		got := c.do("GET", path, nil, "")
		put := c.do("PUT", path, nil, got.body)
		if put.status != 200 || put.body != got.body {
			t.Errorf("PUT %s %s: %d %s", path, got.body, put.status, put.body)
		}
	}
	if after := c.do("GET", "/channels", nil, ""); after.body != before.body || after.header.Get("ETag") != before.header.Get("ETag") {
		t.Errorf("before %s, after %s", before.body, after.body)
	}
	list := c.do("GET", "/channels/one/schedule", nil, "")
	c.do("DELETE", "/channels/one", nil, "")
	c.do("PUT", "/channels/one", nil, `{}`)
	if a := c.do("POST", "/channels/one/schedule", nil, list.body); a.status != 201 || a.body != list.body {
		t.Errorf("POST of a GET body: %d %s, want %s", a.status, a.body, list.body)
	}
}

// The ETag of the list changes with every edit, and only then.
func TestListETag(t *testing.T) {
	c := newClient(t, Options{})
	seen := map[string]string{}
	previous := ""
	for _, edit := range []string{
		`PUT /channels/one {}`,
		`PUT /channels/two {}`,
		`PUT /channels/one {"name":"new"}`,
		`PUT /channels/one {"name":"new","config":{"a":1}}`,
		`POST /channels/one/schedule {"id":"a","uri":"https://a/b","start_time":1795348800000,"duration":1}`,
		`PUT /channels/one/schedule/a {"uri":"https://a/b","start_time":1795348800000,"duration":2}`,
		`DELETE /channels/one/schedule/a `,
		`DELETE /channels/two `,
		`PUT /channels/two {}`,
	} {
		method, rest, _ := strings.Cut(edit, " ")
		path, body, _ := strings.Cut(rest, " ")
		if a := c.do(method, path, nil, body); a.status >= 300 {
			t.Fatalf("%s: %d %s", edit, a.status, a.body)
		}
		a := c.do("GET", "/channels", http.Header{"If-None-Match": {`"x", ` + previous}}, "")
		etag := a.header.Get("ETag")
		if a.status != 200 || seen[etag] != "" {
			t.Errorf("after %s: %d with the ETag of %q", edit, a.status, seen[etag])
		}
		seen[etag], previous = edit, etag
		if a := c.do("GET", "/channels", http.Header{"If-None-Match": {"W/" + etag}}, ""); a.status != 304 || a.body != "" {
			t.Errorf("after %s: %d %s, want 304", edit, a.status, a.body)
		}
	}
	// A refused edit changes nothing.
	c.do("PUT", "/channels/one/schedule/a", nil, `{"uri":"x"}`)
	if a := c.do("GET", "/channels", http.Header{"If-None-Match": {previous}}, ""); a.status != 304 {
		t.Errorf("after a refused edit: %d", a.status)
	}
}

func TestBodySizes(t *testing.T) {
	c := newClient(t, Options{})
	c.do("PUT", "/channels/one", nil, `{}`)
	pad := func(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }
	single := `{"uri":"https://a/b","start_time":1795348800000,"duration":1}`
	for _, test := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/channels", pad(`{"id":"x"}`, maxBody), 413},
		{"PUT", "/channels/one", pad(`{}`, maxBody-1), 200},
		{"POST", "/channels/one/schedule", pad(single, maxBody+1), 413},
		{"POST", "/channels/one/schedule", pad("["+single+"]", maxArrayBody), 413},
		{"POST", "/channels/one/schedule", pad("["+single+"]", maxArrayBody-1), 201},
		{"POST", "/channels/one/schedule", strings.Repeat("[", 1<<20), 400},
		{"POST", "/channels/one/schedule", strings.Repeat("[", 100) + strings.Repeat("]", 100), 400},
	} {
		if a := c.do(test.method, test.path, nil, test.body); a.status != test.want {
			t.Errorf("%s %s with %d bytes: %d %.200s, want %d", test.method, test.path, len(test.body), a.status, a.body, test.want)
		}
	}
}

// A body that breaks off is the caller's fault.
func TestBrokenBody(t *testing.T) {
	c := newClient(t, Options{})
	conn, err := net.Dial("tcp", c.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /channels HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != 400 {
		t.Errorf("%v, %v", resp, err)
	}
}

// A failure of the store is our fault, and tells nothing of the inside.
func TestStoreFails(t *testing.T) {
	c := newClient(t, Options{Store: brokenStore{}})
	for _, test := range []struct{ method, path, body string }{
		{"GET", "/channels", ""},
		{"GET", "/channels/one", ""},
		{"POST", "/channels", `{"id":"one"}`},
		{"GET", "/channels/one/schedule", ""},
		{"DELETE", "/channels/one/schedule/a", ""},
	} {
		if a := c.do(test.method, test.path, nil, test.body); a.status != 500 || strings.Contains(a.body, "disk") {
			t.Errorf("%s %s: %d %s", test.method, test.path, a.status, a.body)
		}
	}
}

var errDisk = errors.New("disk /dev/sda1 is on fire")

type brokenStore struct{ schedule.Store }

func (brokenStore) Channels(context.Context) ([]schedule.Channel, error) { return nil, errDisk }
func (brokenStore) Channel(context.Context, string) (schedule.Channel, error) {
	return schedule.Channel{}, errDisk
}
func (brokenStore) CreateChannel(context.Context, schedule.Channel) (schedule.Channel, error) {
	return schedule.Channel{}, errDisk
}
func (brokenStore) Events(context.Context, string, schedule.Slot) ([]schedule.Event, int64, error) {
	return nil, 0, errDisk
}
func (brokenStore) Edit(context.Context, string, func(schedule.Tx) error) error { return errDisk }

func TestBadOrigins(t *testing.T) {
	for _, origin := range []string{"example.com", "https://", "https://a/b", "null", "https://*", "//a"} {
		_, err := New(Options{Logger: slog.New(slog.DiscardHandler), Origins: []string{origin}})
		if (err == nil) != (origin == "https://*") {
			t.Errorf("origin %q: %v", origin, err)
		}
	}
}

// Swagger UI works without internet: it loads nothing from elsewhere.
func TestDocsAreOffline(t *testing.T) {
	c := newClient(t, Options{})
	a := c.do("GET", "/api/docs/", nil, "")
	if a.status != 200 || !strings.Contains(a.body, "openapi.json") || strings.Contains(a.body, `src="http`) || strings.Contains(a.body, `href="http`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, part := range strings.Split(a.body, `"./`)[1:] {
		file, _, _ := strings.Cut(part, `"`)
		if a := c.do("GET", "/api/docs/"+file, nil, ""); a.status != 200 || len(a.body) == 0 {
			t.Errorf("%s: %d", file, a.status)
		}
	}
	served := c.do("GET", "/api/docs/openapi.json", nil, "")
	want, err := Document()
	if err != nil || !bytes.Equal([]byte(served.body), want) {
		t.Errorf("served %d, %v, is not the document", served.status, err)
	}
}

func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"uri":"https://a/b","start_time":1795348800000,"duration":9.6}`,
		`[{"id":"a","uri":"https://a/b","start":"2026-11-22T12:00:00Z","end_time":1795348800001}]`,
		`{"uri":"https://a/b","URI":"x"}`, `{"a":1,"a":2}`, `[]`, `null`, `{"start":null}`, `{} {}`, `[1e999]`, `{"start_time":1e300}`, "\"\\ud800\"",
		`{"duration":1e-9}`, `{"start_time":-9223372036854775808,"duration":2678400}`,
	} {
		f.Add(seed)
	}
	_, h, err := build(Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		inputs, _, faults, err := decodeObjects[eventInput](h, []byte(text))
		if err != nil || faults != nil {
			return
		}
		for _, input := range inputs {
			e, faults := h.readEvent(t.Context(), input, "one", "new", "body")
			if faults != nil {
				continue
			}
			// What was accepted comes back as it is.
			raw, err := json.Marshal(eventOf(e))
			if err != nil {
				t.Fatal(err)
			}
			again, err := decodeObject[eventInput](h, raw)
			if err != nil {
				t.Fatalf("%s: %v", raw, err)
			}
			e2, faults := h.readEvent(t.Context(), again, "one", "other", "body")
			if faults != nil || e2.ID != e.ID || !e2.Start.Equal(e.Start) || !e2.End.Equal(e.End) || e2.Title != e.Title || e2.URI != e.URI {
				t.Fatalf("%s: %v, %v became %v", raw, faults, e, e2)
			}
		}
	})
}

// Two hundred write to one channel at the same time, most of them over each
// other: what was answered with 201 is there, nothing overlaps, and nobody gets
// anything else than 201 or 409.
func TestConcurrentWriters(t *testing.T) {
	c := newClient(t, Options{})
	c.do("PUT", "/channels/one", nil, `{}`)
	const writers = 200
	var group sync.WaitGroup
	var created atomic.Int32
	for i := range writers {
		group.Go(func() {
			body := fmt.Sprintf(`{"id":"w%d","uri":"https://a/b","start_time":%d,"duration":60}`, i, 1795348800000+i%50*45_000)
			switch a := c.do("POST", "/channels/one/schedule", nil, body); a.status {
			case 201:
				created.Add(1)
			case 409:
			default:
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	group.Wait()
	var events []event
	if err := json.Unmarshal([]byte(c.do("GET", "/channels/one/schedule", nil, "").body), &events); err != nil {
		t.Fatal(err)
	}
	for i, e := range events {
		if i > 0 && e.StartTime < events[i-1].EndTime {
			t.Errorf("%v overlaps %v", e, events[i-1])
		}
	}
	if n := int(created.Load()); n != len(events) || n < 20 {
		t.Errorf("%d were answered with 201, %d are there", n, len(events))
	}
}

package catalogtest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"consuo/internal/asset"
	"consuo/internal/packed"
	"consuo/internal/testneeds"
	"consuo/internal/timeline"
)

var update = flag.Bool("update", false, "rewrite the tables in testdata")

// item is an asset of the catalogue.
type item struct {
	name string
	uri  string
	// what loading it gave
	presentation *packed.Presentation
	asset        *timeline.Asset
	err          error
	own          []map[string]bool // by source: the URIs of its segments
}

// catalog is every asset, loaded once by the engine's own loader from origins
// that are in memory.
var catalog = sync.OnceValues(func() ([]*item, error) {
	var items []*item
	origin := origins{}
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		it, err := origin.archive(name)
		if err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	vectors, err := origin.vectors(filepath.Join(testneeds.Root(), "..", "shared", "vectors"))
	if err != nil {
		return nil, err
	}
	items = append(items, vectors...)
	loader := asset.New(asset.Options{Transport: origin})
	for _, it := range items {
		if it.presentation, it.err = loader.Load(context.Background(), it.uri); it.err != nil {
			continue
		}
		if it.asset, it.err = timeline.NewAsset(it.presentation, timeline.AssetOptions{}); it.err != nil {
			continue
		}
		it.own = ownURIs(it.presentation, it.asset)
	}
	return items, nil
})

// load returns the whole catalogue. Without the vectors it is smaller, and the
// tables are not compared.
func load(t *testing.T) (items []*item, whole bool) {
	t.Helper()
	items, err := catalog()
	if err != nil {
		t.Fatal(err)
	}
	whole = slices.ContainsFunc(items, func(it *item) bool { return strings.HasPrefix(it.name, "vectors/") })
	if !whole {
		t.Log("the vectors are not beside this checkout: own assets only")
	}
	return items, whole
}

// ownURIs lists the segments of each of an asset's sources.
func ownURIs(p *packed.Presentation, a *timeline.Asset) []map[string]bool {
	var own []map[string]bool
	for _, src := range a.Sources {
		uri := ""
		if len(src.Variants) > 0 {
			uri = src.Variants[0].URI
		} else {
			uri = src.Rendition.URI
		}
		uris := make(map[string]bool)
		for i := range p.Media[uri].Len() {
			uris[p.Media[uri].URI(i)] = true
		}
		own = append(own, uris)
	}
	return own
}

// origins serve files from memory, by URL with or without query string.
type origins map[string][]byte

// RoundTrip answers like an origin; a body "-> URL" is a redirect.
func (o origins) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	plain := *r.URL
	plain.RawQuery = ""
	answer := &http.Response{StatusCode: http.StatusOK, Header: make(http.Header), Request: r, Body: http.NoBody}
	body, ok := o[r.URL.String()]
	if !ok {
		body, ok = o[plain.String()]
	}
	if !ok {
		answer.StatusCode = http.StatusNotFound
		return answer, nil
	}
	if to, ok := strings.CutPrefix(string(body), "-> "); ok {
		answer.StatusCode = http.StatusFound
		answer.Header.Set("Location", strings.TrimSpace(to))
		return answer, nil
	}
	answer.Header.Set("Content-Type", "application/vnd.apple.mpegurl")
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// archive reads an asset from a text file: a comment, then files, each after a
// line with its name between "-- " and " --". The first file is the asset.
func (o origins) archive(name string) (*item, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	it := &item{name: strings.TrimSuffix(filepath.Base(name), ".txtar")}
	base, err := url.Parse("https://" + it.name + ".own.example/")
	if err != nil {
		return nil, err
	}
	for _, part := range strings.Split("\n"+string(text), "\n-- ")[1:] {
		file, body, ok := strings.Cut(part, " --\n")
		if !ok {
			return nil, fmt.Errorf("%s: no end of the file name in %.40q", name, part)
		}
		u, err := base.Parse(file)
		if err != nil {
			return nil, err
		}
		body += "\n"
		if it.name == "untidy" {
			body = "\ufeff" + strings.ReplaceAll(body, "\n", "\r\n")
		}
		o[u.String()] = []byte(strings.ReplaceAll(body, "LONG", strings.Repeat("long-", 14_000)))
		if it.uri == "" {
			it.uri = u.String()
		}
	}
	if it.name == "define" {
		it.uri += "?token=abc"
	}
	return it, nil
}

// vectors reads the playlists from the field. Every multivariant playlist is
// an asset.
func (o origins) vectors(root string) (items []*item, err error) {
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name == root {
			return fs.SkipAll
		}
		if err != nil || path.Ext(name) != ".m3u8" {
			return err
		}
		body, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		uri := "https://vectors.example/" + filepath.ToSlash(rel)
		o[uri] = body
		if bytes.Contains(body, []byte("#EXT-X-STREAM-INF")) {
			items = append(items, &item{name: "vectors/" + strings.TrimSuffix(filepath.ToSlash(rel), ".m3u8"), uri: uri})
		}
		return nil
	})
	return items, err
}

// compare holds lines against a committed table, or rewrites it.
func compare(t *testing.T, name string, lines []string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	was := strings.Split(strings.TrimSuffix(string(want), "\n"), "\n")
	for i := range max(len(was), len(lines)) {
		var a, b string
		if i < len(was) {
			a = was[i]
		}
		if i < len(lines) {
			b = lines[i]
		}
		if a != b {
			t.Errorf("%s:%d:\n was %s\n is  %s\n(go test ./internal/catalogtest -update rewrites it)", name, i+1, a, b)
			return
		}
	}
}

// TestTargetDurationOfTheOperator: config.target_duration refuses assets with
// longer segments, on whatever track.
func TestTargetDurationOfTheOperator(t *testing.T) {
	items, _ := load(t)
	for _, it := range items {
		if it.err != nil {
			continue
		}
		settings, err := timeline.Settle(it.asset, nil)
		if err != nil {
			t.Fatal(err)
		}
		feed, err := timeline.Map(settings, it.asset, timeline.MapOptions{TargetDuration: 6 * time.Second})
		if err != nil {
			continue // as outcomes.txt says
		}
		_, err = timeline.Map(settings, it.asset, timeline.MapOptions{TargetDuration: 6 * time.Second, MaxTarget: 5 * time.Second})
		if tooLong := timeline.WholeTarget(feed.Longest()) > 5*time.Second; errors.Is(err, timeline.ErrTarget) != tooLong {
			t.Errorf("%s, whose longest segment lasts %s: %v", it.name, feed.Longest(), err)
		}
	}
}

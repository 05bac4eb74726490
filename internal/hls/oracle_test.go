package hls_test

import (
	"bytes"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"consuo/internal/hls"
	"consuo/internal/testneeds"

	"github.com/grafov/m3u8"
)

// oracle returns the URI lines of a media playlist as another parser reads
// them; false where it fails.
func oracle(body []byte) (uris []string, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	// It takes a blank line after EXTINF for the URI.
	var text bytes.Buffer
	lines := 0
	for line := range bytes.Lines(bytes.TrimPrefix(body, []byte("\ufeff"))) {
		if len(bytes.TrimSpace(line)) > 0 {
			text.Write(line)
			lines++
		}
	}
	p, err := m3u8.NewMediaPlaylist(0, uint(lines))
	if err != nil || p.Decode(text, false) != nil {
		return nil, false
	}
	for _, s := range p.Segments[:p.Count()] {
		uris = append(uris, s.URI)
	}
	return uris, true
}

// checkOracle: what we take for a media playlist has the segments that another
// parser finds in it.
func checkOracle(t *testing.T, body []byte) {
	m, err := hls.ParseMedia(base, body)
	if err != nil {
		return
	}
	uris, ok := oracle(body)
	if !ok {
		return
	}
	if len(uris) != len(m.Segments) {
		t.Fatalf("%d segments, want %d", len(m.Segments), len(uris))
	}
	from, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	for i, uri := range uris {
		want, err := from.Parse(uri)
		if err != nil || strings.Contains(uri, "{$") || strings.ContainsFunc(uri, unsafeInURI) {
			continue // variables, and what we escape and others do not
		}
		want.Fragment, want.RawFragment = "", ""
		if got := m.Segments[i].URI; got != want.String() {
			t.Fatalf("segment %d is %q, want %q", i, got, want)
		}
	}
}

func unsafeInURI(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", r) }

func TestOracle(t *testing.T) {
	root := os.DirFS(testneeds.Shared(t, "vectors"))
	checked := 0
	err := fs.WalkDir(root, ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".m3u8" {
			return err
		}
		body, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		if _, m, err := hls.Parse(base, body); err == nil && m != nil {
			if uris, ok := oracle(body); !ok || len(uris) == 0 {
				t.Errorf("%s: the other parser fails", name)
			}
			checked++
		}
		checkOracle(t, body)
		return nil
	})
	if err != nil || checked < 90 {
		t.Errorf("%d playlists: %v", checked, err)
	}
}

func FuzzOracle(f *testing.F) {
	seed(f, false)
	f.Add([]byte(everything))
	f.Fuzz(checkOracle)
}

package packed_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/packed"
	"consuo/internal/testneeds"
	"consuo/internal/vodtest"
)

var update = flag.Bool("update", false, "rewrite the tables in testdata")

// TestFrozenFilm holds the digest and the stored form of assets to what they
// have been: engines of different versions share a log, cuts name assets by
// their digest, and what one engine has frozen another thaws.
func TestFrozenFilm(t *testing.T) {
	playlists := make(map[string][]byte)
	for i, s := range seeds {
		playlists[fmt.Sprintf("seed-%d", i)] = []byte(s)
	}
	maps.Copy(playlists, vodtest.New(20*time.Minute).Files("film"))
	frozen(t, playlists)
}

// TestFrozenVectors is the same for playlists from the field.
func TestFrozenVectors(t *testing.T) {
	root := os.DirFS(testneeds.Shared(t, "vectors"))
	playlists := make(map[string][]byte)
	err := fs.WalkDir(root, ".", func(name string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(name) == ".m3u8" {
			playlists[name], err = fs.ReadFile(root, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	frozen(t, playlists)
}

// frozen compares the digests and stored forms of media playlists with the
// table of the test that calls it.
func frozen(t *testing.T, playlists map[string][]byte) {
	t.Helper()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(playlists)) {
		_, m, err := hls.Parse("https://vod.example/"+name, playlists[name])
		if err != nil {
			t.Fatal(err)
		}
		if m == nil {
			continue // a multivariant playlist
		}
		p := packed.New(&hls.Presentation{
			URL: "u", Multivariant: &hls.Multivariant{Variants: []hls.Variant{{URI: "v"}}}, Media: map[string]*hls.Media{"v": m},
		})
		stored, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\t%s\t%x\n", name, p.Media["v"].Digest, sha256.Sum256(stored))
	}
	table := filepath.Join("testdata", t.Name()+".txt")
	if *update {
		if err := os.WriteFile(table, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	is, was := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	if len(is) != len(was) {
		t.Errorf("%d playlists, the table has %d", len(is), len(was))
	}
	for i := range min(len(is), len(was)) {
		if is[i] != was[i] {
			t.Errorf("%s:%d:\n was %s\n is  %s", table, i+1, was[i], is[i])
		}
	}
}

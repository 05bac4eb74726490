package hls_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"consuo/internal/hls"
	"consuo/internal/testneeds"
)

// Every playlist from the field parses, and nothing in it gets lost: as many
// segments and variants come out as there are tags.
func TestVectors(t *testing.T) {
	root := testneeds.Shared(t, "vectors")
	segments, playlists := 0, 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".m3u8" {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		playlists++
		t.Run(name, func(t *testing.T) {
			mv, media, err := hls.Parse("https://vod.example/"+name, body)
			if err != nil {
				t.Fatal(err)
			}
			lines := "\n" + string(body)
			if mv != nil {
				if want := strings.Count(lines, "\n#EXT-X-STREAM-INF:"); len(mv.Variants) != want {
					t.Errorf("%d variants, want %d", len(mv.Variants), want)
				}
				if want := strings.Count(lines, "\n#EXT-X-MEDIA:"); len(mv.Renditions) != want {
					t.Errorf("%d renditions, want %d", len(mv.Renditions), want)
				}
				// One has a URI that belongs to nothing.
				if len(mv.Warnings) != 0 && !strings.HasPrefix(name, "hls_noaudioonly") {
					t.Errorf("warnings %q", mv.Warnings)
				}
				return
			}
			want := strings.Count(lines, "\n#EXTINF:")
			if len(media.Segments) != want {
				t.Errorf("%d segments, want %d", len(media.Segments), want)
			}
			segments += want
			if len(media.Warnings) != 0 {
				t.Errorf("warnings %q", media.Warnings)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if playlists != 125 || segments != 8689 {
		t.Errorf("%d playlists with %d segments, want 125 and 8689", playlists, segments)
	}
}

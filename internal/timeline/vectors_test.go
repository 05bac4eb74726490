package timeline_test

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/hlscheck"
	"consuo/internal/testneeds"
	"consuo/internal/timeline"
)

// vector reads a folder of playlists from the field as an asset.
func vector(t testing.TB, folder string, elem ...string) *timeline.Asset {
	t.Helper()
	master := "master.m3u8"
	if len(elem) > 0 {
		master = elem[0]
	}
	dir := testneeds.Shared(t, "vectors", folder)
	base := "https://vectors.example/" + folder + "/"
	read := func(name string) []byte {
		body, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	m, err := hls.ParseMultivariant(base+master, read(master))
	if err != nil {
		t.Fatal(err)
	}
	p := &hls.Presentation{URL: base + master, Multivariant: m, Media: make(map[string]*hls.Media)}
	add := func(uri string) {
		if uri == "" || p.Media[uri] != nil {
			return
		}
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		if p.Media[uri], err = m.ParseMedia(uri, read(path.Base(u.Path))); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range m.Variants {
		add(v.URI)
	}
	for _, r := range m.Renditions {
		add(r.URI)
	}
	return newAsset(t, p)
}

// TestVectorsOnAir cuts each vector everywhere: events of odd lengths, joined
// in progress, back to back and with the asset itself as filler between.
func TestVectorsOnAir(t *testing.T) {
	t.Parallel()
	// How far from its time an event may begin: half a segment, or a whole one
	// where a cut moves onto a discontinuity beside it.
	vectors := map[string]time.Duration{
		"hls4": 1500 * time.Millisecond, "hls5": 4 * time.Second,
		"hls_cmaf_1": 1500 * time.Millisecond, "hls_repeat": 2 * time.Second,
	}
	for folder, off := range vectors {
		t.Run(folder, func(t *testing.T) {
			a := vector(t, folder)
			c := newChannel(t, a, a)
			c.seen = hlscheck.New(hlscheck.Options{StoreTime: true})
			at := epoch.Add(-17 * time.Second)
			for i := range 40 {
				end := at.Add(time.Duration(i)*1013*time.Millisecond + 9*time.Second)
				c.events = append(c.events, timeline.Event{URI: a.URI, Start: at, End: end})
				at = end.Add(time.Duration(i%3) * 3300 * time.Millisecond)
			}
			c.begin()
			c.until(at, 500*time.Millisecond)
			c.check()
			if n := c.adherence(2 * off); n != len(c.events) {
				t.Errorf("%d of %d events were on air at their time", n, len(c.events))
			}
		})
	}
}

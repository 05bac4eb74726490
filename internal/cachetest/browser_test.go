package cachetest

import (
	"strings"
	"testing"
	"time"

	"consuo/internal/browsertest"
)

// TestBrowser has hls.js play through the cache, outside of the network in
// which the engine fetches VODs: the two know the VODs by different names.
func TestBrowser(t *testing.T) {
	const watch = 40 * time.Second
	s := newStation(t)
	r := browsertest.PlayHLSJS(t, s.cache+"/live/master.m3u8?channel="+channel, browsertest.Options{For: watch})
	for _, fault := range r.Faults() {
		t.Error(fault)
	}
	if r.Played() < watch-3*time.Second {
		t.Errorf("%s played in %s", r.Played(), watch)
	}
	for _, f := range r.Fragments {
		if !strings.HasPrefix(f.URL, s.vods+"/") && !strings.HasPrefix(f.URL, s.cache+"/live/slate/") {
			t.Errorf("%s was played, and players reach VODs at %s", f.URL, s.vods)
		}
	}
}

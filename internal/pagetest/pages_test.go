package pagetest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"consuo/internal/pagetest"
	"consuo/internal/systemtest"
)

// The samples of testdata/vod, with their lengths.
var vods = []struct {
	name, title string
	length      time.Duration
}{
	{"ember", "Ember", 53 * time.Second},
	{"harbour", "Harbour at Night", 29920 * time.Millisecond},
	{"meadow", "Meadow", 41308 * time.Millisecond},
}

// channel makes a channel with half an hour of samples, back to back, each with
// others on the air than the last.
func channel(s *systemtest.Station, id, name string, first int) {
	s.Post("/channels", map[string]any{"id": id, "name": name, "config": map[string]any{}})
	var events []map[string]any
	at := time.Now().Add(-time.Minute - time.Duration(first)*17*time.Second)
	for i := first; at.Before(time.Now().Add(30 * time.Minute)); i++ {
		vod := vods[i%len(vods)]
		end := at.Add(vod.length)
		events = append(events, map[string]any{
			"title": vod.title, "uri": fmt.Sprintf("%s/%s/master.m3u8", s.VODs, vod.name),
			"start_time": at.UnixMilli(), "end_time": end.UnixMilli(),
		})
		at = end
	}
	s.Post("/channels/"+id+"/schedule", events)
}

// Channel one has a transition every few seconds; then come some that play the
// samples, many that sleep, and one whose texts try to be more than that.
func TestMultiview(t *testing.T) {
	s := systemtest.NewStation(t)
	s.Programme("one", 20*time.Minute)
	s.Send("PUT", "/channels/one", map[string]any{"id": "one", "name": "Channel One", "config": map[string]any{}}, http.StatusOK)
	for i, name := range []string{"Harbour News", "Meadow Nature", "Ember Movies", "Docklands", "Fields & Forests"} {
		channel(s, fmt.Sprintf("p%d", i), name, i+1)
	}
	const sleepers = 40
	for i := range sleepers {
		s.Post("/channels", map[string]any{"id": fmt.Sprintf("z%02d", i), "name": fmt.Sprintf("Sleeper %d", i), "config": map[string]any{}})
	}
	const evil = `<img src=x onerror="globalThis.pwned=1"><script>globalThis.pwned=1</script>`
	s.Post("/channels", map[string]any{"id": "zz", "name": evil, "config": map[string]any{}})
	s.Post("/channels/zz/schedule", map[string]any{"title": evil, "uri": s.VODs + "/ember/master.m3u8?" + url.QueryEscape(evil), "start_time": time.Now().Add(-time.Second).UnixMilli(), "duration": 1200})

	engine, err := url.Parse(s.Engine)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(http.StripPrefix("/tv/engine", httputil.NewSingleHostReverseProxy(engine)))
	t.Cleanup(proxy.Close)

	pagetest.Run(t, "multiview", map[string]any{
		"url": s.Engine + "/", "below": proxy.URL + "/tv/engine/", "channels": 7 + sleepers, "sleeping": fmt.Sprintf("z%02d", sleepers-10), "last": evil,
	})
}

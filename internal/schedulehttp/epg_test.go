package schedulehttp

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/schedule"
	"consuo/internal/schedulesql"
)

func TestGuide(t *testing.T) {
	c := newClient(t, Options{EngineURL: "https://live.example"})
	c.do("PUT", "/channels/one", nil, `{"name":"One","config":{"logo":"https://i/1.png","group":"News"}}`)
	c.do("PUT", "/channels/two", nil, `{"config":{}}`)
	hour := time.Now().UTC().Truncate(time.Hour)
	c.do("POST", "/channels/one/schedule", nil, fmt.Sprintf(`[{"id":"a","title":"A","uri":"https://a/b","start_time":%d,"duration":3600},
		{"id":"b","title":"B","uri":"https://a/b","start_time":%d,"duration":3600},{"id":"old","title":"Old","uri":"https://a/b","start_time":1000000000000,"duration":1}]`,
		hour.UnixMilli(), hour.Add(time.Hour).UnixMilli()))
	all := c.do("GET", "/epg.xml", nil, "")
	for _, want := range []string{`<channel id="one">`, `<channel id="two">`, `<icon src="https://i/1.png">`, "<title>A</title>", "<title>B</title>"} {
		if all.status != 200 || !strings.Contains(all.body, want) {
			t.Errorf("%d %s lacks %s", all.status, all.body, want)
		}
	}
	if a := c.do("GET", "/channels/two/epg.xml", nil, ""); a.status != 200 || strings.Contains(a.body, "one") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := c.do("GET", "/channels/one/epg.xml?date=2001-09-09&tz=UTC", nil, ""); !strings.Contains(a.body, "<title>Old</title>") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := c.do("GET", "/channels/nowhere/epg.xml", nil, ""); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
	m3u := c.do("GET", "/channels.m3u", http.Header{"X-Forwarded-Proto": {"https"}}, "")
	want := `#EXTINF:-1 tvg-id="one" tvg-name="One" tvg-logo="https://i/1.png" group-title="News",One` + "\nhttps://live.example/live/master.m3u8?channel=one\n"
	if !strings.Contains(m3u.body, want) || !strings.Contains(m3u.body, `url-tvg="https://127.0.0.1:`) {
		t.Errorf("%s", m3u.body)
	}
	if a := c.do("HEAD", "/channels.m3u", nil, ""); a.status != 200 || a.header.Get("Content-Type") != "audio/x-mpegurl; charset=utf-8" {
		t.Errorf("%d %v", a.status, a.header)
	}

	var got nowNext
	a := c.do("GET", "/channels/one/now", nil, "")
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Now == nil || got.Now.ID != "a" || got.Next == nil || got.Next.ID != "b" {
		t.Errorf("%s", a.body)
	}
	if a := c.do("GET", "/channels/two/now", nil, ""); a.status != 200 || strings.Contains(a.body, `"now"`) || strings.Contains(a.body, `"next"`) {
		t.Errorf("%s", a.body)
	}
	if a := c.do("GET", "/channels/nowhere/now", nil, ""); a.status != 404 {
		t.Errorf("%d", a.status)
	}
}

// The guide asks for the engine's page, which is not where viewers' playlists
// are if these come through a cache.
func TestEnginePage(t *testing.T) {
	for _, c := range []struct{ viewers, page, want string }{
		{"https://live.example", "", `<https://live.example/>; rel="status"`},
		{"https://live.example", "http://engine.internal:8000", `<http://engine.internal:8000/>; rel="status"`},
		{"https://live.example", NoEnginePage, ""},
		{"", "", `<http://127.0.0.1:8000/>; rel="status"`},
	} {
		a := newClient(t, Options{EngineURL: c.viewers, EnginePageURL: c.page}).do("HEAD", "/channels.m3u", nil, "")
		if got := a.header.Get("Link"); a.status != 200 || got != c.want {
			t.Errorf("%+v: %d, Link: %s", c, a.status, got)
		}
	}
}

// Without ENGINE_URL links lead to the host that the player has used; a host
// that is none goes nowhere.
func TestGuideHosts(t *testing.T) {
	for _, c := range []struct{ host, engine, guide string }{
		{"tv.example:8001", "http://tv.example:8000", "http://tv.example:8001/epg.xml"},
		{"[2001:db8::1]:8001", "http://[2001:db8::1]:8000", "http://[2001:db8::1]:8001/epg.xml"},
		{"127.0.0.1", "http://127.0.0.1:8000", "http://127.0.0.1/epg.xml"},
	} {
		b := Base{"http", c.host}
		if b.engine() != c.engine || b.guide() != c.guide {
			t.Errorf("%s: %s, %s", c.host, b.engine(), b.guide())
		}
	}
}

// Where something has aired, its times are those of the playout log.
func TestGuideAsRun(t *testing.T) {
	hour := time.Now().UTC().Truncate(time.Hour)
	late := schedule.Slot{Start: hour.Add(-58 * time.Minute), End: hour}
	c := newClient(t, Options{AsRun: func(_ context.Context, channelID string, within schedule.Slot) ([]schedule.Airing, error) {
		if channelID != "one" || !within.Overlaps(late) {
			t.Errorf("asked for %s, %v", channelID, within)
		}
		return []schedule.Airing{{EventID: "a", Planned: schedule.Slot{Start: hour.Add(-time.Hour), End: hour}, Slot: late}}, nil
	}})
	c.do("PUT", "/channels/one", nil, `{}`)
	c.do("PUT", "/channels/one/schedule/a", nil, fmt.Sprintf(`{"uri":"https://a/b","start_time":%d,"duration":3600}`, hour.Add(-time.Hour).UnixMilli()))
	want := `start="` + late.Start.Format("20060102150405") + ` +0000"`
	if a := c.do("GET", "/epg.xml", nil, ""); !strings.Contains(a.body, want) {
		t.Errorf("%s lacks %s", a.body, want)
	}
}

// deadlines records those that a handler sets for its answer.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// A guide may take a slow peer longer than a request may last: each of its
// channels has its own time, to be read and to be written.
func TestGuideSlowPeer(t *testing.T) {
	store, err := schedulesql.Open(t.Context(), filepath.Join(t.TempDir(), "schedule.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var read []time.Time
	handler, err := New(Options{Store: store, Playout: store.Playout(playlog.Lead), Logger: slog.New(slog.DiscardHandler),
		AsRun: func(ctx context.Context, _ string, _ schedule.Slot) ([]schedule.Airing, error) {
			deadline, _ := ctx.Deadline()
			read = append(read, deadline)
			return nil, ctx.Err()
		}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, id := range []string{"one", "two"} {
		if _, err := store.CreateChannel(t.Context(), schedule.Channel{ID: id}); err != nil {
			t.Fatal(err)
		}
		e := schedule.Event{ID: "a", ChannelID: id, Title: "on " + id, URI: "https://a/b", Slot: schedule.Slot{Start: now, End: now.Add(time.Hour)}}
		if err := store.Edit(t.Context(), id, func(tx schedule.Tx) error { return tx.Insert(e) }); err != nil {
			t.Fatal(err)
		}
	}
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/epg.xml", nil))
	if !strings.Contains(w.Body.String(), "on two") || len(read) != 2 || !read[1].After(read[0]) || len(w.set) != 2 || !w.set[1].After(w.set[0]) {
		t.Errorf("the store may be read until %v, the peer may read until %v: %s", read, w.set, w.Body)
	}
}

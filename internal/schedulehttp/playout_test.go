package schedulehttp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/packed"
	"consuo/internal/playlog"
)

// logOf reads a page.
func (c *client) log(path string) playlog.Page {
	c.t.Helper()
	a := c.do("GET", path, nil, "")
	var page playlog.Page
	if err := json.Unmarshal([]byte(a.body), &page); err != nil || a.status != http.StatusOK {
		c.t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return page
}

// beginning is a log since 25 minutes: filler, ten minutes of a film from its
// third minute on, and filler again.
func beginning(now time.Time) []playlog.Cut {
	start := now.Add(-25 * time.Minute)
	first := playlog.FirstNumbers(start)
	cut := func(number int64, after time.Duration, kind playlog.Kind, reason playlog.Reason, asset string) playlog.Cut {
		return playlog.Cut{
			Number: number, Start: start.Add(after), Kind: kind, Reason: reason, Loop: kind != playlog.Event,
			Asset:                 playlog.Source{URI: "https://vod.example/" + asset, Digest: asset, Feeds: []int{0}},
			Filler:                playlog.Source{URI: "https://vod.example/filler", Digest: "filler", Feeds: []int{0}},
			Tracks:                []playlog.Position{{MediaSequence: first.MediaSequence + 100*number}},
			DiscontinuitySequence: first.DiscontinuitySequence + 50*number, TargetDuration: 60 * time.Second,
		}
	}
	cuts := []playlog.Cut{
		cut(1, 0, playlog.Filler, playlog.Gap, "filler"), cut(2, 5*time.Minute, playlog.Event, playlog.Joined, "film"), cut(3, 15*time.Minute, playlog.Filler, playlog.Gap, "filler"),
	}
	cuts[0].Settings = &playlog.Settings{Version: 6, Tracks: []playlog.Track{{ID: "v"}}, Multivariant: hls.Multivariant{Variants: []hls.Variant{{URI: "v"}}}}
	cuts[1].Tracks[0].First = 3
	planned := start.Add(2 * time.Minute)
	cuts[1].Airing = &playlog.Airing{EventID: "e1", Title: "=Film", URI: "https://vod.example/film", Start: planned, End: planned.Add(13 * time.Minute)}
	return cuts
}

func appendBody(id string, cuts []playlog.Cut) string {
	body, err := json.Marshal(map[string]any{"id": id, "cuts": cuts})
	if err != nil {
		panic(err)
	}
	return string(body)
}

func TestPlayout(t *testing.T) {
	c := newClient(t, Options{})
	c.do("POST", "/channels", nil, `{"id":"one"}`)
	page := c.log("/channels/one/playout")
	cuts := beginning(page.Now)

	if a := c.do("GET", "/channels/none/playout", nil, ""); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, s := range []struct {
		name, body string
		status     int
		code       string
	}{
		{"nobody has begun, somebody watches", appendBody(page.ID, []playlog.Cut{}), 200, ""},
		{"another log", appendBody("other", cuts), 409, "other_log"},
		{"another log, empty", appendBody("other", []playlog.Cut{}), 409, "other_log"},
		{"the beginning", appendBody(page.ID, cuts), 201, ""},
		{"once more", appendBody(page.ID, cuts), 201, ""},
		{"another history", appendBody(page.ID, beginning(page.Now.Add(1))), 409, "conflict"},
		{"a hole", appendBody(page.ID, []playlog.Cut{{Number: 7, Tracks: []playlog.Position{{}}, Asset: playlog.Source{Feeds: []int{}}, Filler: playlog.Source{Feeds: []int{}}}}), 422, "implausible"},
		{"no cut at all", appendBody(page.ID, []playlog.Cut{{}}), 422, "implausible"},
		{"an unknown field", `{"id":"` + page.ID + `","cuts":[],"x":1}`, 422, "implausible"},
		{"no JSON", `{`, 400, ""},
	} {
		a := c.do("POST", "/channels/one/playout", nil, s.body)
		var problem struct {
			Code, Detail string
			Page         *playlog.Page
		}
		_ = json.Unmarshal([]byte(a.body), &problem)
		if a.status != s.status || problem.Code != s.code || s.code != "" && (problem.Page == nil || problem.Page.ID != page.ID || problem.Detail == "") {
			t.Errorf("%s: %d %s", s.name, a.status, a.body)
		}
		if a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: may be cached: %v", s.name, a.header)
		}
	}
	if page = c.log("/channels/one/playout?after=1"); len(page.Cuts) != 2 || page.Settings == nil || page.Watched.IsZero() || page.Lead != playlog.Lead {
		t.Errorf("%+v", page)
	}
	if a := c.do("GET", "/channels/one/playout?after=3", nil, ""); len(a.body) > 500 {
		t.Errorf("nothing new takes %d bytes: %s", len(a.body), a.body)
	}
	late := cuts[2]
	late.Number, late.Start = 4, late.Start.Add(time.Minute)
	late.DiscontinuitySequence++
	late.Tracks = []playlog.Position{{MediaSequence: late.Tracks[0].MediaSequence + 1}}
	if a := c.do("POST", "/channels/one/playout", nil, appendBody(page.ID, []playlog.Cut{late})); a.status != 409 || !strings.Contains(a.body, `"code":"too_late"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	// Another channel of the same name has another log.
	c.do("DELETE", "/channels/one", nil, "")
	c.do("POST", "/channels", nil, `{"id":"one"}`)
	if anew := c.log("/channels/one/playout"); anew.ID == page.ID || len(anew.Cuts) > 0 || anew.Settings != nil || !anew.Watched.IsZero() {
		t.Errorf("%+v", anew)
	}
}

func TestFrozenAssets(t *testing.T) {
	c := newClient(t, Options{APIKeys: []string{"key"}})
	header := http.Header{"X-Api-Key": {"key"}, "Content-Type": {"application/octet-stream"}}
	c.do("POST", "/channels", http.Header{"X-Api-Key": {"key"}}, `{"id":"one"}`)
	id := c.log("/channels/one/playout").ID
	path := "/channels/one/playout/assets/abc?id="
	for _, s := range []struct {
		method, path string
		header       http.Header
		body         string
		status       int
		answer       string
	}{
		{"GET", path + id, nil, "", 404, `"code":"not_frozen"`},
		{"PUT", path + id, nil, "x", 401, "API_KEY"},
		{"PUT", path + id, http.Header{"X-Api-Key": {"key"}}, "{}", 415, "application/octet-stream"},
		{"PUT", path + id, header, "\x00\xff", 204, ""},
		{"GET", path + id, nil, "", 200, "\x00\xff"},
		{"PUT", path + "other", header, "x", 409, `"code":"other_log"`},
		{"GET", path + "other", nil, "", 409, `"code":"other_log"`},
		{"GET", "/channels/one/playout/assets/abc", nil, "", 422, "id"},
		{"PUT", "/channels/one/playout/assets/a%20b?id=" + id, header, "x", 422, "digest"},
		{"PUT", path + id, header, strings.Repeat("x", maxFrozen+1), 413, ""},
		{"PUT", "/channels/none/playout/assets/abc?id=" + id, header, "x", 404, "channel"},
	} {
		if a := c.do(s.method, s.path, s.header, s.body); a.status != s.status || !strings.Contains(a.body, s.answer) {
			t.Errorf("%s %s: %d %.200s", s.method, s.path, a.status, a.body)
		}
	}
}

func TestAsRun(t *testing.T) {
	c := newClient(t, Options{})
	c.do("POST", "/channels", nil, `{"id":"one"}`)
	if a := c.do("GET", "/channels/one/asrun", nil, ""); a.status != 200 || a.body != "[]" {
		t.Errorf("a channel without a log: %d %s", a.status, a.body)
	}
	page := c.log("/channels/one/playout")
	cuts := beginning(page.Now.Truncate(time.Second))
	if a := c.do("POST", "/channels/one/playout", nil, appendBody(page.ID, cuts)); a.status != 201 {
		t.Fatal(a.body)
	}
	// The film is eight minutes long, of which three are over when it is joined.
	media := &hls.Media{}
	for range 16 {
		media.Segments = append(media.Segments, hls.Segment{Duration: 30 * time.Second})
	}
	presentation := hls.Presentation{Multivariant: &hls.Multivariant{Variants: []hls.Variant{{URI: "https://vod.example/v"}}}, Media: map[string]*hls.Media{"https://vod.example/v": media}}
	frozen, err := packed.New(&presentation).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	c.do("PUT", "/channels/one/playout/assets/film?id="+page.ID, http.Header{"Content-Type": {"application/octet-stream"}}, string(frozen))
	c.do("PUT", "/channels/one/playout/assets/filler?id="+page.ID, http.Header{"Content-Type": {"application/octet-stream"}}, "no gzip")

	a := c.do("GET", "/channels/one/asrun", nil, "")
	var rows []airedRow
	if err := json.Unmarshal([]byte(a.body), &rows); err != nil || len(rows) != 4 {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	iso := func(i int, after time.Duration) string { return isoTime(cuts[i].Start.Add(after)) }
	film := rows[1]
	if film.PlannedStart != iso(0, 2*time.Minute) || film.Start != iso(1, 0) || film.End != iso(1, 390*time.Second) || film.Length != 390 ||
		film.Kind != "event" || film.Reason != "joined" || film.EventID != "e1" || film.Offset == nil || *film.Offset != 90 || film.Segment != 3 || film.Wanted != "" {
		t.Errorf("%+v", film)
	}
	if f := rows[2]; f.Start != film.End || f.End != iso(2, 0) || f.Kind != "filler" || f.Reason != "short" || f.Asset != "https://vod.example/filler" || f.Wanted != "https://vod.example/film" {
		t.Errorf("%+v", f)
	}
	if last := rows[3]; last.End != "" || last.Length < 600 || last.Length > 660 || last.Offset != nil || last.PlannedStart != "" {
		t.Errorf("%+v", last)
	}

	for _, s := range []struct {
		query string
		rows  int // -1: refused
	}{
		{"start=" + fmt.Sprint(cuts[1].Start.UnixMilli()) + "&end=" + fmt.Sprint(cuts[1].Start.Add(time.Minute).UnixMilli()), 1},
		{"start=" + fmt.Sprint(cuts[2].Start.UnixMilli()), 1},
		{"end=" + fmt.Sprint(cuts[0].Start.UnixMilli()), 0},
		{"date=2020-01-01", 0},
		{"date=2020-01-01&tz=Europe/Stockholm", 0},
		{"start=" + fmt.Sprint(cuts[0].Start.AddDate(1, 0, 0).UnixMilli()), 1}, // on air for ever
		{"date=yesterday", -1},
		{"start=2&end=1", -1},
	} {
		a := c.do("GET", "/channels/one/asrun?"+s.query, nil, "")
		var rows []airedRow
		if err := json.Unmarshal([]byte(a.body), &rows); a.status == 200 && (err != nil || len(rows) != s.rows) || a.status != 200 && (s.rows >= 0 || a.status != 422) {
			t.Errorf("%s: %d %s", s.query, a.status, a.body)
		}
	}
	a = c.do("GET", "/channels/one/asrun", http.Header{"Accept": {"text/csv"}}, "")
	lines := strings.Split(a.body, "\r\n")
	if a.status != 200 || len(lines) != 6 || lines[0] != strings.Join(asRunColumns, ",") || a.header.Get("Vary") == "" ||
		!strings.HasPrefix(lines[2], iso(0, 2*time.Minute)+","+iso(1, 0)+","+iso(1, 390*time.Second)+",390.000,event,joined,e1,'=Film,https://vod.example/film,90.000,3,") {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if a := c.do("GET", "/channels/one/asrun?format=csv", nil, ""); a.body == "" || a.body[0] == '[' {
		t.Errorf("%s", a.body)
	}
}

// One conditional request tells whether any log has grown, and up to when that
// is so.
func TestHeads(t *testing.T) {
	c := newClient(t, Options{})
	c.do("POST", "/channels", nil, `{"id":"one"}`)
	page := c.log("/channels/one/playout")
	cuts := beginning(page.Now)
	before := c.do("GET", "/playout", nil, "")
	c.do("POST", "/channels/one/playout", nil, appendBody(page.ID, cuts))
	after := c.do("GET", "/playout", http.Header{"If-None-Match": {before.header.Get("ETag")}}, "")
	want := fmt.Sprintf(`{"lead":8000000000,"logs":[{"channel":"one","id":"%s","number":3,"digest":"%s"}]}`, page.ID, cuts[2].Digest())
	if before.status != 200 || strings.TrimSpace(before.body) != `{"lead":8000000000,"logs":[]}` || after.status != 200 || strings.TrimSpace(after.body) != want {
		t.Errorf("%d %s, then %d %s, want %s", before.status, before.body, after.status, after.body, want)
	}
	same := c.do("GET", "/playout", http.Header{"If-None-Match": {after.header.Get("ETag")}}, "")
	if same.status != 304 || same.header.Get("Playout-Time") <= after.header.Get("Playout-Time") || same.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%d %v", same.status, same.header)
	}
	for body, status := range map[string]int{
		`{"watched":[{"channel":"one","id":"` + page.ID + `"},{"channel":"none","id":"x"}]}`: 204,
		`{"watched":[]}`: 204, `{}`: 422, `{"watched":[{"channel":"one"}]}`: 422, `{`: 400,
	} {
		if a := c.do("POST", "/playout", nil, body); a.status != status {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}

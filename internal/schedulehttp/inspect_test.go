package schedulehttp

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"consuo/internal/inspect"
	"consuo/internal/playlog"
)

func TestInspect(t *testing.T) {
	var seen *inspect.Channel
	c := newClient(t, Options{Inspect: func(_ context.Context, uri string, ch *inspect.Channel) (*inspect.Report, error) {
		seen = ch
		if strings.Contains(uri, "gone") {
			return nil, errors.New("the origin answers 404 Not Found")
		}
		r := &inspect.Report{
			Title: "<b>News</b>", Duration: 1799960 * time.Millisecond, Warnings: []string{"careful"},
			Tracks: []inspect.Track{{Media: playlog.VideoTrack, Container: playlog.TS, Muxed: true, Height: 720}},
		}
		if ch != nil {
			r.Verdict = &inspect.Verdict{Reason: "another shape", Settled: ch.Settings != nil}
			if ch.Settings == nil {
				r.Verdict = &inspect.Verdict{Unknown: "nobody knows"}
			}
		}
		return r, nil
	}})
	c.do("POST", "/channels", nil, `{"id":"one","config":{"target_duration":8}}`)
	c.do("POST", "/channels", nil, `{"id":"two"}`)
	c.do("POST", "/channels/two/schedule", nil, `{"uri":"https://vod.example/next","start_time":4000000000000,"duration":60}`)
	page := c.log("/channels/one/playout")
	if a := c.do("POST", "/channels/one/playout", nil, appendBody(page.ID, beginning(page.Now))); a.status != 201 {
		t.Fatal(a.body)
	}
	const asset = `"uri":"https://vod.example/news/index.m3u8"`
	for _, test := range []struct {
		name, body string
		header     http.Header
		status     int
		want       string // in the answer
	}{
		{"no channel", `{` + asset + `}`, nil, 200, `"title":"<b>News</b>","duration":1799.96,"tracks":[{"media":"video","container":"ts","muxed":true,"height":720}],"warnings":["careful"]}`},
		{"a channel on air", `{` + asset + `,"channelId":"one"}`, nil, 200, `"channel":{"id":"one","joins":false,"reason":"another shape","settled":true}`},
		{"a channel that never was", `{` + asset + `,"channelId":"two"}`, nil, 200, `"channel":{"id":"two","reason":"nobody knows","settled":false}`},
		{"no such channel", `{` + asset + `,"channelId":"three"}`, nil, 404, "three"},
		{"gone", `{"uri":"https://vod.example/gone.m3u8"}`, nil, 422, "body.uri can't be played: the origin answers 404 Not Found"},
		{"no URL", `{"uri":"news"}`, nil, 422, "body.uri"},
		{"a file", `{"uri":"file:///etc/passwd"}`, nil, 422, "body.uri"},
		{"nothing", `{}`, nil, 422, "uri"},
		{"more than is known", `{` + asset + `,"x":1}`, nil, 422, "body.x"},
		{"a foreign page", `{` + asset + `}`, http.Header{"Origin": {"https://evil.example"}}, 403, "another origin"},
		{"a form", `{` + asset + `}`, http.Header{"Content-Type": {"text/plain"}}, 415, "application/json"},
	} {
		a := c.do("POST", "/inspect", test.header, test.body)
		if a.status != test.status || !strings.Contains(a.body, test.want) || a.header.Get("Cache-Control") != "no-store" && a.status != 403 && a.status != 415 {
			t.Errorf("%s: %d %s\nwant %d %s", test.name, a.status, a.body, test.status, test.want)
		}
	}
	c.do("POST", "/inspect", nil, `{`+asset+`,"channelId":"one"}`)
	if seen.Settings == nil || seen.TargetDuration != 60*time.Second || !json.Valid(seen.Config) {
		t.Errorf("%+v", seen)
	}
	if c.do("POST", "/inspect", nil, `{`+asset+`,"channelId":"two"}`); seen.First != "https://vod.example/next" {
		t.Errorf("%+v", seen)
	}
	if a := c.do("GET", "/inspect", nil, ""); a.status != 405 {
		t.Errorf("GET: %d", a.status)
	}
}

func TestInspectIsLimited(t *testing.T) {
	calls := 0
	c := newClient(t, Options{APIKeys: []string{"key"}, Inspect: func(context.Context, string, *inspect.Channel) (*inspect.Report, error) {
		calls++
		return &inspect.Report{}, nil
	}})
	const body = `{"uri":"https://vod.example/news/index.m3u8"}`
	if a := c.do("POST", "/inspect", nil, body); a.status != 401 || calls != 0 {
		t.Fatalf("without a key: %d, %d calls", a.status, calls)
	}
	key := http.Header{"X-Api-Key": {"key"}}
	statuses := map[int]int{}
	for range inspectBurst + 20 { // one more is allowed each second, whatever that takes
		a := c.do("POST", "/inspect", key, body)
		statuses[a.status]++
		if a.status == 429 && (a.header.Get("Retry-After") != "1" || !strings.Contains(a.body, "Too many inspections")) {
			t.Fatalf("%v %s", a.header, a.body)
		}
	}
	if statuses[200] < inspectBurst || statuses[200] != calls || statuses[429] == 0 {
		t.Errorf("%v, %d calls", statuses, calls)
	}
	if a := c.do("GET", "/channels", nil, ""); a.status != 200 {
		t.Errorf("others are limited too: %d", a.status)
	}
}

// As many as may be are under way: the next waits for its turn.
func TestInspectWaitsItsTurn(t *testing.T) {
	i := newInspections(func(context.Context, string, *inspect.Channel) (*inspect.Report, error) {
		return &inspect.Report{}, nil
	})
	for range inspectionsAtOnce {
		i.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := i.do(ctx, "", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-i.slots
	if _, err := i.do(t.Context(), "", nil); err != nil {
		t.Errorf("%v", err)
	}
}

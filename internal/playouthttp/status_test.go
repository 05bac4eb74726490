package playouthttp_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/playout"
)

// The status is an interface: pages, monitors and scripts read it.
func TestStatusJSON(t *testing.T) {
	at := func(s int) playout.Instant {
		return playout.Instant{Time: time.UnixMilli(1_800_000_000_000 + int64(s)*1000).UTC()}
	}
	late := playout.Seconds(-1920 * time.Millisecond)
	now := playout.OnAir{
		Kind: playlog.Event, Reason: playlog.Scheduled, EventID: "e1", Title: "News", URI: "https://vod.example/a.m3u8?token=secret",
		Start: at(0), End: at(60), Adherence: &late,
	}
	status := playout.Status{
		ID: "one", Name: "One", State: playout.Live, Time: at(10), Degraded: true,
		Now: &now, Drift: late, TargetDuration: playout.Seconds(6 * time.Second), Window: playout.Seconds(30 * time.Second),
		Tracks:   []playout.TrackStatus{{ID: "v720", MediaSequence: 1, LastMediaSequence: 8, DiscontinuitySequence: 2}},
		LastCuts: []playout.CutStatus{{Number: 7, OnAir: now, Rebase: true}},
		Problems: []playout.Problem{{Time: at(1), URI: "http://u:p@h/a?x=1", Text: `Get "http://u:p@h/a?x=1": EOF`}},
		Log:      playout.LogStatus{ID: "l", Backend: playout.MemoryBackend, LastNumber: 7, Conflicts: 1},
		Poll:     playout.PollStatus{LastOK: at(9), Age: playout.Seconds(time.Second), Error: "read http://h/channels?a=b: no"},
	}
	const onAir = `"kind":"event","reason":"scheduled","event_id":"e1","title":"News","uri":"https://vod.example/a.m3u8?redacted",` +
		`"start":1800000000000,"end":1800000060000,"adherence":-1.92`
	want := `{"id":"one","name":"One","state":"live","time":1800000010000,"degraded":true,"now":{` + onAir + `},"next":null,` +
		`"drift":-1.92,"target_duration":6,"window":30,` +
		`"tracks":[{"id":"v720","media_sequence":1,"last_media_sequence":8,"discontinuity_sequence":2}],` +
		`"last_cuts":[{"number":7,` + onAir + `,"rebase":true}],` +
		`"problems":[{"time":1800000001000,"uri":"http://h/a?redacted","text":"Get \"http://h/a?redacted\": EOF"}],` +
		`"log":{"id":"l","backend":"memory","last_number":7,"conflicts":1,"pending":0},` +
		`"poll":{"last_ok":1800000009000,"age":1,"error":"read http://h/channels?redacted: no"}}`
	got, err := json.Marshal(status)
	if err != nil || string(got) != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
	}
	var back, redacted playout.Status
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &redacted); err != nil || !reflect.DeepEqual(back, redacted) || !back.Now.Start.Equal(at(0).Time) || *back.Now.Adherence != late {
		t.Errorf("read back: %+v, %v", back, err)
	}
	if empty, err := json.Marshal(playout.PollStatus{}); err != nil || string(empty) != `{"age":0}` {
		t.Errorf("%s, %v", empty, err)
	}
}

func TestRedacted(t *testing.T) {
	for in, want := range map[string]string{
		"":                                 "",
		"no uri, 50%? yes":                 "no uri, 50%? yes",
		"https://h/a.m3u8":                 "https://h/a.m3u8",
		"https://h/a.m3u8?":                "https://h/a.m3u8?redacted",
		"https://h/a.m3u8?t=1&u=2":         "https://h/a.m3u8?redacted",
		"HTTP://h/a?t=1":                   "HTTP://h/a?redacted",
		"https://h?t=1":                    "https://h?redacted",
		"https://h/a#secret":               "https://h/a",
		"https://h/a?t=1#secret?x":         "https://h/a?redacted",
		"https://user:pass@h:1/a@b":        "https://h:1/a@b",
		"a http://h/a?t=1 b http://h/b?u.": "a http://h/a?redacted b http://h/b?redacted.",
		`Get "http://h/a?t=1": EOF`:        `Get "http://h/a?redacted": EOF`,
		"https://h/a?u=http://i/b?secret":  "https://h/a?redacted",
		"https://h/a?: gone":               "https://h/a?redacted: gone",
		"(https://h/a?t=a:b,c.d)":          "(https://h/a?redacted)",
		"https://h/a#t=1: gone":            "https://h/a: gone",
		"<https://h/a?x>":                  "<https://h/a?redacted>",
	} {
		if got := playout.Redacted(in).String(); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := playout.Redacted("https://h/?" + strings.Repeat("secret", 1000)).String(); got != "https://h/?redacted" {
		t.Errorf("a long one: %.80s", got)
	}
}

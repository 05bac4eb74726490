package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/playlog"
)

// Killed right after the 201 of an append: the cut is there after the next
// start, and so is what it was planned with. LEAD is in every page.
func TestKilledAfterAppend(t *testing.T) {
	env := []string{"DATABASE_URL=" + filepath.Join(t.TempDir(), "schedule.db"), "LEAD=3s"}
	p := start(t, env...)
	if status, body := p.send("POST", "/channels", `{"id":"one"}`); status != 201 {
		t.Fatal(status, body)
	}
	read := func() (page playlog.Page) {
		t.Helper()
		status, body := p.send("GET", "/channels/one/playout", "")
		if err := json.Unmarshal([]byte(body), &page); status != 200 || err != nil {
			t.Fatal(status, body)
		}
		return page
	}
	page := read()
	if page.Lead != 3*time.Second {
		t.Errorf("the lead is %s", page.Lead)
	}
	first := playlog.FirstNumbers(page.Now)
	cut := playlog.Cut{
		Number: 1, Start: page.Now, Kind: playlog.Slate, Reason: playlog.Gap, Loop: true, TargetDuration: time.Second,
		Asset: playlog.Source{URI: "slate", Digest: "d", Feeds: []int{0}}, Tracks: []playlog.Position{{MediaSequence: first.MediaSequence}},
		DiscontinuitySequence: first.DiscontinuitySequence,
		Settings:              &playlog.Settings{Version: 6, Tracks: []playlog.Track{{ID: "v"}}, Multivariant: hls.Multivariant{Variants: []hls.Variant{{URI: "v"}}}},
	}
	for round := range 5 {
		frozen := "/channels/one/playout/assets/d?id=" + page.ID
		r, err := http.NewRequest("PUT", p.Base+frozen, strings.NewReader("asset"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/octet-stream")
		if answer, err := http.DefaultClient.Do(r); err != nil || answer.StatusCode != 204 {
			t.Fatal(answer, err)
		}
		body, err := json.Marshal(map[string]any{"id": page.ID, "cuts": []playlog.Cut{cut}})
		if err != nil {
			t.Fatal(err)
		}
		status, answer := p.send("POST", "/channels/one/playout", string(body))
		p.Kill()
		if status != 201 {
			t.Fatal(status, answer)
		}
		p = start(t, env...)
		after := read()
		if n := len(after.Cuts); n != round+1 || after.ID != page.ID || !after.Cuts[n-1].Equal(cut) || after.Settings == nil {
			t.Errorf("cut %d was answered with 201, and then: %+v", cut.Number, after)
		}
		if status, data := p.send("GET", frozen, ""); status != 200 || data != "asset" {
			t.Errorf("%d %q", status, data)
		}
		cut.Number, cut.Start, cut.Settings = cut.Number+1, page.Now.Add(time.Duration(round+1)*time.Minute), nil
		cut.Tracks = []playlog.Position{{MediaSequence: cut.Tracks[0].MediaSequence + 1}}
		cut.DiscontinuitySequence++
	}
}

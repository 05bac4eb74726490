package playlog_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/playlog"
)

// TestPage: an answer of the store is read as it was written.
func TestPage(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 123456789, time.UTC)
	var cut playlog.Cut
	if err := json.Unmarshal([]byte(wire), &cut); err != nil {
		t.Fatal(err)
	}
	for _, want := range []playlog.Page{
		{ID: "x", Now: now, Lead: playlog.Lead, Cuts: []playlog.Cut{}},
		{ID: "x", Now: now, Lead: playlog.Lead, Cuts: []playlog.Cut{}, Floor: playlog.Numbers{MediaSequence: 1, DiscontinuitySequence: 2}},
		{ID: "x", Now: now, Lead: playlog.Lead, Cuts: []playlog.Cut{cut}, Settings: cut.Settings, Watched: now.Add(-1), More: true},
		{ID: "x", Now: now, Cuts: []playlog.Cut{}, Settings: &playlog.Settings{Version: 7, Multivariant: hls.Multivariant{Variants: []hls.Variant{{URI: "v"}}}}},
	} {
		body, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got playlog.Page
		if err := json.Unmarshal(body, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v\n%+v\n%+v", body, err, got, want)
		}
	}
}

package schedulesql

import (
	"errors"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consuo/internal/pgtest"
	"consuo/internal/playlog"
	"consuo/internal/schedule"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func TestMeasure(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testMeasure(t, filepath.Join(t.TempDir(), "schedule.db")) })
	t.Run("postgres", func(t *testing.T) { testMeasure(t, pgtest.URL(t)) })
}

func testMeasure(t *testing.T, url string) {
	ctx := t.Context()
	store, err := Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	reg := prometheus.NewRegistry()
	m := store.Measure(reg)
	scrape := func(want ...string) string {
		t.Helper()
		w := httptest.NewRecorder()
		promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		for _, line := range want {
			if !strings.Contains(w.Body.String(), line+"\n") {
				t.Errorf("there is no %s in\n%s", line, w.Body)
			}
		}
		return w.Body.String()
	}
	scrape(`consuo_schedule_channels 0`, `consuo_schedule_store_requests_total{operation="edit",outcome="error"} 0`)

	if _, err := m.CreateChannel(ctx, schedule.Channel{ID: "one"}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.CreateChannel(ctx, schedule.Channel{ID: "one"}); err == nil {
		t.Fatal("made twice")
	}
	refusal := errors.New("no")
	if err := m.DeleteChannel(ctx, "one", func(*schedule.Channel) error { return refusal }); !errors.Is(err, refusal) {
		t.Errorf("the condition's error became %v", err)
	}
	start := time.Now().UTC().Truncate(time.Second)
	event := schedule.Event{ID: "a", ChannelID: "one", URI: "https://a/b", Slot: schedule.Slot{Start: start, End: start.Add(time.Minute)}}
	if err := m.Edit(ctx, "one", func(tx schedule.Tx) error { return schedule.Insert(tx, []schedule.Event{event}) }); err != nil {
		t.Fatal(err)
	}
	overlap := event
	overlap.ID = "b"
	if err := m.Edit(ctx, "one", func(tx schedule.Tx) error { return schedule.Insert(tx, []schedule.Event{overlap}) }); err == nil {
		t.Fatal("two events at a time")
	}
	if _, err := m.Event(ctx, "one", "nobody"); err == nil {
		t.Fatal("an event that is not there")
	}
	if _, err := m.MeasurePlayout(store.Playout(playlog.Lead)).Read(ctx, "one", 0); err != nil {
		t.Fatal(err)
	}
	text := scrape(
		`consuo_schedule_channels 1`,
		`consuo_schedule_store_requests_total{operation="create_channel",outcome="ok"} 1`,
		`consuo_schedule_store_requests_total{operation="create_channel",outcome="refused"} 1`,
		`consuo_schedule_store_requests_total{operation="delete_channel",outcome="refused"} 1`,
		`consuo_schedule_store_requests_total{operation="edit",outcome="ok"} 1`,
		`consuo_schedule_store_requests_total{operation="edit",outcome="refused"} 1`,
		`consuo_schedule_store_requests_total{operation="event",outcome="refused"} 1`,
		`consuo_schedule_store_seconds_count{operation="edit"} 2`,
		`consuo_schedule_events_total{operation="insert"} 1`,
		`consuo_schedule_log_requests_total{operation="read",outcome="ok"} 1`,
	)
	for _, name := range []string{"consuo_schedule_database_bytes ", `go_sql_open_connections{db_name="read"}`} {
		if i := strings.Index(text, "\n"+name); i < 0 || strings.HasPrefix(text[i+1+len(name):], "0\n") {
			t.Errorf("no value of %s", name)
		}
	}

	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Channels(ctx); err == nil {
		t.Fatal("a closed database answers")
	}
	scrape(`consuo_schedule_store_requests_total{operation="channels",outcome="error"} 1`)
}

package scheduleclient_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"consuo/internal/scheduleclient"
	"consuo/internal/schedulehttp"
	"consuo/internal/schedulesql"
)

// store is our schedule service, in this process.
type store struct {
	t       *testing.T
	handler http.Handler
	// statuses of the answers since they were last looked at
	statuses []int
}

func newStore(t *testing.T) *store {
	db, err := schedulesql.Open(t.Context(), filepath.Join(t.TempDir(), "schedule.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	handler, err := schedulehttp.New(schedulehttp.Options{Store: db, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return &store{t: t, handler: handler}
}

func (s *store) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	s.statuses = append(s.statuses, w.Code)
	response := w.Result()
	response.Request = r
	return response, nil
}

// edit sends what an operator would.
func (s *store) edit(method, path string, body any) {
	s.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	r := httptest.NewRequest(method, "http://schedule:8001"+path, bytes.NewReader(text))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if answer, _ := io.ReadAll(w.Body); w.Code >= 300 {
		s.t.Fatalf("%s %s: %d %s", method, path, w.Code, answer)
	}
}

func (s *store) answered(want ...int) {
	s.t.Helper()
	if !slices.Equal(s.statuses, want) {
		s.t.Errorf("answered %v, want %v", s.statuses, want)
	}
	s.statuses = nil
}

// What the schedule service writes is what the engine reads.
func TestContract(t *testing.T) {
	s := newStore(t)
	client, err := scheduleclient.New(scheduleclient.Options{BaseURL: "http://schedule:8001/", Transport: s})
	if err != nil {
		t.Fatal(err)
	}
	poll := func() scheduleclient.List {
		t.Helper()
		list, err := client.Channels(t.Context())
		if err != nil || len(list.Warnings) > 0 {
			t.Fatalf("%v, warnings %q", err, list.Warnings)
		}
		return list
	}
	if list := poll(); len(list.Channels) != 0 {
		t.Errorf("%+v", list)
	}
	s.answered(200)

	s.edit("POST", "/channels", map[string]any{"id": "one", "name": "One", "config": map[string]any{
		"target_duration": 8, "filler": "http://vod.example/f.m3u8", "delivery": "http://a/=http://b/", "always_on": true,
		"tracks": []any{}, "auto_populate": false, "something_new": 1,
	}})
	list := poll()
	s.answered(200)
	poll()
	s.answered(304)
	one := list.Channels[0]
	if one.ID != "one" || one.Name != "One" || one.Revision == "" || len(one.Warnings) != 1 || string(one.Config.Tracks) != "[]" ||
		one.Config.TargetDuration != 8*time.Second || one.Config.Filler != "http://vod.example/f.m3u8" ||
		one.Config.Delivery != "http://a/=http://b/" || !one.Config.AlwaysOn {
		t.Errorf("%+v", one)
	}
	start := time.Now().UTC().Truncate(time.Hour)
	event := func(id string, after, length time.Duration) map[string]any {
		return map[string]any{"id": id, "title": "Title of " + id, "uri": "https://vod.example/" + id + ".m3u8?token=1",
			"start_time": start.Add(after).UnixMilli(), "end_time": start.Add(after + length).UnixMilli()}
	}
	s.edit("POST", "/channels/one/schedule", []any{
		event("film", -2*time.Hour, 3*time.Hour), event("news", time.Hour, 1500*time.Millisecond), event("late", 5*time.Hour, time.Hour),
	})
	if changed := poll().Channels[0]; changed.Revision == one.Revision {
		t.Errorf("the revision is still %s", changed.Revision)
	}
	s.answered(200)
	for _, status := range []int{200, 304} {
		got, err := client.Schedule(t.Context(), "one", start, start.Add(2*time.Hour))
		if err != nil || len(got.Events) != 2 || len(got.Warnings) > 0 {
			t.Fatalf("%+v, %v", got, err)
		}
		want := scheduleclient.Event{ID: "news", Title: "Title of news", URI: "https://vod.example/news.m3u8?token=1",
			Start: start.Add(time.Hour), End: start.Add(time.Hour + 1500*time.Millisecond)}
		if got.Events[0].ID != "film" || got.Events[1] != want {
			t.Errorf("%+v", got.Events)
		}
		s.answered(status)
	}
	if _, err := client.Schedule(t.Context(), "two", start, start.Add(time.Hour)); !errors.Is(err, scheduleclient.ErrNotFound) {
		t.Errorf("%v", err)
	}
	s.answered(404)

	s.edit("DELETE", "/channels/one/schedule/news", nil)
	poll()
	if got, err := client.Schedule(t.Context(), "one", start, start.Add(2*time.Hour)); err != nil || len(got.Events) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	s.edit("DELETE", "/channels/one", nil)
	if list := poll(); len(list.Channels) != 0 {
		t.Errorf("%+v", list)
	}

	// The store's clock is in every answer; both are the same here.
	now := time.Now()
	if off := client.Clock().Now(now).Sub(now); off.Abs() > time.Second || client.Clock().Jumps() != 0 {
		t.Errorf("off by %s, %d jumps", off, client.Clock().Jumps())
	}
}

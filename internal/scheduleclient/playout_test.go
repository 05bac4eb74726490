package scheduleclient_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/playlog/playlogtest"
	"consuo/internal/scheduleclient"
	"consuo/internal/schedulehttp"
	"consuo/internal/schedulesql"
)

// inProcess calls a handler as a server would.
type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	response := w.Result()
	response.Request = r
	return response, nil
}

// The log protocol, from the engine's client through HTTP to the database.
func TestPlayoutProtocol(t *testing.T) {
	playlogtest.Run(t, func(t *testing.T, test func(*testing.T, playlog.Log, func(time.Duration))) {
		path := filepath.Join(t.TempDir(), "schedule.db")
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(time.Date(2026, 11, 22, 12, 0, 0, 1, time.UTC))) // a bubble begins before playlog.Epoch
			db, err := schedulesql.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			handler, err := schedulehttp.New(schedulehttp.Options{Store: db, Playout: db.Playout(playlog.Lead),
				Logger: slog.New(slog.DiscardHandler), APIKeys: []string{"key"}})
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range []string{"one", "two"} {
				r := httptest.NewRequest("POST", "/channels", strings.NewReader(`{"id":"`+id+`"}`))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("X-API-Key", "key")
				w := httptest.NewRecorder()
				if handler.ServeHTTP(w, r); w.Code != http.StatusCreated {
					t.Fatal(w.Code, w.Body)
				}
			}
			client, err := scheduleclient.New(scheduleclient.Options{BaseURL: "http://schedule:8001/", APIKey: "key", Transport: inProcess{handler}})
			if err != nil {
				t.Fatal(err)
			}
			test(t, client.Playout(), time.Sleep)
		})
	})
}

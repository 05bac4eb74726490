package scheduleclient_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"consuo/internal/bubble"
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
		bubble.Test(t, func(t *testing.T) {
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

// answers is a schedule that gives the same answer to everything.
func answers(status int, header, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if name, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

func playoutOf(t *testing.T, h http.Handler) *scheduleclient.Playout {
	t.Helper()
	client, err := scheduleclient.New(scheduleclient.Options{BaseURL: "http://schedule:8001/api", Transport: inProcess{h}})
	if err != nil {
		t.Fatal(err)
	}
	return client.Playout()
}

const page = `{"id":"x","now":1795348800000000000,"lead":8000000000,"cuts":[]}`

// A schedule that keeps no log is told from one that is away or has no such
// channel.
func TestPlayoutUnsupported(t *testing.T) {
	for _, c := range []struct {
		name  string
		h     http.Handler
		want  error
		other bool // an error that says none of it
	}{
		{"ours, no such channel", answers(404, "Store-Time: 1795348800000000000", `{"detail":"There is no channel."}`), scheduleclient.ErrNotFound, false},
		{"ours, and the channel is there", answers(200, "Store-Time: 1795348800000000000", page), nil, false},
		{"404 of another make", answers(404, "", `{"message":"Route GET:/channels/_/playout not found"}`), scheduleclient.ErrUnsupported, false},
		{"405", answers(405, "", ``), scheduleclient.ErrUnsupported, false},
		{"501", answers(501, "", ``), scheduleclient.ErrUnsupported, false},
		{"away", answers(503, "", ``), nil, true},
		{"a page for every path", answers(200, "", `<html>`), nil, true},
		{"another object for every path", answers(200, "", `{}`), nil, true},
	} {
		_, err := playoutOf(t, c.h).Read(t.Context(), "one", -1)
		said := errors.Is(err, scheduleclient.ErrUnsupported) || errors.Is(err, scheduleclient.ErrNotFound)
		if c.other != (err != nil && !said) || !c.other && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// A proxy's 404 does not turn our schedule into one of another make.
	status, header := 200, "1795348800000000000"
	p := playoutOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if header != "" {
			w.Header().Set("Store-Time", header)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(page))
	}))
	if _, err := p.Read(t.Context(), "one", 0); err != nil {
		t.Error(err)
	}
	status, header = 404, ""
	if _, err := p.Read(t.Context(), "one", 0); err == nil || errors.Is(err, scheduleclient.ErrUnsupported) {
		t.Error(err)
	}
}

// Whatever goes wrong, the outcome of an append is not taken for a refusal.
func TestPlayoutUnknownOutcome(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"500":                 answers(500, "", `{"code":"x"}`),
		"a wrong key":         answers(401, "Store-Time: 1795348800000000000", `{"detail":"Writing needs one of the keys"}`),
		"half a body":         answers(201, "Store-Time: 1795348800000000000", page[:40]),
		"another object":      answers(201, "", `{"id":7}`),
		"no page":             answers(201, "", `{}`),
		"a conflict of a CDN": answers(409, "", `conflict`),
		"nothing appended":    answers(201, "Store-Time: 1795348800000000000", page),
		"a redirect":          redirects{},
	} {
		_, err := playoutOf(t, h).Append(t.Context(), "one", "x", []playlog.Cut{{Number: 1, Start: time.Unix(0, 0)}})
		for _, refusal := range []error{playlog.ErrConflict, playlog.ErrOtherHistory, playlog.ErrTooLate, playlog.ErrOtherLog, playlog.ErrImplausible} {
			if err == nil || errors.Is(err, refusal) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := playoutOf(t, answers(404, "Store-Time: 1795348800000000000", `{}`)).Append(t.Context(), "one", "x", nil); !errors.Is(err, scheduleclient.ErrNotFound) {
		t.Errorf("no such channel: %v", err)
	}
	for _, id := range []string{"", "../x", "a b"} {
		if _, err := playoutOf(t, answers(200, "", page)).Read(t.Context(), id, 0); !errors.Is(err, scheduleclient.ErrNotFound) {
			t.Errorf("channel %q: %v", id, err)
		}
	}
}

// An asset counts as kept where the schedule says so, not where somebody in
// between has an answer to everything: its cut would have nothing to be rendered
// from while the origin is away.
func TestFreezeUnknownOutcome(t *testing.T) {
	for name, c := range map[string]struct {
		h    http.Handler
		kept bool
	}{
		"kept":                  {answers(204, "Store-Time: 1795348800000000000", ""), true},
		"a page for every path": {answers(200, "Content-Type: text/html", `<html>`), false},
		"nothing at all":        {answers(200, "", ""), false},
	} {
		if err := playoutOf(t, c.h).Freeze(t.Context(), "one", "x", "d", []byte("data")); (err == nil) != c.kept {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// redirects sends everybody elsewhere, where the log has the cut already.
type redirects struct{}

func (redirects) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		http.Redirect(w, r, r.URL.Path, http.StatusMovedPermanently)
		return
	}
	fmt.Fprint(w, strings.Replace(page, `[]`, `[{"number":1,"tracks":null,"asset":{"feeds":null},"filler":{"feeds":null}}]`, 1))
}

// A request takes two seconds at most.
func TestPlayoutTimeout(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		client, err := scheduleclient.New(scheduleclient.Options{BaseURL: "http://schedule:8001", Transport: hangs{}})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if _, err := client.Playout().Append(t.Context(), "one", "x", nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 2*time.Second {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
	})
}

// hangs is a schedule that never answers.
type hangs struct{}

func (hangs) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// A log of more than a page is read to its end; one that grows under another
// id is not mixed.
func TestPlayoutPages(t *testing.T) {
	ids := []string{"x", "x", "x"}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.Atoi(r.URL.Query().Get("after"))
		w.Header().Set("Store-Time", "1795348800000000000")
		fmt.Fprintf(w, `{"id":%q,"now":%d,"lead":8000000000,"more":%v,"cuts":[{"number":%d},{"number":%d}]}`,
			ids[after/2], 1795348800000000000+after, after < 4, after+1, after+2)
	})
	got, err := playoutOf(t, h).Read(t.Context(), "one", 0)
	if err != nil || len(got.Cuts) != 6 || got.Cuts[5].Number != 6 || got.More || got.Now.UnixNano() != 1795348800000000004 {
		t.Errorf("%+v, %v", got, err)
	}
	ids[1] = "y"
	if got, err = playoutOf(t, h).Read(t.Context(), "one", 0); err == nil {
		t.Errorf("two logs are mixed: %+v", got)
	}
	if _, err = playoutOf(t, answers(200, "", strings.Replace(page, `"cuts"`, `"more":true,"cuts"`, 1))).Read(t.Context(), "one", 0); err == nil {
		t.Error("more of nothing")
	}
}

// Answers of the log tell the store's clock too.
func TestPlayoutClock(t *testing.T) {
	client, err := scheduleclient.New(scheduleclient.Options{BaseURL: "http://schedule:8001",
		Transport: inProcess{answers(200, fmt.Sprint("Store-Time: ", time.Now().Add(time.Hour).UnixNano()), page)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Playout().Read(t.Context(), "one", 0); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if off := client.Clock().Now(now).Sub(now); off < 50*time.Minute {
		t.Errorf("the clock is off by %s, not by an hour", off)
	}
}

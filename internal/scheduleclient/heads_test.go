package scheduleclient_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"consuo/internal/playlog"
)

func TestNoHeads(t *testing.T) {
	const list = `{"lead":8000000000,"logs":[{"channel":"one","id":"x","number":3,"digest":"d"}]}`
	for _, c := range []struct {
		name string
		h    http.Handler
		want error // nil: any
	}{
		{"ours, but older", answers(404, "Store-Time: 1795348800000000000", `{"detail":"There is nothing at this path."}`), playlog.ErrNoHeads},
		{"of other make", answers(404, "", ``), playlog.ErrNoHeads},
		{"405", answers(405, "", ``), playlog.ErrNoHeads},
		{"without a time", answers(200, "", list), playlog.ErrNoHeads},
		{"a page for every path", answers(200, "", `<html>`), nil},
		{"another object for every path", answers(200, "Playout-Time: 1795348800000000000", `{}`), nil},
		{"away", answers(503, "", ``), nil},
	} {
		p := playoutOf(t, c.h)
		if _, err := p.Heads(t.Context()); err == nil || c.want != nil && !errors.Is(err, c.want) || c.name == "away" && errors.Is(err, playlog.ErrNoHeads) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for status, want := range map[int]bool{404: true, 405: true, 503: false} {
		err := playoutOf(t, answers(status, "", ``)).Watch(t.Context(), map[string]string{"one": "x"})
		if err == nil || errors.Is(err, playlog.ErrNoHeads) != want {
			t.Errorf("watch, %d: %v", status, err)
		}
	}
}

// What has not changed is not sent again, and is of a later instant.
func TestHeadsNotModified(t *testing.T) {
	asked := 0
	p := playoutOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Path != "/api/playout" || (r.Header.Get("If-None-Match") == `"a"`) != (asked > 1) {
			t.Errorf("%d: %s %v", asked, r.URL, r.Header)
		}
		w.Header().Set("ETag", `"a"`)
		w.Header().Set("Playout-Time", map[bool]string{true: "1795348801000000000", false: "1795348800000000000"}[asked > 1])
		if asked > 1 {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write([]byte(`{"lead":8000000000,"logs":[{"channel":"one","id":"x","number":3,"digest":"d"}]}`))
	}))
	for i := range 3 {
		h, err := p.Heads(t.Context())
		now := time.Unix(1795348800, 0).Add(time.Duration(min(i, 1)) * time.Second)
		if err != nil || !h.Now.Equal(now) || h.Lead != 8*time.Second || h.Logs["one"] != (playlog.Head{ID: "x", Number: 3, Digest: "d"}) {
			t.Errorf("%d: %+v, %v", i, h, err)
		}
	}
}

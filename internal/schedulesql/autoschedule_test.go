package schedulesql

import (
	"testing"
	"time"

	"consuo/internal/schedule"
)

func TestLease(t *testing.T) {
	each(t, func(t *testing.T, store schedule.Store) {
		s := store.(*Store)
		for i, c := range []struct {
			holder string
			after  time.Duration
			want   bool
		}{
			{"a", 0, true},
			{"b", 0, false},
			{"a", 30 * time.Second, true}, // extended
			{"b", 61 * time.Second, false},
			{"b", 91 * time.Second, true}, // it ran out
			{"a", 92 * time.Second, false},
		} {
			held, err := s.Lease(t.Context(), "work", c.holder, noon.Add(c.after), time.Minute)
			if err != nil || held != c.want {
				t.Errorf("%d: %s after %v: %v, %v", i, c.holder, c.after, held, err)
			}
		}
		must(t, s.Release(t.Context(), "work", "a")) // not its own
		if held, err := s.Lease(t.Context(), "work", "a", noon.Add(93*time.Second), time.Minute); held || err != nil {
			t.Error("released by another", err)
		}
		must(t, s.Release(t.Context(), "work", "b"))
		if held, err := s.Lease(t.Context(), "work", "a", noon.Add(93*time.Second), time.Minute); !held || err != nil {
			t.Error("not released", err)
		}
	})
}

func TestReports(t *testing.T) {
	each(t, func(t *testing.T, store schedule.Store) {
		s := store.(*Store)
		must(t, s.PutReport(t.Context(), "one", "{}")) // no such channel
		_, err := s.Report(t.Context(), "one")
		wantNotFound(t, err, "channel")
		makeChannel(t, s, "one")
		for _, want := range []string{"", `{"a":1}`, `{"a":2}`} {
			if want != "" {
				must(t, s.PutReport(t.Context(), "one", want))
			}
			if got, err := s.Report(t.Context(), "one"); err != nil || got != want {
				t.Errorf("got %s, %v, want %s", got, err, want)
			}
		}
		must(t, s.DeleteChannel(t.Context(), "one", nil))
		makeChannel(t, s, "one")
		if got, err := s.Report(t.Context(), "one"); err != nil || got != "" {
			t.Errorf("of the channel before: %s, %v", got, err)
		}
	})
}

package schedulesql

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"consuo/internal/pgtest"
	"consuo/internal/schedule"
)

// While an append is under way, heads are of an instant before it was decided,
// and nothing waits for it.
func TestHeadsDuringAnAppend(t *testing.T) {
	each(t, func(t *testing.T, s schedule.Store) {
		store := s.(*Store)
		makeChannel(t, s, "one")
		makeChannel(t, s, "two")
		p := store.Playout(8 * time.Second)
		id := p.fill(t, "one", slateCut(1, noon, "d")).ID
		other := p.fill(t, "two", slateCut(1, noon, "d")).ID
		must(t, p.Watch(t.Context(), map[string]string{"one": id, "two": other}))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		head := func() (number int64, now time.Time) {
			t.Helper()
			h, err := p.Heads(ctx)
			must(t, err)
			if h.Logs["two"].Number != 1 {
				t.Errorf("heads are %v", h.Logs)
			}
			return h.Logs["one"].Number, h.Now
		}
		n, before := head()
		if n != 1 || time.Since(before).Abs() > time.Minute {
			t.Fatalf("head %d at %s", n, before)
		}
		var decided, during time.Time
		done := func() {}
		must(t, store.inTx(ctx, func(tx *sql.Tx) (err error) {
			if decided, done, err = p.decide(ctx, tx, "one"); err != nil {
				return err
			}
			cut := slateCut(2, noon, "d")
			if err := insertCut(ctx, tx, id, &cut); err != nil {
				return err
			}
			for range 3 {
				if n, during = head(); n != 1 || during.After(decided) {
					t.Errorf("head %d at %s, decided at %s", n, during, decided)
				}
			}
			return nil
		}))
		done()
		if n, after := head(); n != 2 || after.Before(decided) {
			t.Errorf("head %d at %s, decided at %s", n, after, decided)
		}
	})
}

// An append that takes its time keeps nobody from saying which channels are
// watched, and an engine may have thousands of them.
func TestWatchDuringAnAppend(t *testing.T) {
	store := openURL(t, pgtest.URL(t)) // SQLite has one writer at a time
	p := store.Playout(8 * time.Second)
	ids := make(map[string]string)
	for _, channel := range []string{"one", "two"} {
		makeChannel(t, store, channel)
		ids[channel] = p.fill(t, channel, slateCut(1, noon, "d")).ID
	}
	ids["t\x00wo"] = ids["two"]
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	must(t, store.inTx(ctx, func(tx *sql.Tx) error {
		page, err := p.page(ctx, tx, "one", -1, time.Now())
		if err != nil {
			return err
		}
		if err := p.watch(ctx, tx, page); err != nil {
			return err
		}
		return p.Watch(ctx, ids)
	}))
	for channel := range ids {
		if h, err := p.Heads(ctx); err != nil || h.Logs[channel].ID != ids[channel] && schedule.ValidID(channel) {
			t.Errorf("%s is not watched: %v, %v", channel, h.Logs, err)
		}
	}
}

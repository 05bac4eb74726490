package schedulesql

import (
	"context"
	"database/sql"
	"testing"
	"time"

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

package schedulesql

import (
	"database/sql"
	"fmt"
	"slices"
	"testing"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/schedule"
)

func TestAired(t *testing.T) {
	each(t, func(t *testing.T, store schedule.Store) {
		s := store.(*Store)
		makeChannel(t, s, "one")
		if got, err := s.Aired(t.Context(), "one", slot(0, 60)); err != nil || len(got) != 0 {
			t.Errorf("without a log: %v, %v", got, err)
		}
		page, err := s.Playout(8*time.Second).Read(t.Context(), "one", 0)
		must(t, err)
		second := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
		airing := func(id string, from, to int) *playlog.Airing {
			return &playlog.Airing{EventID: id, Start: second(from), End: second(to)}
		}
		must(t, s.inTx(t.Context(), func(tx *sql.Tx) error {
			for i, c := range []playlog.Cut{
				{Start: second(-30), Kind: playlog.Filler, Rebase: true},
				{Start: second(40), Kind: playlog.Event, Reason: playlog.Joined, Airing: airing("joined", 0, 600)},
				{Start: second(603), Kind: playlog.Event, Reason: playlog.Scheduled, Airing: airing("late", 600, 1200)},
				{Start: second(1000), Kind: playlog.Slate, Reason: playlog.Failed, Airing: airing("late", 600, 1200)},
				{Start: second(1199), Kind: playlog.Event, Reason: playlog.Scheduled, Airing: airing("unwatched", 1200, 1800)},
				{Start: second(7200), Kind: playlog.Event, Reason: playlog.Scheduled, Airing: airing("on air", 7200, 9000)},
			} {
				c.Number = int64(i + 1)
				if err := insertCut(t.Context(), tx, page.ID, &c); err != nil {
					return err
				}
			}
			return nil
		}))
		for _, c := range []struct {
			from, to int // minutes
			want     []string
		}{
			{-60, 600, []string{"joined 0-603", "late 603-1000", "unwatched 1199-", "on air 7200-"}},
			{2, 3, []string{"joined 0-"}}, // the cut that covers the beginning
			{20, 60, []string{"unwatched 1199-"}},
			{-60, -30, nil},
		} {
			airings, err := s.Aired(t.Context(), "one", slot(c.from, c.to))
			must(t, err)
			var got []string
			for _, a := range airings {
				end := ""
				if !a.End.IsZero() {
					end = fmt.Sprintf("%.0f", a.End.Sub(noon).Seconds())
				}
				got = append(got, fmt.Sprintf("%s %.0f-%s", a.EventID, a.Start.Sub(noon).Seconds(), end))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%d to %d: %q, want %q", c.from, c.to, got, c.want)
			}
		}
	})
}

package schedulesql

import (
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"consuo/internal/pgtest"
	"consuo/internal/playlog"
	"consuo/internal/playlog/playlogtest"
)

// The log protocol on SQLite, in a bubble, whose time stands still while the
// database works.
func TestPlayoutSQLite(t *testing.T) {
	playlogtest.Run(t, func(t *testing.T, test func(*testing.T, playlog.Log, func(time.Duration))) {
		path := filepath.Join(t.TempDir(), "schedule.db")
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(noon.Add(1)))
			s := openURL(t, path)
			makeChannel(t, s, "one")
			makeChannel(t, s, "two")
			test(t, s.Playout(playlog.Lead), time.Sleep)
		})
	})
}

// The same on PostgreSQL, with a clock that the test moves.
func TestPlayoutPostgres(t *testing.T) {
	playlogtest.Run(t, func(t *testing.T, test func(*testing.T, playlog.Log, func(time.Duration))) {
		s := openURL(t, pgtest.URL(t))
		makeChannel(t, s, "one")
		makeChannel(t, s, "two")
		var mu sync.Mutex
		now := noon
		log := s.Playout(playlog.Lead)
		log.clock = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
		test(t, log, func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) })
	})
}

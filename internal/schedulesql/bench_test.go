package schedulesql

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"consuo/internal/pgtest"
	"consuo/internal/playlog"
	"consuo/internal/schedule"
)

// fill makes channels c0, c1, … with events of half an hour, one after the
// other from noon on. By hand, because it takes a statement instead of a minute.
func fill(t testing.TB, s *Store, channels, events int) {
	t.Helper()
	for i := range channels {
		makeChannel(t, s, fmt.Sprint("c", i))
	}
	_, err := s.write.ExecContext(t.Context(), `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < `+strconv.Itoa(events)+`)
		INSERT INTO events (channel_id, id, title, uri, start_ms, end_ms)
		SELECT channels.id, 'event-' || i, 'Title of event ' || i, 'https://vod.example/' || i || '/index.m3u8', CAST($1 AS BIGINT) + i * 1800000, CAST($1 AS BIGINT) + (i + 1) * 1800000
		FROM channels CROSS JOIN n`, noon.UnixMilli())
	must(t, err)
	if s.path == "" {
		_, err := s.write.ExecContext(t.Context(), `ANALYZE`) // what autovacuum does a minute later
		must(t, err)
	}
}

// Reads go through the index, whatever the size of the tables: what is timed by
// hand (BenchmarkReads) does not get slow unnoticed.
func TestReadsUseTheIndex(t *testing.T) {
	s := openTest(t)
	fill(t, s, 3, 50)
	for name, query := range map[string]string{
		"range":    `SELECT ` + eventColumns + ` FROM events WHERE channel_id = 'c1' AND end_ms > 1 AND end_ms < 2 AND start_ms < 3 ORDER BY end_ms`,
		"upcoming": `SELECT ` + eventColumns + ` FROM events WHERE channel_id = 'c1' AND end_ms > 1 ORDER BY end_ms LIMIT 2`,
	} {
		rows, err := s.read.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+query)
		must(t, err)
		defer rows.Close()
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			must(t, rows.Scan(&id, &parent, &unused, &detail))
			plan = append(plan, detail)
		}
		must(t, rows.Err())
		if len(plan) != 1 || !strings.HasPrefix(plan[0], "SEARCH events USING INDEX events_by_end (channel_id=? AND end_ms>?") {
			t.Errorf("%s: %q", name, plan)
		}
	}
}

// BenchmarkReads is by default of 1,000 channels with 1,000 events each;
// CHANNELS and EVENTS in the environment change that. docs/operations.md has numbers.
func BenchmarkReads(b *testing.B) {
	number := func(name string) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return 1000
	}
	channels, events := number("CHANNELS"), number("EVENTS")
	for name, url := range map[string]func() string{
		"sqlite":   func() string { return filepath.Join(b.TempDir(), "schedule.db") },
		"postgres": func() string { return pgtest.URL(b) },
	} {
		b.Run(name, func(b *testing.B) {
			address := url()
			fill(b, openURL(b, address), channels, events)
			s := openURL(b, address)
			random := rand.New(rand.NewPCG(1, 2))
			where := func() (string, time.Time) {
				return fmt.Sprint("c", random.IntN(channels)), noon.Add(time.Duration(random.IntN(max(1, events-48))) * 30 * time.Minute)
			}
			b.Run("day", func(b *testing.B) {
				for b.Loop() {
					channel, at := where()
					if list, _, err := s.Events(b.Context(), channel, schedule.Slot{Start: at, End: at.Add(24 * time.Hour)}); err != nil || len(list) != min(48, events) {
						b.Fatal(len(list), err)
					}
				}
			})
			b.Run("now", func(b *testing.B) {
				for b.Loop() {
					channel, at := where()
					if list, err := s.Upcoming(b.Context(), channel, at, 2); err != nil || len(list) != 2 {
						b.Fatal(len(list), err)
					}
				}
			})
			b.Run("all revisions", func(b *testing.B) {
				for b.Loop() {
					if list, err := s.Revisions(b.Context()); err != nil || len(list) != channels {
						b.Fatal(len(list), err)
					}
				}
			})
			b.Run("insert", func(b *testing.B) {
				n := 0
				for b.Loop() {
					at := noon.AddDate(50, 0, 0).Add(time.Duration(n) * time.Minute)
					n++
					e := schedule.Event{ID: fmt.Sprint("new-", n), URI: "https://a/b", Slot: schedule.Slot{Start: at, End: at.Add(time.Minute)}}
					if err := s.Edit(b.Context(), "c0", func(tx schedule.Tx) error { return schedule.Insert(tx, []schedule.Event{e}) }); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("open", func(b *testing.B) {
				for b.Loop() {
					again, err := Open(b.Context(), address)
					must(b, err)
					must(b, again.Close())
				}
			})
		})
	}
}

// BenchmarkPlayout is what a channel that comes on air asks of its log: it is
// read and made, its film is kept, and its first cut is appended.
func BenchmarkPlayout(b *testing.B) {
	for name, url := range map[string]func() string{
		"sqlite":   func() string { return filepath.Join(b.TempDir(), "schedule.db") },
		"postgres": func() string { return pgtest.URL(b) },
	} {
		b.Run(name, func(b *testing.B) {
			s := openURL(b, url())
			p := s.Playout(playlog.Lead)
			film := make([]byte, 60_000)
			for n := 0; b.Loop(); n++ {
				channel := fmt.Sprint("c", n)
				b.StopTimer()
				makeChannel(b, s, channel)
				b.StartTimer()
				page, err := p.Read(b.Context(), channel, -100)
				must(b, err)
				must(b, p.Freeze(b.Context(), channel, page.ID, "film", film))
				c := slateCut(1, page.Now, "film")
				c.TargetDuration, c.Settings = time.Second, testSettings()
				c.Tracks[0].MediaSequence = playlog.FirstNumbers(c.Start).MediaSequence
				_, err = p.Append(b.Context(), channel, page.ID, []playlog.Cut{c})
				must(b, err)
			}
		})
	}
}

package schedulesql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"consuo/internal/bubble"
	"consuo/internal/hls"
	"consuo/internal/pgtest"
	"consuo/internal/playlog"
	"consuo/internal/playlog/playlogtest"
	"consuo/internal/schedule"
)

// The log protocol on SQLite, in a bubble, whose time stands still while the
// database works.
func TestPlayoutSQLite(t *testing.T) {
	playlogtest.Run(t, func(t *testing.T, test func(*testing.T, playlog.Log, func(time.Duration))) {
		path := filepath.Join(t.TempDir(), "schedule.db")
		bubble.Test(t, func(t *testing.T) {
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

func eachPlayout(t *testing.T, f func(*testing.T, *Store, *Playout)) {
	each(t, func(t *testing.T, s schedule.Store) {
		store := s.(*Store)
		makeChannel(t, s, "one")
		f(t, store, store.Playout(playlog.Lead))
	})
}

// slateCut is a cut as the database keeps it; nobody has checked it.
func slateCut(number int64, start time.Time, digest string) playlog.Cut {
	return playlog.Cut{
		Number: number, Start: start, Kind: playlog.Slate, Reason: playlog.Gap, Loop: true,
		Asset: playlog.Source{URI: "https://vod.example/" + digest, Digest: digest, Feeds: []int{0}}, Tracks: []playlog.Position{{MediaSequence: number}},
	}
}

// fill puts cuts in a log, past all checks.
func (p *Playout) fill(t *testing.T, channel string, cuts ...playlog.Cut) playlog.Page {
	t.Helper()
	page, err := p.Read(t.Context(), channel, -1)
	must(t, err)
	must(t, p.store.inTx(t.Context(), func(tx *sql.Tx) error {
		for i := range cuts {
			if err := insertCut(t.Context(), tx, page.ID, &cuts[i]); err != nil {
				return err
			}
		}
		return nil
	}))
	return page
}

// After the clock has gone back a log was watched at a time that is yet to come.
// That stands until a rebase, which is above all that was given out by then.
func TestWatchedAhead(t *testing.T) {
	eachPlayout(t, func(t *testing.T, s *Store, p *Playout) {
		page, err := p.Read(t.Context(), "one", 0)
		must(t, err)
		start := page.Now.Add(-time.Minute)
		numbers := playlog.FirstNumbers(start)
		first := slateCut(1, start, "a")
		first.Tracks[0].MediaSequence, first.DiscontinuitySequence = numbers.MediaSequence, numbers.DiscontinuitySequence
		first.TargetDuration = 6 * time.Second
		first.Settings = &playlog.Settings{
			Version: 6, Tracks: []playlog.Track{{ID: "v"}}, Multivariant: hls.Multivariant{Variants: []hls.Variant{{URI: "v"}}},
		}
		_, err = p.Append(t.Context(), "one", page.ID, []playlog.Cut{first})
		must(t, err)
		_, err = s.write.ExecContext(t.Context(), `UPDATE playout_logs SET watched_ns = watched_ns + $1`, int64(time.Hour))
		must(t, err)

		must(t, p.Watch(t.Context(), map[string]string{"one": page.ID}))
		page, err = p.Append(t.Context(), "one", page.ID, nil)
		if must(t, err); !page.Watched.After(page.Now.Add(59 * time.Minute)) {
			t.Errorf("watched %s before now, want an hour ahead", page.Now.Sub(page.Watched))
		}
		anew := first
		anew.Number, anew.Rebase, anew.Previous = 2, true, first.Digest()
		anew.Tracks = []playlog.Position{{MediaSequence: first.Tracks[0].MediaSequence + playlog.RebaseStep}}
		anew.DiscontinuitySequence += playlog.RebaseStep
		for range 2 { // also where the first answer got lost
			_, err = p.Append(t.Context(), "one", page.ID, []playlog.Cut{anew})
			must(t, err)
			page, err = p.Read(t.Context(), "one", -1)
			if must(t, err); page.Watched.After(page.Now) || page.Now.Sub(page.Watched) > time.Minute {
				t.Errorf("after a rebase: watched %s before now", page.Now.Sub(page.Watched))
			}
		}
	})
}

// Cuts of a month stay, and of each log the last 500 and the settings; assets
// stay as long as a cut names them.
func TestSweep(t *testing.T) {
	eachPlayout(t, func(t *testing.T, s *Store, p *Playout) {
		makeChannel(t, s, "quiet")
		makeChannel(t, s, "empty")
		_, err := p.Read(t.Context(), "empty", 0)
		must(t, err)
		now := time.Now()
		var busy, quiet []playlog.Cut
		for i := range int64(1920) { // every half an hour for 40 days
			busy = append(busy, slateCut(i+1, now.Add(time.Minute-40*24*time.Hour+time.Duration(i)*30*time.Minute), fmt.Sprintf("d%d", i/480)))
		}
		for i := range int64(900) { // half a year ago
			quiet = append(quiet, slateCut(i+1, now.Add(-180*24*time.Hour+time.Duration(i)*time.Minute), "quiet"))
		}
		busy[0].Settings, quiet[0].Settings = &playlog.Settings{Version: 7}, &playlog.Settings{Version: 6}
		busy[0].Asset.Digest, busy[5].Asset.Digest = "first", "old"
		busy[1500].Filler, busy[1500].Loop = playlog.Source{Digest: "filler"}, false
		page := p.fill(t, "one", busy...)
		p.fill(t, "quiet", quiet...)
		digests := []string{"d0", "d1", "d3", "filler", "first", "fresh", "old", "unnamed"}
		for _, digest := range digests {
			must(t, p.Freeze(t.Context(), "one", page.ID, digest, []byte("data")))
		}
		_, err = s.write.ExecContext(t.Context(), `UPDATE frozen_assets SET stored_ns = stored_ns - $1 WHERE digest <> 'fresh'`, int64(61*time.Minute))
		must(t, err)

		must(t, p.sweep(t.Context()))

		page = p.fill(t, "one")
		cuts, err := p.Cuts(t.Context(), "one", schedule.Slot{Start: schedule.MinTime, End: schedule.MaxTime}, 10000)
		must(t, err)
		if len(cuts) != 1441 || cuts[0].Number != 1 || cuts[1].Number != 481 || page.Settings == nil || page.Settings.Version != 7 {
			t.Errorf("%d cuts stay, from %d and %d on, with settings %v", len(cuts), cuts[0].Number, cuts[1].Number, page.Settings)
		}
		cuts, err = p.Cuts(t.Context(), "quiet", schedule.Slot{Start: schedule.MinTime, End: schedule.MaxTime}, 10000)
		must(t, err)
		if len(cuts) != 501 || cuts[1].Number != 401 {
			t.Errorf("%d cuts of the quiet log stay", len(cuts))
		}
		var kept []string
		for _, digest := range digests {
			if _, err := p.Frozen(t.Context(), "one", page.ID, digest); err == nil {
				kept = append(kept, digest)
			} else if !errors.Is(err, playlog.ErrNotFrozen) {
				t.Error(err)
			}
		}
		if want := []string{"d1", "d3", "filler", "first", "fresh"}; !slices.Equal(kept, want) {
			t.Errorf("assets %v stay, want %v", kept, want)
		}
	})
}

// A page has at most 1,000 cuts, and says that it is full.
func TestPlayoutPages(t *testing.T) {
	eachPlayout(t, func(t *testing.T, s *Store, p *Playout) {
		var cuts []playlog.Cut
		for i := range int64(2500) {
			cuts = append(cuts, slateCut(i+1, noon.Add(time.Duration(i)*time.Minute), "d"))
		}
		p.fill(t, "one", cuts...)
		for _, c := range []struct {
			after       int64
			first, last int64
			more        bool
		}{
			{0, 1, 1000, true}, {1000, 1001, 2000, true}, {1499, 1500, 2499, true}, {1500, 1501, 2500, false}, {2000, 2001, 2500, false},
			{-1, 2500, 2500, false}, {-5000, 1501, 2500, false}, {-1 << 63, 1501, 2500, false},
		} {
			page, err := p.Read(t.Context(), "one", c.after)
			must(t, err)
			if n := len(page.Cuts); n == 0 || page.Cuts[0].Number != c.first || page.Cuts[n-1].Number != c.last || page.More != c.more {
				t.Errorf("after %d: %d cuts, more: %v", c.after, n, page.More)
			}
		}
		for _, after := range []int64{2500, 1<<63 - 1} {
			if page, err := p.Read(t.Context(), "one", after); err != nil || len(page.Cuts) > 0 || page.More {
				t.Errorf("after %d: %v, %v", after, page, err)
			}
		}
		got, err := p.Cuts(t.Context(), "one", slot(100, 200), 1000)
		must(t, err)
		if len(got) != 110 || got[0].Number != 101 {
			t.Errorf("%d cuts", len(got))
		}
	})
}

// A log that is read at r is complete for cuts that start before r + lead: what
// is being appended while it is read has been decided at r or later.
func TestPageTime(t *testing.T) {
	eachPlayout(t, func(t *testing.T, s *Store, p *Playout) {
		page, err := p.Read(t.Context(), "one", 0)
		must(t, err)
		tx, err := s.write.BeginTx(t.Context(), s.txOptions)
		must(t, err)
		decided, done, err := p.decide(t.Context(), tx, "one")
		must(t, err)
		must(t, insertCut(t.Context(), tx, page.ID, new(slateCut(1, decided.Add(playlog.Lead), "d"))))
		type result struct {
			page playlog.Page
			err  error
		}
		read := make(chan result, 1)
		go func() {
			page, err := p.Read(t.Context(), "one", 0)
			read <- result{page, err}
		}()
		if !s.isPostgres() { // PostgreSQL waits for the end of the append
			r := <-read
			if must(t, r.err); len(r.page.Cuts) > 0 || r.page.Now.After(decided) {
				t.Errorf("read at %s with %d cuts, while one is appended since %s", r.page.Now, len(r.page.Cuts), decided)
			}
			read <- r
		} else {
			for waits := 0; waits == 0 && len(read) == 0; {
				must(t, s.read.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
					AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&waits))
			}
			if len(read) > 0 {
				t.Error("read while a cut is appended")
			}
		}
		must(t, tx.Commit())
		done()
		r := <-read
		must(t, r.err)
		if s.isPostgres() && (len(r.page.Cuts) != 1 || r.page.Now.Before(decided)) {
			t.Errorf("read %d cuts at %s, the append was decided at %s", len(r.page.Cuts), r.page.Now, decided)
		}
		page, err = p.Read(t.Context(), "one", 0)
		must(t, err)
		if len(page.Cuts) != 1 || page.Now.Before(decided) || time.Since(page.Now).Abs() > time.Minute {
			t.Errorf("%d cuts at %s", len(page.Cuts), page.Now)
		}
	})
}

// Several replicas append the same numbers: one wins each.
func TestPlayoutReplicas(t *testing.T) {
	for name, url := range map[string]func() string{
		"sqlite":   func() string { return filepath.Join(t.TempDir(), "schedule.db") },
		"postgres": func() string { return pgtest.URL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			url := url()
			const replicas, rounds = 4, 15
			makeChannel(t, openURL(t, url), "one")
			logs := make([]*Playout, replicas)
			for i := range logs {
				logs[i] = openURL(t, url).Playout(playlog.Lead)
			}
			ids := make([]string, replicas)
			wins := make([]int, replicas)
			var group sync.WaitGroup
			for i, log := range logs {
				group.Go(func() {
					page, err := log.Read(t.Context(), "one", -1) // all make the log, one does
					for err == nil && (len(page.Cuts) == 0 || page.Cuts[len(page.Cuts)-1].Number < rounds) {
						ids[i] = page.ID
						c := slateCut(1, page.Now, "d")
						c.Asset.URI, c.TargetDuration = fmt.Sprintf("https://vod.example/%d", i), time.Second
						if n := len(page.Cuts); n > 0 {
							last := page.Cuts[n-1]
							c.Number, c.Start = last.Number+1, last.Start.Add(10*time.Second)
							c.Tracks[0].MediaSequence = last.Tracks[0].MediaSequence + 1
							c.DiscontinuitySequence = last.DiscontinuitySequence + 1
						} else {
							c.Tracks[0].MediaSequence = playlog.FirstNumbers(c.Start).MediaSequence
							c.Settings = testSettings()
						}
						page, err = log.Append(t.Context(), "one", page.ID, []playlog.Cut{c})
						switch {
						case err == nil:
							wins[i]++
						case errors.Is(err, playlog.ErrConflict):
							err = nil
						}
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			page, err := logs[0].Read(t.Context(), "one", 0)
			must(t, err)
			sum := 0
			for i := range logs {
				sum += wins[i]
				if ids[i] != "" && ids[i] != page.ID {
					t.Errorf("replica %d has the log %s, not %s", i, ids[i], page.ID)
				}
			}
			if sum != len(page.Cuts) || len(page.Cuts) != rounds {
				t.Errorf("%d appends of %v have succeeded, the log has %d cuts", sum, wins, len(page.Cuts))
			}
		})
	}
}

func testSettings() *playlog.Settings {
	return &playlog.Settings{Version: 6, Tracks: []playlog.Track{{ID: "v"}}, Multivariant: hls.Multivariant{Variants: []hls.Variant{{URI: "v"}}}}
}

// A channel's log goes with it, and what is beside it.
func TestPlayoutIsDeleted(t *testing.T) {
	eachPlayout(t, func(t *testing.T, s *Store, p *Playout) {
		page := p.fill(t, "one", slateCut(1, noon, "d"))
		must(t, p.Freeze(t.Context(), "one", page.ID, "d", nil))
		must(t, s.DeleteChannel(t.Context(), "one", nil))
		for name, call := range map[string]func(context.Context) error{
			"read": func(ctx context.Context) error { _, err := p.Read(ctx, "one", 0); return err },
			"append": func(ctx context.Context) error {
				_, err := p.Append(ctx, "one", page.ID, []playlog.Cut{{}})
				return err
			},
			"watch":  func(ctx context.Context) error { _, err := p.Append(ctx, "one", page.ID, nil); return err },
			"freeze": func(ctx context.Context) error { return p.Freeze(ctx, "one", page.ID, "d", nil) },
			"frozen": func(ctx context.Context) error { _, err := p.Frozen(ctx, "one", page.ID, "d"); return err },
			"cuts":   func(ctx context.Context) error { _, err := p.Cuts(ctx, "one", slot(0, 1), 1); return err },
		} {
			if err := call(t.Context()); !isNotFound(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		makeChannel(t, s, "one")
		anew, err := p.Read(t.Context(), "one", 0)
		if err != nil || anew.ID == page.ID || len(anew.Cuts) > 0 {
			t.Errorf("%+v, %v", anew, err)
		}
		var rows int
		must(t, s.read.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM cuts) + (SELECT count(*) FROM frozen_assets)`).Scan(&rows))
		if rows != 0 {
			t.Errorf("%d rows are left", rows)
		}
	})
}

func isNotFound(err error) bool {
	_, ok := errors.AsType[*schedule.NotFoundError](err)
	return ok
}

// What engines ask for all the time finds its rows by an index, and in order.
func TestPlayoutPlans(t *testing.T) {
	s := openTest(t)
	for _, order := range []string{``, `DESC`} {
		rows, err := s.read.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+pageQuery+order+` LIMIT $3`, "one", 1, 1)
		must(t, err)
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var detail string
			must(t, rows.Scan(&id, &parent, &unused, &detail))
			if !strings.HasPrefix(detail, "SEARCH ") || strings.Contains(detail, "AUTOMATIC") {
				t.Errorf("%s: %s", order, detail)
			}
		}
		must(t, rows.Err())
	}
}

// An engine asks every 2 s for what is new of each channel that is watched.
func BenchmarkPlayoutRead(b *testing.B) {
	s := openTest(b)
	makeChannel(b, s, "one")
	p := s.Playout(playlog.Lead)
	page, err := p.Read(b.Context(), "one", 0)
	if err != nil {
		b.Fatal(err)
	}
	if err := s.inTx(b.Context(), func(tx *sql.Tx) error {
		for i := range int64(10_000) {
			c := slateCut(i+1, noon.Add(time.Duration(i)*time.Minute), "d")
			if i == 0 {
				c.Settings = testSettings()
			}
			if err := insertCut(b.Context(), tx, page.ID, &c); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	for _, after := range []int64{10_000, 9_999, -100} {
		b.Run(fmt.Sprint("after ", after), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Read(b.Context(), "one", after); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// On a full disk nothing of an append is stored, the log can be read all the
// time, and appends succeed again when there is room.
func TestPlayoutFullDisk(t *testing.T) {
	s := openTest(t)
	makeChannel(t, s, "one")
	p := s.Playout(playlog.Lead)
	page, err := p.Read(t.Context(), "one", 0)
	must(t, err)
	cut := slateCut(1, page.Now, "d")
	cut.Tracks[0].MediaSequence, cut.TargetDuration, cut.Settings = playlog.FirstNumbers(page.Now).MediaSequence, time.Second, testSettings()
	limit := func(pages string) {
		t.Helper()
		_, err := s.write.ExecContext(t.Context(), `PRAGMA max_page_count = `+pages)
		must(t, err)
	}
	limit("1") // SQLite makes that what there is already
	batch := []playlog.Cut{cut}
	for i := range 50 { // more than fits in pages that are there
		next := batch[i]
		next.Number, next.Settings, next.Start = next.Number+1, nil, next.Start.Add(time.Millisecond)
		next.Asset.URI = "https://vod.example/" + strings.Repeat("x", 2000)
		next.Tracks = []playlog.Position{{MediaSequence: next.Tracks[0].MediaSequence + 1}}
		next.DiscontinuitySequence++
		batch = append(batch, next)
	}
	for range 2 {
		_, err := p.Append(t.Context(), "one", page.ID, batch)
		for _, refusal := range []error{playlog.ErrConflict, playlog.ErrOtherHistory, playlog.ErrTooLate, playlog.ErrOtherLog, playlog.ErrImplausible} {
			if err == nil || errors.Is(err, refusal) {
				t.Errorf("append on a full disk: %v", err)
			}
		}
		if err := p.Freeze(t.Context(), "one", page.ID, "d", make([]byte, 1<<20)); err == nil || errors.Is(err, playlog.ErrImplausible) {
			t.Errorf("freeze on a full disk: %v", err)
		}
		if now, err := p.Read(t.Context(), "one", 0); err != nil || len(now.Cuts) != 0 || !now.Now.After(page.Now) {
			t.Errorf("%+v, %v", now, err)
		}
	}
	limit("1000000")
	if got, err := p.Append(t.Context(), "one", page.ID, batch); err != nil || len(got.Cuts) != len(batch) {
		t.Errorf("%d cuts, %v", len(got.Cuts), err)
	}
}

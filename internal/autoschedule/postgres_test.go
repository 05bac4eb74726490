package autoschedule

import (
	"encoding/json"
	"os"
	"sync"
	"testing"
	"time"

	"consuo/internal/pgtest"
	"consuo/internal/schedule"
	"consuo/internal/schedulesql"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// Replicas with stores of their own on one PostgreSQL, all of which believe
// that the work is theirs: nothing is planned twice, and no time is left out.
func TestReplicasOnPostgres(t *testing.T) {
	address := pgtest.URL(t)
	r := &rig{T: t, origin: &origin{status: 200, start: time.Now()}}
	var runners []*Runner
	for range 4 {
		store, err := schedulesql.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		r.store = store
		runners = append(runners, r.newRunner())
	}
	const config = `{"auto_populate":true,"auto_populate_content":["https://vod.example/a-20.m3u8","https://vod.example/b-25.m3u8","https://vod.example/c-7.m3u8"]}`
	r.put(config)

	// With the lease, one of them works.
	var group sync.WaitGroup
	for _, runner := range runners {
		group.Go(func() {
			if err := runner.turn(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	working := 0
	for _, runner := range runners {
		if !runner.leased.IsZero() {
			working++
		}
	}
	if working != 1 {
		t.Errorf("%d replicas have the lease", working)
	}

	// Without it, the transaction alone keeps them apart.
	for _, ahead := range []time.Duration{24 * time.Hour, 30 * time.Hour, 48 * time.Hour} {
		a, faults := schedule.ReadAuto("one", json.RawMessage(config))
		if faults != nil {
			t.Fatal(faults)
		}
		a.Ahead = ahead
		for _, runner := range runners {
			group.Go(func() {
				probe(t.Context(), runner.lengths, []string{a.Base.Content.List[0].URI, a.Base.Content.List[1].URI, a.Base.Content.List[2].URI}, runner.Duration)
				clear(runner.channels) // it is due
				if err := runner.serve(t.Context(), schedule.Channel{ID: "one", Config: json.RawMessage(config)}, a); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		events := r.events()
		for i, e := range events {
			if i > 0 && !e.Start.Equal(events[i-1].End) {
				t.Errorf("%v after %v", e, events[i-1])
			}
		}
		if last := events[len(events)-1]; last.End.Before(time.Now().Add(ahead - time.Minute)) {
			t.Errorf("planned until %v", last)
		}
	}
}

package schedule_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"consuo/internal/schedule"
	"consuo/internal/schedulesql"
)

// Whatever is replaced by whatever: afterwards the range holds the list and
// what came in from before, nothing overlaps, nothing else has moved, and the
// same list again changes nothing.
func TestReplaceProperties(t *testing.T) {
	s, err := schedulesql.Open(t.Context(), filepath.Join(t.TempDir(), "schedule.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.CreateChannel(t.Context(), schedule.Channel{ID: "one"}); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	all := schedule.Slot{Start: at(-1000), End: at(1000)}
	serial := 0
	newID := func() string { serial++; return fmt.Sprint("n", serial) }

	for round := range 60 {
		from := random.IntN(200)
		within := schedule.Slot{Start: at(from), End: at(from + 1 + random.IntN(100))}
		var list []schedule.Event
		for minute := from - random.IntN(5); at(minute).Before(within.End); {
			length := 1 + random.IntN(20)
			e := schedule.Event{ChannelID: "one", URI: "https://a/b", Slot: schedule.Slot{Start: at(minute), End: at(minute + length)}}
			if e.Overlaps(within) {
				list = append(list, e)
			}
			minute += length + random.IntN(3)
		}
		before, _, err := s.Events(t.Context(), "one", all)
		if err != nil {
			t.Fatal(err)
		}
		var plan schedule.Replacement
		replace := func() error {
			return s.Edit(t.Context(), "one", func(tx schedule.Tx) (err error) {
				if plan, err = schedule.PlanReplace(tx, within, list, newID); err != nil {
					return err
				}
				return plan.Apply(tx)
			})
		}
		err = replace()
		after, revision, readErr := s.Events(t.Context(), "one", all)
		if readErr != nil {
			t.Fatal(readErr)
		}
		for i, e := range after {
			if i > 0 && e.Overlaps(after[i-1].Slot) {
				t.Fatalf("round %d: %v overlaps %v", round, e, after[i-1])
			}
		}
		if err != nil {
			if len(plan.Conflicts) == 0 || len(after) != len(before) {
				t.Fatalf("round %d: %v with %d conflicts", round, err, len(plan.Conflicts))
			}
			continue
		}
		byID := map[string]schedule.Event{}
		inside := 0
		for _, e := range after {
			byID[e.ID] = e
			if !e.Start.Before(within.Start) && e.Start.Before(within.End) {
				inside++
			}
		}
		wanted := 0
		for _, e := range list {
			if !e.Start.Before(within.Start) {
				wanted++
			}
		}
		if inside != wanted {
			t.Fatalf("round %d: %d events begin in the range, want %d", round, inside, wanted)
		}
		for _, e := range before {
			if !e.Overlaps(within) && !byID[e.ID].Equal(e) {
				t.Fatalf("round %d: %v was outside and is now %v", round, e, byID[e.ID])
			}
		}
		if err := replace(); err != nil {
			t.Fatalf("round %d, again: %v", round, err)
		}
		if _, again, _ := s.Events(t.Context(), "one", all); again != revision || plan.Unchanged != len(list) {
			t.Fatalf("round %d: the same list again changed %+v", round, plan)
		}
	}
}

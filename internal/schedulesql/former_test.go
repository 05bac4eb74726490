package schedulesql

import (
	"testing"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/schedule"
)

// A channel that is made anew begins above the numbers of the one with its id
// that was deleted, until the clock is above them.
func TestFormerLogs(t *testing.T) {
	eachPlayout(t, func(t *testing.T, s *Store, p *Playout) {
		anew := func() playlog.Page {
			t.Helper()
			must(t, s.DeleteChannel(t.Context(), "one", nil))
			makeChannel(t, s, "one")
			page, err := p.Read(t.Context(), "one", -1)
			must(t, err)
			return page
		}
		if page := anew(); page.Floor != (playlog.Numbers{}) {
			t.Errorf("the floor is %v, of a log that had no cut", page.Floor)
		}

		now := time.Now()
		numbers := playlog.FirstNumbers(now.Add(time.Hour)) // ahead of the clock
		first := slateCut(1, now.Add(-time.Minute), "a")
		first.Tracks[0].MediaSequence, first.DiscontinuitySequence = numbers.MediaSequence, numbers.DiscontinuitySequence
		first.Settings = &playlog.Settings{Version: 6}
		p.fill(t, "one", first)
		page, err := p.Read(t.Context(), "one", 0)
		if must(t, err); page.Floor != (playlog.Numbers{}) {
			t.Errorf("the floor is %v, of a log with a cut", page.Floor)
		}

		floor := anew().Floor
		least := playlog.Floor(&first, time.Time{}, now)
		if floor.MediaSequence < least.MediaSequence || floor.MediaSequence > least.MediaSequence+60 || floor.DiscontinuitySequence < least.DiscontinuitySequence {
			t.Errorf("the floor is %v, want %v", floor, least)
		}
		must(t, s.forgetLogs(t.Context(), now.Add(time.Hour)))
		if again := anew().Floor; again != floor {
			t.Errorf("the floor is %v, was %v: the new log had no cut", again, floor)
		}
		must(t, s.forgetLogs(t.Context(), now.Add(3*time.Hour)))
		if page := anew(); page.Floor != (playlog.Numbers{}) {
			t.Errorf("the floor is %v when the clock is above it", page.Floor)
		}
	})
}

// A condition that is not met leaves nothing behind.
func TestFormerLogOfAChannelThatStays(t *testing.T) {
	eachPlayout(t, func(t *testing.T, s *Store, p *Playout) {
		p.fill(t, "one", slateCut(1, time.Now(), "a"))
		refuse := func(*schedule.Channel) error { return &schedule.ExistsError{ID: "one"} }
		if err := s.DeleteChannel(t.Context(), "one", refuse); err == nil {
			t.Fatal("deleted")
		}
		if floor, err := formerLog(t.Context(), s.read, "one"); err != nil || floor != (playlog.Numbers{}) {
			t.Errorf("the floor is %v, %v", floor, err)
		}
	})
}

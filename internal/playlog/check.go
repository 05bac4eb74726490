package playlog

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Decide is the compare-and-set that every store makes of Append: given the
// stored tail of a log (at least its last cut, all that a batch can repeat),
// it returns the part of the batch that has to be added, which is nothing when
// the whole of it is stored already.
func Decide(stored, batch []Cut, now time.Time, lead time.Duration) (add []Cut, err error) {
	var last *Cut
	if len(stored) > 0 {
		last = &stored[len(stored)-1]
	}
	known := 0
	for known < len(batch) && last != nil && batch[known].Number <= last.Number {
		at, ok := slices.BinarySearchFunc(stored, batch[known].Number, func(c Cut, n int64) int { return int(c.Number - n) })
		if !ok || !stored[at].Equal(batch[known]) {
			return nil, fmt.Errorf("%w: cut %d", ErrConflict, batch[known].Number)
		}
		known++
	}
	if known == len(batch) && known > 0 {
		return nil, nil
	}
	// A batch is atomic: a stored part of it with the rest missing is another
	// history that only begins alike.
	if known > 0 {
		return nil, fmt.Errorf("%w: the log ends within the batch, after cut %d", ErrConflict, last.Number)
	}
	if err := Check(last, batch, now, lead); err != nil {
		return nil, err
	}
	return batch, nil
}

const (
	// horizon is how far ahead of the lead a cut may start. Engines commit
	// seconds before it; what lies further ahead would only take edits away
	// from people.
	horizon = 10 * time.Minute
	// maxPast is how long ago a rebase may start: a window is minutes long.
	maxPast = 30 * time.Minute
	// maxAhead is how far a beginning may put its media sequence above what time
	// has brought, to be above all that an engine published without the store.
	maxAhead = 1_000_000
	// maxDiscontinuity is the highest discontinuity sequence of a new log. It
	// begins low, see FirstNumbers, or above the log that it replaces: years of
	// slate have some millions.
	maxDiscontinuity = 10_000_000
	// fastest is the least that segments last on average (package hls).
	fastest = 10 * time.Millisecond

	maxBatch  = 256
	maxText   = 4096
	maxTracks = 100
	maxTarget = 24 * time.Hour
)

// Check says whether a batch may follow last (nil: the log is empty) at store
// time now. It is what every store enforces, so that one bad append can't
// poison a channel. Numbers are held to what time can have brought, those of a
// rebase or of a new log to the wall clock.
func Check(last *Cut, batch []Cut, now time.Time, lead time.Duration) error {
	if len(batch) == 0 {
		return fmt.Errorf("%w: the batch is empty", ErrImplausible)
	}
	if len(batch) > maxBatch {
		return fmt.Errorf("%w: %d cuts in a batch, at most %d", ErrImplausible, len(batch), maxBatch)
	}
	begins := last == nil || batch[0].Rebase
	for i := range batch {
		c := &batch[i]
		if err := checkHistory(last, c); err != nil {
			return fmt.Errorf("%w: %w", ErrOtherHistory, err)
		}
		err := checkShape(c)
		if err == nil {
			err = checkTime(c, begins, i == 0, now, lead)
		}
		if err == nil && begins && i == 0 {
			err = checkBeginning(last, c, now)
		} else if err == nil {
			err = checkStep(last, c)
		}
		switch {
		case errors.Is(err, ErrTooLate):
			return err
		case err != nil:
			return fmt.Errorf("%w: cut %d: %w", ErrImplausible, c.Number, err)
		}
		last = c
	}
	return nil
}

// checkHistory looks at which cut a cut was made to follow. It comes first: to
// another history nothing fits.
func checkHistory(last, c *Cut) error {
	switch {
	case c.Previous == "":
		return nil // an older engine, or the first of a log
	case last == nil:
		return fmt.Errorf("cut %d follows %.64q, the log is empty", c.Number, c.Previous)
	case c.Previous != last.Digest():
		return fmt.Errorf("cut %d follows %.64q, before it is cut %d, %q", c.Number, c.Previous, last.Number, last.Digest())
	}
	return nil
}

// checkShape looks at a cut on its own.
func checkShape(c *Cut) error {
	switch {
	case c.Kind != Event && c.Kind != Filler && c.Kind != Slate:
		return fmt.Errorf("kind is %q", c.Kind)
	case !slices.Contains([]Reason{Scheduled, Joined, Gap, Short, Failed, Changed}, c.Reason):
		return fmt.Errorf("reason is %q", c.Reason)
	case len(c.Detail) > maxText:
		return fmt.Errorf("detail is longer than %d bytes", maxText)
	case len(c.Tracks) == 0 || len(c.Tracks) > maxTracks:
		return fmt.Errorf("it has %d tracks, 1 to %d are possible", len(c.Tracks), maxTracks)
	case c.TargetDuration < time.Second || c.TargetDuration > maxTarget || c.TargetDuration%time.Second != 0:
		return fmt.Errorf("target duration is %s: whole seconds, at least one, at most %s", c.TargetDuration, maxTarget)
	case c.DiscontinuitySequence < 0:
		return errors.New("the discontinuity sequence is below zero")
	case c.Kind == Event && c.Airing == nil:
		return errors.New("it airs an event and has no airing")
	}
	for k, p := range c.Tracks {
		if p.First < 0 || p.MediaSequence < 0 {
			return fmt.Errorf("the position of track %d is below zero", k)
		}
	}
	if a := c.Airing; a != nil {
		switch {
		case a.URI == "":
			return errors.New("airing.uri is empty")
		case !a.Start.Before(a.End):
			return errors.New("airing.start is not before airing.end")
		case len(a.EventID) > maxText || len(a.Title) > maxText || len(a.URI) > maxText:
			return fmt.Errorf("a text of airing is longer than %d bytes", maxText)
		}
	}
	if err := checkSource(&c.Asset, len(c.Tracks)); err != nil {
		return fmt.Errorf("asset: %w", err)
	}
	if c.Loop {
		return nil
	}
	if err := checkSource(&c.Filler, len(c.Tracks)); err != nil {
		return fmt.Errorf("filler: %w", err)
	}
	return nil
}

func checkSource(s *Source, tracks int) error {
	switch {
	case s.URI == "":
		return errors.New("uri is empty")
	case len(s.URI) > maxText || len(s.Digest) > maxText:
		return fmt.Errorf("a text is longer than %d bytes", maxText)
	case len(s.Feeds) != tracks:
		return fmt.Errorf("%d feeds for %d tracks", len(s.Feeds), tracks)
	}
	return nil
}

// checkTime looks at when a cut starts. The head of a beginning (the first
// batch of a log, a rebase) has to cover now: no window reaches back over it.
// What follows the head in its batch may start in the past like it, and so may
// what aired while the store was away.
func checkTime(c *Cut, begins, head bool, now time.Time, lead time.Duration) error {
	switch {
	case !begins && !c.Provisional && c.Start.Before(now.Add(lead)):
		return fmt.Errorf("%w: cut %d starts %s from now, the lead is %s",
			ErrTooLate, c.Number, c.Start.Sub(now).Round(time.Millisecond), lead)
	case begins && c.Start.Before(now.Add(-maxPast)):
		return fmt.Errorf("it starts more than %s ago", maxPast)
	case begins && head && c.Start.After(now):
		return errors.New("it begins a log or a rebase and starts after now")
	case c.Start.After(now.Add(lead + horizon)):
		return fmt.Errorf("it starts more than %s ahead", lead+horizon)
	}
	return nil
}

// checkBeginning looks at the first cut of a log or of a rebase: settings, and
// numbers. What was published since the last cut is not known here; that a
// rebase is above it is for the engine to see to.
func checkBeginning(last, c *Cut, now time.Time) error {
	if err := checkSettings(c); err != nil {
		return err
	}
	number, target := int64(1), time.Duration(0)
	wallClock := max(int64(now.Sub(Epoch)/time.Second), 0)
	media := limits{wallClock - int64(maxPast/time.Second), wallClock + maxAhead}
	breaks := limits{0, maxDiscontinuity}
	if last != nil {
		number, target = last.Number+1, last.TargetDuration
		published := int64(max(now.Sub(last.Start), 0) / fastest)
		media.least = slices.Max(mediaSequences(last)) + RebaseStep
		media.most = max(media.most, media.least+published+maxAhead)
		breaks.least = last.DiscontinuitySequence + RebaseStep
		breaks.most = breaks.least + published + discontinuityWrap
	}
	if c.Number != number {
		return fmt.Errorf("its number should be %d", number)
	}
	if c.TargetDuration < target {
		return errShrinks
	}
	if err := breaks.check(c.DiscontinuitySequence); err != nil {
		return fmt.Errorf("the discontinuity sequence begins at %w", err)
	}
	for k, n := range mediaSequences(c) {
		if err := media.check(n); err != nil {
			return fmt.Errorf("the media sequence of track %d begins at %w", k, err)
		}
	}
	return nil
}

// limits are the least and the most that a number may be.
type limits struct{ least, most int64 }

func (l limits) check(n int64) error {
	if n < l.least || n > l.most {
		return fmt.Errorf("%d, %d to %d are possible", n, l.least, l.most)
	}
	return nil
}

var errShrinks = errors.New("the target duration shrinks")

// checkStep looks at a cut and the one before it.
func checkStep(last, c *Cut) error {
	switch {
	case c.Number != last.Number+1:
		return fmt.Errorf("it follows cut %d", last.Number)
	case c.Rebase:
		return errors.New("it is a rebase and not the head of its batch")
	case c.Settings != nil:
		return errors.New("it has settings and begins nothing")
	case !c.Start.After(last.Start):
		return errors.New("it does not start after the cut before it")
	case c.TargetDuration < last.TargetDuration:
		return errShrinks
	case len(c.Tracks) != len(last.Tracks):
		return errors.New("the number of tracks changes without a rebase")
	}
	// Overlaps at both ends, and a few segments of no length, besides what
	// time brings.
	step := limits{1, int64(c.Start.Sub(last.Start)/fastest) + 150}
	if err := step.check(c.DiscontinuitySequence - last.DiscontinuitySequence); err != nil {
		return fmt.Errorf("the discontinuity sequence moves by %w", err)
	}
	for k := range c.Tracks {
		if err := step.check(c.Tracks[k].MediaSequence - last.Tracks[k].MediaSequence); err != nil {
			return fmt.Errorf("the media sequence of track %d moves by %w", k, err)
		}
	}
	return nil
}

// checkSettings looks at what is decided once: a channel would keep a fault
// for ever.
func checkSettings(c *Cut) error {
	s := c.Settings
	if s == nil || len(s.Tracks) != len(c.Tracks) {
		return errors.New("it begins a log or a rebase and has no settings for its tracks")
	}
	if s.Version < 1 || len(s.Multivariant.Variants) == 0 {
		return errors.New("settings have no version or no variants")
	}
	ids := make(map[string]bool)
	for _, t := range s.Tracks {
		if t.ID == "" || len(t.ID) > maxText || ids[t.ID] {
			return fmt.Errorf("settings: the id of track %q is empty, too long or taken", t.ID)
		}
		ids[t.ID] = true
	}
	return nil
}

func mediaSequences(c *Cut) []int64 {
	numbers := make([]int64, len(c.Tracks))
	for k, p := range c.Tracks {
		numbers[k] = p.MediaSequence
	}
	return numbers
}

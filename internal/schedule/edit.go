package schedule

import (
	"cmp"
	"errors"
	"slices"
)

// maxConflicts bounds an error's length.
const maxConflicts = 20

// Insert stores new events, or returns a *[ConflictError] that names all that
// is in the way: events that overlap, be they stored or among the new ones,
// and ids that are taken. The events must have passed [Event].Check.
func Insert(tx Tx, events []Event) error {
	conflicts := conflictsAmong(events)
	for i, e := range events {
		other, err := tx.Event(e.ID)
		if err == nil {
			conflicts = append(conflicts, Conflict{Index: i, Event: e, Other: other, SameID: true})
		} else if _, absent := errors.AsType[*NotFoundError](err); !absent {
			return err
		}
	}
	around, err := conflictsAround(tx, events, func(string) bool { return false })
	if err != nil {
		return err
	}
	// An event that is stored under the same id is named once.
	conflicts = append(conflicts, slices.DeleteFunc(around, func(c Conflict) bool { return c.Other.ID == c.Event.ID })...)
	if len(conflicts) > 0 {
		slices.SortStableFunc(conflicts, func(a, b Conflict) int { return cmp.Compare(a.Index, b.Index) })
		return &ConflictError{conflicts[:min(len(conflicts), maxConflicts)]}
	}
	for _, e := range events {
		if err := tx.Insert(e); err != nil {
			return err
		}
	}
	return nil
}

// Put stores an event in place of the one with its id, or as a new one. An
// equal event is left alone, so that repeating an edit raises no revision.
func Put(tx Tx, e Event) (created bool, err error) {
	conflicts, err := conflictsAround(tx, []Event{e}, func(id string) bool { return id == e.ID })
	if err != nil {
		return false, err
	}
	if len(conflicts) > 0 {
		return false, &ConflictError{conflicts[:min(len(conflicts), maxConflicts)]}
	}
	stored, err := tx.Event(e.ID)
	if _, absent := errors.AsType[*NotFoundError](err); absent {
		return true, tx.Insert(e)
	}
	if err != nil || stored.Equal(e) {
		return false, err
	}
	return false, tx.Update(e)
}

// Equal compares all that is stored of two events.
func (e Event) Equal(o Event) bool {
	return e.Details.equal(o.Details) && e.ID == o.ID && e.ChannelID == o.ChannelID && e.Title == o.Title && e.URI == o.URI &&
		e.Start.Equal(o.Start) && e.End.Equal(o.End)
}

// conflictsAmong compares new events with each other: in the order of their
// starts, each with the one before that ends last.
func conflictsAmong(events []Event) (conflicts []Conflict) {
	order := make([]int, len(events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return events[a].Start.Compare(events[b].Start) })
	last := -1
	for _, i := range order {
		if last >= 0 && events[last].Overlaps(events[i].Slot) {
			conflicts = append(conflicts, Conflict{Index: max(i, last), Event: events[max(i, last)], Other: events[min(i, last)]})
		}
		if last < 0 || events[i].End.After(events[last].End) {
			last = i
		}
	}
	seen := make(map[string]int, len(events))
	for i, e := range events {
		if first, taken := seen[e.ID]; taken {
			conflicts = append(conflicts, Conflict{Index: i, Event: e, Other: events[first], SameID: true})
			continue
		}
		seen[e.ID] = i
	}
	return conflicts
}

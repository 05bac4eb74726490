package schedule

import (
	"cmp"
	"errors"
	"slices"
	"sort"
	"time"
)

// A Replacement is what it takes to make a range of a schedule be what a list
// of events says.
type Replacement struct {
	Created   []Event
	Updated   []Update
	Deleted   []Event
	Unchanged int
	Conflicts []Conflict // all; with any, nothing can be done
}

// An Update is an event that keeps its id.
type Update struct{ Before, After Event }

// PlanReplace compares a list of events with what is stored in a range.
//
// An event belongs to the range in which it begins. Stored events that begin
// in the range and are not in the list go. One that begins before it and is
// still on belongs to the range before: it stays as it is, unless the list has
// its id.
//
// An event without an id takes that of the stored event with the same start, so
// that the same list twice changes nothing; newID makes the other ids. An id
// that belongs to an event elsewhere in the schedule is a conflict: moving
// events between days is not meant by replacing one of them.
func PlanReplace(tx Tx, within Slot, events []Event, newID func() string) (Replacement, error) {
	var r Replacement
	stored, err := tx.Events(within)
	if err != nil {
		return r, err
	}
	byID, byStart := make(map[string]Event, len(stored)), make(map[time.Time]Event, len(stored))
	for _, e := range stored {
		byID[e.ID], byStart[e.Start.UTC()] = e, e
	}
	events = slices.Clone(events)
	named := make(map[string]bool, len(events))
	for i, e := range events {
		if e.ID == "" {
			continue
		}
		named[e.ID] = true
		if _, here := byID[e.ID]; here {
			continue
		}
		other, err := tx.Event(e.ID)
		if err == nil {
			r.Conflicts = append(r.Conflicts, Conflict{Index: i, Event: e, Other: other, SameID: true})
		} else if _, absent := errors.AsType[*NotFoundError](err); !absent {
			return r, err
		}
	}
	for i, e := range events {
		if e.ID != "" {
			continue
		}
		same, ok := byStart[e.Start.UTC()]
		if !ok || named[same.ID] {
			same.ID = newID()
		}
		events[i].ID = same.ID
		named[same.ID] = true
	}

	for _, e := range events {
		before, here := byID[e.ID]
		switch {
		case !here:
			r.Created = append(r.Created, e)
		case before.Equal(e):
			r.Unchanged++
		default:
			r.Updated = append(r.Updated, Update{before, e})
		}
	}
	gone := make(map[string]bool)
	for _, e := range stored {
		if !named[e.ID] && !e.Start.Before(within.Start) {
			r.Deleted = append(r.Deleted, e)
			gone[e.ID] = true
		}
	}
	around, err := conflictsAround(tx, events, func(id string) bool { return named[id] || gone[id] })
	if err != nil {
		return r, err
	}
	r.Conflicts = slices.Concat(r.Conflicts, conflictsAmong(events), around)
	slices.SortStableFunc(r.Conflicts, func(a, b Conflict) int { return cmp.Compare(a.Index, b.Index) })
	return r, nil
}

// near is how far apart events may be that are compared with one query.
const near = 24 * time.Hour

// conflictsAround compares events with what is stored, save for what is
// replaced. It reads what lies around many events at once: a query for each
// would keep other editors waiting.
func conflictsAround(tx Tx, events []Event, replaced func(id string) bool) (conflicts []Conflict, err error) {
	order := make([]int, len(events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return events[a].Start.Compare(events[b].Start) })
	for len(order) > 0 {
		around, n := events[order[0]].Slot, 1
		for ; n < len(order) && events[order[n]].Start.Sub(around.End) <= near; n++ {
			if end := events[order[n]].End; end.After(around.End) {
				around.End = end
			}
		}
		others, err := tx.Events(around)
		if err != nil {
			return nil, err
		}
		others = slices.DeleteFunc(others, func(e Event) bool { return replaced(e.ID) })
		for _, i := range order[:n] {
			first := sort.Search(len(others), func(k int) bool { return others[k].End.After(events[i].Start) })
			for _, other := range others[first:] {
				if !other.Overlaps(events[i].Slot) {
					break
				}
				conflicts = append(conflicts, Conflict{Index: i, Event: events[i], Other: other})
			}
		}
		order = order[n:]
	}
	return conflicts, nil
}

// Apply does what was planned in the same transaction, or returns a
// *[ConflictError].
func (r Replacement) Apply(tx Tx) error {
	if len(r.Conflicts) > 0 {
		return &ConflictError{r.Conflicts[:min(len(r.Conflicts), maxConflicts)]}
	}
	for _, e := range r.Deleted {
		if err := tx.Delete(e.ID); err != nil {
			return err
		}
	}
	for _, u := range r.Updated {
		if err := tx.Update(u.After); err != nil {
			return err
		}
	}
	for _, e := range r.Created {
		if err := tx.Insert(e); err != nil {
			return err
		}
	}
	return nil
}

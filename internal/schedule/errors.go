package schedule

import (
	"fmt"
	"strings"
)

// A Fault says what is wrong with one field of what was sent.
type Fault struct {
	Field   string // as in JSON, for instance "config.filler"
	Message string // goes on from the field's name: "must be ..."
}

// NotFoundError says that there is no such channel or event.
type NotFoundError struct {
	Kind string // "channel" or "event"
	ID   string
}

func (e *NotFoundError) Error() string { return fmt.Sprintf("there is no %s %q", e.Kind, e.ID) }

// ExistsError says that a channel with this id is there already.
type ExistsError struct{ ID string }

func (e *ExistsError) Error() string { return fmt.Sprintf("there is already a channel %q", e.ID) }

// ConflictError says that events can't be stored because of others. Nothing was.
type ConflictError struct{ Conflicts []Conflict }

// A Conflict is between an event that was to be stored and another one.
type Conflict struct {
	Index  int // of Event in what was to be stored
	Event  Event
	Other  Event
	SameID bool // the id is taken; else the two overlap
}

// String goes on from the name of the event: "overlaps with ...".
func (c Conflict) String() string {
	if c.SameID {
		return fmt.Sprintf("has the id of another one, %s: leave the id out or choose another", c.Other)
	}
	return fmt.Sprintf("overlaps with %s: move or delete one of them", c.Other)
}

func (e *ConflictError) Error() string {
	lines := make([]string, 0, len(e.Conflicts))
	for _, c := range e.Conflicts {
		lines = append(lines, c.Event.String()+" "+c.String())
	}
	return strings.Join(lines, "; ")
}

package schedule

import (
	"context"
	"time"
)

// Store keeps channels and events. Every method is safe for concurrent use and
// what it has acknowledged is on disk. Of two edits of one channel, the later
// sees all that the earlier has done.
//
// Errors are *[NotFoundError], *[ExistsError], what the function given to Edit
// and Condition returned, or failures of the storage.
type Store interface {
	// Channels returns all channels, ordered by id.
	Channels(context.Context) ([]Channel, error)
	// Revisions is a cheap Channels: only ids and revisions are set.
	Revisions(context.Context) ([]Channel, error)
	Channel(ctx context.Context, id string) (Channel, error)
	// CreateChannel stores a channel and returns it with its first revision.
	CreateChannel(context.Context, Channel) (Channel, error)
	// PutChannel stores name and configuration of a channel and creates it if need be.
	PutChannel(context.Context, Channel, Condition) (stored Channel, created bool, err error)
	// DeleteChannel deletes a channel and its events.
	DeleteChannel(ctx context.Context, id string, only Condition) error

	// Events returns the events of a channel that overlap the slot, ordered by
	// start, and the channel's revision that they belong to.
	Events(ctx context.Context, channelID string, within Slot) ([]Event, int64, error)
	Event(ctx context.Context, channelID, id string) (Event, error)
	// Upcoming returns the first events of a channel that end after an instant,
	// at most limit, ordered by start: the first of them may be on air.
	Upcoming(ctx context.Context, channelID string, at time.Time, limit int) ([]Event, error)
	// Edit runs f in one transaction on a channel's events. If f returns an
	// error nothing is stored. The channel's revision is raised if f changed
	// something. f is called at most once, must not call the Store and must
	// not keep the Tx.
	Edit(ctx context.Context, channelID string, f func(Tx) error) error

	// Ping says whether the store works.
	Ping(context.Context) error
}

// A Condition is asked within the transaction of an edit, with the channel as
// it is stored, nil if there is none. An error of it refuses the edit. A nil
// Condition always holds.
type Condition func(stored *Channel) error

// Check asks c.
func (c Condition) Check(stored *Channel) error {
	if c == nil {
		return nil
	}
	return c(stored)
}

// Tx is the events of one channel within [Store].Edit. It does not check the
// rules: [Insert] and [Put] do.
type Tx interface {
	// Events returns those that overlap the slot, ordered by start.
	Events(within Slot) ([]Event, error)
	// Event returns a *[NotFoundError] if there is none.
	Event(id string) (Event, error)
	Insert(Event) error
	Update(Event) error
	// Delete returns a *[NotFoundError] if there is none.
	Delete(id string) error
}

// Package playlog is the playout log: the append-only list of cuts that says
// what airs on a channel, with the counters that every playlist is computed
// from. It holds the values, the protocol between the engines and whoever
// stores the log, the rules that a store enforces, and a store in memory.
//
// The log is the one thing that engines share. Any number of them may plan;
// the first append of a cut's number wins and the others play what won.
package playlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"consuo/internal/hls"
)

// Lead is how long before its start a cut must be in the log unless the store
// is told otherwise. A log that was read at store time r is complete for cuts
// that start before r + Lead.
const Lead = 8 * time.Second

// RebaseStep is how far above everything published before the numbers of a
// rebase start, so that no player can take the jump for a contradiction.
const RebaseStep = 32

// Epoch is where the numbers of new logs count from: a new log starts with the
// seconds since then, so that numbers never run backwards whatever was lost.
var Epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// Kind says what a cut puts on air.
type Kind string

// The kinds of a cut.
const (
	Event  Kind = "event"  // the asset of a scheduled event
	Filler Kind = "filler" // content chosen to fill a gap
	Slate  Kind = "slate"  // the last resort, when there is no filler that fits
)

// Reason says why a cut was made; a closed set, so that it can be counted.
type Reason string

// The reasons of a cut.
const (
	Scheduled Reason = "scheduled" // an event at its time
	Joined    Reason = "joined"    // an event that was in progress already
	Gap       Reason = "gap"       // nothing is scheduled
	Short     Reason = "short"     // the event's asset ended before its slot
	Failed    Reason = "failed"    // the event's asset can't be loaded or can't join
	Changed   Reason = "changed"   // what was on air is no longer scheduled, or better filler is there
)

// Cut is an entry of the log: from Start this asset plays, from these
// segments, with these counters, until the next cut. After its asset's end the
// filler repeats, so that the log says what airs at every instant.
//
// A cut is immutable once it is in the log.
type Cut struct {
	Number int64     // 1 for the first of a log, then one more for each
	Start  time.Time // date of the primary track's first segment, UTC
	Kind   Kind
	Reason Reason
	Detail string // for people: what failed and why; may be empty
	Rebase bool   // starts numbers afresh, see RebaseStep; a window never reaches back over it

	// Airing is the event that the cut airs or stands in for; nil in a gap
	// that belongs to none.
	Airing *Airing

	Asset  Source // what plays
	Loop   bool   // Asset repeats from its start, and Filler is not used
	Filler Source // what repeats after Asset's end

	// Tracks has one position a track, in the order of Settings.Tracks.
	Tracks []Position
	// DiscontinuitySequence is the number of the cut's first segments, the
	// same on all tracks, counting the tag that they carry.
	DiscontinuitySequence int64
	// TargetDuration is the channel's from this cut on; whole seconds, never
	// less than the cut's before it.
	TargetDuration time.Duration

	// Settings is what was decided once for the channel. On the first entry
	// of a log and on rebases; nil elsewhere.
	Settings *Settings
}

// Airing is the event behind a cut as it was when the cut was made.
type Airing struct {
	EventID string
	Title   string
	URI     string // of the wanted asset, which is not Cut.Asset's when that failed
	Start   time.Time
	End     time.Time
}

// Same says whether both stand for the same airing of the same asset. The id
// of an event is not part of that: replacing a day by an equal one makes new
// ids and must not disturb what is on air.
func (a *Airing) Same(b *Airing) bool {
	return a != nil && b != nil && a.URI == b.URI && a.Start.Equal(b.Start)
}

// Source names an asset and which of its playlists feeds which track.
type Source struct {
	URI    string
	Digest string // of the playlists that the cut was planned with
	// Feeds has, for each track of the channel, the index of the asset's
	// playlist that plays on it; below zero: none, see the timeline package.
	Feeds []int
}

// Position is where a track is at the start of a cut.
type Position struct {
	First         int   // index of the first segment in the asset's playlist
	MediaSequence int64 // media sequence number that this segment has on the channel
}

// Settings is what is decided once per channel and never changes on air.
type Settings struct {
	Tracks []Track // the first is the primary
	// Multivariant has the variants and renditions of the channel; the URI of
	// each is the id of its track.
	Multivariant hls.Multivariant
	// Version is EXT-X-VERSION of every playlist.
	Version int
}

// Media is what a track carries.
type Media string

// The values of Media.
const (
	VideoTrack    Media = "video"    // video, with or without audio in the same segments
	AudioTrack    Media = "audio"    // an audio rendition or an audio-only variant
	SubtitleTrack Media = "subtitle" // WebVTT
)

// Container is the format of a track's segments. It can't change within a
// track: HLS has no way to cancel an EXT-X-MAP.
type Container string

// The containers of segments (draft 3.1).
const (
	TS          Container = "ts"
	FragmentMP4 Container = "fmp4"
	PackedAudio Container = "packed"
	WebVTT      Container = "webvtt"
)

// Track is a playlist that a channel serves.
type Track struct {
	ID        string // stable, in its URL: v720, a-en
	Media     Media
	Container Container
	Muxed     bool   // video and audio in the same segments
	Codecs    string // what assets must offer, RFC 6381, families matter only
	Width     int    // pixels; 0: unknown
	Height    int    // pixels; 0: unknown
	Bandwidth int64  // bits per second; 0: a rendition
	Language  string
	Channels  string
	GroupID   string // of a rendition
	Default   bool
}

// MarshalJSON writes times as integer nanoseconds, UTC, as design §2 wants it.
func (c Cut) MarshalJSON() ([]byte, error) { return json.Marshal(toWire(c)) }

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Cut) UnmarshalJSON(data []byte) error {
	var w wireCut
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*c = w.cut()
	return nil
}

// Equal says whether both cuts are the same to the last field. An append of an
// equal cut counts as success: it is the retry of an append whose answer got
// lost, or another engine that came to the same plan.
func (c Cut) Equal(o Cut) bool {
	a, err := json.Marshal(c)
	if err != nil {
		return false
	}
	b, err := json.Marshal(o)
	return err == nil && bytes.Equal(a, b)
}

// Page is an answer of a store: a part of a log, at an instant of the store.
type Page struct {
	ID   string        // of the log; another one than before: drop everything and begin anew
	Now  time.Time     // the store's clock when it answered
	Lead time.Duration // of this store
	Cuts []Cut         // in order
}

// Log is a store of playout logs as an engine sees it. Implementations are
// safe for concurrent use.
type Log interface {
	// Read returns the cuts of a channel's log with numbers above after. A log
	// has an id before it has a cut.
	Read(ctx context.Context, channel string, after int64) (Page, error)

	// Append adds a batch of cuts, all or none, to the log with this id: it is
	// a compare-and-set on the number of the first. Cuts that are in the log
	// already and equal count as appended. The page has the log from the first
	// of the batch on, also when the error is ErrConflict: an engine then
	// plays what is stored.
	//
	// Errors are ErrConflict, ErrTooLate, ErrOtherLog, ErrImplausible, or of
	// the transport: then the outcome is unknown and the log must be read
	// before anything is planned.
	Append(ctx context.Context, channel, id string, cuts []Cut) (Page, error)
}

// The errors of Append, wrapped with what is wrong.
var (
	ErrConflict    = errors.New("another cut has this number")
	ErrTooLate     = errors.New("too_late: the cut starts within the store's lead")
	ErrOtherLog    = errors.New("the log has another id")
	ErrImplausible = errors.New("the cut does not fit the log")
)

// horizon is how far ahead a cut may start. Engines commit seconds before the
// lead; whatever lies further ahead would only take edits away from people.
const horizon = 10 * time.Minute

// Check says whether a batch may follow last (nil: the log is empty) at store
// time now. It is what every store enforces, so that one bad append can't
// poison a channel. Numbers are held to what time can have brought: at most
// one segment in 10 ms, and a rebase or a new log near the wall clock.
func Check(last *Cut, batch []Cut, now time.Time, lead time.Duration) error {
	if len(batch) == 0 {
		return fmt.Errorf("%w: the batch is empty", ErrImplausible)
	}
	if len(batch) > maxBatch {
		return fmt.Errorf("%w: %d cuts in a batch, at most %d", ErrImplausible, len(batch), maxBatch)
	}
	// A rebase, like the first entry, fills a whole window: it and what
	// follows it in its batch may start in the past.
	past := false
	for i := range batch {
		c := &batch[i]
		if err := checkShape(c); err != nil {
			return fmt.Errorf("%w: cut %d: %s", ErrImplausible, c.Number, err)
		}
		if last == nil || c.Rebase {
			past = true
		}
		if !past && c.Start.Before(now.Add(lead)) {
			return fmt.Errorf("%w: cut %d starts %s from now, the lead is %s",
				ErrTooLate, c.Number, c.Start.Sub(now).Round(time.Millisecond), lead)
		}
		if past && c.Start.Before(now.Add(-maxPast)) {
			return fmt.Errorf("%w: cut %d starts more than %s ago", ErrImplausible, c.Number, maxPast)
		}
		if c.Start.After(now.Add(lead + horizon)) {
			return fmt.Errorf("%w: cut %d starts more than %s ahead", ErrImplausible, c.Number, lead+horizon)
		}
		if err := checkStep(last, c, now); err != nil {
			return fmt.Errorf("%w: cut %d: %s", ErrImplausible, c.Number, err)
		}
		last = c
	}
	return nil
}

const (
	maxBatch  = 256
	maxPast   = 30 * time.Minute // a window is at most minutes long
	maxText   = 4096
	maxTracks = 100
)

// checkShape looks at a cut on its own.
func checkShape(c *Cut) error {
	switch {
	case c.Kind != Event && c.Kind != Filler && c.Kind != Slate:
		return fmt.Errorf("kind is %q", c.Kind)
	case len(c.Tracks) == 0 || len(c.Tracks) > maxTracks:
		return fmt.Errorf("it has %d tracks, 1 to %d are possible", len(c.Tracks), maxTracks)
	case len(c.Asset.Feeds) != len(c.Tracks):
		return errors.New("asset.feeds and tracks differ in length")
	case !c.Loop && len(c.Filler.Feeds) != len(c.Tracks):
		return errors.New("filler.feeds and tracks differ in length")
	case c.TargetDuration < time.Second || c.TargetDuration%time.Second != 0:
		return errors.New("target duration is not whole seconds, at least one")
	case len(c.Asset.URI) > maxText || len(c.Filler.URI) > maxText || len(c.Detail) > maxText:
		return fmt.Errorf("a text is longer than %d bytes", maxText)
	}
	for _, p := range c.Tracks {
		if p.First < 0 || p.MediaSequence < 0 {
			return errors.New("a position is below zero")
		}
	}
	return nil
}

// checkStep looks at a cut and the one before it.
func checkStep(last, c *Cut, now time.Time) error {
	wallClock := int64(now.Sub(Epoch) / time.Second)
	if last == nil || c.Rebase {
		if c.Settings == nil || len(c.Settings.Tracks) != len(c.Tracks) {
			return errors.New("it starts numbers and has no settings for its tracks")
		}
	}
	if last == nil {
		if c.Number != 1 {
			return errors.New("the first cut of a log has number 1")
		}
		for _, n := range append(mediaSequences(c), c.DiscontinuitySequence) {
			if n > wallClock {
				return fmt.Errorf("a number of a new log is %d, the wall clock's is %d", n, wallClock)
			}
		}
		return nil
	}
	if c.Number != last.Number+1 {
		return fmt.Errorf("it follows cut %d", last.Number)
	}
	if c.TargetDuration < last.TargetDuration {
		return errors.New("the target duration shrinks")
	}
	least, most := int64(1), int64(c.Start.Sub(last.Start)/(10*time.Millisecond))+16
	if c.Rebase {
		least = RebaseStep
		// What was published since the last cut is not known here; no
		// history gets further above the log than time allows.
		most = max(wallClock-last.DiscontinuitySequence, int64(now.Sub(last.Start)/(10*time.Millisecond))) + 1e6
	} else if !c.Start.After(last.Start) {
		return errors.New("it does not start after the cut before it")
	} else if len(c.Tracks) != len(last.Tracks) {
		return errors.New("the number of tracks changes without a rebase")
	}
	if d := c.DiscontinuitySequence - last.DiscontinuitySequence; d < least || d > most {
		return fmt.Errorf("the discontinuity sequence moves by %d, between %d and %d are possible", d, least, most)
	}
	if c.Rebase {
		most = max(most, wallClock-slices.Min(mediaSequences(last))+1e6)
	}
	floor := slices.Max(mediaSequences(last))
	for i, p := range c.Tracks {
		from := floor
		if i < len(last.Tracks) && !c.Rebase {
			from = last.Tracks[i].MediaSequence
		}
		if d := p.MediaSequence - from; d < least || d > most {
			return fmt.Errorf("the media sequence of track %d moves by %d, between %d and %d are possible", i, d, least, most)
		}
	}
	return nil
}

func mediaSequences(c *Cut) []int64 {
	numbers := make([]int64, len(c.Tracks))
	for i, p := range c.Tracks {
		numbers[i] = p.MediaSequence
	}
	return numbers
}

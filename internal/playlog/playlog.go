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
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
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

// Epoch is where the numbers of new logs count from, see FirstNumbers.
var Epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// Numbers are a media sequence number and a discontinuity sequence number.
type Numbers struct {
	MediaSequence, DiscontinuitySequence int64
}

const (
	// discontinuityStep is how fast the clock of discontinuity sequence
	// numbers runs: faster than any channel has discontinuities.
	discontinuityStep = 4 * time.Second
	// discontinuityWrap bounds it. Players keep arrays that are as long as the
	// number: hls.js takes seconds for each playlist with one of 200 million.
	discontinuityWrap = 1 << 14
)

// FirstNumbers returns where the numbers of a new log begin whose first cut
// starts at an instant: the media sequence with the seconds since Epoch, so
// that it never runs backwards whatever was lost, as segments last a second or
// longer on average. The discontinuity sequence has to stay small (docs/adr/0004)
// and begins with the same clock's low digits: it is not what a player has seen
// a minute ago.
func FirstNumbers(start time.Time) Numbers {
	elapsed := max(start.Sub(Epoch), 0) // a machine may wake up in 1970
	// One more: a playlist that shows the first tag counts those before it.
	return Numbers{int64(elapsed / time.Second), 1 + int64(elapsed/discontinuityStep)%discontinuityWrap}
}

// noticing is how long engines go on with a channel that was deleted, at most.
const noticing = time.Minute

// Floor returns numbers above what the log of a channel that is deleted now has
// given out, and will until engines notice: last is its last cut, and watched
// when somebody watched last, which is yet to come where the clock has gone
// back. It counts a segment a second, as FirstNumbers does: more would put the
// next log so far above the clock that one after it, of which nobody knows any
// more, had to go back.
func Floor(last *Cut, watched, now time.Time) Numbers {
	if watched.After(now) {
		now = watched
	}
	elapsed := max(now.Sub(last.Start), 0) + noticing
	floor := Numbers{DiscontinuitySequence: last.DiscontinuitySequence + int64(elapsed/discontinuityStep) + RebaseStep}
	for _, p := range last.Tracks {
		floor.MediaSequence = max(floor.MediaSequence, p.MediaSequence+int64(elapsed/time.Second)+RebaseStep)
	}
	return floor
}

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
	Number int64 // 1 for the first of a log, then one more for each
	// Previous is the Digest of the cut before it: a number alone does not say
	// what came before. Empty on the first cut of a log, and on those of older
	// logs, where nothing is checked.
	Previous string
	Start    time.Time // date of the primary track's first segment, UTC
	Kind     Kind
	Reason   Reason
	Detail   string // for people: what failed and why; may be empty
	Rebase   bool   // starts numbers afresh, see RebaseStep; a window never reaches back over it
	// Provisional cuts aired while the store was away, so that they come too
	// late for its lead. They are appended as long as their number is free.
	Provisional bool

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
	// Multivariant has the variants and renditions of the channel, and whether
	// its segments are independent; the URI of each is the id of its track.
	Multivariant hls.Multivariant
	// Version is EXT-X-VERSION of every playlist.
	Version int
}

// Equal says whether both decide the same.
func (s *Settings) Equal(o *Settings) bool { return Cut{Settings: s}.Equal(Cut{Settings: o}) }

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
	ID        string    `json:"id"` // stable, in its URL: v720, a-en
	Media     Media     `json:"media"`
	Container Container `json:"container"`
	Muxed     bool      `json:"muxed,omitempty"`     // video and audio in the same segments
	Codecs    string    `json:"codecs,omitempty"`    // what assets must offer, RFC 6381, families matter only
	Width     int       `json:"width,omitempty"`     // pixels; 0: unknown
	Height    int       `json:"height,omitempty"`    // pixels; 0: unknown
	Bandwidth int64     `json:"bandwidth,omitempty"` // bits per second; 0: a rendition
	Language  string    `json:"language,omitempty"`
	Channels  string    `json:"channels,omitempty"`
	GroupID   string    `json:"group_id,omitempty"` // of a rendition
	Default   bool      `json:"default,omitempty"`
	Forced    bool      `json:"forced,omitempty"`
	Name      string    `json:"name,omitempty"` // of a rendition in the first asset
	// Characteristics tell a commentary from the main sound.
	Characteristics string `json:"characteristics,omitempty"`
	VideoRange      string `json:"video_range,omitempty"` // "": SDR
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

// Equal says whether both cuts put the same on air with the same numbers. An
// append of an equal cut counts as success: it is the retry of an append whose
// answer got lost, or another engine that came to the same plan. How people
// are told why, and when the store came to know, may differ.
func (c Cut) Equal(o Cut) bool {
	a, err := c.essence()
	if err != nil {
		return false
	}
	b, err := o.essence()
	return err == nil && bytes.Equal(a, b)
}

// Digest names a cut and, by its Previous, all that came before it: logs that
// have a cut of the same digest have the same history. Equal cuts have equal
// digests.
func (c Cut) Digest() string {
	text, err := c.essence()
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// essence is what counts of a cut, as text.
func (c Cut) essence() ([]byte, error) {
	c.Detail, c.Provisional = "", false
	return json.Marshal(c)
}

// Page is an answer of a store: a part of a log, at an instant of the store.
type Page struct {
	ID   string        // of the log; another one than before: drop everything and begin anew
	Now  time.Time     // the store's clock when it answered
	Lead time.Duration // of this store
	Cuts []Cut         // in order; a store that keeps only the latest may begin later than asked
	// Settings are those in force after the last cut, whether or not Cuts has
	// the one that brought them; nil: the log has no cut.
	Settings *Settings
	// Watched is when an engine last said that somebody watches, see Append,
	// before the call that the page answers; zero: never. A channel that
	// nobody watched for long is dormant. It lies ahead of Now where the
	// store's clock has gone back since: numbers have been given out up to
	// then, and a rebase, which is above them, sets it to its own instant.
	Watched time.Time
	// Floor has the least numbers with which a log without a cut may begin:
	// above those of a channel with the same id that was deleted. Zero where
	// none is remembered, and of a log with a cut.
	Floor Numbers
	// More says that the page is full: the log goes on after the last of Cuts.
	// Only between a store and its client; the pages of a Log have it all.
	More bool
}

// Log is a store of playout logs as an engine sees it. Implementations are
// safe for concurrent use.
type Log interface {
	// Read returns the cuts of a channel's log with numbers above after; of a
	// negative after, the last -after cuts. A log has an id before it has a
	// cut.
	Read(ctx context.Context, channel string, after int64) (Page, error)

	// Append adds a batch of cuts, all or none, to the log with this id: it is
	// a compare-and-set on the number of the first. Cuts that are in the log
	// already and equal count as appended. The page has the log from the first
	// of the batch on, also when the error is ErrConflict: an engine then
	// plays what is stored. An append says that somebody watches the channel;
	// an empty batch says only that, and its page has no cuts.
	//
	// Errors are ErrConflict, ErrOtherHistory, ErrTooLate, ErrOtherLog,
	// ErrImplausible, or of the transport: then the outcome is unknown and the
	// log must be read before anything is planned.
	Append(ctx context.Context, channel, id string, cuts []Cut) (Page, error)

	// Freeze keeps what an asset consisted of when it was planned, for as long
	// as the log has a cut that names its digest: committed cuts are rendered
	// from that, whatever happens to the origin. Data of a digest that is kept
	// already may replace it (its query strings may be fresher). The data must
	// not be changed afterwards. Errors are ErrOtherLog, ErrImplausible, or of
	// the transport.
	Freeze(ctx context.Context, channel, id, digest string, data []byte) error

	// Frozen returns what Freeze kept, which must not be changed. Errors are
	// ErrOtherLog, ErrNotFrozen, or of the transport.
	Frozen(ctx context.Context, channel, id, digest string) ([]byte, error)

	// Heads returns how the logs of all channels end that are in use: an engine
	// whose log ends like that need not read it. Errors are ErrNoHeads, or of
	// the transport.
	Heads(ctx context.Context) (Heads, error)

	// Watch says, as an Append without cuts does, that somebody watches the
	// channels, whose logs have these ids. Those of which that is not so are
	// passed over. Errors are ErrNoHeads, or of the transport.
	Watch(ctx context.Context, ids map[string]string) error
}

// The errors of a Log, wrapped with what is wrong.
var (
	ErrConflict     = errors.New("another cut has this number")
	ErrOtherHistory = errors.New("the cut follows another cut than the log's last")
	ErrTooLate      = errors.New("too_late: the cut starts within the store's lead")
	ErrOtherLog     = errors.New("the log has another id")
	ErrImplausible  = errors.New("the cut does not fit the log")
	ErrNotFrozen    = errors.New("no asset with this digest is kept beside the log")
)

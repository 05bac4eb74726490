package playout

import (
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"strconv"
	"time"

	"consuo/internal/playlog"
)

// Status is what the engine tells of a channel at an instant.
type Status struct {
	ID    string  `json:"id"`
	Name  string  `json:"name"`
	State State   `json:"state"`
	Time  Instant `json:"time"` // the store's time of all that follows
	// Degraded: something that the channel needs is away, such as the schedule
	// or the shared log; it goes on from what is known. Problems say more.
	Degraded bool `json:"degraded"`

	Now  *OnAir `json:"now"`  // null: nothing is on air
	Next *OnAir `json:"next"` // null: nothing is scheduled
	// Drift is how much later than scheduled the latest event began that was
	// not joined in progress. Errors don't add up: it stays within half a
	// segment of what played before.
	Drift Seconds `json:"drift"`

	TargetDuration Seconds       `json:"target_duration"`
	Window         Seconds       `json:"window"`
	Tracks         []TrackStatus `json:"tracks"`
	LastCuts       []CutStatus   `json:"last_cuts"` // the latest first
	Problems       []Problem     `json:"problems"`  // the latest first

	Log  LogStatus  `json:"log"`
	Poll PollStatus `json:"poll"`
}

// Summary is what a list of channels shows of one.
type Summary struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	State    State  `json:"state"`
	Degraded bool   `json:"degraded"`
	Now      *OnAir `json:"now"`
	Next     *OnAir `json:"next"`
}

// State is what a channel costs at the moment.
type State string

// The states of a channel.
const (
	Dormant State = "dormant" // nobody has asked for it in a while
	Waking  State = "waking"  // somebody asked, there is no playlist yet
	Live    State = "live"
)

// OnAir is a cut that airs, or an event that is about to.
type OnAir struct {
	Kind    playlog.Kind   `json:"kind"`
	Reason  playlog.Reason `json:"reason,omitempty"` // of the cut
	Detail  Redacted       `json:"detail,omitempty"` // of the cut: what failed, for people
	EventID string         `json:"event_id,omitempty"`
	Title   string         `json:"title,omitempty"`
	URI     Redacted       `json:"uri,omitempty"`
	Start   Instant        `json:"start,omitzero"`
	End     Instant        `json:"end,omitzero"` // absent: until something is scheduled
	// Adherence is how much later than scheduled the event began; null where
	// that means nothing, as for filler and events that were joined.
	Adherence *Seconds `json:"adherence"`
}

// TrackStatus has the counters of a track's playlist as it is now.
type TrackStatus struct {
	ID                    string `json:"id"`
	MediaSequence         int64  `json:"media_sequence"`         // of the first listed segment
	LastMediaSequence     int64  `json:"last_media_sequence"`    // of the last one
	DiscontinuitySequence int64  `json:"discontinuity_sequence"` // of the playlist
}

// CutStatus is an entry of the playout log.
type CutStatus struct {
	Number int64 `json:"number"`
	OnAir
	Rebase bool `json:"rebase,omitempty"`
	// Seams has, for tracks that don't meet exactly where the cut begins, the
	// hole there, or, below zero, the overlap. Each is bounded by a segment.
	Seams map[string]Seconds `json:"seams,omitempty"`
}

// Problem is something that an operator may want to change.
type Problem struct {
	Time Instant  `json:"time"`
	URI  Redacted `json:"uri,omitempty"`
	Text Redacted `json:"text"`
}

// LogStatus tells where the playout log is kept.
type LogStatus struct {
	ID         string  `json:"id"`
	Backend    Backend `json:"backend"`
	LastNumber int64   `json:"last_number"` // of the log's last cut
	// Conflicts counts the cuts of this engine that lost against another's.
	Conflicts int64 `json:"conflicts"`
	// Pending counts the cuts on air that the log does not have yet.
	Pending int64 `json:"pending"`
}

// Backend is what stores a playout log.
type Backend string

// The backends of a playout log.
const (
	MemoryBackend   Backend = "memory"   // one engine only
	ScheduleBackend Backend = "schedule" // shared by all engines
)

// PollStatus tells how the reading of the schedule goes.
type PollStatus struct {
	LastOK Instant  `json:"last_ok,omitzero"`
	Age    Seconds  `json:"age"` // since LastOK
	Error  Redacted `json:"error,omitempty"`
}

// Instant is a time that JSON has as Unix milliseconds, or null if it is zero.
type Instant struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (i Instant) MarshalJSON() ([]byte, error) {
	if i.IsZero() {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, i.UnixMilli(), 10), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (i *Instant) UnmarshalJSON(data []byte) error {
	var ms *int64
	if err := json.Unmarshal(data, &ms); err != nil {
		return err
	}
	*i = Instant{}
	if ms != nil {
		i.Time = time.UnixMilli(*ms).UTC()
	}
	return nil
}

// Seconds is a duration that JSON has as a number of seconds, in milliseconds.
type Seconds time.Duration

// MarshalJSON implements json.Marshaler.
func (s Seconds) MarshalJSON() ([]byte, error) {
	seconds := time.Duration(s).Round(time.Millisecond).Seconds()
	return strconv.AppendFloat(nil, seconds, 'f', -1, 64), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *Seconds) UnmarshalJSON(data []byte) error {
	var seconds float64
	if err := json.Unmarshal(data, &seconds); err != nil {
		return err
	}
	ns := math.Round(seconds * float64(time.Second))
	if math.Abs(ns) >= math.MaxInt64 {
		return errors.New("a duration of more than 292 years")
	}
	*s = Seconds(ns)
	return nil
}

// Redacted is a text that may name URIs. JSON and String have them without
// user, password, query string and fragment: those carry tokens, and a status
// is open to everybody.
type Redacted string

// uriSecrets finds URIs. A query string or fragment does not end with
// punctuation, which belongs to the text around.
var uriSecrets = regexp.MustCompile(`(?i)(\bhttps?://)(?:[^\s/?#"'<>]*@)?([^\s?#"'<>]*)` +
	`(\?(?:[^\s#"'<>]*[^\s#"'<>.,:;)])?)?(?:#(?:[^\s"'<>]*[^\s"'<>.,:;)])?)?`)

func (r Redacted) String() string {
	return uriSecrets.ReplaceAllStringFunc(string(r), func(uri string) string {
		part := uriSecrets.FindStringSubmatch(uri)
		if part[3] == "" {
			return part[1] + part[2]
		}
		return part[1] + part[2] + "?redacted"
	})
}

// MarshalJSON implements json.Marshaler.
func (r Redacted) MarshalJSON() ([]byte, error) { return json.Marshal(r.String()) }

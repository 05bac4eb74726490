// Package schedule is the domain of the schedule service: channels, the events
// that are planned on them, the rules by which both may be edited, and the
// contract of the store that keeps them. It does no I/O.
//
// Instants are UTC with a precision of milliseconds. Intervals are half-open.
package schedule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits. They are generous: they keep mistakes out, not users.
const (
	MaxNameLength   = 200      // characters of a channel's name
	MaxTitleLength  = 500      // characters of an event's title
	MaxURILength    = 2048     // bytes
	MaxConfigLength = 64 << 10 // bytes of a channel's configuration
	MaxDuration     = 31 * 24 * time.Hour
)

// Events lie between these instants: others are a mistake in units or zones.
var (
	MinTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	MaxTime = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// IDPattern is what ids of channels and events look like: they go unescaped
// into URLs and file names.
const IDPattern = `^[A-Za-z0-9_-]{1,64}$`

var idPattern = regexp.MustCompile(IDPattern)

// ValidID says whether s fits [IDPattern].
func ValidID(s string) bool { return idPattern.MatchString(s) }

// A Channel is a linear service.
type Channel struct {
	ID   string
	Name string
	// Config is a JSON object. Its known fields have been checked, others are
	// kept for those who know them. Empty means {}.
	Config json.RawMessage
	// Revision grows with every edit of the channel or its events. It starts
	// with the time of creation in microseconds, so that a channel that is deleted and made
	// again never shows a revision for the second time.
	Revision int64
}

// Check returns what is wrong with the channel, nil if nothing is.
func (c Channel) Check() []Fault {
	var faults []Fault
	if !ValidID(c.ID) {
		faults = append(faults, Fault{"id", "use 1 to 64 of the characters A-Z a-z 0-9 _ -"})
	}
	faults = append(faults, checkText("name", c.Name, MaxNameLength)...)
	faults = append(faults, checkConfig(c.Config)...)
	if faults == nil {
		_, faults = ReadAuto(c.ID, c.Config)
	}
	return faults
}

// A Slot is the half-open interval [Start, End).
type Slot struct{ Start, End time.Time }

// Overlaps says whether the two have an instant in common.
func (s Slot) Overlaps(o Slot) bool { return s.Start.Before(o.End) && o.Start.Before(s.End) }

// An Event is one planned airing of an asset.
type Event struct {
	ID        string
	ChannelID string
	Title     string
	URI       string // the asset: URL of its HLS playlist
	Slot
	Details
}

// An Airing says when an event was really on air. The end is zero where it is
// not known: the event is on air, or nobody watched its end.
type Airing struct {
	EventID string
	Planned Slot // as the event was planned then
	Slot
}

// Duration is how long the event is planned to be on air.
func (e Event) Duration() time.Duration { return e.End.Sub(e.Start) }

// String names an event for people.
func (e Event) String() string {
	const layout = "2006-01-02T15:04:05.999Z"
	return fmt.Sprintf("event %s %q from %s to %s", e.ID, e.Title, e.Start.UTC().Format(layout), e.End.UTC().Format(layout))
}

// Check returns what is wrong with the event, nil if nothing is.
func (e Event) Check() []Fault {
	var faults []Fault
	if !ValidID(e.ID) {
		faults = append(faults, Fault{"id", "use 1 to 64 of the characters A-Z a-z 0-9 _ -"})
	}
	faults = append(faults, checkText("title", e.Title, MaxTitleLength)...)
	if reason := CheckURI(e.URI); reason != "" {
		faults = append(faults, Fault{"uri", reason})
	}
	faults = append(faults, e.Details.check()...)
	return append(faults, e.Slot.check()...)
}

func (s Slot) check() []Fault {
	var faults []Fault
	outside := func(t time.Time) bool { return t.Before(MinTime) || t.After(MaxTime) }
	const reason = "must lie between the years 2000 and 2200; numbers are milliseconds since 1970, UTC"
	if outside(s.Start) {
		faults = append(faults, Fault{"start", reason})
	}
	if outside(s.End) {
		faults = append(faults, Fault{"end", reason})
	}
	if faults != nil {
		return faults
	}
	switch {
	case !s.Start.Before(s.End):
		return []Fault{{"end", "must be after start"}}
	case s.End.Sub(s.Start) > MaxDuration:
		return []Fault{{"end", "must be within 31 days of start"}}
	}
	return nil
}

// CheckURI says what is wrong with the address of a playlist or feed, "" if nothing is.
func CheckURI(s string) string {
	if s == "" {
		return "must not be empty"
	}
	if len(s) > MaxURILength {
		return fmt.Sprintf("must not be longer than %d bytes", MaxURILength)
	}
	for _, r := range s {
		if r <= ' ' || r == '"' || r == '\\' || r == utf8.RuneError || !unicode.IsGraphic(r) {
			return fmt.Sprintf("must not contain %q: escape it", r)
		}
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "is not a URL"
	case u.Scheme != "http" && u.Scheme != "https":
		return "must begin with http:// or https://"
	case u.Hostname() == "":
		return "must name a host"
	case u.User != nil:
		return "must not contain a user name or password: everybody can read it"
	}
	return ""
}

// checkText allows one line of printable text.
func checkText(field, s string, limit int) []Fault {
	if n := utf8.RuneCountInString(s); n > limit {
		return []Fault{{field, fmt.Sprintf("must not be longer than %d characters", limit)}}
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			return []Fault{{field, fmt.Sprintf("must not contain the control character %U", r)}}
		}
	}
	return nil
}

// configChecks are the fields of a channel's configuration that are known; each
// says what is wrong with a value, "" if nothing is.
var configChecks = map[string]func(any) string{
	"tracks": func(v any) string {
		if _, ok := v.([]any); !ok {
			return "must be an array"
		}
		return ""
	},
	"target_duration": func(v any) string {
		if n, ok := v.(float64); !ok || n < 1 || n > 60 || n != math.Trunc(n) {
			return "must be whole seconds from 1 to 60"
		}
		return ""
	},
	"filler": checkConfigURI,
	"logo":   checkConfigURI,
	"group":  checkGroup,
	// ReadAuto checks the rest of these.
	"auto_populate_content": anything,
	"auto_cleanup":          anything,
	"auto_schedule":         anything,
	"delivery":              checkDelivery,
	"always_on":             checkBool,
	"auto_populate":         checkBool,
}

func anything(any) string { return "" }

func checkBool(v any) string {
	if _, ok := v.(bool); !ok {
		return "must be true or false"
	}
	return ""
}

func checkConfigURI(v any) string {
	s, ok := v.(string)
	if !ok {
		return "must be a URL in a string"
	}
	return CheckURI(s)
}

func checkGroup(v any) string {
	s, ok := v.(string)
	if !ok {
		return "must be a string"
	}
	for _, fault := range checkText("group", s, MaxCategoryLength) {
		return fault.Message
	}
	return ""
}

// checkDelivery reads "from=to,from=to": URL prefixes.
func checkDelivery(v any) string {
	const form = "must be URL prefixes like http://vod/=https://cdn.example/vod/, several separated by commas"
	s, ok := v.(string)
	if !ok {
		return form
	}
	for pair := range strings.SplitSeq(s, ",") {
		from, to, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if CheckURI(from) != "" || CheckURI(to) != "" {
			return form
		}
	}
	return ""
}

func checkConfig(raw json.RawMessage) []Fault {
	if len(raw) == 0 {
		return nil
	}
	if len(raw) > MaxConfigLength {
		return []Fault{{"config", fmt.Sprintf("must not be longer than %d bytes", MaxConfigLength)}}
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return []Fault{{"config", "must be a JSON object"}}
	}
	var faults []Fault
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value := fields[name]
		check, known := configChecks[name]
		if !known {
			for want := range configChecks {
				if strings.EqualFold(name, want) {
					faults = append(faults, Fault{"config." + name, "is written " + want})
				}
			}
			continue
		}
		if value == nil {
			continue // the same as absent
		}
		if reason := check(value); reason != "" {
			faults = append(faults, Fault{"config." + name, reason})
		}
	}
	return faults
}

// CompactConfig is the stored form of a channel's configuration.
func CompactConfig(raw json.RawMessage) (json.RawMessage, error) {
	if len(raw) == 0 {
		return json.RawMessage("{}"), nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return nil, fmt.Errorf("compact config: %w", err)
	}
	return b.Bytes(), nil
}

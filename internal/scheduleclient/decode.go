package scheduleclient

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// List is an answer to "which channels are there?".
type List struct {
	Channels []Channel // ordered by id
	Warnings []string  // what was left out, for people
}

// Channel is a channel as the schedule has it.
type Channel struct {
	ID   string
	Name string
	// Revision differs after every edit of the channel or its schedule; "":
	// this schedule doesn't count them.
	Revision string
	Config   Config
	Raw      json.RawMessage // of the config; nil: there is none
	Warnings []string        // what in the config is not used, for people
}

// Config is the part of a channel's configuration that concerns the engine.
type Config struct {
	Tracks         json.RawMessage // nil: not set
	TargetDuration time.Duration   // 0: not set
	Filler         string          // URI; "": not set
	Delivery       string          // as DELIVERY_MAP; "": not set
	AlwaysOn       bool
}

// Schedule is what a channel should play in [Start, End).
type Schedule struct {
	Start, End time.Time
	Events     []Event  // overlap the range, ordered, each ends before the next begins
	Warnings   []string // what was left out or shortened, for people
}

// Event is an airing of an asset in [Start, End).
type Event struct {
	ID         string
	Title      string
	URI        string // http or https
	Start, End time.Time
}

// decodeList reads the list of channels. It fails if nothing of it can be used.
func decodeList(body []byte) (List, error) {
	items, err := decodeArray(body)
	if err != nil {
		return List{}, err
	}
	list := List{Channels: make([]Channel, 0, len(items))}
	warnings := &warnings{what: "channel"}
	seen := make(map[string]bool, len(items))
	for i, item := range items {
		channel, err := decodeChannel(item)
		switch {
		case err != nil:
			warnings.add(i, channel.ID, err.Error())
		case seen[channel.ID]:
			warnings.add(i, channel.ID, "another one has the same id")
		default:
			seen[channel.ID] = true
			list.Channels = append(list.Channels, channel)
		}
	}
	if list.Warnings = warnings.texts(); len(items) > 0 && len(list.Channels) == 0 {
		return List{}, errors.New("none of the channels can be used: " + list.Warnings[0])
	}
	slices.SortFunc(list.Channels, func(a, b Channel) int { return strings.Compare(a.ID, b.ID) })
	return list, nil
}

func decodeArray(body []byte) ([]json.RawMessage, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(body, &items); err != nil {
		return nil, err
	}
	if items == nil {
		return nil, errors.New("it is null, not an array")
	}
	return items, nil
}

func decodeChannel(body []byte) (Channel, error) {
	var wire struct {
		ID, Name, Title, Revision, Config json.RawMessage
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return Channel{}, err
	}
	channel := Channel{
		ID:       scalar(wire.ID),
		Name:     clip(cmp.Or(scalar(wire.Name), scalar(wire.Title)), maxTitle),
		Revision: scalar(wire.Revision),
	}
	if !idPattern.MatchString(channel.ID) {
		return channel, errors.New("an id has letters, digits, _ and -, 1 to 64 of them")
	}
	if !isNull(wire.Config) {
		channel.Raw = wire.Config
		channel.Config, channel.Warnings = decodeConfig(wire.Config)
	}
	return channel, nil
}

// decodeConfig reads what it can: nothing in a config may take a channel off air.
func decodeConfig(raw json.RawMessage) (Config, []string) {
	var config Config
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return config, []string{"config: it is not an object, and is not used"}
	}
	var unused []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value := fields[name]
		if isNull(value) {
			continue
		}
		problem := ""
		switch name {
		case "tracks":
			config.Tracks = value
		case "target_duration":
			d, ok := seconds(value)
			if !ok || d%time.Second != 0 || d > time.Minute {
				problem = "want whole seconds, 1 to 60"
			} else {
				config.TargetDuration = d
			}
		case "filler":
			uri := scalar(value)
			if err := checkURI(uri); err != nil {
				problem = err.Error()
			} else {
				config.Filler = uri
			}
		case "delivery":
			if json.Unmarshal(value, &config.Delivery) != nil {
				problem = "want a text of the form of DELIVERY_MAP, from=to,…"
			}
		case "always_on":
			if json.Unmarshal(value, &config.AlwaysOn) != nil {
				problem = "want true or false"
			}
		default:
			if !strings.HasPrefix(name, "auto_") { // the schedule's own
				problem = "not known"
			}
		}
		if problem != "" {
			unused = append(unused, fmt.Sprintf("config.%s is not used: %s", clip(name, 40), problem))
		}
	}
	return config, unused
}

// decodeSchedule reads the events that overlap [start, end).
func decodeSchedule(body []byte, start, end time.Time) (Schedule, error) {
	items, err := decodeArray(body)
	if err != nil {
		return Schedule{}, err
	}
	warnings := &warnings{what: "event"}
	events := make([]Event, 0, len(items))
	for i, item := range items {
		event, err := decodeEvent(item)
		if err != nil {
			warnings.add(i, event.ID, err.Error())
			continue
		}
		events = append(events, event)
	}
	events = slices.DeleteFunc(inOrder(events, warnings), func(e Event) bool {
		return !e.Start.Before(end) || !e.End.After(start)
	})
	return Schedule{Start: start, End: end, Events: slices.Clip(events), Warnings: warnings.texts()}, nil
}

// inOrder sorts events and ends those that overlap where the next begins. Of
// two that begin together the one that ends first stays.
//
// Shortening the earlier one, unlike leaving out the later, gives the same
// result whichever range was asked for, and costs nothing where a foreign
// schedule has overlaps of milliseconds.
func inOrder(events []Event, warnings *warnings) []Event {
	slices.SortFunc(events, func(a, b Event) int {
		return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End), strings.Compare(a.ID, b.ID), strings.Compare(a.URI, b.URI), strings.Compare(a.Title, b.Title))
	})
	kept := events[:0]
	for _, e := range events {
		if last := len(kept) - 1; last >= 0 && e.Start.Before(kept[last].End) {
			if e.Start.Equal(kept[last].Start) {
				warnings.addText(fmt.Sprintf("event %q is left out: %q begins at the same time, %s", clip(e.ID, 80), clip(kept[last].ID, 80), e.Start.Format(time.RFC3339)))
				continue
			}
			warnings.addText(fmt.Sprintf("event %q ends at %s, where %q begins: they overlap", clip(kept[last].ID, 80), e.Start.Format(time.RFC3339), clip(e.ID, 80)))
			kept[last].End = e.Start
		}
		kept = append(kept, e)
	}
	return kept
}

// decodeEvent reads an event in the forms of Consuo and of Eyevinn's schedule service.
func decodeEvent(body []byte) (Event, error) {
	var wire struct {
		ID, Title, Type, URI, URL json.RawMessage
		StartTime                 json.RawMessage `json:"start_time"`
		EndTime                   json.RawMessage `json:"end_time"`
		Start, End, Duration      json.RawMessage
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return Event{}, err
	}
	e := Event{
		ID:    scalar(wire.ID),
		Title: clip(scalar(wire.Title), maxTitle),
		URI:   cmp.Or(scalar(wire.URI), scalar(wire.URL)),
	}
	if strings.EqualFold(scalar(wire.Type), "LIVE") {
		return e, errors.New("it is a live stream, and only VODs can be played")
	}
	if err := checkURI(e.URI); err != nil {
		return e, err
	}
	var ok bool
	if e.Start, ok = firstInstant(wire.StartTime, wire.Start); !ok {
		return e, errors.New("no start: want start_time in Unix milliseconds, or start as ISO 8601")
	}
	if e.End, ok = firstInstant(wire.EndTime, wire.End); !ok {
		d, ok := seconds(wire.Duration)
		if !ok {
			return e, errors.New("no end: want end_time in Unix milliseconds, end as ISO 8601, or duration in seconds")
		}
		e.End = e.Start.Add(d)
	}
	if !e.End.After(e.Start) {
		return e, errors.New("it does not end after it starts")
	}
	return e, nil
}

const (
	maxTitle = 1 << 10 // bytes
	maxURI   = 4 << 10 // bytes; more does not fit in a playout log
)

func checkURI(s string) error {
	if s == "" {
		return errors.New("no uri")
	}
	if len(s) > maxURI {
		return fmt.Errorf("the uri is longer than %d bytes", maxURI)
	}
	if strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r == '"' || r == unicode.ReplacementChar || !unicode.IsGraphic(r)
	}) {
		return errors.New("the uri has a character that must be escaped")
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return errors.New("the uri is not a whole http or https URL")
	}
	return nil
}

func isNull(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(raw, []byte("null"))
}

// scalar is the text of a JSON string or number, "" of anything else.
func scalar(raw json.RawMessage) string {
	var s string
	if isNull(raw) {
		return ""
	}
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	if _, err := strconv.ParseFloat(string(raw), 64); err == nil {
		return string(raw)
	}
	return ""
}

func firstInstant(forms ...json.RawMessage) (time.Time, bool) {
	for _, raw := range forms {
		if t, ok := instant(scalar(raw)); ok {
			return t, true
		}
	}
	return time.Time{}, false
}

// latest keeps dates to the four digits of ISO 8601.
const latest = 253402300799999 // ms

// instant reads Unix milliseconds, or ISO 8601, in UTC where it names no zone.
func instant(s string) (time.Time, bool) {
	if ms, err := strconv.ParseFloat(s, 64); err == nil {
		if !(ms >= 0 && ms <= latest) {
			return time.Time{}, false
		}
		return time.UnixMilli(int64(ms)).UTC(), true // exact: it is below 2^53
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1970 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// seconds reads a positive number of seconds, or a Go duration.
func seconds(raw json.RawMessage) (time.Duration, bool) {
	s := scalar(raw)
	if d, err := time.ParseDuration(s); err == nil {
		return d, d > 0
	}
	f, err := strconv.ParseFloat(s, 64)
	ns := math.Round(f * float64(time.Second))
	if err != nil || !(ns >= 1 && ns < math.MaxInt64) {
		return 0, false
	}
	return time.Duration(ns), true
}

// warnings collects what was left out of an answer, not without end.
type warnings struct {
	what string
	list []string
	more int
}

func (w *warnings) add(index int, id, reason string) {
	w.addText(fmt.Sprintf("%s %d (id %q) is left out: %s", w.what, index, clip(id, 80), reason))
}

func (w *warnings) addText(text string) {
	if len(w.list) == 20 {
		w.more++
		return
	}
	w.list = append(w.list, text)
}

func (w *warnings) texts() []string {
	if w.more > 0 {
		return append(w.list, fmt.Sprintf("and %d more", w.more))
	}
	return w.list
}

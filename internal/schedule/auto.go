package schedule

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// What the auto-scheduler does where a channel's configuration says nothing.
const (
	DefaultAhead = 12 * time.Hour
	DefaultKeep  = 48 * time.Hour // a programme guide shows yesterday
)

// Bounds of a configuration.
const (
	maxAhead   = 14 * 24 * time.Hour
	maxBlocks  = 100
	maxContent = 1000 // entries of a list in the configuration
)

// Auto is how a channel's schedule fills itself: the fields auto_populate,
// auto_populate_content, auto_cleanup and auto_schedule of its configuration.
type Auto struct {
	Populate bool
	Keep     time.Duration // events that ended longer ago are deleted; 0: none
	Ahead    time.Duration // how far the schedule is filled
	Zone     *time.Location
	Seed     uint64
	// Base holds where no block does.
	Base Rule
	// Blocks are day-parts; where several hold, the first does.
	Blocks []Block
}

// A Rule says what is planned in a part of the day.
type Rule struct {
	Content  Content
	Sequence bool // in the order of the content; else shuffled
	// Pad is what events begin on a multiple of, counted from the full hour of
	// the zone's clock: 15 minutes is :00, :15, :30 and :45. 0: back to back.
	Pad time.Duration
	// Late is how much later than the part of the day its first event may begin,
	// because the one before is not over. Negative: any time.
	Late time.Duration
}

// A Block is a Rule for some weekdays, between two times of the zone's clock.
type Block struct {
	Rule
	Days     [7]bool       // by time.Weekday, on which it begins
	From, To time.Duration // since midnight by the clock; To may be on the next day
}

// Content is where assets come from: a feed, or a list.
type Content struct {
	Feed string
	List []Entry
}

// Empty says whether there is nothing to plan.
func (c Content) Empty() bool { return c.Feed == "" && len(c.List) == 0 }

// An Entry is an asset that may be planned.
type Entry struct {
	URI   string `json:"uri"`
	Title string `json:"title,omitempty"`
	Details
}

// ReadAuto reads a channel's configuration. The faults are those of its fields;
// a configuration that was stored has none.
func ReadAuto(channelID string, config json.RawMessage) (Auto, []Fault) {
	var raw struct {
		Populate *bool           `json:"auto_populate"`
		Content  json.RawMessage `json:"auto_populate_content"`
		Cleanup  json.RawMessage `json:"auto_cleanup"`
		Schedule json.RawMessage `json:"auto_schedule"`
	}
	a := Auto{Ahead: DefaultAhead, Zone: time.UTC, Base: Rule{Late: -1}}
	if len(config) == 0 {
		return a, nil
	}
	var faults []Fault
	fault := func(field, reason string) { faults = append(faults, Fault{"config." + field, reason}) }
	if err := json.Unmarshal(config, &raw); err != nil {
		return a, []Fault{{"config.auto_populate", "must be true or false"}} // the only typed field
	}
	a.Populate = raw.Populate != nil && *raw.Populate
	var err error
	if a.Base.Content, err = readContent(raw.Content); err != nil {
		fault("auto_populate_content", err.Error())
	}
	if a.Keep, err = readKeep(raw.Cleanup); err != nil {
		fault("auto_cleanup", err.Error())
	}
	hash := fnv.New64a()
	hash.Write([]byte(channelID)) // a channel's own, but always the same
	a.Seed = hash.Sum64()
	if !isNull(raw.Schedule) {
		if field, err := a.readSchedule(raw.Schedule); err != nil {
			fault(strings.TrimSuffix("auto_schedule."+field, "."), err.Error())
		}
	}
	if a.Populate && a.Base.Content.Empty() && len(a.Blocks) == 0 && faults == nil {
		fault("auto_populate_content", "is missing: name a feed, or list the assets")
	}
	return a, faults
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

func readContent(raw json.RawMessage) (Content, error) {
	var c Content
	if isNull(raw) {
		return c, nil
	}
	switch raw[0] {
	case '"':
		if err := json.Unmarshal(raw, &c.Feed); err != nil {
			return c, err
		}
		if reason := CheckURI(c.Feed); reason != "" {
			return c, errors.New(reason)
		}
		return c, nil
	case '[':
		var items []json.RawMessage
		if err := json.Unmarshal(raw, &items); err != nil {
			return c, err
		}
		if len(items) > maxContent {
			return c, fmt.Errorf("must not have more than %d entries: use a feed", maxContent)
		}
		for i, item := range items {
			var e Entry
			if item[0] == '"' {
				if err := json.Unmarshal(item, &e.URI); err != nil {
					return c, err
				}
			} else if err := strictly(item, &e); err != nil {
				return c, fmt.Errorf("entry %d must be a URL, or an object with uri and title: %w", i, err)
			}
			if faults := e.check(); faults != nil {
				return c, fmt.Errorf("entry %d: %s %s", i, faults[0].Field, faults[0].Message)
			}
			c.List = append(c.List, e)
		}
		return c, nil
	}
	return c, errors.New("must be the URL of a feed, or a list of assets")
}

func (e Entry) check() []Fault {
	probe := Event{ID: "x", Title: e.Title, URI: e.URI, Details: e.Details, Slot: Slot{MinTime, MinTime.Add(1)}}
	return probe.Check()
}

// readKeep reads true, false or how long events are kept.
func readKeep(raw json.RawMessage) (time.Duration, error) {
	const form = "must be true, false, or how long events are kept, like \"48h\""
	switch string(raw) {
	case "", "null", "false":
		return 0, nil
	case "true":
		return DefaultKeep, nil
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return 0, errors.New(form)
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Hour {
		return 0, errors.New(form + ", at least 1h")
	}
	return d, nil
}

// rawRule is a Rule as it is written.
type rawRule struct {
	Content json.RawMessage `json:"content"`
	Order   string          `json:"order"`
	Pad     int             `json:"pad_to"`
	Late    string          `json:"at_most_late"`
}

// read changes r where something is said.
func (raw rawRule) read(r *Rule) (field string, err error) {
	if !isNull(raw.Content) {
		if r.Content, err = readContent(raw.Content); err != nil {
			return "content", err
		}
	}
	switch raw.Order {
	case "":
	case "shuffle", "sequence":
		r.Sequence = raw.Order == "sequence"
	default:
		return "order", errors.New("must be shuffle or sequence")
	}
	if !slices.Contains([]int{0, 5, 10, 15, 20, 30, 60}, raw.Pad) {
		return "pad_to", errors.New("must be 5, 10, 15, 20, 30 or 60 minutes")
	}
	r.Pad = cmp.Or(time.Duration(raw.Pad)*time.Minute, r.Pad)
	if raw.Late != "" {
		if r.Late, err = time.ParseDuration(raw.Late); err != nil || r.Late < 0 {
			return "at_most_late", errors.New("must be like 5m, or 0s for never late")
		}
	}
	return "", nil
}

func (a *Auto) readSchedule(text json.RawMessage) (field string, err error) {
	var raw struct {
		rawRule
		Ahead  string  `json:"ahead"`
		Seed   *uint64 `json:"seed"`
		Zone   string  `json:"zone"`
		Blocks []struct {
			rawRule
			Days []string `json:"days"`
			From string   `json:"from"`
			To   string   `json:"to"`
		} `json:"blocks"`
	}
	if err := strictly(text, &raw); err != nil {
		return "", err
	}
	if !isNull(raw.Content) {
		return "content", errors.New("is written auto_populate_content, beside auto_schedule")
	}
	if field, err := raw.read(&a.Base); err != nil {
		return field, err
	}
	if raw.Ahead != "" {
		if a.Ahead, err = time.ParseDuration(raw.Ahead); err != nil || a.Ahead < time.Hour || a.Ahead > maxAhead {
			return "ahead", fmt.Errorf("must be like 12h, from 1h to %v", maxAhead)
		}
	}
	if raw.Seed != nil {
		a.Seed = *raw.Seed
	}
	if raw.Zone != "" {
		zone, err := time.LoadLocation(raw.Zone)
		if err != nil || raw.Zone == "Local" {
			return "zone", errors.New("must be the IANA name of a time zone, like Europe/Stockholm")
		}
		a.Zone = zone
	}
	if len(raw.Blocks) > maxBlocks {
		return "blocks", fmt.Errorf("must not be more than %d", maxBlocks)
	}
	for i, b := range raw.Blocks {
		at := fmt.Sprintf("blocks[%d].", i)
		block := Block{Rule: Rule{Content: a.Base.Content, Sequence: a.Base.Sequence, Pad: a.Base.Pad}}
		if field, err := b.read(&block.Rule); err != nil {
			return at + field, err
		}
		if block.Content.Empty() {
			return at + "content", errors.New("is missing, and there is no auto_populate_content to stand for it")
		}
		if block.Days, err = readDays(b.Days); err != nil {
			return at + "days", err
		}
		if block.From, err = readClock(b.From); err != nil {
			return at + "from", err
		}
		if block.To, err = readClock(b.To); err != nil {
			return at + "to", err
		}
		if block.To <= block.From {
			block.To += 24 * time.Hour
		}
		a.Blocks = append(a.Blocks, block)
	}
	return "", nil
}

// readDays reads names of weekdays; none are all.
func readDays(names []string) (days [7]bool, err error) {
	if len(names) == 0 {
		return [7]bool{true, true, true, true, true, true, true}, nil
	}
	known := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	for _, name := range names {
		day := slices.Index(known, strings.ToLower(name))
		if day < 0 {
			return days, errors.New("must be of mon, tue, wed, thu, fri, sat, sun")
		}
		days[day] = true
	}
	return days, nil
}

// readClock reads 00:00 to 24:00.
func readClock(s string) (time.Duration, error) {
	if s == "24:00" {
		return 24 * time.Hour, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != 5 {
		return 0, errors.New("must be a time of day like 06:30")
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// strictly decodes an object that may have known fields only.
func strictly(raw json.RawMessage, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

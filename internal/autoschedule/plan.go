// Package autoschedule fills schedules from feeds and lists of assets.
//
// [Plan] is the pure heart: rules, assets, what is planned already and an
// instant make new events. [Runner] is what happens around it: it reads feeds, asks for
// the length of assets, and stores what was planned, in one transaction with the reading of what is
// there, so that no two replicas plan the same time twice.
package autoschedule

import (
	"encoding/binary"
	"hash/fnv"
	"slices"
	"sort"
	"time"

	"consuo/internal/schedule"
)

// An Item is an asset of known length that may be planned.
type Item struct {
	schedule.Entry
	Duration time.Duration // whole milliseconds, more than 0
}

// Shelf finds the items of a rule's content, in their order.
type Shelf func(schedule.Content) []Item

// maxEvents bounds one plan, as others wait for it who edit the channel: what
// is left is planned the next time.
const maxEvents = 500

// Plan fills the time from now until now+Ahead where nothing is planned. The
// last event may end later. The events given are those of the channel, ordered:
// they reach back as far as repeats are to be avoided and sequences to be
// continued, and forward past the end of the plan. The new events have no ids.
func Plan(a schedule.Auto, shelf Shelf, planned []schedule.Event, now time.Time) []schedule.Event {
	cursor := now.UTC().Truncate(time.Second)
	until := cursor.Add(a.Ahead)
	p := planner{auto: a, shelf: shelf, parts: parts(a, cursor, until.Add(24*time.Hour)), history: slices.Clone(planned), index: map[string]map[string][]int{}}
	// Events of the past, and after them those ahead, into which new ones go.
	for cursor.Before(until) && len(p.made) < maxEvents {
		next := sort.Search(len(planned), func(i int) bool { return planned[i].End.After(cursor) })
		limit := until.Add(24 * time.Hour)
		if next < len(planned) {
			if !planned[next].Start.After(cursor) {
				cursor = planned[next].End
				continue
			}
			limit = planned[next].Start
		}
		cursor = p.step(cursor, limit)
	}
	return p.made
}

// planner is one run of Plan.
type planner struct {
	auto    schedule.Auto
	shelf   Shelf
	parts   []part
	history []schedule.Event // all events, ordered by start; new ones are put in
	made    []schedule.Event
	index   map[string]map[string][]int // of items by URI, by key of the content
}

// step plans one event at cursor or later that ends by limit, and returns where
// to go on. It always goes on.
func (p *planner) step(cursor, limit time.Time) time.Time {
	at := p.partAt(cursor)
	here := p.parts[at]
	if start := pad(cursor, here.rule.Pad, p.auto.Zone); start.After(cursor) {
		if !start.Before(limit) {
			return limit
		}
		return start // it may lie in the next part of the day
	}
	inTime := func(end time.Time) bool {
		if end.After(limit) {
			return false
		}
		if !end.After(here.End) {
			return true
		}
		// It runs into the next part, or parts: the first of them decides.
		next := p.parts[at+1]
		return next.rule.Late < 0 || !pad(end, next.rule.Pad, p.auto.Zone).After(next.Start.Add(next.rule.Late))
	}
	item, ok := p.choose(here.rule, cursor, inTime)
	if !ok { // the rest is for filler
		if limit.Before(here.End) {
			return limit
		}
		return here.End
	}
	e := schedule.Event{Title: item.Title, URI: item.URI, Details: item.Details,
		Slot: schedule.Slot{Start: cursor, End: cursor.Add(item.Duration)}}
	i := sort.Search(len(p.history), func(i int) bool { return p.history[i].Start.After(cursor) })
	p.history = slices.Insert(p.history, i, e)
	p.made = append(p.made, e)
	return e.End
}

func (p *planner) partAt(t time.Time) int {
	return sort.Search(len(p.parts)-1, func(i int) bool { return p.parts[i].End.After(t) })
}

// choose finds what to play at an instant.
func (p *planner) choose(rule schedule.Rule, at time.Time, inTime func(end time.Time) bool) (Item, bool) {
	items := p.shelf(rule.Content)
	if len(items) == 0 {
		return Item{}, false
	}
	n := sort.Search(len(p.history), func(i int) bool { return p.history[i].Start.After(at) })
	before, after := p.history[:n], p.history[n:]
	if rule.Sequence {
		// The order counts for more than a full schedule: what does not fit waits.
		item := items[nextInSequence(items, before)]
		return item, inTime(at.Add(item.Duration))
	}
	// Not the same again, and rather what has not been on for long: of the items
	// that fit, the half that was on longest ago; of these the one that the dice like best.
	ago := p.ago(rule.Content, items, before)
	var fitting []int // indexes of items
	for i, item := range items {
		if !inTime(at.Add(item.Duration)) {
			continue
		}
		follows := len(after) > 0 && after[0].URI == item.URI && after[0].Start.Equal(at.Add(item.Duration))
		if len(items) > 1 && (ago[i] == 1 || follows) {
			continue
		}
		fitting = append(fitting, i)
	}
	if len(fitting) == 0 {
		return Item{}, false
	}
	order := make([]int, len(fitting))
	for n, i := range fitting {
		order[n] = ago[i]
	}
	slices.Sort(order)
	median := order[len(order)/2]
	best, score := -1, uint64(0)
	for _, i := range fitting {
		if ago[i] < median {
			continue
		}
		if d := dice(p.auto.Seed, at, items[i].URI); best < 0 || d < score {
			best, score = i, d
		}
	}
	return items[best], true
}

// never is how long ago something was on that was not.
const never = 1 << 30

// ago counts for each item how many events ago it was on.
func (p *planner) ago(content schedule.Content, items []Item, before []schedule.Event) []int {
	k := key(content)
	index := p.index[k]
	if index == nil {
		index = make(map[string][]int, len(items))
		for i, item := range items {
			index[item.URI] = append(index[item.URI], i)
		}
		p.index[k] = index
	}
	ago := make([]int, len(items))
	for i := range ago {
		ago[i] = never
	}
	left := len(index)
	for i := len(before) - 1; i >= 0 && left > 0; i-- {
		same := index[before[i].URI]
		if len(same) == 0 || ago[same[0]] != never {
			continue
		}
		left--
		for _, n := range same {
			ago[n] = len(before) - i
		}
	}
	return ago
}

// dice is a number that depends on nothing but its arguments.
func dice(seed uint64, at time.Time, uri string) uint64 {
	hash := fnv.New64a()
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], seed)
	binary.LittleEndian.PutUint64(b[8:], uint64(at.UnixMilli()))
	hash.Write(b[:])
	hash.Write([]byte(uri))
	x := hash.Sum64()
	// FNV's high bits hardly depend on its last bytes; mix.
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	x ^= x >> 32
	return x
}

// maxMatch is how many events back a sequence is compared: the same asset may
// occur in it several times (a jingle between films).
const maxMatch = 8

// nextInSequence is the index of the item that follows what was on last, 0 if
// nothing of the sequence was.
func nextInSequence(items []Item, before []schedule.Event) int {
	known := make(map[string]bool, len(items))
	for _, item := range items {
		known[item.URI] = true
	}
	var played []string // the latest first
	for i := len(before) - 1; i >= 0 && len(played) < maxMatch; i-- {
		if known[before[i].URI] {
			played = append(played, before[i].URI)
		}
	}
	if len(played) == 0 {
		return 0
	}
	best, most := 0, 0
	for i := range items {
		n := 0
		for n < len(played) && items[((i-n)%len(items)+len(items))%len(items)].URI == played[n] {
			n++
		}
		if n > most {
			best, most = i, n
		}
	}
	return (best + 1) % len(items)
}

// Expired are the events that may be deleted: those that ended longer ago than
// Keep, except for the last of each sequence, which remembers where to go on.
func Expired(a schedule.Auto, shelf Shelf, planned []schedule.Event, now time.Time) (expired []schedule.Event) {
	if a.Keep <= 0 {
		return nil
	}
	end := now.Add(-a.Keep)
	keep := map[int]bool{}
	rules := []schedule.Rule{a.Base}
	for _, b := range a.Blocks {
		rules = append(rules, b.Rule)
	}
	for _, rule := range rules {
		if !a.Populate || !rule.Sequence {
			continue
		}
		known := map[string]bool{}
		for _, item := range shelf(rule.Content) {
			known[item.URI] = true
		}
		for i, left := len(planned)-1, maxMatch; i >= 0 && left > 0; i-- {
			if known[planned[i].URI] && !planned[i].Start.After(now) {
				keep[i] = true
				left--
			}
		}
	}
	for i, e := range planned {
		if e.End.Before(end) && !keep[i] {
			expired = append(expired, e)
		}
	}
	return expired
}

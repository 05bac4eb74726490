package demo

import "time"

// event is an event of the schedule service, in the form in which it is
// written and read.
type event struct {
	Title     string `json:"title"`
	StartTime int64  `json:"start_time"` // Unix milliseconds
	EndTime   int64  `json:"end_time"`
	URI       string `json:"uri"`
}

func (e event) start() time.Time { return time.UnixMilli(e.StartTime) }
func (e event) end() time.Time   { return time.UnixMilli(e.EndTime) }

// pause follows the last sample of a round: time for the engine to show what it
// fills a hole with. From sample to sample there is none.
const pause = 8 * time.Second

// programme gives the events from an instant until another is reached: the
// samples in turn, beginning with one of them.
func programme(all []sample, vodURL string, turn int, from, until time.Time) []event {
	var out []event
	at := from.UnixMilli()
	for at < until.UnixMilli() {
		s := all[turn]
		// Whole milliseconds, and not less than the asset has.
		end := at + (s.duration + time.Millisecond - 1).Milliseconds()
		out = append(out, event{Title: s.title, StartTime: at, EndTime: end, URI: vodURL + "/" + s.name + "/master.m3u8"})
		at, turn = end, turn+1
		if turn == len(all) {
			at, turn = end+pause.Milliseconds(), 0
		}
	}
	return out
}

// resume tells where a programme goes on after its last event: with which
// sample, and when. An event of somebody else's begins a new round.
func resume(all []sample, last event) (turn int, from time.Time) {
	for i, s := range all {
		if s.title == last.Title && i+1 < len(all) {
			return i + 1, last.end()
		}
	}
	return 0, last.end().Add(pause)
}

// nowAndNext finds what is on at an instant and what follows, in events that
// are in order. Either may be missing.
func nowAndNext(events []event, now time.Time) (on, next *event) {
	for i := range events {
		e := &events[i]
		switch {
		case e.start().After(now):
			return on, e
		case e.end().After(now):
			on = e
		}
	}
	return on, nil
}

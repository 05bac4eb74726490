package timeline

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"consuo/internal/hls"
)

// dateRange is an EXT-X-DATERANGE of an asset, in asset time.
type dateRange struct {
	hls.DateRange               // dates and durations are the source's
	at            time.Duration // asset time of its start; below 0: before the asset
	length        time.Duration // below 0: not given
	planned       time.Duration // below 0: not given
}

// newDateRanges moves the date ranges of a playlist to asset time, which its
// EXT-X-PROGRAM-DATE-TIMEs make possible (draft 4.4.5.1). Without those all
// are dropped: nobody knows when they are. Tags with the same ID are one range
// (draft 4.4.5.1: they add attributes).
func newDateRanges(m *hls.Media) (ranges []dateRange, dropped int) {
	type anchor struct {
		at   time.Duration
		date time.Time
	}
	var anchors []anchor
	var tags []hls.DateRange
	var now time.Duration
	for i := range m.Segments {
		s := &m.Segments[i]
		if !s.ProgramDateTime.IsZero() {
			anchors = append(anchors, anchor{now, s.ProgramDateTime})
		}
		tags = append(tags, s.DateRanges...)
		now += s.Duration
	}
	if len(anchors) == 0 {
		return nil, len(tags)
	}
	byID := make(map[string]int)
	for _, tag := range tags {
		if i, ok := byID[tag.ID]; ok {
			r := &ranges[i]
			if tag.Duration >= 0 {
				r.Duration = tag.Duration
			}
			if !tag.EndDate.IsZero() {
				r.EndDate = tag.EndDate
			}
			continue
		}
		// The date is that of the content after the latest anchor before it.
		from := anchors[0]
		for _, a := range anchors {
			if !a.date.After(tag.StartDate) && !a.date.Before(from.date) {
				from = a
			}
		}
		byID[tag.ID] = len(ranges)
		ranges = append(ranges, dateRange{DateRange: tag, at: from.at + tag.StartDate.Sub(from.date)})
	}
	slices.SortStableFunc(ranges, func(a, b dateRange) int { return int(a.at - b.at) })
	for i := range ranges {
		r := &ranges[i]
		r.length, r.planned = r.Duration, r.PlannedDuration
		switch {
		case r.length >= 0:
		case !r.EndDate.IsZero():
			r.length = r.EndDate.Sub(r.StartDate)
		case r.EndOnNext: // draft 4.4.5.1: until the next one of its class
			next := slices.IndexFunc(ranges[i+1:], func(o dateRange) bool { return o.Class == r.Class })
			if next >= 0 {
				r.length = ranges[i+1+next].at - r.at
			}
		}
	}
	return ranges, 0
}

// appendDateRanges appends the date ranges that belong to what is listed on
// the primary at t, the same for every playlist. A range is moved to live
// time, clipped where its cut begins and ends, and stated anew as long as it
// reaches into the window (draft 6.2.1). Its DURATION is written once it is
// over, because until then an edit may still cut it short; attributes of a
// range may be added but never change (draft 4.4.5.1).
func (tl *Timeline) appendDateRanges(dst []byte, t time.Time) []byte {
	if !tl.hasDateRanges() {
		return dst
	}
	head := tl.headDate(t)
	end, _ := tl.next(0, t)
	last, p := tl.segment(0, end-1)
	edge := last.end(0, p)
	for i := range tl.entries {
		e := &tl.entries[i]
		over := edge.Add(time.Nanosecond) // the cut's end, where it is near enough to matter
		if i+1 < len(tl.entries) {
			over = tl.entries[i+1].Start
		}
		if !e.Start.Before(edge) {
			break
		}
		if i+1 < len(tl.entries) && !over.After(head) {
			continue
		}
		loop := int64(0)
		if after := head.Sub(e.loopStart(1)); after > 0 {
			loop = 1 + int64(after/e.filler.length)
		}
		for ; e.loopStart(loop).Before(edge) && e.loopStart(loop).Before(over); loop++ {
			dst = e.appendLoopRanges(dst, loop, head, edge, over)
		}
	}
	return dst
}

// hasDateRanges says whether any can be listed; most channels have none.
func (tl *Timeline) hasDateRanges() bool {
	for i := range tl.entries {
		if e := &tl.entries[i]; len(e.asset.primary().ranges)+len(e.filler.primary().ranges) > 0 {
			return true
		}
	}
	return false
}

// appendLoopRanges appends the date ranges of one loop of a cut that ends at
// over.
func (e *Entry) appendLoopRanges(dst []byte, loop int64, head, edge, over time.Time) []byte {
	feed, from := e.filler, time.Duration(0)
	if loop == 0 {
		feed, from = e.asset, e.offset()
	}
	base := e.loopStart(loop)
	if end := base.Add(feed.length); end.Before(over) {
		over = end
	}
	for i := range feed.primary().ranges {
		r := &feed.primary().ranges[i]
		start := max(r.at, from)
		if r.at < from && r.at+r.length <= from {
			continue // it was over before the cut, or has no length
		}
		begins := base.Add(start)
		if !begins.Before(edge) || !begins.Before(over) {
			continue
		}
		live := r.DateRange
		live.ID = strconv.FormatInt(e.Number, 10) + "." + strconv.FormatInt(loop, 10) + "." + r.ID
		live.StartDate = begins.Round(time.Millisecond)
		live.EndDate, live.Duration, live.PlannedDuration, live.EndOnNext = time.Time{}, -1, -1, false
		ends := begins
		if r.planned >= 0 {
			live.PlannedDuration = max(r.at+r.planned-start, 0)
		}
		if r.length >= 0 {
			live.PlannedDuration = r.at + r.length - start
			if ends = base.Add(r.at + r.length); ends.After(over) {
				ends = over
			}
			if !ends.After(edge) {
				live.Duration = ends.Sub(begins)
			}
		}
		if ends.Before(head) {
			continue
		}
		dst = hls.AppendDateRange(dst, live)
	}
	return dst
}

// droppedRanges says that date ranges were left out.
func droppedRanges(n int) string {
	return fmt.Sprintf("%d EXT-X-DATERANGE left out: there is no EXT-X-PROGRAM-DATE-TIME to tell when they are", n)
}

package timeline

import (
	"sort"
	"strconv"
	"time"

	"consuo/internal/hls"
)

// appendDateRanges appends the date ranges that belong to what is listed on
// the primary at t, the same for every playlist. A range is moved to live
// time, clipped where its cut begins and ends, and stated anew as long as it
// reaches into the window (draft 6.2.1). Its DURATION is written once it is
// over, because until then an edit may still cut it short; attributes of a
// range may be added but never change (draft 4.4.5.1).
func (tl *Timeline) appendDateRanges(dst []byte, t time.Time) []byte {
	if !tl.ranged {
		return dst // as on most channels
	}
	head := tl.headDate(t)
	end, _ := tl.next(0, t)
	last, p := tl.segment(0, end-1)
	edge := last.end(0, p)
	first := sort.Search(len(tl.entries), func(i int) bool { return tl.entries[i].Start.After(head) })
	for i := max(first-1, 0); i < len(tl.entries); i++ {
		e := &tl.entries[i]
		over := edge.Add(time.Nanosecond) // the cut's end, where it is near enough to matter
		if i+1 < len(tl.entries) {
			over = tl.entries[i+1].Start
		}
		if !e.Start.Before(edge) {
			break
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
	for i := range feed.primary().ranges() {
		r := &feed.primary().ranges()[i]
		start := max(r.At, from)
		if r.At < from && r.At+r.Length <= from {
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
		if r.Planned >= 0 {
			live.PlannedDuration = max(r.At+r.Planned-start, 0)
		}
		if r.Length >= 0 {
			live.PlannedDuration = r.At + r.Length - start
			if ends = base.Add(r.At + r.Length); ends.After(over) {
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

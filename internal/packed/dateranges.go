package packed

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"consuo/internal/hls"
)

// DateRange is an EXT-X-DATERANGE of an asset, in asset time.
type DateRange struct {
	hls.DateRange               // dates and durations are the source's
	At            time.Duration // asset time of its start; below 0: before the asset
	Length        time.Duration // below 0: not given
	Planned       time.Duration // below 0: not given
}

// dates has what the segments of a playlist say of dates.
type dates struct {
	tags    []hls.DateRange
	anchors []anchor
}

// anchor is an EXT-X-PROGRAM-DATE-TIME.
type anchor struct {
	at   time.Duration // asset time
	date time.Time
}

// ranges moves the date ranges of a playlist to asset time, which its
// EXT-X-PROGRAM-DATE-TIMEs make possible (draft 4.4.5.1). Without those all
// are dropped: nobody knows when they are. Tags with the same ID are one range
// (draft 4.4.5.1: they add attributes).
func (d *dates) ranges() (ranges []DateRange, dropped int) {
	tags, anchors := d.tags, d.anchors
	switch {
	case len(tags) == 0:
		return nil, 0
	case len(anchors) == 0:
		return nil, len(tags)
	}
	first := anchors[0]
	slices.SortStableFunc(anchors, func(a, b anchor) int { return a.date.Compare(b.date) })
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
		from := first
		if n := sort.Search(len(anchors), func(n int) bool { return anchors[n].date.After(tag.StartDate) }); n > 0 && !tag.StartDate.Before(first.date) {
			from = anchors[n-1]
		}
		byID[tag.ID] = len(ranges)
		ranges = append(ranges, DateRange{DateRange: copied(tag), At: from.at + between(from.date, tag.StartDate)})
	}
	slices.SortStableFunc(ranges, func(a, b DateRange) int { return cmp.Compare(a.At, b.At) })
	measure(ranges)
	return ranges, 0
}

// measure works out the lengths of date ranges, which are in order.
func measure(ranges []DateRange) {
	next := make(map[string]time.Duration) // where one of a class begins, of those after r
	for i := range slices.Backward(ranges) {
		r := &ranges[i]
		r.Length, r.Planned = r.Duration, r.PlannedDuration
		switch {
		case r.Length >= 0:
		case !r.EndDate.IsZero():
			r.Length = between(r.StartDate, r.EndDate)
		case r.EndOnNext: // draft 4.4.5.1: until the next one of its class
			if at, ok := next[r.Class]; ok {
				r.Length = at - r.At
			}
		}
		next[r.Class] = r.At
	}
}

// between returns the time from one date to another. Who writes the year 9999
// means no date at all: it is cut to what can be added to other times.
func between(from, to time.Time) time.Duration {
	const most = 100 * 365 * 24 * time.Hour
	return min(max(to.Sub(from), -most), most)
}

// copied returns a date range that shares no memory with the text of the
// playlist, which would be kept as long.
func copied(r hls.DateRange) hls.DateRange {
	r.ID, r.Class, r.Cue = strings.Clone(r.ID), strings.Clone(r.Class), strings.Clone(r.Cue)
	r.Other = slices.Clone(r.Other)
	for i := range r.Other {
		r.Other[i] = strings.Clone(r.Other[i])
	}
	return r
}

// maxRanges is how many date ranges of a playlist are kept, the first ones: all
// that are in force stand in every playlist of a channel, and are looked at
// whenever one is written. A day with a break every two minutes has fewer.
const maxRanges = 1000

// droppedRanges says that date ranges were left out.
func droppedRanges(n int) string {
	return fmt.Sprintf("%d EXT-X-DATERANGE left out: there is no EXT-X-PROGRAM-DATE-TIME to tell when they are", n)
}

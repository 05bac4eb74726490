package hlscheck

import (
	"slices"
	"time"
)

var (
	ruleDateRangeAttributes = rule("daterange-attributes", "draft 4.4.5.1",
		"EXT-X-DATERANGE has ID and START-DATE, dates are ISO 8601, and END-ON-NEXT has CLASS but neither DURATION nor END-DATE")
	ruleDateRangeEnd = rule("daterange-end", "draft 4.4.5.1",
		"a date range does not end before it starts, and DURATION agrees with END-DATE")
	ruleDateRangeDates = rule("daterange-dates", "draft 4.4.5.1",
		"a playlist with EXT-X-DATERANGE has EXT-X-PROGRAM-DATE-TIME")
	ruleDateRangeKept = rule("daterange-kept", "draft 4.4.5.1, 6.2.1",
		"an ID names the same date range with the same attributes for ever, on every track; attributes may be added")
	ruleDateRangeRemoved = rule("daterange-removed", "draft 6.2.1",
		"a date range stays in the playlist while any of its dates maps to a listed segment")
)

// dateRange is one EXT-X-DATERANGE. Without DURATION or END-DATE its end is its start.
type dateRange struct {
	id         string
	start, end time.Time
	list       attributes
}

// dateRange handles EXT-X-DATERANGE.
func (s *scanner) dateRange(l attributes) {
	id, hasID := l.get("ID")
	text, hasStart := l.get("START-DATE")
	start, ok := parseAnyDate(text)
	if !hasID || id == "" || !hasStart || !ok {
		s.report(ruleDateRangeAttributes, "ID %q, START-DATE %q", clip(id), clip(text))
		return
	}
	r := dateRange{id: id, start: start, end: start, list: l}
	duration, hasDuration := l.get("DURATION")
	if d, _, ok := parseDecimal(duration); ok {
		r.end = start.Add(d)
	}
	endText, hasEnd := l.get("END-DATE")
	if hasEnd {
		end, ok := parseAnyDate(endText)
		switch {
		case !ok:
			s.report(ruleDateRangeAttributes, "%s has END-DATE %q", clip(id), clip(endText))
		case end.Before(start):
			s.report(ruleDateRangeEnd, "%s ends at %s before it starts at %s", clip(id), endText, text)
		case hasDuration && end.Sub(r.end).Abs() > time.Millisecond:
			s.report(ruleDateRangeEnd, "%s ends at %s but lasts %s from %s", clip(id), endText, duration, text)
		default:
			r.end = end
		}
	}
	if _, onNext := l.get("END-ON-NEXT"); onNext {
		if _, hasClass := l.get("CLASS"); !hasClass || hasDuration || hasEnd {
			s.report(ruleDateRangeAttributes, "%s has END-ON-NEXT without CLASS, or with an end", clip(id))
		}
	}
	s.list.dateRanges = append(s.list.dateRanges, r)
}

// endDateRanges checks what concerns the date ranges of a playlist together.
func (s *scanner) endDateRanges() {
	if len(s.list.dateRanges) > 0 && !s.list.dated {
		s.report(ruleDateRangeDates, "%d date ranges and no EXT-X-PROGRAM-DATE-TIME", len(s.list.dateRanges))
	}
}

// dateRanges compares the date ranges of a playlist with those that the channel had before, on any track, and with
// those that this track had in its last response.
func (c *Checker) dateRanges(t *track, p *playlist, report reporter) {
	for _, r := range p.dateRanges {
		known, seen := c.ranges[r.id]
		if !seen {
			c.ranges[r.id] = r
			continue
		}
		for _, a := range known.list {
			if v, found := r.list.get(a.name); !found || v != a.value {
				report(ruleDateRangeKept, "%s had %s=%q and now has %q", clip(r.id), a.name, clip(a.value), clip(v))
			}
		}
		c.ranges[r.id] = r
	}
	head, tail := p.segments[0], p.segments[len(p.segments)-1]
	for _, r := range t.ranges {
		listed := slices.ContainsFunc(p.dateRanges, func(have dateRange) bool { return have.id == r.id })
		if listed || head.Date.IsZero() {
			continue
		}
		begins := !r.start.Before(head.Date) && r.start.Before(tail.End().Add(-c.opts.DateTolerance))
		spans := r.start.Before(head.Date) && r.end.After(head.Date.Add(c.opts.DateTolerance))
		if begins || spans {
			report(ruleDateRangeRemoved, "%s (%s to %s) is gone, the window begins at %s", clip(r.id), stamp(r.start), stamp(r.end), stamp(head.Date))
		}
	}
	t.ranges = p.dateRanges
}

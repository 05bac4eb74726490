package autoschedule

import (
	"slices"
	"time"

	"consuo/internal/schedule"
)

// A part is a time during which one rule holds.
type part struct {
	schedule.Slot
	rule schedule.Rule
}

// parts divides the time from..to among the rules, without a gap. The last part
// has no end.
func parts(a schedule.Auto, from, to time.Time) []part {
	type occurrence struct {
		schedule.Slot
		rule schedule.Rule
	}
	var occurrences []occurrence // in the order of the blocks: the first holds
	edges := []time.Time{from}
	first, last := from.In(a.Zone).AddDate(0, 0, -2), to.In(a.Zone).AddDate(0, 0, 1)
	for _, b := range a.Blocks {
		for day := first; !day.After(last); day = day.AddDate(0, 0, 1) {
			if !b.Days[day.Weekday()] {
				continue
			}
			o := occurrence{schedule.Slot{Start: schedule.AtClock(day, b.From, a.Zone), End: schedule.AtClock(day, b.To, a.Zone)}, b.Rule}
			if !o.Start.Before(o.End) || !o.End.After(from) {
				continue // the clock has jumped over it, or it is over
			}
			occurrences = append(occurrences, o)
			edges = append(edges, o.Start, o.End)
		}
	}
	slices.SortFunc(edges, time.Time.Compare)
	var list []part
	holding := -2 // index of the occurrence of the last part, -1 for none
	for i, edge := range edges {
		if edge.Before(from) || i > 0 && edge.Equal(edges[i-1]) {
			continue
		}
		at := slices.IndexFunc(occurrences, func(o occurrence) bool { return !o.Start.After(edge) && o.End.After(edge) })
		if at == holding {
			continue
		}
		holding = at
		rule := a.Base
		if at >= 0 {
			rule = occurrences[at].rule
		}
		if len(list) > 0 {
			list[len(list)-1].End = edge
		}
		list = append(list, part{schedule.Slot{Start: edge, End: schedule.MaxTime}, rule})
	}
	return list
}

// pad is t, or the first instant after it at which the clock of a zone shows a
// multiple of step since the full hour.
func pad(t time.Time, step time.Duration, zone *time.Location) time.Time {
	if step <= 0 {
		return t
	}
	local := t.In(zone)
	past := time.Duration(local.Minute())*time.Minute + time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	if rest := past % step; rest > 0 {
		return t.Add(step - rest)
	}
	return t
}

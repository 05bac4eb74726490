package hlscheck

import (
	"slices"
	"sort"
	"time"
)

var (
	rulePlaylistMissing = rule("playlist-missing", "draft 4.4.6",
		"every media playlist of the multivariant playlist is there")
	rulePlaylistUnknown = rule("playlist-unknown", "design",
		"every media playlist of the channel is in its multivariant playlist")
	ruleTargetDurationSame = rule("target-duration-same", "draft 6.2.4",
		"the media playlists of a channel have the same target duration")
	ruleBreaks = rule("breaks", "draft 6.2.4",
		"tracks have the same discontinuity number at the same date, and their breaks lie within a segment of the primary's")
	ruleHeads = rule("heads", "draft 6.2.4",
		"at one instant the windows of the tracks begin within a target duration of each other, and a hole at a discontinuity")
	ruleEdges = rule("edges", "draft 6.2.4",
		"at one instant the windows of the tracks end within a target duration of each other, and a hole at a discontinuity")
	ruleDateRangesSame = rule("dateranges-same", "draft 6.2.4",
		"playlists with date ranges have the same ones at the same instant")
)

// oneSegment is the most that a segment can last: EXTINF is rounded before it is compared (draft 4.4.3.1).
func oneSegment(target time.Duration) time.Duration { return target + time.Second/2 }

// breakSkew is the option, or its default.
func (c *Checker) breakSkew(target time.Duration) time.Duration {
	if c.opts.BreakSkew > 0 {
		return c.opts.BreakSkew
	}
	return oneSegment(target)
}

// simultaneous is how far apart two responses may be that are compared as if they showed one instant; what passed
// between them is allowed on top of every bound.
const simultaneous = time.Second

// across compares a track with the others after a response.
func (c *Checker) across(t *track, at time.Time, report reporter) {
	for _, other := range c.tracks {
		if other == t || len(other.window) == 0 {
			continue
		}
		if other.uri == c.primary {
			c.breaks(other, t, report)
		}
		if apart := at.Sub(other.at).Abs(); apart <= simultaneous {
			c.windows(t, other, apart, report)
		}
	}
}

// windows compares two tracks at one instant.
func (c *Checker) windows(t, other *track, apart time.Duration, report reporter) {
	// One that may grow does so on every track at the same instant.
	if t.target != other.target && (apart == 0 || !c.opts.GrowingTargetDuration) {
		report(ruleTargetDurationSame, "%v, but %s has %v", t.target, other.uri, other.target)
	}
	most := oneSegment(max(t.target, other.target)) + apart
	if apart > 0 { // a head moves by what is new at the tail, and by a segment to keep the length
		most += 2 * oneSegment(max(t.target, other.target))
	}
	head, tail, otherHead, otherTail := &t.window[0], t.last(), &other.window[0], other.last()
	bound := func(s, otherS *Segment) time.Duration {
		if s.DiscontinuitySequence != otherS.DiscontinuitySequence { // one of them may have a hole between
			return most + c.breakSkew(max(t.target, other.target))
		}
		return most
	}
	if !head.Date.IsZero() && !otherHead.Date.IsZero() {
		if d := head.Date.Sub(otherHead.Date); d.Abs() > bound(head, otherHead) {
			report(ruleHeads, "begins at %s, %s at %s", stamp(head.Date), other.uri, stamp(otherHead.Date))
		}
		if d := tail.End().Sub(otherTail.End()); d.Abs() > bound(tail, otherTail) {
			report(ruleEdges, "ends at %s, %s at %s", stamp(tail.End()), other.uri, stamp(otherTail.End()))
		}
	}
	if apart == 0 && len(t.ranges) > 0 && len(other.ranges) > 0 {
		for _, pair := range [][2]*track{{t, other}, {other, t}} {
			for _, r := range pair[0].ranges {
				if !slices.ContainsFunc(pair[1].ranges, func(o dateRange) bool { return o.id == r.id }) {
					report(ruleDateRangesSame, "%s is in %s and not in %s", clip(r.id), pair[0].uri, pair[1].uri)
				}
			}
		}
	}
}

// breaks checks that the listed segments of a track lie where the primary has their discontinuity numbers.
func (c *Checker) breaks(primary, t *track, report reporter) {
	skew := c.breakSkew(t.target)
	spans := primary.spans
	if len(spans) == 0 {
		return
	}
	for i := range t.window {
		s := &t.window[i]
		if s.Date.IsZero() {
			continue
		}
		at := sort.Search(len(spans), func(i int) bool { return spans[i].number >= s.DiscontinuitySequence })
		newest := spans[len(spans)-1]
		switch {
		case at == len(spans):
			// Not on the primary yet: only right if the primary has not come that far,
			// or has begun anew since it was looked at.
			since := t.rebased.After(primary.at) && s.DiscontinuitySequence >= newest.number+rebaseStep
			if s.Date.Before(newest.end.Add(-skew)) && !since {
				report(ruleBreaks, "segment %d at %s has %d, the primary has %d until %s", s.MediaSequence, stamp(s.Date),
					s.DiscontinuitySequence, newest.number, stamp(newest.end))
			}
		case spans[at].number != s.DiscontinuitySequence: // before what was seen of the primary, or in a hole of that
			if s.End().After(spans[at].start.Add(skew)) || at > 0 && s.Date.Before(spans[at-1].end.Add(-skew)) {
				report(ruleBreaks, "segment %d at %s has %d, the primary never had", s.MediaSequence, stamp(s.Date), s.DiscontinuitySequence)
			}
		default:
			here := spans[at]
			early := here.began && s.Date.Before(here.start.Add(-skew))
			late := here.began && s.Discontinuity && s.Date.After(here.start.Add(skew))
			if at+1 < len(spans) {
				end := here.end
				if next := spans[at+1].start; next.After(end) {
					end = next
				}
				late = late || s.End().After(end.Add(skew))
			}
			if early || late {
				report(ruleBreaks, "segment %d from %s to %s has %d, the primary has it from %s to %s", s.MediaSequence,
					stamp(s.Date), stamp(s.End()), s.DiscontinuitySequence, stamp(here.start), stamp(here.end))
			}
		}
	}
}

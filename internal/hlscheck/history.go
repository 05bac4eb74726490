package hlscheck

import (
	"net/url"
	"path"
	"slices"
	"sort"
	"strings"
	"time"
)

var (
	ruleHeaderKept = rule("header-kept", "draft 6.2.1",
		"version, independent segments, start and server control never change in a playlist")
	ruleTargetDurationKept = rule("target-duration-kept", "draft 6.2.1",
		"the target duration of a playlist never changes (or, where allowed, never shrinks)")
	ruleMediaSequenceBack = rule("media-sequence-back", "draft 6.2.2",
		"EXT-X-MEDIA-SEQUENCE never decreases")
	ruleDiscontinuitySequenceBack = rule("discontinuity-sequence-back", "draft 6.2.2",
		"the discontinuity number of the first segment never decreases")
	ruleTailBack = rule("tail-back", "draft 6.2.1",
		"segments leave a playlist at its head only")
	ruleSegmentKept = rule("segment-kept", "draft 6.2.1, 6.2.2",
		"a media sequence number names the same segment for ever: URI, byte range, EXTINF, gap, discontinuity")
	ruleDiscontinuityKept = rule("discontinuity-kept", "draft 6.2.2",
		"a segment keeps its discontinuity number: EXT-X-DISCONTINUITY-SEQUENCE moves by one for every tag that left")
	ruleDiscontinuityStep = rule("discontinuity-step", "draft 6.2.2",
		"the discontinuity number moves by one where a segment has EXT-X-DISCONTINUITY and else not at all, also when no old segment is listed any more")
	ruleKeyKept = rule("key-kept", "draft 6.2.3",
		"a segment keeps its keys: EXT-X-KEY is stated anew at the head of the window")
	ruleMapKept = rule("map-kept", "draft 4.4.4.5, 6.2.1",
		"a segment keeps its init section and the key of that: EXT-X-MAP is stated anew at the head of the window, in its place among the keys")
	ruleDateKept = rule("date-kept", "draft 6.2.1",
		"a segment keeps its date, and its EXT-X-PROGRAM-DATE-TIME if it has one")
	ruleJump = rule("jump", "draft 6.2.2, design",
		"media sequence numbers go on without a hole (a rebase, where allowed, jumps by 32 or more in all numbers)")
	ruleMapChange = rule("map-change", "draft 6.2.1",
		"another init section begins at an EXT-X-DISCONTINUITY")
	ruleContainerChange = rule("container-change", "draft 6.2.1",
		"another kind of segment begins at an EXT-X-DISCONTINUITY")
	ruleMapMissing = rule("map-missing", "draft 3.1.2",
		"an fMP4 segment is in the scope of an EXT-X-MAP")
	ruleMapForeign = rule("map-foreign", "draft 4.4.4.5",
		"no other kind of segment is in the scope of an EXT-X-MAP: it can't be cancelled")
	ruleURI = rule("uri", "RFC 3986",
		"URIs are well-formed")
	ruleURIRoot = rule("uri-root", "design",
		"URIs are absolute or relative to the playlist's folder, never root-relative")
	ruleURIAbsolute = rule("uri-absolute", "design",
		"segment URIs are absolute (option AbsoluteURIs)")
	ruleDateHead = rule("date-head", "design",
		"the first listed segment has EXT-X-PROGRAM-DATE-TIME")
	ruleDateBreak = rule("date-break", "draft 6.2.1",
		"a segment with EXT-X-DISCONTINUITY has EXT-X-PROGRAM-DATE-TIME")
	ruleDateStep = rule("date-step", "draft 4.4.4.6, 6.2.1",
		"between discontinuities a segment's date is the end of the one before")
	ruleDateDrift = rule("date-drift", "design",
		"roundings of dates don't add up: a date is the first one plus the sum of all durations since")
	ruleDatePrimary = rule("date-primary", "design",
		"the primary's dates go on over discontinuities without gap or overlap")
	ruleDateHole = rule("date-hole", "design",
		"the hole of another track at a discontinuity is at most a segment long")
	ruleDateOverlap = rule("date-overlap", "draft 6.2.1",
		"dates of a track overlap by less than a second, and by less than the two segments that do")
	ruleWindowShort = rule("window-short", "draft 6.2.2",
		"a media playlist lasts three target durations or more")
	ruleWindowLong = rule("window-long", "design",
		"a media playlist does not last longer than asked")
	ruleSameInstant = rule("same-instant", "design",
		"two answers for one instant are equal, whichever replica gave them")
	ruleStale = rule("stale", "draft 6.2.1",
		"a new segment is listed within one and a half target durations of the last, and a hole")
	ruleEarly = rule("early", "design",
		"a segment is not listed before it has been recorded: its date plus its duration")
	ruleLate = rule("late", "design",
		"the end of the window is no further than one and a half target durations, and a hole, behind the clock")
)

// track is what is known of one media playlist.
type track struct {
	uri string

	fed     bool   // there was a response
	body    string // of the last response
	at      time.Time
	changed time.Time // when the last segment was first seen
	rebased time.Time // when its numbers began anew
	header  []string
	target  time.Duration
	filled  time.Duration // the target duration whose three the window has had
	ranges  []dateRange   // of the last response
	window  []Segment     // of the last response: part of history
	history []Segment     // every segment seen, by rising media sequence number
	spans   []span        // the discontinuity numbers seen, rising
	dated   time.Time     // the date from which sum counts
	sum     time.Duration
}

// span is the stretch of time in which a track has one discontinuity number. began is false when its first segments
// were never seen.
type span struct {
	number     uint64
	start, end time.Time
	began      bool
}

// last is the newest segment ever seen, nil before the first.
func (t *track) last() *Segment {
	if len(t.history) == 0 {
		return nil
	}
	return &t.history[len(t.history)-1]
}

// find returns the index in history of a media sequence number, or -1.
func (t *track) find(number uint64) int {
	i := sort.Search(len(t.history), func(i int) bool { return t.history[i].MediaSequence >= number })
	if i == len(t.history) || t.history[i].MediaSequence != number {
		return -1
	}
	return i
}

// follow compares a playlist with what was seen before and remembers what is new. It has at least one segment.
func (c *Checker) follow(t *track, now time.Time, p *playlist, report reporter) {
	c.headers(t, p, report)
	c.windowLength(t, p, report)
	c.dateTags(p, report)
	last := t.last()
	switch first := &p.segments[0]; {
	case last == nil:
	case first.MediaSequence < t.window[0].MediaSequence:
		report(ruleMediaSequenceBack, "%d after %d", first.MediaSequence, t.window[0].MediaSequence)
	case first.MediaSequence > last.MediaSequence+1:
		c.jump(t, now, p, report)
	default:
		if first.MediaSequence > last.MediaSequence && first.DiscontinuitySequence < last.DiscontinuitySequence {
			report(ruleDiscontinuitySequenceBack, "segment %d has %d after %d", first.MediaSequence, first.DiscontinuitySequence, last.DiscontinuitySequence)
		}
		if end := p.segments[len(p.segments)-1].MediaSequence; end < last.MediaSequence {
			report(ruleTailBack, "segment %d is gone from the end", last.MediaSequence)
		}
	}
	from := -1            // index in history of the first listed segment
	contradicted := false // what is new can't be judged by what was listed before
	for i := range p.segments {
		s := &p.segments[i]
		at := t.find(s.MediaSequence)
		if at >= 0 {
			contradicted = !c.compare(&t.history[at], s, report) || contradicted
		} else if newest := t.last(); newest == nil || s.MediaSequence > newest.MediaSequence {
			at = len(t.history)
			before := newest
			if contradicted || before != nil && before.MediaSequence+1 != s.MediaSequence {
				before = nil
			}
			c.remember(t, now, before, s, report)
		}
		if from < 0 {
			from = at
		}
	}
	if from >= 0 {
		t.window = t.history[from:]
	}
	c.dateRanges(t, p, report)
}

// headers compares what stands at the top of a playlist and never changes.
func (c *Checker) headers(t *track, p *playlist, report reporter) {
	if t.last() != nil {
		if !slices.Equal(t.header, p.header) {
			report(ruleHeaderKept, "%q became %q", t.header, p.header)
		}
		if p.target < t.target || (p.target > t.target && !c.opts.GrowingTargetDuration) {
			report(ruleTargetDurationKept, "%v became %v", t.target, p.target)
		}
	}
	t.header, t.target = t.header[:0], p.target
	for _, h := range p.header {
		h, _ = c.intern(h)
		t.header = append(t.header, h)
	}
}

// windowLength checks how long the listed segments are together.
func (c *Checker) windowLength(t *track, p *playlist, report reporter) {
	d := p.duration()
	// Where the target duration grew no segment comes back: the window only has to grow, too.
	if t.filled == 0 || !c.opts.GrowingTargetDuration || d >= 3*p.target {
		t.filled = p.target
	}
	least := 3 * t.filled
	if t.uri == c.primary {
		least = max(least, c.opts.MinWindow)
	}
	if d < least {
		report(ruleWindowShort, "%d segments last %v, not %v", len(p.segments), d, least)
	}
	if most := c.opts.MaxWindow; most > 0 && d > most {
		report(ruleWindowLong, "%d segments last %v, more than %v", len(p.segments), d, most)
	}
}

// dateTags checks that dates are where clients need them.
func (c *Checker) dateTags(p *playlist, report reporter) {
	for i := range p.segments {
		switch s := &p.segments[i]; {
		case s.dated:
		case i == 0:
			report(ruleDateHead, "segment %d has none", s.MediaSequence)
		case s.Discontinuity:
			report(ruleDateBreak, "segment %d has none", s.MediaSequence)
		}
	}
}

// rebaseStep is the least by which a rebase moves every number (design, log protocol 5).
const rebaseStep = 32

// jump judges a window that begins beyond all that was seen. It is right when nobody has looked for so long that a
// whole window went by, and at a rebase.
func (c *Checker) jump(t *track, at time.Time, p *playlist, report reporter) {
	first, last := &p.segments[0], t.last()
	end := p.segments[len(p.segments)-1].End()
	passed := end.Sub(last.End())
	away := !first.Date.Before(last.End().Add(-c.opts.DateTolerance)) && at.Sub(t.at)+2*p.target >= passed
	rebased := c.opts.Rebases && first.MediaSequence >= last.MediaSequence+rebaseStep &&
		first.DiscontinuitySequence >= last.DiscontinuitySequence+rebaseStep
	if rebased {
		t.spans = nil // those of before may cover the same time
		t.rebased = at
	}
	if !away && !rebased {
		report(ruleJump, "segment %d after %d (discontinuity numbers %d and %d)", first.MediaSequence, last.MediaSequence,
			first.DiscontinuitySequence, last.DiscontinuitySequence)
	}
	if first.DiscontinuitySequence < last.DiscontinuitySequence {
		report(ruleDiscontinuitySequenceBack, "segment %d has %d, segment %d had %d", first.MediaSequence,
			first.DiscontinuitySequence, last.MediaSequence, last.DiscontinuitySequence)
	}
}

// compare checks that a number names what it named before, and tells the first difference: others follow from it.
func (c *Checker) compare(was, is *Segment, report reporter) bool {
	same := func(a, b string) bool {
		return a == b || (c.opts.QueryMayChange && withoutQueries(a) == withoutQueries(b))
	}
	switch {
	case !same(was.URI, is.URI), was.Range != is.Range, was.inf != is.inf, was.Gap != is.Gap, was.Discontinuity != is.Discontinuity:
		report(ruleSegmentKept, "%d was %s and is %s", was.MediaSequence, was.describe(), is.describe())
	case was.DiscontinuitySequence != is.DiscontinuitySequence:
		report(ruleDiscontinuityKept, "segment %d had %d and has %d", was.MediaSequence, was.DiscontinuitySequence, is.DiscontinuitySequence)
	case !same(was.Keys, is.Keys):
		report(ruleKeyKept, "segment %d had %q and has %q", was.MediaSequence, clip(was.Keys), clip(is.Keys))
	case !same(was.Map, is.Map), !same(was.mapKeys, is.mapKeys):
		report(ruleMapKept, "segment %d had %q (key %q) and has %q (key %q)", was.MediaSequence, clip(was.Map), clip(was.mapKeys),
			clip(is.Map), clip(is.mapKeys))
	case was.dated && !is.dated:
		report(ruleDateKept, "segment %d had %s and has none of its own", was.MediaSequence, stamp(was.Date))
	case was.dated && !was.Date.Equal(is.Date), was.Date.Sub(is.Date).Abs() > c.opts.DateTolerance:
		report(ruleDateKept, "segment %d had %s and has %s", was.MediaSequence, stamp(was.Date), stamp(is.Date))
	default:
		return true
	}
	return false
}

// describe shows what identifies a segment.
func (s *Segment) describe() string {
	var b strings.Builder
	b.WriteString(clip(s.URI))
	if s.Range != "" {
		b.WriteString(" " + s.Range)
	}
	b.WriteString(" EXTINF:" + clip(s.inf))
	if s.Gap {
		b.WriteString(" GAP")
	}
	if s.Discontinuity {
		b.WriteString(" DISCONTINUITY")
	}
	return b.String()
}

// withoutQueries removes the query strings of a URI, or of the URI in attribute lists.
func withoutQueries(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		s = ""
		if end := strings.IndexByte(after, '"'); end >= 0 {
			s = after[end:]
		}
	}
}

// remember adds a segment to the history and checks it against the one before, nil if that is unknown.
func (c *Checker) remember(t *track, at time.Time, before, s *Segment, report reporter) {
	seg := *s
	uri, unknown := c.intern(seg.URI)
	if seg.URI = uri; unknown {
		c.checkURI(uri, report)
		if u, err := url.Parse(uri); c.opts.AbsoluteURIs && err == nil && !u.IsAbs() {
			report(ruleURIAbsolute, "%q", clip(uri))
		}
	}
	seg.Range, _ = c.intern(seg.Range)
	if seg.Keys, unknown = c.intern(seg.Keys); unknown {
		c.checkListed(seg.Keys, report)
	}
	if seg.Map, unknown = c.intern(seg.Map); unknown {
		c.checkListed(seg.Map, report)
	}
	seg.inf, _ = c.intern(seg.inf)
	seg.mapKeys, _ = c.intern(seg.mapKeys)
	seg.Seen = at
	c.content(before, &seg, report)
	c.date(t, before, &seg, report)
	if c.opts.StoreTime && !seg.Date.IsZero() && seg.End().After(at.Add(c.opts.DateTolerance)) {
		report(ruleEarly, "segment %d ends at %s", seg.MediaSequence, stamp(seg.End()))
	}
	if before != nil {
		expected := before.DiscontinuitySequence
		if seg.Discontinuity {
			expected++
		}
		if seg.DiscontinuitySequence != expected && seg.DiscontinuitySequence >= before.DiscontinuitySequence {
			report(ruleDiscontinuityStep, "segment %d has %d, not %d", seg.MediaSequence, seg.DiscontinuitySequence, expected)
		}
	}
	t.extend(&seg)
	t.history = append(t.history, seg)
	t.changed = at
}

// extend notes in which stretch of time a discontinuity number holds.
func (t *track) extend(s *Segment) {
	if s.Date.IsZero() {
		return
	}
	if n := len(t.spans); n > 0 && t.spans[n-1].number == s.DiscontinuitySequence {
		t.spans[n-1].end = s.End()
		return
	}
	t.spans = append(t.spans, span{s.DiscontinuitySequence, s.Date, s.End(), s.Discontinuity})
}

// container is the kind of a segment by the end of its path: "ts", "fmp4", "packed" audio, "text"; empty if unknown.
func container(uri string) string {
	uri, _, _ = strings.Cut(uri, "?")
	uri, _, _ = strings.Cut(uri, "#")
	switch strings.ToLower(path.Ext(uri)) {
	case ".ts", ".m2ts", ".mts":
		return "ts"
	case ".m4s", ".mp4", ".cmfv", ".cmfa", ".cmft", ".m4v", ".m4a", ".m4f":
		return "fmp4"
	case ".aac", ".adts", ".mp3", ".ac3", ".ec3":
		return "packed"
	case ".vtt", ".webvtt":
		return "text"
	}
	return ""
}

// content checks the kind of a segment and its init section against the segment before, nil if that is unknown.
// Gaps are never loaded and have neither.
func (c *Checker) content(before, s *Segment, report reporter) {
	if s.Gap {
		return
	}
	kind := container(s.URI)
	switch {
	case kind == "fmp4" && s.Map == "":
		report(ruleMapMissing, "segment %d %s", s.MediaSequence, clip(s.URI))
	case kind != "fmp4" && kind != "" && s.Map != "":
		report(ruleMapForeign, "segment %d %s has %q", s.MediaSequence, clip(s.URI), clip(s.Map))
	}
	if before == nil || before.Gap || s.Discontinuity {
		return
	}
	if was := container(before.URI); was != kind && was != "" && kind != "" {
		report(ruleContainerChange, "segment %d is %s after %s", s.MediaSequence, kind, was)
	} else if before.Map != s.Map && !(c.opts.QueryMayChange && withoutQueries(before.Map) == withoutQueries(s.Map)) {
		report(ruleMapChange, "segment %d has %q after %q", s.MediaSequence, clip(s.Map), clip(before.Map))
	}
}

// date checks the date of a new segment against the one before, and against the sum of all since the dates last
// began anew: on the primary that is the first date of the run, on other tracks the last discontinuity.
func (c *Checker) date(t *track, before, s *Segment, report reporter) {
	if s.Date.IsZero() {
		return
	}
	if before == nil || before.Date.IsZero() || !before.timed {
		t.dated, t.sum = s.Date, s.Duration
		return
	}
	step := s.Date.Sub(before.End())
	broken := step.Abs() > c.opts.DateTolerance
	switch {
	case broken && !s.Discontinuity:
		report(ruleDateStep, "segment %d is at %s, %v off", s.MediaSequence, stamp(s.Date), step)
	case broken && t.uri == c.primary:
		report(ruleDatePrimary, "segment %d is at %s, %v off", s.MediaSequence, stamp(s.Date), step)
	case broken && step > c.breakSkew(t.target):
		report(ruleDateHole, "segment %d is at %s, %v after the end of the last", s.MediaSequence, stamp(s.Date), step)
	case broken && (-step >= time.Second || -step >= before.Duration+s.Duration):
		report(ruleDateOverlap, "segment %d is at %s, %v before the end of the last (%v)", s.MediaSequence, stamp(s.Date), -step, before.Duration)
	}
	anew := broken || (s.Discontinuity && t.uri != c.primary)
	if off := s.Date.Sub(t.dated.Add(t.sum)); !anew && off.Abs() > c.opts.DateTolerance {
		report(ruleDateDrift, "segment %d is at %s, %v off the sum of %v since %s", s.MediaSequence, stamp(s.Date), off, t.sum, stamp(t.dated))
		anew = true
	}
	if anew {
		t.dated, t.sum = s.Date, 0
	}
	t.sum += s.Duration
}

// checkURI checks the form of a URI that a playlist names.
func (c *Checker) checkURI(uri string, report reporter) {
	if u, err := url.Parse(uri); err != nil || uri == "" || (u.IsAbs() && u.Host == "" && u.Opaque == "") {
		report(ruleURI, "%q", clip(uri))
	} else if strings.HasPrefix(uri, "/") {
		report(ruleURIRoot, "%q", clip(uri))
	}
}

// checkListed checks the URIs in attribute lists, one list a line.
func (c *Checker) checkListed(lists string, report reporter) {
	for text := range strings.SplitSeq(lists, "\n") {
		if text == "" {
			continue
		}
		if uri := parseAttributes(text, func(*Rule, string, ...any) {}).value("URI"); uri != "" {
			c.checkURI(uri, report)
		}
	}
}

// punctual checks that new segments come in time.
func (c *Checker) punctual(t *track, at time.Time, report reporter) {
	most := t.target + t.target/2
	if t.uri != c.primary { // it may have a hole
		most += c.breakSkew(t.target)
	}
	if waited := at.Sub(t.changed); waited > most {
		report(ruleStale, "no new segment since %s: %v", stamp(t.changed), waited)
	}
	if end := t.last().End(); c.opts.StoreTime && !t.last().Date.IsZero() && at.Sub(end) > most {
		report(ruleLate, "the window ends at %s: %v behind", stamp(end), at.Sub(end))
	}
}

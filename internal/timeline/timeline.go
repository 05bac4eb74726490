package timeline

import (
	"slices"
	"sort"
	"time"

	"consuo/internal/playlog"
)

// Entry is a cut with the feeds that it names.
type Entry struct {
	playlog.Cut
	asset  *Feed
	filler *Feed // the asset itself where it loops
}

// NewEntry puts a cut together with its feeds; filler is nil for a cut that
// loops its asset. No planner begins beyond an asset's end: where a cut says
// so, every engine plays the last segment.
func NewEntry(cut playlog.Cut, asset, filler *Feed) Entry {
	if cut.Loop {
		filler = asset
	}
	cut.Tracks = slices.Clone(cut.Tracks)
	for k := range cut.Tracks {
		cut.Tracks[k].First = min(cut.Tracks[k].First, asset.tracks[k].count-1)
	}
	return Entry{Cut: cut, asset: asset, filler: filler}
}

// Assets returns the assets that the cut names.
func (e *Entry) Assets() []*Asset {
	if e.Loop {
		return []*Asset{e.asset.Asset}
	}
	return []*Asset{e.asset.Asset, e.filler.Asset}
}

// Timeline is a playout log, or its latest part, with the feeds that its cuts
// name. It says what airs at every instant. It is immutable.
type Timeline struct {
	entries []Entry
	window  time.Duration
	base    int64 // see Base
	longest time.Duration
	ranged  bool      // some have date ranges
	end     time.Time // nothing is known of what airs from then on; zero: there is no such instant
}

// New returns a timeline. Entries are in order and have at least one; window
// is what a playlist should list at least. What lies before the last rebase is
// dropped: no window reaches back over it.
func New(entries []Entry, window time.Duration) *Timeline {
	for i := len(entries) - 1; i > 0; i-- {
		if entries[i].Rebase {
			entries = entries[i:]
			break
		}
	}
	tl := &Timeline{entries: entries, window: window, base: entries[0].Number, longest: longest(entries)}
	for i := range entries {
		e := &entries[i]
		tl.ranged = tl.ranged || len(e.asset.primary().ranges())+len(e.filler.primary().ranges()) > 0
	}
	return tl
}

// Base is the number of the cut that the timeline began with: while it stays
// the same, what was published stays true.
func (tl *Timeline) Base() int64 { return tl.base }

// Last returns the last cut of the log.
func (tl *Timeline) Last() *Entry { return &tl.entries[len(tl.entries)-1] }

// Entries returns the cuts, which must not be changed.
func (tl *Timeline) Entries() []Entry { return tl.entries }

// With returns a timeline that goes on with more cuts, without the old ones
// that no window from now on can reach.
func (tl *Timeline) With(now time.Time, more ...Entry) *Timeline {
	entries := make([]Entry, 0, len(tl.entries)+len(more))
	entries = append(append(entries, tl.entries...), more...)
	// A window needs the segments that sum to its length, the last of which
	// may have begun a segment earlier; everything twice, to be far from it.
	reach := now.Add(-2 * (tl.length(&entries[len(entries)-1]) + longest(entries)))
	drop := 0
	for drop+2 < len(entries) && entries[drop+2].Start.Before(reach) {
		drop++
	}
	next := New(entries[drop:len(entries):len(entries)], tl.window)
	if !next.entries[0].Rebase || next.entries[0].Number <= tl.base {
		next.base = tl.base
	}
	return next
}

// Until returns a timeline that stands still from an instant on: what airs then
// is not known.
func (tl *Timeline) Until(end time.Time) *Timeline {
	still := *tl
	still.end = end
	return &still
}

// Stands returns for how long the timeline has been standing still at t.
func (tl *Timeline) Stands(t time.Time) time.Duration {
	if tl.end.IsZero() {
		return 0
	}
	return max(t.Sub(tl.end), 0)
}

// longest returns the longest segment that cuts name.
func longest(entries []Entry) time.Duration {
	var d time.Duration
	for _, e := range entries {
		d = max(d, e.asset.Longest(), e.filler.Longest())
	}
	return d
}

// length returns how long the window of the primary is while a cut is on air:
// draft 6.2.2 forbids to remove a segment while what is left is shorter than
// three target durations.
func (tl *Timeline) length(e *Entry) time.Duration {
	return max(tl.window, leastLength(e))
}

// place is where a segment of a cut lies in its feed.
type place struct {
	feed  *Feed
	loop  int64 // 0: the cut's asset, n: the n-th repetition of its filler
	index int   // of the segment
}

// rest returns how many segments of the cut's own asset play on track k.
func (e *Entry) rest(k int) int64 {
	return int64(e.asset.tracks[k].count - e.Tracks[k].First)
}

// place returns where segment x of the cut, counted from 0 on track k, lies.
func (e *Entry) place(k int, x int64) place {
	rest := e.rest(k)
	if x < rest {
		return place{e.asset, 0, e.Tracks[k].First + int(x)}
	}
	x -= rest
	n := int64(e.filler.tracks[k].count)
	return place{e.filler, 1 + x/n, int(x % n)}
}

// offset returns the asset time at which the primary begins.
func (e *Entry) offset() time.Duration { return e.asset.primary().Start(e.Tracks[0].First) }

// loopStart returns the date at which asset time 0 of a loop lies.
func (e *Entry) loopStart(loop int64) time.Time {
	if loop == 0 {
		return e.Start.Add(-e.offset())
	}
	return e.Start.Add(e.asset.length - e.offset() + time.Duration(loop-1)*e.filler.length)
}

// date returns when a segment begins. On every loop all tracks are anchored to
// the primary again (design §2, "Counters and dates").
func (e *Entry) date(k int, p place) time.Time {
	return e.loopStart(p.loop).Add(p.feed.tracks[k].Start(p.index))
}

func (e *Entry) end(k int, p place) time.Time {
	return e.loopStart(p.loop).Add(p.feed.tracks[k].End(p.index))
}

// first returns the segment of track k that the place's loop begins with.
func (e *Entry) first(k int, p place) int {
	if p.loop == 0 {
		return e.Tracks[k].First
	}
	return 0
}

// discontinuity returns the discontinuity number of a segment, and whether a
// tag stands before it.
func (e *Entry) discontinuity(k int, p place) (number int64, tag bool) {
	first := e.first(k, p)
	number = e.DiscontinuitySequence + e.loopBreaks(p.loop) + p.feed.innerBreaks(k, first, p.index+1)
	tag = p.index == first || p.feed.innerBreaks(k, first, p.index+1) > p.feed.innerBreaks(k, first, p.index)
	return number, tag
}

// loopBreaks returns how many discontinuities lie between the first segment of
// the cut and the first of a loop, that one's included.
func (e *Entry) loopBreaks(loop int64) int64 {
	if loop == 0 {
		return 0
	}
	own := e.asset.innerBreaks(0, e.Tracks[0].First, e.asset.primary().Len())
	filler := e.filler.innerBreaks(0, 0, e.filler.primary().Len())
	return own + loop + (loop-1)*filler
}

// recorded returns how many segments of the cut have ended on track k at t, if
// no other cut follows. A playlist lists a segment once it "has been
// recorded", and then all before it.
func (e *Entry) recorded(k int, t time.Time) int64 {
	loop := int64(0)
	if after := t.Sub(e.loopStart(1)); after >= 0 {
		loop = 1 + int64(after/e.filler.length)
	}
	// A track's last segment may reach into the next loop; as long as it
	// does, that loop has not begun on this track.
	if loop > 0 {
		before := e.lastOf(k, loop-1)
		if e.end(k, before).After(t) {
			loop--
		}
	}
	feed := e.filler
	done := e.rest(k) + (loop-1)*int64(feed.tracks[k].count)
	if loop == 0 {
		feed, done = e.asset, 0
	}
	track := &feed.tracks[k]
	at := t.Sub(e.loopStart(loop))
	n := min(track.Ended(at), track.count)
	first := e.first(k, place{loop: loop})
	return done + int64(max(n-first, 0))
}

// lastOf returns the place of a loop's last segment.
func (e *Entry) lastOf(k int, loop int64) place {
	feed := e.filler
	if loop == 0 {
		feed = e.asset
	}
	return place{feed, loop, feed.tracks[k].count - 1}
}

// cutOf returns the index of the cut that has segment number n of track k; the
// earliest where n lies before all.
func (tl *Timeline) cutOf(k int, n int64) int {
	i := sort.Search(len(tl.entries), func(i int) bool { return tl.entries[i].Tracks[k].MediaSequence > n })
	return max(i-1, 0)
}

// next returns the media sequence number of the first segment of track k that
// is not recorded at t, and the index of its cut.
func (tl *Timeline) next(k int, t time.Time) (n int64, cut int) {
	t = t.Add(-tl.Stands(t))
	// A track's last segment may reach into the next cut, but no further than
	// it is long: what ended that long ago has been recorded.
	i := sort.Search(len(tl.entries), func(i int) bool { return tl.entries[i].Start.After(t.Add(-tl.longest)) })
	for i = max(i-1, 0); ; i++ {
		e := &tl.entries[i]
		n = e.Tracks[k].MediaSequence + e.recorded(k, t)
		if i+1 == len(tl.entries) || n < tl.entries[i+1].Tracks[k].MediaSequence {
			return n, i
		}
	}
}

// segment returns the cut of segment number n of track k and its place there.
func (tl *Timeline) segment(k int, n int64) (*Entry, place) {
	e := &tl.entries[tl.cutOf(k, n)]
	return e, e.place(k, n-e.Tracks[k].MediaSequence)
}

// Seam returns what lies between the last segment of track k in the cut before
// the one with this index and its first one in it: a hole, or, below zero, how
// far they overlap. The primary has none. Errors don't add up: at every cut
// all tracks are anchored to the primary again.
func (tl *Timeline) Seam(index, k int) time.Duration {
	if index == 0 {
		return 0
	}
	e, before := &tl.entries[index], &tl.entries[index-1]
	last := e.Tracks[k].MediaSequence - before.Tracks[k].MediaSequence - 1
	return e.date(k, e.place(k, 0)).Sub(before.end(k, before.place(k, last)))
}

// Contradicts says whether a cut that is about to follow the last one would
// give other segments to numbers that have been listed by t.
func (tl *Timeline) Contradicts(c *playlog.Cut, t time.Time) bool {
	if len(c.Tracks) != len(tl.Last().Tracks) {
		return false // it begins anew
	}
	for k := range c.Tracks {
		if n, _ := tl.next(k, t); n > c.Tracks[k].MediaSequence {
			return true
		}
	}
	return false
}

// Above returns numbers that are above all that the log gives out by t, by
// playlog.RebaseStep: where a rebase may begin. A cut that is committed and
// starts later counts: other engines play it until they see the rebase.
func (tl *Timeline) Above(t time.Time) playlog.Numbers {
	last := tl.Last()
	above := playlog.Numbers{DiscontinuitySequence: last.DiscontinuitySequence}
	for k := range last.Tracks {
		next, cut := tl.next(k, t)
		e := &tl.entries[cut]
		number, _ := e.discontinuity(k, e.place(k, next-e.Tracks[k].MediaSequence))
		above.MediaSequence = max(above.MediaSequence, next, last.Tracks[k].MediaSequence)
		above.DiscontinuitySequence = max(above.DiscontinuitySequence, number)
	}
	above.MediaSequence += playlog.RebaseStep
	above.DiscontinuitySequence += playlog.RebaseStep
	return above
}

package timeline

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"consuo/internal/playlog"
)

const (
	// alignment is how far apart the boundaries of video tracks may lie at a
	// cut.
	alignment = 100 * time.Millisecond
	// overlap is how much of a track's last segment may reach into the next
	// cut, and of its first one into the cut before.
	overlap = 500 * time.Millisecond
)

// Feed is an asset as it feeds the tracks of a channel: one source a track,
// with the rules of where the tracks may be cut together. It is immutable.
//
// Positions are those of the primary track: boundary i lies before its segment
// i, boundary 0 is the asset's start, boundary len its end. What another track
// does there follows from the position.
type Feed struct {
	Source playlog.Source // what a cut that plays it says
	Asset  *Asset

	tracks []track
	length time.Duration // of the primary
}

// track is a source as it plays on one track of a channel.
type track struct {
	*segments
	video  bool
	count  int   // segments that play before the asset's end, see leave
	breaks []int // indexes of the segments that carry the primary's inner discontinuities, ascending
}

// newFeed checks that the tracks can be cut together. target is the channel's
// target duration.
func newFeed(asset *Asset, feeds []int, sources []*segments, video []bool, target time.Duration) (*Feed, error) {
	f := &Feed{
		Source: playlog.Source{URI: asset.URI, Digest: asset.Digest, Feeds: feeds},
		Asset:  asset,
		length: sources[0].Total(),
	}
	for k, s := range sources {
		f.tracks = append(f.tracks, track{segments: s, video: video[k]})
	}
	if f.length == 0 {
		return nil, errors.New("track 0: its segments have no length")
	}
	primary := &f.tracks[0]
	for k := range f.tracks {
		t := &f.tracks[k]
		if t.count = f.leave(k, primary.Len()); t.count == 0 {
			return nil, fmt.Errorf("track %d has no segment before the asset's end", k)
		}
		if err := t.align(primary, target); err != nil {
			return nil, fmt.Errorf("track %d: %w", k, err)
		}
	}
	return f, nil
}

// align settles which segments of the track carry the discontinuities of the
// primary: its own one there, else those at its nearest boundaries. Which ones
// these are depends on the asset alone, as a committed cut does. Design §2: an
// asset whose own differ by more than half a target duration is refused.
func (t *track) align(primary *track, target time.Duration) error {
	if t.segments == primary.segments {
		t.breaks = primary.segments.breaks
		return nil
	}
	t.breaks = nil
	for _, b := range primary.segments.breaks {
		at := primary.Start(b)
		i := min(t.boundary(at), t.Len()-1)
		if own, ok := t.nearestBreak(at); ok {
			if back, _ := primary.nearestBreak(t.Start(own)); back == b {
				i = own
			}
		}
		if n := len(t.breaks); i == 0 || i >= t.count || n > 0 && t.breaks[n-1] >= i {
			return fmt.Errorf("the discontinuity of the first video at %s has no segment boundary of its own here", at)
		}
		if off := (t.Start(i) - at).Abs(); off > target/2 {
			return fmt.Errorf("the discontinuity of the first video at %s is here %s off, more than half a target duration", at, off)
		}
		t.breaks = append(t.breaks, i)
	}
	for _, b := range t.ownBreaks() {
		if _, ok := slices.BinarySearch(t.breaks, b); !ok {
			return fmt.Errorf("its discontinuity at %s is none of the first video", t.Start(b))
		}
	}
	return nil
}

// ownBreaks returns the segments with a discontinuity of the track's own that
// play before the asset's end.
func (t *track) ownBreaks() []int {
	n, _ := slices.BinarySearch(t.segments.breaks, t.count)
	return t.segments.breaks[:n]
}

// nearestBreak returns that of ownBreaks which is nearest to asset time at.
func (t *track) nearestBreak(at time.Duration) (i int, ok bool) {
	own := t.ownBreaks()
	n := sort.Search(len(own), func(n int) bool { return t.Start(own[n]) >= at })
	if n == len(own) || n > 0 && at-t.Start(own[n-1]) <= t.Start(own[n])-at {
		n--
	}
	if n < 0 {
		return 0, false
	}
	return own[n], true
}

func (f *Feed) primary() *track { return &f.tracks[0] }

// leave returns how many segments of track k have played when the primary is
// left at boundary i. A video track leaves at its boundary there; only at the
// asset's end may it have none. Then, like any other track, it leaves at the
// first that does not leave a hole, if that reaches into what follows by less
// than overlap, else at the one before: then there is a hole of less than a
// segment.
func (f *Feed) leave(k, i int) int {
	t := &f.tracks[k]
	if t.segments == f.primary().segments {
		return i
	}
	at := f.primary().Start(i)
	if n := t.boundary(at); t.video && (t.Start(n)-at).Abs() <= alignment {
		return n
	}
	n := t.Ended(at - 1) // boundary n+1 is the first at or after
	if n < t.Len() && t.End(n)-at < overlap {
		return n + 1
	}
	return n
}

// enter returns the first segment of track k when the primary begins with its
// segment i: the mirror image of leave.
func (f *Feed) enter(k, i int) int {
	t := &f.tracks[k]
	if t.segments == f.primary().segments {
		return i
	}
	at := f.primary().Start(i)
	if n := t.boundary(at); t.video && (t.Start(n)-at).Abs() <= alignment {
		return n
	}
	n := t.Ended(at) // segment n spans at
	if n < t.Len() && at-t.Start(n) < overlap {
		return n
	}
	return min(n+1, t.Len())
}

// positions returns where every track is when the primary begins with its
// segment i.
func (f *Feed) positions(i int) []playlog.Position {
	p := make([]playlog.Position, len(f.tracks))
	for k := range p {
		p[k].First = f.enter(k, i)
	}
	return p
}

// canCut says whether boundary i is a point at which an asset can be left and
// entered: every video track has a boundary there, every track is on the same
// side of each inner discontinuity, and none of those is just one segment
// away, or the cut would move onto it (design §2).
func (f *Feed) canCut(i int) bool {
	p := f.primary()
	if i <= 0 || i >= p.Len() {
		return i == 0 || i == p.Len()
	}
	at := p.Start(i)
	before, onBreak := slices.BinarySearch(p.breaks, i)
	after := before
	if onBreak {
		after++
	}
	for k := range f.tracks {
		t := &f.tracks[k]
		if t.segments == p.segments {
			continue
		}
		leave, enter := f.leave(k, i), f.enter(k, i)
		if t.video && (t.Start(leave)-at).Abs() > alignment {
			return false
		}
		if leave == 0 || enter >= t.count {
			return false
		}
		if n, _ := slices.BinarySearch(t.breaks, leave); n != before {
			return false
		}
		if n, _ := slices.BinarySearch(t.breaks, enter+1); n != after {
			return false
		}
	}
	near := before > 0 && p.breaks[before-1] == i-1 || after < len(p.breaks) && p.breaks[after] == i+1
	return onBreak || !near
}

// nearestCut returns the boundary nearest to asset time at, of those from lo
// to hi at which the feed can be cut, or -1.
func (f *Feed) nearestCut(at time.Duration, lo, hi int, usable func(i int) bool) int {
	p := f.primary()
	from := min(max(p.boundary(at), lo), hi)
	best := -1
	better := func(i int) bool {
		return best < 0 || (p.Start(i)-at).Abs() < (p.Start(best)-at).Abs()
	}
	for i := from; i >= lo; i-- {
		if f.canCut(i) && usable(i) {
			best = i
			break
		}
	}
	for i := from + 1; i <= hi && better(i); i++ {
		if f.canCut(i) && usable(i) {
			best = i
			break
		}
	}
	return best
}

// innerBreaks returns how many inner discontinuities the primary passes after
// its segment first and before boundary i.
func (f *Feed) innerBreaks(k, first, i int) int64 {
	b := f.tracks[k].breaks
	lo, _ := slices.BinarySearch(b, first+1)
	hi, _ := slices.BinarySearch(b, i)
	return int64(max(hi-lo, 0))
}

// Longest returns the longest segment of any track.
func (f *Feed) Longest() time.Duration {
	var d time.Duration
	for _, t := range f.tracks {
		d = max(d, t.Longest())
	}
	return d
}

// nearestExit returns the boundary after segment first at which the asset can
// be left, nearest to asset time at. There always is one: the asset's end.
func (f *Feed) nearestExit(at time.Duration, first int) int {
	return f.nearestExitFrom(at, first, 0)
}

// nearestExitFrom is nearestExit among the boundaries from lo on, or -1.
func (f *Feed) nearestExitFrom(at time.Duration, first, lo int) int {
	enter := f.positions(first)
	return f.nearestCut(at, max(lo, first+1), f.primary().Len(), func(i int) bool {
		if f.primary().Start(i) == f.primary().Start(first) {
			return false // segments of no length
		}
		for k := range f.tracks { // at least one segment a track
			if f.leave(k, i) <= enter[k].First {
				return false
			}
		}
		return true
	})
}

// nearestEntry returns the boundary nearest to asset time at from which the
// asset can play on, or -1 where its end is nearer.
func (f *Feed) nearestEntry(at time.Duration) int {
	n := f.primary().Len()
	i := f.nearestCut(at, 0, n, func(i int) bool { return i == n || f.canEnter(i) })
	if i == n {
		return -1
	}
	return i
}

// lastEntry returns the last boundary not after asset time at from which the
// asset can play on; its start is one.
func (f *Feed) lastEntry(at time.Duration) int {
	i := f.primary().Ended(at)
	return f.nearestCut(at, 0, i, f.canEnter)
}

// canEnter says whether every track has something to play from boundary i on.
func (f *Feed) canEnter(i int) bool {
	if f.primary().Start(i) >= f.length {
		return false
	}
	for k := range f.tracks {
		if f.enter(k, i) >= f.tracks[k].count {
			return false
		}
	}
	return true
}

// boundaryFrom returns the first boundary at or after asset time t; Len()+1 if
// there is none.
func (s *segments) boundaryFrom(t time.Duration) int {
	if t <= 0 {
		return 0
	}
	return 1 + s.Ended(t-1)
}

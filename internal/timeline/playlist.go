package timeline

import (
	"bytes"
	"sort"
	"strconv"
	"time"

	"consuo/internal/hls"
	"consuo/internal/packed"
	"consuo/internal/playlog"
)

// Window is what a track's playlist lists at an instant: the segments with
// media sequence numbers First to Last. Where Last is below First nothing has
// been recorded yet.
type Window struct {
	First, Last    int64
	TargetDuration time.Duration
}

// Window returns what track k lists at t: segments that have been recorded,
// start + duration <= t, from the first that ends after the head's date on.
func (tl *Timeline) Window(k int, t time.Time) Window {
	first, _ := tl.next(k, tl.headDate(t))
	end, _ := tl.next(k, t)
	_, cut := tl.next(0, t)
	return Window{first, end - 1, tl.entries[cut].TargetDuration}
}

// Lists says whether every track lists a segment at t. That is so unless t is
// before the timeline's beginning, or hardly after it.
func (tl *Timeline) Lists(t time.Time) bool {
	for k := range tl.entries[0].Tracks {
		if w := tl.Window(k, t); w.Last < w.First {
			return false
		}
	}
	return true
}

// headDate returns where the windows of all tracks begin at t. It is chosen on
// the primary: the latest segment with which the listed ones sum to the
// window's length or more. It lies further back where another track has holes
// or is late, and its playlist would else get shorter than three target
// durations (draft 6.2.2): what one playlist has and another lacks may not be
// longer than a target duration (draft 6.2.4).
func (tl *Timeline) headDate(t time.Time) time.Time {
	date := tl.dateOf(0, tl.head(0, t, tl.length))
	for k := 1; k < len(tl.entries[0].Tracks); k++ {
		if d := tl.dateOf(k, tl.head(k, t, leastLength)); d.Before(date) {
			date = d
		}
	}
	return date
}

func (tl *Timeline) dateOf(k int, n int64) time.Time {
	e, p := tl.segment(k, n)
	return e.date(k, p)
}

// leastLength is the least that a playlist may last while a cut is on air.
func leastLength(e *Entry) time.Duration { return 3 * e.TargetDuration }

// head returns the latest segment of track k with which those listed at t sum
// to a length.
func (tl *Timeline) head(k int, t time.Time, length func(*Entry) time.Duration) int64 {
	end, cut := tl.next(k, t)
	return tl.headBefore(k, end, cut, length)
}

// headBefore is head where the segments before number end are listed, the last
// of them in the cut with index cut or in one before.
func (tl *Timeline) headBefore(k int, end int64, cut int, length func(*Entry) time.Duration) int64 {
	first := func(i int) int64 { return tl.entries[i].Tracks[k].MediaSequence }
	for cut > 0 && first(cut) >= end {
		cut--
	}
	// What is listed is a run of segments of an asset after the other, of each
	// loop of a cut one.
	n, at := end, cut
	for rest := length(&tl.entries[cut]); rest > 0 && n > first(0); {
		for at > 0 && first(at) >= n {
			at--
		}
		e := &tl.entries[at]
		last := e.place(k, n-1-first(at))
		track, begins, ends := &last.feed.tracks[k], e.first(k, last), last.index+1
		end := track.Start(ends)
		// The latest segment that begins early enough, or all of the run.
		from := max(track.Ended(end-rest), begins)
		n -= int64(ends - from)
		rest -= end - track.Start(from)
	}
	// Where the target duration grew, so did the length: segments that had
	// left by then must not come back.
	for i := cut; i > at; i-- {
		if length(&tl.entries[i]) > length(&tl.entries[i-1]) {
			return max(n, tl.headBefore(k, first(i), i-1, length))
		}
	}
	return n
}

// NextChange returns the first instant after t at which the playlist of track
// k is another one; where the timeline stands still, one that may have passed.
func (tl *Timeline) NextChange(k int, t time.Time) time.Time {
	now, own := tl.Window(k, t), tl.nextEnd(k, t)
	ranges := tl.appendDateRanges(nil, t)
	// What is listed on another track may move the head of all.
	for at := t; ; {
		next := own
		for j := range tl.entries[0].Tracks {
			if end := tl.nextEnd(j, at); end.Before(next) {
				next = end
			}
		}
		at = next
		if !at.Before(own) || tl.Stands(at) > 0 || tl.Window(k, at) != now || !bytes.Equal(tl.appendDateRanges(nil, at), ranges) {
			return at
		}
	}
}

// nextEnd returns the end of the first segment of track k that is not recorded
// at t.
func (tl *Timeline) nextEnd(k int, t time.Time) time.Time {
	n, cut := tl.next(k, t)
	e := &tl.entries[cut]
	return e.end(k, e.place(k, n-e.Tracks[k].MediaSequence))
}

// Edge returns the live edge of track k at t: where the first segment begins
// that is not listed yet.
func (tl *Timeline) Edge(k int, t time.Time) time.Time {
	n, _ := tl.next(k, t)
	return tl.dateOf(k, n)
}

// Duration returns how long the segments of the primary in a window last.
func (tl *Timeline) Duration(w Window) time.Duration {
	var d time.Duration
	for n := w.First; n <= w.Last; n++ {
		_, p := tl.segment(0, n)
		d += p.feed.primary().Duration(p.index)
	}
	return d
}

// DiscontinuitySequence returns EXT-X-DISCONTINUITY-SEQUENCE of a window of
// track k: the number of its first segment, less one if that shows a tag,
// because draft 6.2.2 counts the tags that have left.
func (tl *Timeline) DiscontinuitySequence(k int, w Window) int64 {
	e, p := tl.segment(k, w.First)
	number, tag := e.discontinuity(k, p)
	if tag {
		number--
	}
	return number
}

// AppendPlaylist appends the media playlist of track k at t to dst. Where it
// would have no segment, nothing is appended: see Lists.
func (tl *Timeline) AppendPlaylist(dst []byte, settings *playlog.Settings, k int, t time.Time) []byte {
	w := tl.Window(k, t)
	if w.Last < w.First {
		return dst
	}
	cut := tl.cutOf(k, w.First)
	dst = append(dst, "#EXTM3U\n#EXT-X-VERSION:"...)
	dst = strconv.AppendInt(dst, int64(settings.Version), 10)
	dst = append(dst, "\n#EXT-X-TARGETDURATION:"...)
	dst = strconv.AppendInt(dst, int64(w.TargetDuration/time.Second), 10)
	dst = append(dst, "\n#EXT-X-MEDIA-SEQUENCE:"...)
	dst = strconv.AppendInt(dst, w.First, 10)
	dst = append(dst, "\n#EXT-X-DISCONTINUITY-SEQUENCE:"...)
	dst = strconv.AppendInt(dst, tl.DiscontinuitySequence(k, w), 10)
	dst = append(dst, '\n')

	dst = tl.appendDateRanges(dst, t)

	var (
		scope  scope
		reader packed.Reader
	)
	for n := w.First; n <= w.Last; n++ {
		for cut+1 < len(tl.entries) && tl.entries[cut+1].Tracks[k].MediaSequence <= n {
			cut++
		}
		e := &tl.entries[cut]
		p := e.place(k, n-e.Tracks[k].MediaSequence)
		_, tag := e.discontinuity(k, p)
		if tag {
			dst = append(dst, "#EXT-X-DISCONTINUITY\n"...)
		}
		track := &p.feed.tracks[k]
		dst = scope.append(dst, track.scope(&reader, p.index), tag || n == w.First)
		dst = append(dst, "#EXT-X-PROGRAM-DATE-TIME:"...)
		dst = appendDate(dst, e.date(k, p))
		dst = append(dst, '\n')
		if p.index == e.first(k, p) {
			dst = append(dst, tl.tailCues(k, n)...)
		}
		dst = append(dst, track.cues(p.index)...)
		dst = track.appendSegment(dst, &reader, p.index)
	}
	return dst
}

// tailCues returns the cue tags that stand after the last segment of what ends
// where segment n begins: they belong to the first segment at or after their
// instant.
func (tl *Timeline) tailCues(k int, n int64) string {
	if n == tl.entries[0].Tracks[k].MediaSequence {
		return ""
	}
	_, p := tl.segment(k, n-1)
	track := &p.feed.tracks[k]
	if p.index+1 != track.Len() {
		return "" // it was cut short
	}
	return track.cues(track.Len())
}

// appendDate appends a date rounded to milliseconds from its exact value, so
// that errors can't add up.
func appendDate(dst []byte, t time.Time) []byte {
	t = t.Add(time.Millisecond / 2).UTC()
	dst = t.AppendFormat(dst, time.RFC3339) // which is fast
	ms := t.Nanosecond() / int(time.Millisecond)
	return append(dst[:len(dst)-len("Z")], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}

// scope follows what EXT-X-KEY and EXT-X-MAP have put in force while a
// playlist is written.
type scope struct {
	keys packed.Keys
	init string
}

// append writes what has to change before a segment, in the order in which its
// own playlist has it; restate writes the init section again, as is usual
// after a discontinuity.
func (s *scope) append(dst []byte, p packed.Scope, restate bool) []byte {
	if p.Init != "" && (restate || p.Init != s.init) {
		dst = s.appendKeys(dst, p.InitKeys)
		dst = append(dst, p.Init...)
		s.init = p.Init
	}
	return s.appendKeys(dst, p.Keys)
}

func (s *scope) appendKeys(dst []byte, k packed.Keys) []byte {
	if k.Tags == s.keys.Tags {
		return dst
	}
	// A key stays in force until another one with its KEYFORMAT or
	// METHOD=NONE (draft 4.4.4.4): where the set of formats changes, those of
	// before would stay.
	if s.keys.Tags != "" && s.keys.Formats != k.Formats {
		dst = append(dst, hls.KeyNone...)
	}
	s.keys = k
	return append(dst, k.Tags...)
}

// OnAir returns the cut that plays on the primary at t.
func (tl *Timeline) OnAir(t time.Time) *Entry {
	i := sort.Search(len(tl.entries), func(i int) bool { return tl.entries[i].Start.After(t) })
	return &tl.entries[max(i-1, 0)]
}

// ImplicitFiller returns the URI of the filler that repeats at t after the
// asset of the cut on air has ended, and since when; "" while a cut's own asset
// plays.
func (tl *Timeline) ImplicitFiller(t time.Time) (uri string, since time.Time) {
	e := tl.OnAir(t)
	if since = e.loopStart(1); e.Loop || t.Before(since) {
		return "", time.Time{}
	}
	return e.Filler.URI, since
}

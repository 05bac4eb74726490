// Package asrun turns a playout log into the as-run record that broadcasters
// keep: what was on air, from when to when, and what had been planned. It does
// no I/O.
package asrun

import (
	"slices"
	"time"

	"consuo/internal/playlog"
)

// A Row is an asset, on air without interruption.
type Row struct {
	Number  int64 // of the cut; a filler that follows its asset has the same
	Kind    playlog.Kind
	Reason  playlog.Reason
	Detail  string
	Airing  *playlog.Airing // what was planned; nil in a gap
	Start   time.Time
	End     time.Time     // zero: it is on air
	Length  time.Duration // until End, or until now
	Asset   string        // URI
	Digest  string        // of its playlists as they were then
	Segment int           // the first on air, counted from 0 in the asset's playlist
	Offset  time.Duration // of that in the asset; below zero: not known
	Loop    bool          // it repeated from its start until its end
}

// Lengths returns the durations of the segments of an asset's playlist that
// feeds the primary track, nil if they are not known any more.
type Lengths func(s playlog.Source) []time.Duration

// Rows returns what of a log had begun by now, in order. Cuts that a rebase
// replaced before they began are not in it. What follows the last cut of a part
// of a log has to be part of it, for its end.
func Rows(cuts []playlog.Cut, now time.Time, lengths Lengths) []Row {
	var rows []Row
	end := time.Time{} // of the cut at hand: where the earliest of the later ones starts
	for _, c := range slices.Backward(cuts) {
		if c.Start.Before(now) && (end.IsZero() || c.Start.Before(end)) {
			until := end
			if until.After(now) {
				until = time.Time{}
			}
			aired := split(&c, until, now, lengths)
			slices.Reverse(aired)
			rows = append(rows, aired...)
		}
		if end.IsZero() || c.Start.Before(end) {
			end = c.Start
		}
	}
	slices.Reverse(rows)
	return rows
}

// split makes the rows of one cut: its asset, and the filler that follows its
// asset's end.
func split(c *playlog.Cut, end, now time.Time, lengths Lengths) []Row {
	row := Row{
		Number: c.Number, Kind: c.Kind, Reason: c.Reason, Detail: c.Detail, Airing: c.Airing,
		Start: c.Start, End: end, Asset: c.Asset.URI, Digest: c.Asset.Digest, Segment: c.Tracks[0].First, Offset: -1, Loop: c.Loop,
	}
	segments := lengths(c.Asset)
	if row.Segment <= len(segments) && segments != nil {
		row.Offset = sum(segments[:row.Segment])
		over := c.Start.Add(sum(segments[row.Segment:]))
		if until := row.until(now); !c.Loop && over.Before(until) {
			row.End = over
			filler := row
			filler.Kind, filler.Reason, filler.Detail = playlog.Filler, playlog.Short, "the asset was over before the next cut"
			filler.Start, filler.End, filler.Asset, filler.Digest = over, end, c.Filler.URI, c.Filler.Digest
			filler.Segment, filler.Offset, filler.Loop = 0, 0, true
			filler.Length = filler.until(now).Sub(over)
			row.Length = over.Sub(row.Start)
			return []Row{row, filler}
		}
	}
	row.Length = row.until(now).Sub(row.Start)
	return []Row{row}
}

// until is the end of what a row tells.
func (r *Row) until(now time.Time) time.Time {
	if r.End.IsZero() {
		return now
	}
	return r.End
}

func sum(durations []time.Duration) time.Duration {
	var total time.Duration
	for _, d := range durations {
		total += d
	}
	return total
}

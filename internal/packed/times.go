package packed

import (
	"errors"
	"slices"
	"sort"
	"strings"
	"time"

	"consuo/internal/hls"
)

// Times has the lengths of segments, exact: a number per segment that names one
// of the EXTINFs that occur, of which a playlist has few.
type Times struct {
	Lengths []Length // that occur
	Index   []byte   // of each segment in Lengths, in as many bytes as that needs

	width   int // of an index, in bytes
	count   int
	starts  []time.Duration // of every stride-th segment
	total   time.Duration
	longest time.Duration
}

// stride is how many segments lie between two whose start is known without
// adding up.
const stride = 8

// Length is an EXTINF.
type Length struct {
	Duration time.Duration
	Digits   string // as they are written
}

// timesPacker packs lengths one after the other. Equal ones are kept once.
type timesPacker struct {
	lengths []Length
	known   map[Length]int // index in lengths
	index   []int          // of each segment in lengths
}

func (p *timesPacker) add(l Length) {
	// Most playlists have a few lengths only: no need to hash those.
	few := min(len(p.lengths), 4)
	k := 0
	for k < few && p.lengths[k] != l {
		k++
	}
	if k == few {
		var ok bool
		if k, ok = p.known[l]; !ok {
			k = len(p.lengths)
			l.Digits = strings.Clone(l.Digits) // else the line would be kept
			if p.known == nil {
				p.known = make(map[Length]int)
			}
			p.known[l] = k
			p.lengths = append(p.lengths, l)
		}
	}
	p.index = append(p.index, k)
}

// finish returns the lengths that were added; the next one begins another list.
func (p *timesPacker) finish() Times {
	t := Times{Lengths: slices.Clip(p.lengths)}
	width := indexWidth(len(t.Lengths))
	t.Index = make([]byte, 0, len(p.index)*width)
	for _, k := range p.index {
		for b := width - 1; b >= 0; b-- {
			t.Index = append(t.Index, byte(k>>(8*b)))
		}
	}
	*p = timesPacker{index: p.index[:0]}
	_ = t.restore() // it was made here
	return t
}

// indexWidth returns how many bytes tell so many values apart.
func indexWidth(values int) int {
	switch {
	case values <= 1<<8:
		return 1
	case values <= 1<<16:
		return 2
	}
	return 3
}

var errTimes = errors.New("its lengths can't be read")

// restore works out what is not stored.
func (t *Times) restore() error {
	t.width = indexWidth(len(t.Lengths))
	if len(t.Lengths) > 1<<24 || len(t.Index)%t.width != 0 {
		return errTimes
	}
	t.count = len(t.Index) / t.width
	t.starts = make([]time.Duration, 0, t.count/stride+1)
	for i := range t.count {
		k := t.kind(i)
		if k >= len(t.Lengths) {
			return errTimes
		}
		d := t.Lengths[k].Duration
		if d < 0 || t.total+d < t.total {
			return errTimes
		}
		if i%stride == 0 {
			t.starts = append(t.starts, t.total)
		}
		t.total += d
		t.longest = max(t.longest, d)
	}
	return nil
}

// check holds stored lengths to what package hls takes: where segments have no
// length, a window of seconds would have any number of them.
func (t *Times) check() error {
	if t.total == 0 || t.total > hls.MaxDuration {
		return errTimes
	}
	for i := hls.MaxSegmentsPerSecond; i <= t.count; i++ {
		if t.Start(i)-t.Start(i-hls.MaxSegmentsPerSecond) < time.Second {
			return errTimes
		}
	}
	return nil
}

// kind returns the index of segment i in Lengths.
func (t *Times) kind(i int) int {
	switch t.width {
	case 1:
		return int(t.Index[i])
	case 2:
		return int(t.Index[2*i])<<8 | int(t.Index[2*i+1])
	}
	return int(t.Index[3*i])<<16 | int(t.Index[3*i+1])<<8 | int(t.Index[3*i+2])
}

// Len returns how many segments there are.
func (t *Times) Len() int { return t.count }

// Duration returns how long segment i lasts.
func (t *Times) Duration(i int) time.Duration { return t.Lengths[t.kind(i)].Duration }

// Total returns how long all segments last.
func (t *Times) Total() time.Duration { return t.total }

// Longest returns the length of the longest segment.
func (t *Times) Longest() time.Duration { return t.longest }

// Start returns the time at which segment i begins, from that of the first;
// i may be Len().
func (t *Times) Start(i int) time.Duration {
	if i == t.Len() {
		return t.total
	}
	b := i / stride
	at := t.starts[b]
	for j := b * stride; j < i; j++ {
		at += t.Duration(j)
	}
	return at
}

// End returns the time at which segment i ends.
func (t *Times) End(i int) time.Duration { return t.Start(i) + t.Duration(i) }

// Ended returns how many segments end at a time or before.
func (t *Times) Ended(at time.Duration) int {
	if at >= t.total {
		return t.Len()
	}
	b := sort.Search(len(t.starts), func(b int) bool { return t.starts[b] > at }) - 1
	if b < 0 {
		return 0
	}
	i := b * stride
	for end := t.starts[b]; ; i++ { // the last one ends after it
		if end += t.Duration(i); end > at {
			return i
		}
	}
}

// Plus returns the lengths with more at the end.
func (t *Times) Plus(more []Length) Times {
	var p timesPacker
	for i := range t.Len() {
		p.add(t.Lengths[t.kind(i)])
	}
	for _, l := range more {
		p.add(l)
	}
	return p.finish()
}

// AppendEXTINF writes the EXTINF of segment i with its newline.
func (t *Times) AppendEXTINF(dst []byte, i int) []byte {
	dst = append(dst, "#EXTINF:"...)
	dst = append(dst, t.Lengths[t.kind(i)].Digits...)
	return append(dst, ",\n"...)
}

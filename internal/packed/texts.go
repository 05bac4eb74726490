package packed

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
	"strconv"
)

// Texts is a list of texts that are much alike. A text is expected to be the one
// before it with its counter, if they have one, a step further; kept is where it
// differs from that. Every block-th is expected to be the first text, as many
// steps further, so that any can be read without those before its block.
//
// A record begins with a number. If it is even, the text is as long as expected,
// and half the number says how many runs of bytes differ, each as
//
//	bytes that are equal before it, its length * 2 + form, its bytes
//
// In form 1 the bytes are nibbles, two a byte, for the hexadecimal digits of
// the expected text; all others are equal. So a counter takes one byte, and
// a UUID 20. If the number is odd, half of it says how much of the beginning is
// equal, then come
//
//	bytes that are equal at the end, number of bytes between, these bytes
//
// Numbers are those of encoding/binary.AppendUvarint.
type Texts struct {
	Count int
	First []byte
	Step  uint64 `json:",omitempty"` // of the counter; 0: there is none
	Tail  int    `json:",omitempty"` // bytes that follow the counter
	Data  []byte // a record per text

	at []uint32 // where the records of every block-th text begin
}

// textPacker packs texts one after the other. Its memory is used again for the
// next list.
type textPacker struct {
	texts  Texts
	data   []byte
	before []byte // the last text
}

func (p *textPacker) add(text []byte) {
	t := &p.texts
	if t.Count == 0 {
		t.First = bytes.Clone(text)
	} else if t.Count == 1 {
		t.Step, t.Tail = counter(t.First, text)
	}
	if t.Count%block == 0 {
		t.at = append(t.at, uint32(len(p.data)))
	}
	p.before = t.expect(p.before, t.Count)
	if bytes.Equal(p.before, text) {
		p.data = append(p.data, 0)
	} else {
		p.data = appendRecord(p.data, p.before, text)
		p.before = append(p.before[:0], text...)
	}
	t.Count++
}

// addOptional adds text i of a list which is not begun before one has anything.
func (p *textPacker) addOptional(i int, text []byte) {
	if len(text) == 0 && p.texts.Count == 0 {
		return
	}
	for p.texts.Count < i {
		p.add(nil)
	}
	p.add(text)
}

// finish returns the texts that were added, nil if none was; the next one begins
// another list.
func (p *textPacker) finish() *Texts {
	if p.texts.Count == 0 {
		return nil
	}
	t := p.texts
	t.Data, t.at = bytes.Clone(p.data), slices.Clip(t.at)
	p.texts, p.data = Texts{}, p.data[:0]
	return &t
}

// block is how many texts lie between two that can be read without those before.
const block = 32

// expect turns the text before text i into what is expected of it, in the same
// memory.
func (t *Texts) expect(before []byte, i int) []byte {
	if i%block == 0 {
		return count(append(before[:0], t.First...), t.Tail, uint64(i)*t.Step)
	}
	return count(before, t.Tail, t.Step)
}

// counter returns what counts from the first to the second of some texts that
// differ in nothing else: by how much, and how many bytes follow it.
func counter(first, second []byte) (step uint64, tail int) {
	begin := equalBytes(first, second)
	for begin > 0 && isDigit(first[begin-1]) {
		begin--
	}
	for most := min(len(first), len(second)) - begin; tail < most && first[len(first)-1-tail] == second[len(second)-1-tail]; {
		tail++
	}
	for tail > 0 && isDigit(first[len(first)-tail]) {
		tail--
	}
	from, ok1 := number(first[begin : len(first)-tail])
	to, ok2 := number(second[begin : len(second)-tail])
	if !ok1 || !ok2 || from >= to {
		return 0, 0
	}
	return to - from, tail
}

// number reads decimal digits, few enough to be counted on for all of a list.
func number(digits []byte) (n uint64, ok bool) {
	const most = 12
	for _, c := range digits {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, 0 < len(digits) && len(digits) <= most
}

// count adds n to the decimal number that so many bytes follow, if there is one.
func count(text []byte, tail int, n uint64) []byte {
	i := len(text) - tail - 1
	if i < 0 || !isDigit(text[i]) {
		return text
	}
	for ; n > 0; i-- {
		if i < 0 || !isDigit(text[i]) { // it gets longer
			return slices.Insert(text, i+1, strconv.AppendUint(nil, n, 10)...)
		}
		n += uint64(text[i] - '0')
		text[i] = byte('0' + n%10)
		n /= 10
	}
	return text
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

var errTexts = errors.New("its texts can't be read")

// maxTexts bounds the length of stored texts together, unpacked.
const maxTexts = 1 << 30

// restore works out what is not stored, and proves that every text can be read.
func (t *Texts) restore() error {
	if t.Tail < 0 {
		return errTexts
	}
	var text []byte
	data, size := t.Data, 0
	for i := range t.Count {
		if i%block == 0 {
			t.at = append(t.at, uint32(len(t.Data)-len(data)))
		}
		var ok bool
		if text, data, ok = readRecord(t.expect(text, i), data); !ok {
			return errTexts
		}
		if size += len(text) + 1; size > maxTexts {
			return errTexts
		}
	}
	if len(data) > 0 {
		return errTexts
	}
	return nil
}

// apart is how many equal bytes end a run of those that differ.
const apart = 4

func appendRecord(dst, before, text []byte) []byte {
	if len(before) != len(text) {
		prefix := equalBytes(before, text)
		suffix := 0
		for most := min(len(before), len(text)) - prefix; suffix < most && before[len(before)-1-suffix] == text[len(text)-1-suffix]; suffix++ {
		}
		middle := text[prefix : len(text)-suffix]
		dst = binary.AppendUvarint(dst, uint64(prefix)<<1|1)
		dst = binary.AppendUvarint(dst, uint64(suffix))
		dst = binary.AppendUvarint(dst, uint64(len(middle)))
		return append(dst, middle...)
	}
	head := len(dst)
	dst = append(dst, 0)
	runs, done := uint64(0), 0
	for begin, end := nextRun(before, text, 0); end > 0; begin, end = nextRun(before, text, done) {
		runs++
		dst = binary.AppendUvarint(dst, uint64(begin-done))
		var ok bool
		if dst, ok = appendNibbles(dst, before[begin:end], text[begin:end]); !ok {
			dst = binary.AppendUvarint(dst, uint64(end-begin)<<1)
			dst = append(dst, text[begin:end]...)
		}
		done = end
	}
	if runs<<1 < 1<<7 { // as it is but for odd texts
		dst[head] = byte(runs << 1)
		return dst
	}
	return slices.Replace(dst, head, head+1, binary.AppendUvarint(nil, runs<<1)...)
}

// equalBytes returns how many bytes of the beginning are equal.
func equalBytes(a, b []byte) int {
	n := 0
	for ; len(a)-n >= 8 && len(b)-n >= 8; n += 8 {
		if differ := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); differ != 0 {
			return n + bits.TrailingZeros64(differ)/8
		}
	}
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// nextRun returns the next run of bytes from an index on in which two texts of
// one length differ; end is 0 if there is none.
func nextRun(before, text []byte, from int) (begin, end int) {
	begin = from + equalBytes(before[from:], text[from:])
	for i := begin; i < len(text) && (end == 0 || i < end+apart); i++ {
		if before[i] != text[i] {
			end = i + 1
		}
	}
	return begin, end
}

// appendNibbles writes a run in form 1, if it has hexadecimal digits where the
// text before has them, and the same as that everywhere else.
func appendNibbles(dst, before, run []byte) (with []byte, ok bool) {
	with = binary.AppendUvarint(dst, uint64(len(run))<<1|1)
	half := false
	for i, c := range before {
		was, is := nibbles[c], nibbles[run[i]]
		switch {
		case was == noNibble:
			if run[i] != c {
				return dst, false
			}
			continue
		case is == noNibble:
			return dst, false
		case half:
			with[len(with)-1] |= is
		default:
			with = append(with, is<<4)
		}
		half = !half
	}
	return with, true
}

const hexDigits = "0123456789abcdef"

const noNibble = 0xff

// nibbles has the values of hexadecimal digits in lower case, and noNibble.
var nibbles = func() (values [256]byte) {
	for c := range values {
		values[c] = noNibble
	}
	for i, c := range []byte(hexDigits) {
		values[c] = byte(i)
	}
	return values
}()

// readRecord turns the text before into the text of the record that data begins
// with, in the same memory, and returns what follows the record.
func readRecord(text, data []byte) (next, rest []byte, ok bool) {
	number := func() int {
		v, n := binary.Uvarint(data)
		if n <= 0 || v > maxTexts {
			ok = false
			return 0
		}
		data = data[n:]
		return int(v)
	}
	ok = true
	head := number()
	if head&1 == 1 {
		prefix, suffix, length := head>>1, number(), number()
		if !ok || prefix+suffix > len(text) || length > len(data) {
			return nil, nil, false
		}
		tail := len(text) - suffix
		if size := prefix + length + suffix; size > len(text) {
			text = append(text, make([]byte, size-len(text))...)
		}
		copy(text[prefix+length:], text[tail:tail+suffix])
		copy(text[prefix:], data[:length])
		return text[:prefix+length+suffix], data[length:], true
	}
	at := 0
	for range head >> 1 {
		at += number()
		length := number()
		form := length & 1
		length >>= 1
		if !ok || at+length > len(text) {
			return nil, nil, false
		}
		run := text[at : at+length]
		if form == 0 {
			if length > len(data) {
				return nil, nil, false
			}
			copy(run, data)
			data = data[length:]
		} else if data, ok = readNibbles(run, data); !ok {
			return nil, nil, false
		}
		at += length
	}
	return text, data, ok
}

func readNibbles(run, data []byte) (rest []byte, ok bool) {
	digits := 0
	for i, c := range run {
		if nibbles[c] == noNibble {
			continue
		}
		if digits/2 >= len(data) {
			return nil, false
		}
		n := data[digits/2]
		if digits%2 == 0 {
			n >>= 4
		}
		run[i] = hexDigits[n&15]
		digits++
	}
	return data[(digits+1)/2:], true
}

// reader reads texts. To read one after the other costs little more than to
// copy them.
type reader struct {
	texts *Texts
	next  int    // index of the text after the current one
	text  []byte // the current one
	data  []byte // records from next on
}

// read returns text i, until the next call.
func (r *reader) read(t *Texts, i int) []byte {
	if current := r.next - 1; r.texts != t || i < current || i/block != current/block {
		r.texts, r.next = t, i/block*block
		r.data = t.Data[t.at[i/block]:]
	}
	for ; r.next <= i; r.next++ {
		r.text, r.data, _ = readRecord(t.expect(r.text, r.next), r.data) // restore has proved them right
	}
	return r.text
}

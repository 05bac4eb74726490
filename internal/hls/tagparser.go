package hls

import (
	"bytes"
	"strings"

	"github.com/grafov/m3u8"
)

// cleaned is a multivariant playlist made ready for the tag parser below us:
// known tags and URI lines only, without what it stumbles over.
type cleaned struct {
	text  []byte
	lines []int // of the playlist as it was given, for each line of text
}

func newCleaned() *cleaned { return &cleaned{text: []byte("#EXTM3U"), lines: []int{1}} }

func (c *cleaned) inf(*extinf) *Error { return nil } // has no place here: the scanner will say so

func (c *cleaned) tag(t tag) *Error {
	c.add(t.text, t.line)
	return nil
}

func (c *cleaned) uri(line []byte, number int) *Error {
	c.add(string(line), number)
	return nil
}

func (c *cleaned) add(line string, number int) {
	c.text = append(append(c.text, '\n'), line...)
	c.lines = append(c.lines, number)
}

// recorder is given every line by the tag parser, which drops much of what
// stands in tags. It keeps each tag with the URI line that follows it.
type recorder struct {
	cleaned *cleaned
	seen    int
	tags    []tag
	ends    []int // for each URI line: how many tags stand before it
	at      []int // for each URI line: its number
}

// TagName matches every line.
func (r *recorder) TagName() string { return "" }

// SegmentTag is false: the parser would keep one tag of a name per segment.
func (r *recorder) SegmentTag() bool { return false }

// Decode keeps the line.
func (r *recorder) Decode(line string) (m3u8.CustomTag, error) {
	number := r.cleaned.lines[r.seen]
	r.seen++
	if line[0] != '#' {
		r.ends = append(r.ends, len(r.tags))
		r.at = append(r.at, number)
		return r, nil
	}
	name, value, _ := strings.Cut(line, ":")
	r.tags = append(r.tags, tag{line: number, name: name, value: strings.TrimSpace(value)})
	return r, nil
}

// Encode and String belong to the parser's interface for writing, which is
// not used.
func (r *recorder) Encode() *bytes.Buffer { return nil }
func (r *recorder) String() string        { return "" }

// before gives the tags between URI line i-1 and URI line i; i may be one
// past the last, for the tags at the end.
func (r *recorder) before(i int) []tag {
	from, to := 0, len(r.tags)
	if i > 0 {
		from = r.ends[i-1]
	}
	if i < len(r.ends) {
		to = r.ends[i]
	}
	return r.tags[from:to]
}

// decode runs the tag parser and returns the URI lines of the variants.
func (c *cleaned) decode() (*recorder, []string, *Error) {
	r := &recorder{cleaned: c}
	playlist := m3u8.NewMasterPlaylist()
	playlist.WithCustomDecoders([]m3u8.CustomDecoder{r})
	if e := guarded(func() error { return playlist.DecodeFrom(bytes.NewReader(c.text), false) }); e != nil {
		return nil, nil, e
	}
	uris := make([]string, len(playlist.Variants))
	for i, v := range playlist.Variants {
		uris[i] = v.URI
	}
	if len(uris) != len(r.ends) {
		return nil, nil, errorf(Syntax, 0, "%d EXT-X-STREAM-INF for %d URIs", len(uris), len(r.ends))
	}
	return r, uris, nil
}

// guarded turns a panic of the tag parser into an error: it is old code that
// reads foreign text.
func guarded(decode func() error) (e *Error) {
	defer func() {
		if p := recover(); p != nil {
			e = errorf(Syntax, 0, "the tag parser gave up")
		}
	}()
	if err := decode(); err != nil {
		return errorf(Syntax, 0, "the tag parser refuses it: %s", clip(err.Error()))
	}
	return nil
}

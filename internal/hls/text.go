package hls

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"github.com/grafov/m3u8"
)

// tag is one line that begins with #EXT.
type tag struct {
	line  int    // in the playlist as it was given
	name  string // with the #
	value string // what follows the first colon
}

// text is a playlist made ready for the tag parser: known tags and URI lines
// only, without what that parser stumbles over.
type text struct {
	clean        []byte
	lines        []int // of the playlist as it was given, for each line of clean
	uris         int
	multivariant bool
	notes        notes
}

// tagKind is what a tag is to us.
type tagKind int

const (
	unknownTag tagKind = iota // passed over, as comments are (draft 4.1, 6.3.1)
	plainTag
	streamTag    // EXT-X-STREAM-INF: proves a multivariant playlist, a URI follows
	segmentTag   // EXTINF: proves a media playlist, a URI follows
	renditionTag // EXT-X-MEDIA: proves a multivariant playlist
	iFrameTag    // proves a multivariant playlist, and is left out
	sessionTag   // EXT-X-SESSION-DATA: only the title is of use, all others are passed over
	cueTag       // carries SCTE-35 in the field; no clause defines these
)

var tagKinds = map[string]tagKind{
	"#EXT-X-STREAM-INF":         streamTag,
	"#EXTINF":                   segmentTag,
	"#EXT-X-MEDIA":              renditionTag,
	"#EXT-X-I-FRAME-STREAM-INF": iFrameTag,

	"#EXT-X-SESSION-DATA": sessionTag,

	"#EXT-X-VERSION":                plainTag,
	"#EXT-X-INDEPENDENT-SEGMENTS":   plainTag,
	"#EXT-X-DEFINE":                 plainTag,
	"#EXT-X-TARGETDURATION":         plainTag,
	"#EXT-X-MEDIA-SEQUENCE":         plainTag,
	"#EXT-X-DISCONTINUITY-SEQUENCE": plainTag,
	"#EXT-X-I-FRAMES-ONLY":          plainTag,
	"#EXT-X-ENDLIST":                plainTag,
	"#EXT-X-SKIP":                   plainTag,
	"#EXT-X-BYTERANGE":              plainTag,
	"#EXT-X-DISCONTINUITY":          plainTag,
	"#EXT-X-KEY":                    plainTag,
	"#EXT-X-MAP":                    plainTag,
	"#EXT-X-PROGRAM-DATE-TIME":      plainTag,
	"#EXT-X-GAP":                    plainTag,
	"#EXT-X-BITRATE":                plainTag,
	"#EXT-X-DATERANGE":              plainTag,

	"#EXT-X-CUE":                cueTag,
	"#EXT-X-CUE-OUT":            cueTag,
	"#EXT-X-CUE-OUT-CONT":       cueTag,
	"#EXT-X-CUE-IN":             cueTag,
	"#EXT-X-CUE-SPAN":           cueTag,
	"#EXT-X-SCTE35":             cueTag,
	"#EXT-X-SCTE35-OUT":         cueTag,
	"#EXT-X-SCTE35-IN":          cueTag,
	"#EXT-X-SPLICEPOINT-SCTE35": cueTag,
	"#EXT-SCTE35":               cueTag,
	"#EXT-OATCLS-SCTE35":        cueTag,
	"#EXT-X-ASSET":              cueTag,
}

// prepare checks what can be checked line by line and builds the text for the
// tag parser.
func prepare(body []byte) (*text, *Error) {
	if len(body) > maxBody {
		return nil, errorf(OverLimits, 0, "the playlist has %d bytes, more than %d", len(body), maxBody)
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	t := &text{clean: make([]byte, 0, len(body)+1), lines: make([]int, 0, min(bytes.Count(body, []byte("\n"))+1, 1<<16))}
	p := preparer{text: t}
	number := 0
	for len(body) > 0 {
		var line []byte
		line, body, _ = bytes.Cut(body, []byte("\n"))
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if len(t.lines) == 0 {
			// Draft 4.4.1.1: the first line. Something may follow a blank.
			if head, _, _ := bytes.Cut(line, []byte(" ")); string(head) != "#EXTM3U" {
				return nil, errorf(NotHLS, 0, "it does not begin with #EXTM3U: it is no HLS playlist")
			}
			t.add([]byte("#EXTM3U"), number)
			continue
		}
		var e *Error
		if line[0] == '#' {
			e = p.tag(line, number)
		} else {
			e = p.uri(line, number)
		}
		if e != nil {
			return nil, at(e, number)
		}
	}
	switch {
	case len(t.lines) == 0:
		return nil, errorf(NotHLS, 0, "it is empty: it is no HLS playlist")
	case p.waiting != "":
		return nil, errorf(Syntax, number, "it ends before the URI of the last %s: it seems cut off", p.waiting)
	case t.multivariant && p.segments:
		return nil, errorf(WrongKind, 0, "it has tags of a multivariant and of a media playlist (draft 4.1)")
	}
	t.clean = bytes.TrimSuffix(t.clean, []byte("\n"))
	return t, nil
}

// preparer is the state of prepare between lines.
type preparer struct {
	text     *text
	waiting  string // the tag whose URI line has not come yet
	segments bool   // there was an EXTINF

	tags, tagsHere, equals, streams, renditions int // counted against the limits
}

// tag takes a line that begins with #.
func (p *preparer) tag(line []byte, number int) *Error {
	name, _, _ := bytes.Cut(line, []byte(":"))
	kind := tagKinds[string(name)]
	switch kind {
	case unknownTag:
		return nil
	case streamTag, segmentTag:
		if p.waiting != "" {
			return errorf(Syntax, 0, "%s, and the %s before it has no URI yet", name, p.waiting)
		}
		p.waiting = string(name)
	}
	switch kind {
	case segmentTag:
		p.segments = true
		if comma := bytes.IndexByte(line, ','); comma >= 0 {
			line = line[:comma+1] // the title may hold anything, and is not used
		}
	case streamTag:
		p.text.multivariant = true
		p.streams++
	case renditionTag:
		p.text.multivariant = true
		p.renditions++
	case iFrameTag:
		p.text.multivariant = true
		return nil
	case sessionTag:
		// Passing over a title is better than refusing the asset for it.
		if len(line) > maxLine || !bytes.Contains(line, []byte(titleData)) {
			return nil
		}
	}
	equals := bytes.Count(line, []byte("="))
	p.tags++
	p.tagsHere++
	p.equals += equals
	switch {
	case max(p.streams, p.renditions) > maxStreams:
		return errorf(OverLimits, 0, "more than %d variants or renditions", maxStreams)
	case p.tags > maxTags, p.tagsHere > maxTagsPerSegment:
		return errorf(OverLimits, 0, "more tags than any real playlist has")
	case equals > maxEqualsPerLine, p.equals > maxEquals:
		return errorf(OverLimits, 0, "more attributes than any real playlist has")
	}
	return p.add(line, number)
}

// uri takes a line that is none of tag, comment and blank.
func (p *preparer) uri(line []byte, number int) *Error {
	if p.waiting == "" {
		if !p.text.multivariant {
			return errorf(Syntax, 0, "a URI without an EXTINF before it (draft 4.4.4.1)")
		}
		// Players pass over it, and it happens.
		p.text.notes.add(number, "URI left out: there is no EXT-X-STREAM-INF before it")
		return nil
	}
	p.waiting, p.tagsHere = "", 0
	if p.text.uris++; p.text.uris > maxSegments {
		return errorf(OverLimits, 0, "more than %d segments", maxSegments)
	}
	return p.add(line, number)
}

func (p *preparer) add(line []byte, number int) *Error {
	if len(line) > maxLine {
		return errorf(OverLimits, 0, "the line has more than %d bytes", maxLine)
	}
	if !isText(line) {
		return errorf(Syntax, 0, "control character, or not UTF-8 (draft 4.1)")
	}
	p.text.add(line, number)
	return nil
}

func (t *text) add(line []byte, number int) {
	t.clean = append(append(t.clean, line...), '\n')
	t.lines = append(t.lines, number)
}

// isText reports whether s is UTF-8 without control characters (draft 4.1) and
// without the two separators that some languages take for the end of a line.
func isText(s []byte) bool {
	i := 0
	for ; len(s)-i >= 8 && isPlainASCII(binary.LittleEndian.Uint64(s[i:])); i += 8 {
	}
	for i < len(s) {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && size == 1 || r <= 0x9f || r == '\u2028' || r == '\u2029' {
			return false
		}
		i += size
	}
	return true
}

// isPlainASCII reports whether all of eight bytes are from 0x20 to 0x7e. It is
// sure of that; of others it may say no, too, where one of the eight is not.
func isPlainASCII(eight uint64) bool {
	const each, top = 0x0101010101010101, 0x8080808080808080
	below := eight - each*' '         // borrows from the top bit where a byte is less
	del := (eight ^ each*0x7f) - each // the same where it is 0x7f
	return (eight|below|del)&top == 0
}

// recorder is given every line by the tag parser, which drops much of what
// stands in tags. It keeps each tag with the URI line that follows it.
type recorder struct {
	text *text
	seen int
	tags []tag
	ends []int // for each URI line: how many tags stand before it
	at   []int // for each URI line: its number
}

func newRecorder(t *text) *recorder {
	return &recorder{
		text: t,
		tags: make([]tag, 0, len(t.lines)-t.uris),
		ends: make([]int, 0, t.uris),
		at:   make([]int, 0, t.uris),
	}
}

// TagName matches every line.
func (r *recorder) TagName() string { return "" }

// SegmentTag is false: the parser would keep one tag of a name per segment.
func (r *recorder) SegmentTag() bool { return false }

// Decode keeps the line.
func (r *recorder) Decode(line string) (m3u8.CustomTag, error) {
	number := r.text.lines[r.seen]
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

// decodeMedia runs the tag parser on a media playlist and returns the URI
// lines of its segments.
func (t *text) decodeMedia() (*recorder, []string, *Error) {
	r := newRecorder(t)
	playlist, err := m3u8.NewMediaPlaylist(0, uint(t.uris))
	if err != nil {
		return nil, nil, errorf(Syntax, 0, "%v", err)
	}
	playlist.WithCustomDecoders([]m3u8.CustomDecoder{r})
	if e := guarded(func() error { return playlist.Decode(*bytes.NewBuffer(t.clean), false) }); e != nil {
		return nil, nil, e
	}
	uris := make([]string, playlist.Count())
	for i := range uris {
		uris[i] = playlist.Segments[i].URI
	}
	if len(uris) != len(r.ends) {
		return nil, nil, errorf(Syntax, 0, "%d EXTINF for %d URIs", len(uris), len(r.ends))
	}
	return r, uris, nil
}

// decodeMultivariant runs the tag parser on a multivariant playlist and
// returns the URI lines of its variants.
func (t *text) decodeMultivariant() (*recorder, []string, *Error) {
	r := newRecorder(t)
	playlist := m3u8.NewMasterPlaylist()
	playlist.WithCustomDecoders([]m3u8.CustomDecoder{r})
	if e := guarded(func() error { return playlist.DecodeFrom(bytes.NewReader(t.clean), false) }); e != nil {
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

package hls

import (
	"bytes"
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf8"
)

// lineReader is given the tags that are known and the URI lines of a playlist,
// in their order. An error has no line yet.
type lineReader interface {
	inf(inf *extinf) *Error
	tag(t tag) *Error                   // any other
	uri(line []byte, number int) *Error // the line is valid until it returns
}

// tag is a line that begins with the name of a known tag.
type tag struct {
	line  int // in the playlist as it was given, counted from 1
	kind  tagKind
	text  string // the line
	name  string // with the #
	value string // what follows the first colon
}

// tagKind is what a tag is to us.
type tagKind int

const (
	unknownTag tagKind = iota // passed over, as comments are (draft 4.1, 6.3.1)
	plainTag
	streamTag    // EXT-X-STREAM-INF: proves a multivariant playlist, a URI follows
	renditionTag // EXT-X-MEDIA: proves a multivariant playlist
	iFrameTag    // proves a multivariant playlist, and is left out
	sessionTag   // EXT-X-SESSION-DATA: only the title is of use, all others are passed over
	cueTag       // carries SCTE-35 in the field; no clause defines these
)

func kindOf(name string) tagKind {
	switch name {
	case "#EXT-X-STREAM-INF":
		return streamTag
	case "#EXT-X-MEDIA":
		return renditionTag
	case "#EXT-X-I-FRAME-STREAM-INF":
		return iFrameTag
	case "#EXT-X-SESSION-DATA":
		return sessionTag
	case "#EXT-X-VERSION", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-DEFINE",
		"#EXT-X-TARGETDURATION", "#EXT-X-MEDIA-SEQUENCE", "#EXT-X-DISCONTINUITY-SEQUENCE", "#EXT-X-I-FRAMES-ONLY", "#EXT-X-ENDLIST", "#EXT-X-SKIP",
		"#EXT-X-BYTERANGE", "#EXT-X-DISCONTINUITY", "#EXT-X-KEY", "#EXT-X-MAP", "#EXT-X-PROGRAM-DATE-TIME", "#EXT-X-GAP", "#EXT-X-BITRATE",
		"#EXT-X-DATERANGE":
		return plainTag
	case "#EXT-X-CUE", "#EXT-X-CUE-OUT", "#EXT-X-CUE-OUT-CONT", "#EXT-X-CUE-IN", "#EXT-X-CUE-SPAN",
		"#EXT-X-SCTE35", "#EXT-X-SCTE35-OUT", "#EXT-X-SCTE35-IN", "#EXT-X-SPLICEPOINT-SCTE35", "#EXT-SCTE35", "#EXT-OATCLS-SCTE35",
		"#EXT-X-ASSET":
		return cueTag
	}
	return unknownTag
}

// scanner goes through the lines of a playlist, once. It checks what can be
// checked without knowing what a tag says: a playlist that is cut off, too
// large or no text is that before it is anything else.
type scanner struct {
	reader       lineReader
	wrong        *Error // the reader's: nothing more is given to it
	multivariant bool
	segments     bool // there was an EXTINF
	uris         int
	notes        notes

	waiting string // the tag whose URI line has not come yet

	// What repeats is not looked at again.
	infs    [4]extinf // the last ones that were different
	nextInf int       // where the next one goes
	near    []byte    // the last URI, to its last slash

	tags, tagsHere, equals, streams, renditions int // counted against the limits
}

// scan has the reader read a playlist. Its error is about the lines, or the
// whole, and comes before the reader's.
func (s *scanner) scan(body []byte) *Error {
	if len(body) > maxBody {
		return errorf(OverLimits, 0, "the playlist has %d bytes, more than %d", len(body), maxBody)
	}
	rest := bytes.TrimPrefix(body, []byte("\ufeff"))
	number, begun := 0, false
	for len(rest) > 0 {
		line := rest
		if end := bytes.IndexByte(rest, '\n'); end >= 0 {
			line, rest = rest[:end], rest[end+1:]
		} else {
			rest = nil
		}
		number++
		if len(line) == 0 || !isGraphic(line[0]) || !isGraphic(line[len(line)-1]) {
			line = bytes.TrimSpace(line)
		}
		var e *Error
		switch {
		case len(line) == 0:
		case !begun:
			// Draft 4.4.1.1: the first line. Something may follow a blank.
			if head, _, _ := strings.Cut(string(line), " "); head != "#EXTM3U" {
				return errorf(NotHLS, 0, "it does not begin with #EXTM3U: it is no HLS playlist")
			}
			begun = true
		case isEXTINF(line):
			e = s.inf(line, number)
		case line[0] == '#':
			e = s.tag(line, number)
		default:
			e = s.uri(line, number)
		}
		if e != nil {
			return at(e, number)
		}
	}
	switch {
	case !begun:
		return errorf(NotHLS, 0, "it is empty: it is no HLS playlist")
	case s.waiting != "":
		return errorf(Syntax, number, "it ends before the URI of the last %s: it seems cut off", s.waiting)
	case s.multivariant && s.segments:
		return errorf(WrongKind, 0, "it has tags of a multivariant and of a media playlist (draft 4.1)")
	}
	return nil
}

// tag takes a line that begins with #.
func (s *scanner) tag(line []byte, number int) *Error {
	end := bytes.IndexByte(line, ':')
	if end < 0 {
		end = len(line)
	}
	kind := kindOf(string(line[:end]))
	switch kind {
	case unknownTag:
		return nil
	case streamTag:
		s.multivariant = true
		s.streams++
		if e := s.wait("#EXT-X-STREAM-INF"); e != nil {
			return e
		}
	case renditionTag:
		s.multivariant = true
		s.renditions++
	case iFrameTag:
		s.multivariant = true
		return nil
	case sessionTag:
		// Passing over a title is better than refusing the asset for it.
		if len(line) > maxLine || !bytes.Contains(line, []byte(titleData)) {
			return nil
		}
	}
	if max(s.streams, s.renditions) > maxStreams {
		return errorf(OverLimits, 0, "more than %d variants or renditions", maxStreams)
	}
	if e := s.count(bytes.Count(line[end:], []byte("="))); e != nil {
		return e
	}
	if e := checkLine(line); e != nil {
		return e
	}
	if s.wrong == nil {
		text := string(line)
		name, value := cut(text, ':')
		s.wrong = at(s.reader.tag(tag{number, kind, text, name, strings.TrimSpace(value)}), number)
	}
	return nil
}

// wait notes that the next line but tags must be a URI.
func (s *scanner) wait(name string) *Error {
	if s.waiting != "" {
		return errorf(Syntax, 0, "%s, and the %s before it has no URI yet", name, s.waiting)
	}
	s.waiting = name
	return nil
}

// count holds a tag to the limits.
func (s *scanner) count(equals int) *Error {
	s.tags++
	s.tagsHere++
	s.equals += equals
	switch {
	case s.tags > maxTags, s.tagsHere > maxTagsPerSegment:
		return errorf(OverLimits, 0, "more tags than any real playlist has")
	case equals > maxEqualsPerLine, s.equals > maxEquals:
		return errorf(OverLimits, 0, "more attributes than any real playlist has")
	}
	return nil
}

// inf takes an EXTINF.
func (s *scanner) inf(line []byte, number int) *Error {
	s.segments = true
	if e := s.wait("#EXTINF"); e != nil {
		return e
	}
	if title := bytes.IndexByte(line, ','); title >= 0 { // which may hold anything, and is not used
		line = line[:title]
	}
	inf := s.known(line)
	if e := s.count(inf.equals); e != nil {
		return e
	}
	if inf.bad != nil {
		return inf.bad
	}
	if s.wrong == nil {
		s.wrong = at(s.reader.inf(inf), number)
	}
	return nil
}

// known returns what an EXTINF says, which is mostly what another did.
func (s *scanner) known(line []byte) *extinf {
	for i := range s.infs {
		if s.infs[i].line == string(line) {
			return &s.infs[i]
		}
	}
	inf := &s.infs[s.nextInf]
	s.nextInf = (s.nextInf + 1) % len(s.infs)
	*inf = newEXTINF(string(line))
	return inf
}

// extinf is an EXTINF (draft 4.4.4.1), without its title.
type extinf struct {
	line   string
	bad    *Error // what is wrong with the line
	equals int    // how many "=" it has
	digits string
	length time.Duration
	wrong  *Error // what is wrong with the digits
}

func isEXTINF(line []byte) bool {
	const name = "#EXTINF"
	return len(line) >= len(name) && string(line[:len(name)]) == name && (len(line) == len(name) || line[len(name)] == ':')
}

func newEXTINF(line string) extinf {
	inf := extinf{line: line, bad: checkLine([]byte(line)), equals: strings.Count(line, "=")}
	_, digits := cut(line, ':')
	inf.digits = strings.TrimSpace(digits)
	var ok bool
	if inf.length, ok = parseSeconds(inf.digits); !ok {
		inf.wrong = errorf(BadTime, 0, "the EXTINF %s is no decimal number of seconds", clip(inf.digits))
	} else if inf.length > maxSegmentDuration {
		inf.wrong = errorf(BadTime, 0, "the EXTINF %s is longer than %s", clip(inf.digits), maxSegmentDuration)
	}
	return inf
}

// uri takes a line that is none of tag, comment and blank.
func (s *scanner) uri(line []byte, number int) *Error {
	if s.waiting == "" {
		if !s.multivariant {
			return errorf(Syntax, 0, "a URI without an EXTINF before it (draft 4.4.4.1)")
		}
		// Players pass over it, and it happens.
		s.notes.add(number, "URI left out: there is no EXT-X-STREAM-INF before it")
		return nil
	}
	s.waiting, s.tagsHere = "", 0
	if s.uris++; s.uris > maxSegments {
		return errorf(OverLimits, 0, "more than %d segments", maxSegments)
	}
	if e := s.checkURI(line); e != nil {
		return e
	}
	if s.wrong == nil {
		s.wrong = at(s.reader.uri(line, number), number)
	}
	return nil
}

// checkURI is checkLine, but for what was checked in the last URI: most
// segments lie beside the one before.
func (s *scanner) checkURI(line []byte) *Error {
	rest, near := bytes.CutPrefix(line, s.near)
	if near && len(line) <= maxLine {
		return checkLine(rest)
	}
	s.near = line[:bytes.LastIndexByte(line, '/')+1]
	return checkLine(line)
}

// cut is strings.Cut at a byte, which is several times as fast.
func cut(s string, at byte) (before, after string) {
	if i := strings.IndexByte(s, at); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

func checkLine(line []byte) *Error {
	if len(line) > maxLine {
		return errorf(OverLimits, 0, "the line has more than %d bytes", maxLine)
	}
	if !isText(line) {
		return errorf(Syntax, 0, "control character, or not UTF-8 (draft 4.1)")
	}
	return nil
}

// isText reports whether s is UTF-8 without control characters (draft 4.1) and
// without the two separators that some languages take for the end of a line.
func isText(s []byte) bool {
	for len(s) >= 8 && isPlainASCII(binary.LittleEndian.Uint64(s)) {
		s = s[8:]
	}
	for i := 0; i < len(s); {
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

func isGraphic(c byte) bool { return ' ' < c && c < 0x7f }

// isPlainASCII reports whether all of eight bytes are from 0x20 to 0x7e. It is
// sure of that; of others it may say no, too, where one of the eight is not.
func isPlainASCII(eight uint64) bool {
	const each, top = 0x0101010101010101, 0x8080808080808080
	below := eight - each*' '         // borrows from the top bit where a byte is less
	del := (eight ^ each*0x7f) - each // the same where it is 0x7f
	return (eight|below|del)&top == 0
}

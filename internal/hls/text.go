package hls

import (
	"bytes"
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

// The tags that mean something to us. All others, and comments, are left out
// before anything looks at them (draft 4.1, 6.3.1). With each stands the kind
// of playlist that it proves, if it does.
var knownTags = map[string]kind{
	"#EXTM3U":                     anyKind,
	"#EXT-X-VERSION":              anyKind,
	"#EXT-X-INDEPENDENT-SEGMENTS": anyKind,
	"#EXT-X-DEFINE":               anyKind,

	"#EXT-X-STREAM-INF":         multivariantKind,
	"#EXT-X-MEDIA":              multivariantKind,
	"#EXT-X-I-FRAME-STREAM-INF": multivariantKind,

	"#EXTINF":                       mediaKind,
	"#EXT-X-TARGETDURATION":         mediaKind,
	"#EXT-X-MEDIA-SEQUENCE":         mediaKind,
	"#EXT-X-DISCONTINUITY-SEQUENCE": mediaKind,
	"#EXT-X-I-FRAMES-ONLY":          mediaKind,
	"#EXT-X-ENDLIST":                mediaKind,
	"#EXT-X-SKIP":                   mediaKind,
	"#EXT-X-BYTERANGE":              mediaKind,
	"#EXT-X-DISCONTINUITY":          mediaKind,
	"#EXT-X-KEY":                    mediaKind,
	"#EXT-X-MAP":                    mediaKind,
	"#EXT-X-PROGRAM-DATE-TIME":      mediaKind,
	"#EXT-X-GAP":                    mediaKind,
	"#EXT-X-BITRATE":                mediaKind,
	"#EXT-X-DATERANGE":              mediaKind,

	// No clause defines these; they carry SCTE-35 in the field.
	"#EXT-X-CUE":                cueKind,
	"#EXT-X-CUE-OUT":            cueKind,
	"#EXT-X-CUE-OUT-CONT":       cueKind,
	"#EXT-X-CUE-IN":             cueKind,
	"#EXT-X-CUE-SPAN":           cueKind,
	"#EXT-X-SCTE35":             cueKind,
	"#EXT-X-SCTE35-OUT":         cueKind,
	"#EXT-X-SCTE35-IN":          cueKind,
	"#EXT-X-SPLICEPOINT-SCTE35": cueKind,
	"#EXT-SCTE35":               cueKind,
	"#EXT-OATCLS-SCTE35":        cueKind,
	"#EXT-X-ASSET":              cueKind,
}

type kind int

const (
	anyKind kind = iota
	multivariantKind
	mediaKind
	cueKind // of a media playlist, but no proof of one
)

var byteOrderMark = []byte("\xef\xbb\xbf")

// prepare checks what can be checked line by line and builds the text for the
// tag parser.
func prepare(body []byte) (*text, *Error) {
	if len(body) > maxBody {
		return nil, errorf(OverLimits, 0, "the playlist has %d bytes, more than %d", len(body), maxBody)
	}
	body = bytes.TrimPrefix(body, byteOrderMark)
	t := &text{clean: make([]byte, 0, len(body)+1)}
	var started, sawMultivariant, sawMedia bool
	pending := "" // the tag that waits for its URI line
	var tags, tagsHere, equals, streams, renditions int
	number := 0
	for len(body) > 0 {
		var line []byte
		line, body, _ = bytes.Cut(body, []byte("\n"))
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if !started {
			// Draft 4.4.1.1: the first line. Something may follow a blank.
			if head, _, _ := bytes.Cut(line, []byte(" ")); string(head) != "#EXTM3U" {
				return nil, errorf(NotHLS, 0, "it does not begin with #EXTM3U: it is no HLS playlist")
			}
			started = true
			t.add([]byte("#EXTM3U"), number)
			continue
		}
		if line[0] == '#' {
			name, _, _ := bytes.Cut(line, []byte(":"))
			kind, known := knownTags[string(name)]
			if !known {
				continue
			}
			switch kind {
			case multivariantKind:
				sawMultivariant = true
			case mediaKind:
				sawMedia = true
			}
			switch string(name) {
			case "#EXTINF", "#EXT-X-STREAM-INF":
				if pending != "" {
					return nil, errorf(Syntax, number, "%s, and the one before it has no URI yet", name)
				}
				pending = string(name)
				if pending == "#EXT-X-STREAM-INF" {
					streams++
				} else if comma := bytes.IndexByte(line, ','); comma >= 0 {
					line = line[:comma+1] // the title may hold anything, and is not used
				}
			case "#EXT-X-MEDIA":
				renditions++
			case "#EXT-X-I-FRAME-STREAM-INF":
				continue
			}
			if streams > maxStreams || renditions > maxStreams {
				return nil, errorf(OverLimits, number, "more than %d variants or renditions", maxStreams)
			}
			n := bytes.Count(line, []byte("="))
			tags, tagsHere, equals = tags+1, tagsHere+1, equals+n
			if tags > maxTags || tagsHere > maxTagsPerSegment || n > maxEqualsPerLine || equals > maxEquals {
				return nil, errorf(OverLimits, number, "more tags or attributes than any real playlist has")
			}
		} else {
			if pending == "" {
				if sawMultivariant { // players pass over it, and it happens
					t.notes.add(number, "URI left out: there is no EXT-X-STREAM-INF before it")
					continue
				}
				return nil, errorf(Syntax, number, "a URI without EXTINF before it (draft 4.4.4.1)")
			}
			pending, tagsHere = "", 0
			if t.uris++; t.uris > maxSegments {
				return nil, errorf(OverLimits, number, "more than %d segments", maxSegments)
			}
		}
		if len(line) > maxLine {
			return nil, errorf(OverLimits, number, "the line has more than %d bytes", maxLine)
		}
		if !isText(line) {
			return nil, errorf(Syntax, number, "control character, or not UTF-8 (draft 4.1)")
		}
		t.add(line, number)
	}
	switch {
	case !started:
		return nil, errorf(NotHLS, 0, "it is empty: it is no HLS playlist")
	case sawMultivariant && sawMedia:
		return nil, errorf(WrongKind, 0, "it has tags of a multivariant and of a media playlist (draft 4.1)")
	case pending != "":
		return nil, errorf(Syntax, number, "it ends before the URI of the last %s: it seems cut off", pending)
	}
	t.multivariant = sawMultivariant
	t.clean = bytes.TrimSuffix(t.clean, []byte("\n"))
	return t, nil
}

func (t *text) add(line []byte, number int) {
	t.clean = append(append(t.clean, line...), '\n')
	t.lines = append(t.lines, number)
}

// isText reports whether s is UTF-8 without control characters (draft 4.1) and
// without the two separators that some languages take for the end of a line.
func isText(s []byte) bool {
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
	if e := guarded(func() error { return playlist.DecodeFrom(bytes.NewReader(t.clean), false) }); e != nil {
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

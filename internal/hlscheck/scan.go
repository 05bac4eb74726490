package hlscheck

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	ruleUTF8 = rule("utf-8", "draft 4.1", "a playlist is UTF-8")
	ruleBOM  = rule("byte-order-mark", "draft 4.1",
		"a playlist has no byte order mark")
	ruleControl = rule("control-character", "draft 4.1",
		"a playlist has no control characters but those that end a line")
	ruleLineEnd = rule("line-end", "draft 4.1",
		"every line, also the last, ends with LF or CRLF")
	ruleWhiteSpace = rule("white-space", "draft 4.1",
		"no tag or URI begins or ends with white space, and no URI has any")
	ruleExtM3U = rule("extm3u", "draft 4.4.1.1",
		"EXTM3U is the first line")
	ruleTagOnce = rule("tag-once", "draft 4.4",
		"a tag that applies to a playlist or to one segment stands there at most once")
	ruleTagPlace = rule("tag-place", "draft 4.4",
		"media playlist and segment tags are not in a multivariant playlist, nor the reverse")
	ruleTagUnknown = rule("tag-unknown", "design",
		"every tag is one of the draft, or a cue tag that the trade knows")
	ruleTagForm = rule("tag-form", "draft 4.4",
		"a tag has the kind of value that its definition gives it: none, a decimal integer, a text")
	ruleVersion = rule("version", "draft 8",
		"EXT-X-VERSION is at least what the tags and attributes in the playlist need")
	ruleVariable = rule("variable", "draft 4.3",
		"a variable is defined before it is used")
	ruleLiveOnly = rule("live-only", "draft 6.2.2",
		"a live window has no EXT-X-ENDLIST, EXT-X-PLAYLIST-TYPE or EXT-X-I-FRAMES-ONLY")
	ruleHeaderOrder = rule("header-order", "draft 4.4.3.2, 4.4.3.3",
		"EXT-X-MEDIA-SEQUENCE and EXT-X-DISCONTINUITY-SEQUENCE stand before the first segment, the latter also before any EXT-X-DISCONTINUITY")
	ruleTargetDuration = rule("target-duration", "draft 4.4.3.1",
		"a media playlist has EXT-X-TARGETDURATION, and it is not zero")
	ruleMediaSequence = rule("media-sequence", "draft 6.2.2",
		"a playlist from which segments leave has EXT-X-MEDIA-SEQUENCE")
	ruleDiscontinuitySequence = rule("discontinuity-sequence", "draft 6.2.2",
		"a window with EXT-X-DISCONTINUITY in it has EXT-X-DISCONTINUITY-SEQUENCE")
	ruleEmpty = rule("empty", "design",
		"there is at least one segment in a media playlist")
	ruleExtInf = rule("extinf", "draft 4.4.4.1",
		"every segment has EXTINF: a decimal number of seconds, a comma, an optional title")
	ruleDuration = rule("segment-duration", "draft 4.4.3.1",
		"EXTINF, rounded to the nearest second, is not above the target duration")
	ruleDangling = rule("dangling", "design",
		"no segment tag stands after the last URI")
	ruleByteRange = rule("byte-range", "draft 4.4.4.2",
		"EXT-X-BYTERANGE is length@offset in decimal integers")
	ruleByteRangeOffset = rule("byte-range-offset", "design",
		"EXT-X-BYTERANGE has its offset written out, as the sub-range before it may have left the window")
	ruleDateForm = rule("date-form", "draft 4.4.4.6, design",
		"EXT-X-PROGRAM-DATE-TIME is YYYY-MM-DDTHH:MM:SS.mmmZ")
)

// reporter takes a broken rule and what is wrong, in the words of fmt.Sprintf.
type reporter func(r *Rule, format string, args ...any)

// Segment is a media segment as a playlist described it.
type Segment struct {
	MediaSequence         uint64
	DiscontinuitySequence uint64
	URI                   string // as written
	Range                 string // EXT-X-BYTERANGE as written
	Duration              time.Duration
	Date                  time.Time // its EXT-X-PROGRAM-DATE-TIME, else counted from the one before; zero if there is none
	Discontinuity         bool      // it has EXT-X-DISCONTINUITY
	Gap                   bool
	Keys                  string    // EXT-X-KEY tags in effect, one a line, ordered; empty for clear
	Map                   string    // attribute list of the EXT-X-MAP in effect
	Seen                  time.Time // instant of the first response that listed it

	inf     string // EXTINF as written
	timed   bool   // EXTINF could be read
	dated   bool   // it has EXT-X-PROGRAM-DATE-TIME itself
	mapKeys string // EXT-X-KEY tags that Map is encrypted with, one a line
}

// End is the instant at which the segment ends, by its date. It is meaningless without one.
func (s *Segment) End() time.Time { return s.Date.Add(s.Duration) }

// playlist is what a scan found: the parts of a media or of a multivariant playlist.
type playlist struct {
	header []string // EXT-X-VERSION, INDEPENDENT-SEGMENTS, START, SERVER-CONTROL: what never changes in a run

	target                time.Duration
	mediaSequence         uint64
	discontinuitySequence uint64
	segments              []Segment
	dateRanges            []dateRange
	dated                 bool // some segment has EXT-X-PROGRAM-DATE-TIME

	streams    []stream
	renditions []attributes
	others     []string // URIs of I-frame playlists, keys and session data
}

// duration is the sum of the listed segments.
func (p *playlist) duration() time.Duration {
	var sum time.Duration
	for i := range p.segments {
		sum += p.segments[i].Duration
	}
	return sum
}

// scanner goes through one playlist line by line.
type scanner struct {
	report     reporter
	inVariants bool // a multivariant playlist is expected, else a media playlist

	list    playlist
	seen    uint64 // bit per tag: in the playlist, or for segment tags since the last URI
	ever    uint64 // bit per tag: in the playlist
	version uint64
	needs   uint64 // the version that the tags so far ask for …
	why     string // … and because of what
	defined []string

	unversioned bool // EXT-X-VERSION can't be read

	next     Segment // the segment whose tags are being read
	keys     keyState
	initText string     // attribute list of the EXT-X-MAP in effect …
	initKeys string     // … and what it is encrypted with
	stream   attributes // of an EXT-X-STREAM-INF whose URI has not come yet
}

// scan reads a playlist as a media playlist, or as a multivariant one, and reports what is wrong with it by itself.
// It goes on after a fault with what can be understood.
func scan(body []byte, inVariants bool, report reporter) *playlist {
	s := &scanner{report: report, inVariants: inVariants, version: 1, needs: 1}
	text := string(body)
	if !utf8.ValidString(text) {
		report(ruleUTF8, "some bytes are not UTF-8")
	}
	if rest, found := strings.CutPrefix(text, "\ufeff"); found {
		report(ruleBOM, "the playlist begins with a byte order mark")
		text = rest
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		report(ruleLineEnd, "the last line is not ended")
	}
	for first := true; text != ""; first = false {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		line = strings.TrimSuffix(line, "\r")
		if first && line != "#EXTM3U" {
			report(ruleExtM3U, "the first line is %q", clip(line))
		}
		s.line(line)
	}
	s.end()
	return &s.list
}

// line handles one line without its end.
func (s *scanner) line(line string) {
	if i := controlCharacter(line); i >= 0 {
		s.report(ruleControl, "character %U in %q", []rune(line[i:])[0], clip(line))
	}
	if line == "" {
		return
	}
	comment := line[0] == '#' && !strings.HasPrefix(line, "#EXT")
	if trimmed := strings.TrimSpace(line); !comment && (trimmed != line || line[0] != '#' && strings.Contains(line, " ")) {
		s.report(ruleWhiteSpace, "white space in %q", clip(line))
		if line = trimmed; line == "" {
			return
		}
	}
	s.variables(line)
	switch {
	case line[0] != '#':
		s.uri(line)
	case !comment:
		name, value, hasValue := strings.Cut(line[1:], ":")
		if spec, known := tags[name]; known {
			s.tag(spec, name, value, hasValue)
		} else if !slices.Contains(cueTags, name) {
			s.report(ruleTagUnknown, "%q", clip(name))
		}
	}
}

// controlCharacter returns the index of the first character that draft 4.1 excludes, or -1.
func controlCharacter(line string) int {
	return strings.IndexFunc(line, func(r rune) bool { return r < 0x20 || (r >= 0x7f && r <= 0x9f) })
}

// variables checks the references {$name} in a line.
func (s *scanner) variables(line string) {
	for {
		_, after, found := strings.Cut(line, "{$")
		if !found {
			return
		}
		s.need(8, "a variable")
		name, rest, found := strings.Cut(after, "}")
		if !found {
			return
		}
		if !slices.Contains(s.defined, name) {
			s.report(ruleVariable, "variable %q is not defined", clip(name))
		}
		line = rest
	}
}

// need notes that something in the playlist asks for a version.
func (s *scanner) need(version uint64, what string) {
	if version > s.needs {
		s.needs, s.why = version, what
	}
}

// tag handles a line with a tag of the draft.
func (s *scanner) tag(spec tagSpec, name, value string, hasValue bool) {
	bit := uint64(1) << spec.tag
	if spec.once && s.seen&bit != 0 {
		s.report(ruleTagOnce, "%s appears again", name)
		return
	}
	s.seen |= bit
	s.ever |= bit
	if (s.inVariants && spec.place != anywhere && spec.place != multivariant) || (!s.inVariants && spec.place == multivariant) {
		s.report(ruleTagPlace, "%s does not belong here", name)
		return
	}
	if s.stream != nil {
		s.report(ruleStreamURI, "%s stands between EXT-X-STREAM-INF and its URI", name)
	}
	switch spec.form {
	case bare:
		if hasValue {
			s.report(ruleTagForm, "%s has the value %q", name, clip(value))
		}
		s.bareTag(spec.tag, name)
	case number:
		n, ok := parseInteger(value)
		if !ok {
			s.report(ruleTagForm, "%s has the value %q", name, clip(value))
		}
		s.numberTag(spec.tag, n, ok)
	case list:
		if !hasValue {
			s.report(ruleTagForm, "%s has no attributes", name)
			return
		}
		l := parseAttributes(value, s.report)
		checkTypes(spec.tag, l, s.report)
		for _, a := range l {
			if strings.HasPrefix(a.name, "REQ-") {
				s.need(12, a.name)
			}
		}
		s.listTag(spec.tag, value, l)
	case freeForm:
		s.textTag(spec.tag, value)
	}
	switch spec.tag {
	case tagVersion, tagIndependentSegments, tagStart, tagServerControl:
		s.list.header = append(s.list.header, name+":"+value)
	}
}

func (s *scanner) bareTag(t tag, name string) {
	switch t {
	case tagEndList, tagIFramesOnly:
		s.report(ruleLiveOnly, "%s is there", name)
	case tagDiscontinuity:
		s.next.Discontinuity = true
	case tagGap:
		s.next.Gap = true
	}
}

func (s *scanner) numberTag(t tag, n uint64, ok bool) {
	switch t {
	case tagVersion:
		s.version, s.unversioned = n, !ok
	case tagTargetDuration:
		if ok && (n == 0 || n > 1e6) {
			s.report(ruleTargetDuration, "the target duration is %d", n)
			return
		}
		s.list.target = time.Duration(n) * time.Second
	case tagMediaSequence:
		if len(s.list.segments) > 0 {
			s.report(ruleHeaderOrder, "EXT-X-MEDIA-SEQUENCE stands after a segment")
		}
		s.list.mediaSequence = n
	case tagDiscontinuitySequence:
		if len(s.list.segments) > 0 || s.next.Discontinuity {
			s.report(ruleHeaderOrder, "EXT-X-DISCONTINUITY-SEQUENCE stands after a segment or an EXT-X-DISCONTINUITY")
		}
		s.list.discontinuitySequence = n
	}
}

func (s *scanner) listTag(t tag, value string, l attributes) {
	switch t {
	case tagDefine:
		s.define(l)
	case tagKey:
		s.key(value, l)
	case tagMap:
		s.initSection(value, l)
	case tagDateRange:
		s.dateRange(l)
	case tagSkip:
		s.need(9, "EXT-X-SKIP")
	case tagMedia:
		s.rendition(l)
	case tagStreamInf:
		s.streamInf(l)
	case tagIFrameStreamInf, tagSessionData, tagSessionKey:
		if uri := l.value("URI"); uri != "" {
			s.list.others = append(s.list.others, uri)
		}
	}
}

// define notes the variable that EXT-X-DEFINE makes (draft 4.4.2.3); its value does not matter here.
func (s *scanner) define(l attributes) {
	s.need(8, "EXT-X-DEFINE")
	for _, name := range []string{"NAME", "IMPORT", "QUERYPARAM"} {
		if v, found := l.get(name); found {
			s.defined = append(s.defined, v)
			if name == "QUERYPARAM" {
				s.need(11, name)
			}
		}
	}
}

func (s *scanner) textTag(t tag, value string) {
	switch t {
	case tagPlaylistType:
		s.report(ruleLiveOnly, "EXT-X-PLAYLIST-TYPE is there")
	case tagExtInf:
		number, _, comma := strings.Cut(value, ",")
		d, fraction, ok := parseDecimal(number)
		if !ok || !comma {
			s.report(ruleExtInf, "EXTINF:%s", clip(value))
		}
		if fraction {
			s.need(3, "EXTINF with a fraction")
		}
		s.next.Duration, s.next.inf, s.next.timed = d, value, ok
	case tagByteRange:
		hasOffset, ok := parseByteRange(value)
		if !ok {
			s.report(ruleByteRange, "EXT-X-BYTERANGE:%s", clip(value))
		} else if !hasOffset {
			s.report(ruleByteRangeOffset, "EXT-X-BYTERANGE:%s", clip(value))
		}
		s.need(4, "EXT-X-BYTERANGE")
		s.next.Range = value
	case tagProgramDateTime:
		date, ok := parseDate(value)
		if !ok {
			s.report(ruleDateForm, "EXT-X-PROGRAM-DATE-TIME:%s", clip(value))
			date, ok = parseAnyDate(value)
		}
		s.next.Date, s.next.dated = date, ok
		s.list.dated = s.list.dated || ok
	}
}

// parseDate reads the one form of a date that the project writes.
func parseDate(s string) (time.Time, bool) {
	const form = "2006-01-02T15:04:05.000Z"
	if len(s) != len(form) {
		return time.Time{}, false
	}
	t, err := time.Parse(form, s)
	return t, err == nil
}

// parseAnyDate reads a date as ISO 8601 allows it to a client (draft 4.4.4.6: milliseconds and zone are advised).
func parseAnyDate(s string) (time.Time, bool) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// uri handles a line with a URI: of a segment, or of a variant.
func (s *scanner) uri(line string) {
	if s.inVariants {
		if s.stream == nil {
			s.report(ruleStreamURI, "the URI %q has no EXT-X-STREAM-INF right before it", clip(line))
			return
		}
		s.list.streams = append(s.list.streams, stream{s.stream, line})
		s.stream = nil
		return
	}
	if s.seen&(1<<tagExtInf) == 0 {
		s.report(ruleExtInf, "segment %q has none", clip(line))
	}
	seg := s.next
	seg.URI, seg.Map, seg.mapKeys, seg.Keys = line, s.initText, s.initKeys, s.keys.settle(s.report)
	if n := len(s.list.segments); n == 0 {
		seg.MediaSequence, seg.DiscontinuitySequence = s.list.mediaSequence, s.list.discontinuitySequence
	} else {
		before := &s.list.segments[n-1]
		seg.MediaSequence, seg.DiscontinuitySequence = before.MediaSequence+1, before.DiscontinuitySequence
		if !seg.dated && !before.Date.IsZero() && before.timed {
			seg.Date = before.End()
		}
	}
	if seg.Discontinuity {
		seg.DiscontinuitySequence++
	}
	s.list.segments = append(s.list.segments, seg)
	s.next = Segment{}
	s.seen &^= segmentTags
}

// segmentTags has the bits of the tags that begin anew after each URI.
const segmentTags = uint64(1<<tagExtInf | 1<<tagByteRange | 1<<tagDiscontinuity | 1<<tagKey | 1<<tagMap |
	1<<tagProgramDateTime | 1<<tagGap | 1<<tagBitrate)

// end checks what can only be said of the whole playlist.
func (s *scanner) end() {
	if s.needs > s.version && !s.unversioned {
		s.report(ruleVersion, "%s needs version %d, the playlist says %d", s.why, s.needs, s.version)
	}
	if s.inVariants {
		s.endVariants()
		return
	}
	p := &s.list
	if s.seen&segmentTags != 0 {
		s.report(ruleDangling, "segment tags after the last URI")
	}
	if len(p.segments) == 0 {
		s.report(ruleEmpty, "no segments")
	}
	if s.ever&(1<<tagTargetDuration) == 0 {
		s.report(ruleTargetDuration, "there is no EXT-X-TARGETDURATION")
	}
	if s.ever&(1<<tagMediaSequence) == 0 {
		s.report(ruleMediaSequence, "there is no EXT-X-MEDIA-SEQUENCE")
	}
	if s.ever&(1<<tagDiscontinuity) != 0 && s.ever&(1<<tagDiscontinuitySequence) == 0 {
		s.report(ruleDiscontinuitySequence, "there is no EXT-X-DISCONTINUITY-SEQUENCE")
	}
	for i := range p.segments {
		if seg := &p.segments[i]; p.target > 0 && (seg.Duration+time.Second/2)/time.Second*time.Second > p.target {
			s.report(ruleDuration, "segment %d %s lasts %v, target duration %v", seg.MediaSequence, clip(seg.URI), seg.Duration, p.target)
		}
	}
	s.endDateRanges()
}

package hls

import (
	"bytes"
	"math"
	"time"
)

// ParseMedia reads a media playlist (draft 4.4.3) that no multivariant
// playlist named, or one whose multivariant playlist is not at hand: it has no
// variables to import. base is the URL that the body was read from, after
// redirects. Errors are *Error.
func ParseMedia(base string, body []byte) (*Media, error) {
	return new(Multivariant).ParseMedia(base, body)
}

// ParseMedia reads a media playlist of m, which may import variables from it
// (EXT-X-DEFINE, draft 4.4.2.3). Otherwise it is as the function ParseMedia.
func (m *Multivariant) ParseMedia(base string, body []byte) (*Media, error) {
	return collect(body, func(each func(*Segment, []byte)) (*Media, error) { return m.ReadMedia(base, body, each) })
}

// ReadMedia is ParseMedia for those who want one segment after the other, and
// keep none: each is given them in order, with their URIs apart. Both are valid
// until it returns, and have no meaning if there is an error in the end. The
// result has no Segments.
func (m *Multivariant) ReadMedia(base string, body []byte, each func(s *Segment, uri []byte)) (*Media, error) {
	media, e := readMedia(base, body, m.Variables, each)
	switch {
	case e != nil:
		return nil, e
	case media == nil:
		return nil, errorf(WrongKind, 0, "it is a multivariant playlist: want a media playlist")
	}
	return media, nil
}

// collect gives a media playlist its segments, in which read has it read.
func collect(body []byte, read func(each func(*Segment, []byte)) (*Media, error)) (*Media, error) {
	segments := make([]Segment, 0, min(bytes.Count(body, []byte("\n"))/2+1, 1<<12))
	media, err := read(func(s *Segment, uri []byte) {
		segments = append(segments, *s)
		segments[len(segments)-1].URI = string(uri)
	})
	if media != nil {
		media.Segments = segments
	}
	return media, err
}

// readMedia reads a media playlist in one pass; it is nil if it is a multivariant
// one.
func readMedia(base string, body []byte, imports map[string]string, each func(*Segment, []byte)) (*Media, *Error) {
	p, e := newMediaParser(base, imports, each)
	s := scanner{reader: p, wrong: e}
	if e := s.scan(body); e != nil {
		return nil, e
	}
	switch {
	case s.multivariant:
		return nil, nil
	case s.uris == 0:
		return nil, errorf(Empty, 0, "it has no segments")
	case s.wrong != nil:
		return nil, s.wrong
	}
	return p.finish()
}

// mediaParser makes a media playlist of its lines. It holds what tags said that
// a later segment needs.
type mediaParser struct {
	resolver *resolver
	vars     variables
	notes    notes
	result   *Media
	each     func(*Segment, []byte)

	segment  Segment // what the tags since the last URI line made of it
	implicit bool    // its byte range has no offset of its own

	segments int // before it

	resource, resourceURI []byte // the last URI line of a byte range, and what it resolved to
	rangeEnd              int64  // where that range ends, if it is of the segment before; else 0

	keys    []Key // in force; never changed in place, segments share it
	init    *Map  // in force
	changed bool  // keys or init, since the last segment
	inForce int   // bytes of both, wherever they changed
	scratch []byte
	bitrate int64 // in force
	total   time.Duration
	longest time.Duration
	latest  [MaxSegmentsPerSecond]time.Duration // of the segments before this one
	second  time.Duration                       // the sum of latest
	crowded int                                 // the first segment with too many others within a second; 0: none
	started map[string]time.Time                // date ranges by id: their START-DATE
}

func newMediaParser(base string, imports map[string]string, each func(*Segment, []byte)) (*mediaParser, *Error) {
	resolver, e := newResolver(base)
	if e != nil {
		return nil, e
	}
	return &mediaParser{
		resolver: resolver,
		vars:     variables{query: resolver.base.Query(), imports: imports},
		result:   &Media{URL: resolver.base.String(), Version: 1},
		each:     each,
	}, nil
}

func (p *mediaParser) tag(t tag) *Error {
	m, s := p.result, &p.segment
	switch t.name {
	case "#EXT-X-BYTERANGE":
		r, explicit, ok := parseByteRange(t.value)
		if !ok {
			return errorf(BadRange, 0, "EXT-X-BYTERANGE %s can't be read: want length@offset", clip(t.value))
		}
		s.Range, p.implicit = r, !explicit
	case "#EXT-X-DISCONTINUITY":
		s.Discontinuity = true
	case "#EXT-X-GAP":
		s.Gap = true
	case "#EXT-X-KEY":
		return p.key(t)
	case "#EXT-X-MAP":
		return p.mapTag(t)
	case "#EXT-X-BITRATE":
		rate, ok := parseInteger(t.value)
		if !ok {
			p.notes.add(t.line, "EXT-X-BITRATE left out: it is no number")
		}
		p.bitrate = rate
	case "#EXT-X-PROGRAM-DATE-TIME":
		date, ok := parseDate(t.value)
		if !ok {
			p.notes.add(t.line, "EXT-X-PROGRAM-DATE-TIME left out: %s is no date", clip(t.value))
		}
		s.ProgramDateTime = date
	case "#EXT-X-DATERANGE":
		return p.dateRange(t)
	case "#EXT-X-DEFINE":
		return p.vars.define(t.value)
	case "#EXT-X-VERSION":
		m.Version = version(t, &p.notes)
	case "#EXT-X-TARGETDURATION":
		d, ok := parseSeconds(t.value)
		if !ok || d > maxSegmentDuration {
			p.notes.add(t.line, "EXT-X-TARGETDURATION is no number of seconds")
		}
		m.TargetDuration = min(d, maxSegmentDuration)
	case "#EXT-X-MEDIA-SEQUENCE":
		var ok bool
		// The number is also the IV of segments that have none.
		if m.MediaSequence, ok = parseInteger(t.value); !ok || m.MediaSequence > math.MaxInt64-maxSegments {
			return errorf(Syntax, 0, "EXT-X-MEDIA-SEQUENCE %s is no sequence number", clip(t.value))
		}
	case "#EXT-X-DISCONTINUITY-SEQUENCE":
		var ok bool
		if m.DiscontinuitySequence, ok = parseInteger(t.value); !ok {
			p.notes.add(t.line, "EXT-X-DISCONTINUITY-SEQUENCE is no number")
		}
	case "#EXT-X-INDEPENDENT-SEGMENTS":
		m.IndependentSegments = true
	case "#EXT-X-I-FRAMES-ONLY":
		m.IFramesOnly = true
	case "#EXT-X-ENDLIST":
		m.EndList = true
	case "#EXT-X-SKIP":
		return errorf(WrongKind, 0, "it is a delta update (EXT-X-SKIP): want the whole playlist")
	default:
		if t.kind == cueTag {
			s.Cues = append(s.Cues, cueLine(t))
		}
	}
	return nil
}

func cueLine(t tag) string {
	if t.value == "" {
		return t.name
	}
	return t.name + ":" + t.value
}

// inf takes an EXTINF (draft 4.4.4.1).
func (p *mediaParser) inf(inf *extinf) *Error {
	if inf.wrong != nil {
		return inf.wrong
	}
	if p.total += inf.length; p.total > MaxDuration {
		return errorf(BadTime, 0, "the segments up to here are longer than %s", MaxDuration)
	}
	p.segment.Duration, p.segment.DurationText = inf.length, inf.digits
	return nil
}

// uri ends a segment.
func (p *mediaParser) uri(line []byte, _ int) *Error {
	s := &p.segment
	uri, e := p.resolve(line)
	if e != nil {
		return e
	}
	if p.implicit {
		// Draft 4.4.4.2: it continues the range of the previous segment,
		// which must be one of the same resource.
		if p.segments == 0 {
			return errorf(BadRange, 0, "the first segment's EXT-X-BYTERANGE has no offset (draft 4.4.4.2)")
		}
		if p.rangeEnd == 0 || !bytes.Equal(p.resourceURI, uri) {
			return errorf(BadRange, 0, "EXT-X-BYTERANGE without offset, and the segment before it is no range of the same resource (draft 4.4.4.2)")
		}
		s.Range.Offset = p.rangeEnd
	}
	if s.Range.Offset > math.MaxInt64-s.Range.Length {
		return errorf(BadRange, 0, "the byte range ends beyond any file")
	}
	if s.Keys, s.Map = p.keys, p.init; p.changed {
		p.changed = false
		if p.inForce += p.lengthInForce(); p.inForce > maxInForce {
			return errorf(OverLimits, 0, "the keys and init sections in force up to here have more than %d bytes", maxInForce)
		}
	}
	if p.rangeEnd = 0; s.Range.Length == 0 {
		s.Bitrate = p.bitrate // draft 4.4.4.8: not for byte ranges
	} else {
		p.resource, p.resourceURI = append(p.resource[:0], line...), append(p.resourceURI[:0], uri...)
		p.rangeEnd = s.Range.Offset + s.Range.Length
	}
	p.segments++
	p.time(s.Duration)
	p.each(s, uri)
	p.segment, p.implicit = Segment{}, false
	return nil
}

// lengthInForce is how long the tags are that say what is in force: each segment
// before which that has changed is kept with all of them.
func (p *mediaParser) lengthInForce() int {
	b := AppendKeys(p.scratch[:0], p.keys)
	if p.init != nil {
		b = AppendKeys(AppendMap(b, p.init), p.init.Keys)
	}
	p.scratch = b
	return len(b)
}

// time notes how long a segment lasts.
func (p *mediaParser) time(d time.Duration) {
	p.longest = max(p.longest, d)
	oldest := &p.latest[p.segments%len(p.latest)]
	p.second += d - *oldest
	*oldest = d
	if p.segments >= len(p.latest) && p.second < time.Second && p.crowded == 0 {
		p.crowded = p.segments
	}
}

// resolve makes a URI line absolute. The result is valid as long as the line,
// and until the next call.
func (p *mediaParser) resolve(line []byte) (uri []byte, e *Error) {
	if p.segment.Range.Length > 0 && bytes.Equal(line, p.resource) {
		return p.resourceURI, nil
	}
	if uri, ok := p.resolver.short(line); ok { // it has no variables
		return uri, nil
	}
	ref, e := p.vars.expand(string(line))
	if e != nil {
		return nil, e
	}
	long, e := p.resolver.http(ref)
	return []byte(long), e
}

// key reads an EXT-X-KEY (draft 4.4.4.4). It replaces the key of the same
// KEYFORMAT; METHOD=NONE ends them all.
func (p *mediaParser) key(t tag) *Error {
	attrs, e := scanAttributes(t.value, &p.vars)
	if e != nil {
		return e
	}
	k := Key{
		Method:            attrs.get("METHOD"),
		IV:                attrs.get("IV"),
		KeyFormat:         attrs.get("KEYFORMAT"),
		KeyFormatVersions: attrs.get("KEYFORMATVERSIONS"),
		KeyID:             attrs.get("KEYID"),
	}
	p.changed = true
	switch {
	case k.Method == "NONE":
		p.keys = nil
		return nil
	case !isEnumerated(k.Method):
		return errorf(BadKey, 0, "EXT-X-KEY has no METHOD")
	case attrs.get("URI") == "":
		return errorf(BadKey, 0, "EXT-X-KEY with METHOD=%s has no URI", clip(k.Method))
	case k.IV != "" && (!isHex(k.IV) || len(k.IV) > len("0x")+32):
		return errorf(BadKey, 0, "the IV of EXT-X-KEY is no hexadecimal number of 128 bits")
	}
	if k.URI, e = p.resolver.key(attrs.get("URI")); e != nil {
		return e
	}
	keys := make([]Key, 0, len(p.keys)+1)
	for _, other := range p.keys {
		if other.format() != k.format() {
			keys = append(keys, other)
		}
	}
	if len(keys) >= maxKeys {
		return errorf(OverLimits, 0, "more than %d keys are in force", maxKeys)
	}
	p.keys = append(keys, k)
	return nil
}

// format is the KEYFORMAT with its default (draft 4.4.4.4).
func (k Key) format() string {
	if k.KeyFormat == "" {
		return "identity"
	}
	return k.KeyFormat
}

// mapTag reads an EXT-X-MAP (draft 4.4.4.5).
func (p *mediaParser) mapTag(t tag) *Error {
	attrs, e := scanAttributes(t.value, &p.vars)
	if e != nil {
		return e
	}
	m := &Map{Keys: p.keys}
	if m.URI, e = p.resolver.http(attrs.get("URI")); e != nil {
		return e
	}
	if attrs.has("BYTERANGE") {
		var ok bool
		// No segment comes before an init section, so that a range
		// without offset can only begin at 0.
		if m.Range, _, ok = parseByteRange(attrs.get("BYTERANGE")); !ok {
			return errorf(BadRange, 0, "the BYTERANGE of EXT-X-MAP can't be read: want length@offset")
		}
	}
	p.init, p.changed = m, true
	return nil
}

// dateRange reads an EXT-X-DATERANGE (draft 4.4.5.1). One that can't be used
// is left out: the media plays without it.
func (p *mediaParser) dateRange(t tag) *Error {
	attrs, e := scanAttributes(t.value, &p.vars)
	if e != nil && e.Category == Syntax {
		p.notes.add(t.line, "EXT-X-DATERANGE left out: %s", e.Reason)
		return nil
	}
	if e != nil {
		return e
	}
	r := DateRange{ID: attrs.get("ID"), Duration: -1, PlannedDuration: -1}
	if r.ID == "" {
		p.notes.add(t.line, "EXT-X-DATERANGE left out: it has no ID")
		return nil
	}
	for _, a := range attrs {
		ok := true
		switch a.name {
		case "ID":
		case "CLASS":
			r.Class = a.value
		case "CUE":
			r.Cue = a.value
		case "START-DATE":
			r.StartDate, ok = parseDate(a.value)
		case "END-DATE":
			r.EndDate, ok = parseDate(a.value)
		case "DURATION":
			r.Duration, ok = parseSeconds(a.value)
		case "PLANNED-DURATION":
			r.PlannedDuration, ok = parseSeconds(a.value)
		case "END-ON-NEXT":
			r.EndOnNext = a.value == "YES"
		default:
			r.Other = append(r.Other, a.String())
		}
		if !ok {
			p.notes.add(t.line, "EXT-X-DATERANGE left out: its %s can't be read", a.name)
			return nil
		}
	}
	// A further tag of an ID may leave out what an earlier one said.
	if r.StartDate.IsZero() {
		r.StartDate = p.started[r.ID]
	}
	if r.StartDate.IsZero() {
		p.notes.add(t.line, "EXT-X-DATERANGE left out: it has no START-DATE")
		return nil
	}
	if p.started == nil {
		p.started = make(map[string]time.Time)
	}
	p.started[r.ID] = r.StartDate
	p.segment.DateRanges = append(p.segment.DateRanges, r)
	return nil
}

// finish checks the playlist as a whole.
func (p *mediaParser) finish() (*Media, *Error) {
	m := p.result
	switch {
	case p.total == 0:
		return nil, errorf(Empty, 0, "its segments have no duration")
	case p.crowded > 0:
		return nil, errorf(BadTime, 0, "segment %d: more than %d segments within a second", p.crowded, MaxSegmentsPerSecond)
	case m.TargetDuration == 0:
		m.TargetDuration = max(time.Second, p.longest.Round(time.Second))
		p.notes.add(1, "EXT-X-TARGETDURATION, which is required, is missing: took %s", m.TargetDuration)
	}
	m.TailCues, m.TailRanges = p.segment.Cues, p.segment.DateRanges
	m.Warnings = p.notes.list
	return m, nil
}

// parseByteRange reads "length" or "length@offset" (draft 4.4.4.2).
func parseByteRange(s string) (r ByteRange, explicit, ok bool) {
	length, offset := cut(s, '@')
	explicit = len(length) < len(s)
	if r.Length, ok = parseInteger(length); !ok || r.Length == 0 {
		return ByteRange{}, false, false
	}
	if explicit {
		r.Offset, ok = parseInteger(offset)
	}
	if !ok || r.Offset > math.MaxInt64-r.Length {
		return ByteRange{}, false, false
	}
	return r, explicit, true
}

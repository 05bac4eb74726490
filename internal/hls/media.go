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
	media := new(Media)
	if err := m.ParseMediaInto(media, base, body); err != nil {
		return nil, err
	}
	return media, nil
}

// ParseMediaInto is ParseMedia for those who read one playlist after another:
// it takes the memory of the segments that are there already. After an error
// media has no meaning.
func (m *Multivariant) ParseMediaInto(media *Media, base string, body []byte) error {
	multivariant, e := parseMedia(media, base, body, m.Variables)
	switch {
	case e != nil:
		return e
	case multivariant:
		return errorf(WrongKind, 0, "it is a multivariant playlist: want a media playlist")
	}
	return nil
}

// parseMedia reads a media playlist in one pass, or tells that it is a
// multivariant one.
func parseMedia(into *Media, base string, body []byte, imports map[string]string) (multivariant bool, e *Error) {
	if into.Segments == nil {
		into.Segments = make([]Segment, 0, min(bytes.Count(body, []byte("\n"))/2+1, 1<<12))
	}
	p, e := newMediaParser(into, base, imports)
	s := scanner{reader: p, wrong: e}
	if e := s.scan(body); e != nil {
		return false, e
	}
	switch {
	case s.multivariant:
		return true, nil
	case s.uris == 0:
		return false, errorf(Empty, 0, "it has no segments")
	case s.wrong != nil:
		return false, s.wrong
	}
	return false, p.finish()
}

// mediaParser makes a media playlist of its lines. It holds what tags said that
// a later segment needs.
type mediaParser struct {
	resolver *resolver
	vars     variables
	notes    notes
	result   *Media

	segment  *Segment // the last of result: what the tags since the last URI line made of it
	implicit bool     // its byte range has no offset of its own

	resource, resourceURI string // the last URI line of a byte range, and what it resolved to

	keys    []Key // in force; never changed in place, segments share it
	init    *Map  // in force
	changed bool  // keys or init, since the last segment
	inForce int   // bytes of both, wherever they changed
	scratch []byte
	bitrate int64 // in force
	total   time.Duration
	started map[string]time.Time // date ranges by id: their START-DATE
}

func newMediaParser(into *Media, base string, imports map[string]string) (*mediaParser, *Error) {
	resolver, e := newResolver(base)
	if e != nil {
		return nil, e
	}
	*into = Media{URL: resolver.base.String(), Version: 1, Segments: into.Segments[:0]}
	p := &mediaParser{
		resolver: resolver,
		vars:     variables{query: resolver.base.Query(), imports: imports},
		result:   into,
	}
	p.begin()
	return p, nil
}

func (p *mediaParser) tag(t tag) *Error {
	m, s := p.result, p.segment
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
func (p *mediaParser) uri(line string, _ int) *Error {
	s := p.segment
	var e *Error
	if s.URI, e = p.resolve(line); e != nil {
		return e
	}
	if p.implicit {
		// Draft 4.4.4.2: it continues the range of the previous segment,
		// which must be one of the same resource.
		before := len(p.result.Segments) - 2
		if before < 0 {
			return errorf(BadRange, 0, "the first segment's EXT-X-BYTERANGE has no offset (draft 4.4.4.2)")
		}
		previous := &p.result.Segments[before]
		if previous.URI != s.URI || previous.Range.Length == 0 {
			return errorf(BadRange, 0, "EXT-X-BYTERANGE without offset, and the segment before it is no range of the same resource (draft 4.4.4.2)")
		}
		s.Range.Offset = previous.Range.Offset + previous.Range.Length
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
	if s.Range.Length == 0 { // draft 4.4.4.8: not for byte ranges
		s.Bitrate = p.bitrate
	}
	p.begin()
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

// resolve makes a URI line absolute.
func (p *mediaParser) resolve(line string) (uri string, e *Error) {
	ranged := p.segment.Range.Length > 0
	if ranged && line == p.resource {
		return p.resourceURI, nil
	}
	if uri, ok := p.resolver.short(line); ok { // it has no variables
		if ranged {
			p.resource, p.resourceURI = line, uri
		}
		return uri, nil
	}
	ref, e := p.vars.expand(line)
	if e != nil {
		return "", e
	}
	return p.resolver.http(ref)
}

// begin makes room for the next segment.
func (p *mediaParser) begin() {
	p.result.Segments = append(p.result.Segments, Segment{})
	p.segment, p.implicit = &p.result.Segments[len(p.result.Segments)-1], false
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
func (p *mediaParser) finish() *Error {
	m := p.result
	tail := *p.segment // what stands after the last one
	m.Segments = m.Segments[:len(m.Segments)-1]
	if p.total == 0 {
		return errorf(Empty, 0, "its segments have no duration")
	}
	var span, longest time.Duration // span: of as many segments as a second may have
	for i := range m.Segments {
		d := m.Segments[i].Duration
		longest = max(longest, d)
		if span += d; i < MaxSegmentsPerSecond-1 {
			continue
		}
		if span < time.Second {
			return errorf(BadTime, 0, "segment %d: more than %d segments within a second", i+1, MaxSegmentsPerSecond)
		}
		span -= m.Segments[i+1-MaxSegmentsPerSecond].Duration
	}
	if m.TargetDuration == 0 {
		m.TargetDuration = max(time.Second, longest.Round(time.Second))
		p.notes.add(1, "EXT-X-TARGETDURATION, which is required, is missing: took %s", m.TargetDuration)
	}
	last := &m.Segments[len(m.Segments)-1]
	last.DateRanges = append(last.DateRanges, tail.DateRanges...)
	m.TailCues = tail.Cues
	m.Warnings = p.notes.list
	return nil
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

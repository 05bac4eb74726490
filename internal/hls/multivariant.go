package hls

import (
	"fmt"
	"strconv"
	"strings"
)

// Parse reads a playlist of either kind; one of the two results is nil. base
// is the URL that the body was read from, after redirects. Errors are *Error.
func Parse(base string, body []byte) (*Multivariant, *Media, error) {
	media, err := collect(body, func(each func(*Segment, []byte)) (*Media, error) {
		media, e := readMedia(base, body, nil, each)
		if e != nil {
			return nil, e
		}
		return media, nil
	})
	if err != nil || media != nil {
		return nil, media, err
	}
	m, err := ParseMultivariant(base, body)
	return m, nil, err
}

// ParseMultivariant reads a multivariant playlist (draft 4.4.6). I-frame
// variants and session tags are left out, but for the title. Errors are *Error.
func ParseMultivariant(base string, body []byte) (*Multivariant, error) {
	m, e := parseMultivariant(base, body)
	if e != nil {
		return nil, e
	}
	return m, nil
}

func parseMultivariant(base string, body []byte) (*Multivariant, *Error) {
	c := newCleaned()
	s := scanner{reader: c}
	if e := s.scan(body); e != nil {
		return nil, e
	}
	if !s.multivariant {
		return nil, errorf(WrongKind, 0, "it is a media playlist: want a multivariant playlist")
	}
	resolver, e := newResolver(base)
	if e != nil {
		return nil, e
	}
	rec, uris, e := c.decode()
	if e != nil {
		return nil, e
	}
	p := &multivariantParser{
		resolver: resolver,
		vars:     variables{query: resolver.base.Query()},
		notes:    s.notes,
		result:   &Multivariant{URL: resolver.base.String(), Version: 1},
	}
	for i := range len(uris) + 1 { // the last round reads the tags at the end
		for _, tag := range rec.before(i) {
			if e := p.tag(tag); e != nil {
				return nil, at(e, tag.line)
			}
		}
		if i < len(uris) {
			if e := p.uri(uris[i]); e != nil {
				return nil, at(e, rec.at[i])
			}
		}
	}
	if len(p.result.Variants) == 0 {
		return nil, errorf(Empty, 0, "it has no variants (EXT-X-STREAM-INF)")
	}
	p.result.Variables = p.vars.defined
	p.result.Warnings = p.notes.list
	return p.result, nil
}

// at gives an error the line where it came up, if it has none.
func at(e *Error, line int) *Error {
	if e != nil && e.Line == 0 {
		e.Line = line
	}
	return e
}

// notes are warnings, no more than an operator would read.
type notes struct{ list []string }

func (n *notes) add(line int, format string, args ...any) {
	if len(n.list) < maxWarnings {
		n.list = append(n.list, fmt.Sprintf("line %d: ", line)+fmt.Sprintf(format, args...))
	}
}

type multivariantParser struct {
	resolver *resolver
	vars     variables
	notes    notes
	result   *Multivariant
	variant  Variant // of the EXT-X-STREAM-INF that waits for its URI
}

func (p *multivariantParser) tag(t tag) *Error {
	switch t.name {
	case "#EXT-X-VERSION":
		p.result.Version = version(t, &p.notes)
	case "#EXT-X-INDEPENDENT-SEGMENTS":
		p.result.IndependentSegments = true
	case "#EXT-X-DEFINE":
		return p.vars.define(t.value)
	case "#EXT-X-STREAM-INF":
		return p.streamInf(t)
	case "#EXT-X-MEDIA":
		return p.media(t)
	case "#EXT-X-SESSION-DATA":
		p.title(t)
	}
	return nil
}

// titleData is the DATA-ID of a title (Apple's HLS authoring specification).
const titleData = "com.apple.hls.title"

// title reads an EXT-X-SESSION-DATA (draft 4.4.6.4). Of several languages, the
// one without LANGUAGE counts, else the first.
func (p *multivariantParser) title(t tag) {
	attrs, e := scanAttributes(t.value, &p.vars)
	if e != nil || attrs.get("DATA-ID") != titleData {
		return // nothing that plays depends on it
	}
	if p.result.Title == "" || !attrs.has("LANGUAGE") {
		p.result.Title = attrs.get("VALUE")
	}
}

func (p *multivariantParser) uri(line string) *Error {
	ref, e := p.vars.expand(line)
	if e != nil {
		return e
	}
	if p.variant.URI, e = p.resolver.http(ref); e != nil {
		return e
	}
	p.result.Variants = append(p.result.Variants, p.variant)
	return nil
}

// streamInf reads an EXT-X-STREAM-INF (draft 4.4.6.2).
func (p *multivariantParser) streamInf(t tag) *Error {
	attrs, e := scanAttributes(t.value, &p.vars)
	if e != nil {
		return e
	}
	// A value that makes no sense is worth a warning, not the asset.
	number := func(name string) int64 {
		n, ok := parseInteger(attrs.get(name))
		if !ok && attrs.has(name) {
			p.notes.add(t.line, "EXT-X-STREAM-INF: %s is no number", name)
		}
		return n
	}
	v := Variant{
		Bandwidth:          number("BANDWIDTH"),
		AverageBandwidth:   number("AVERAGE-BANDWIDTH"),
		Codecs:             attrs.get("CODECS"),
		SupplementalCodecs: attrs.get("SUPPLEMENTAL-CODECS"),
		FrameRate:          p.decimal(t, attrs, "FRAME-RATE"),
		VideoRange:         p.word(t, attrs, "VIDEO-RANGE"),
		HDCPLevel:          p.word(t, attrs, "HDCP-LEVEL"),
		Score:              p.decimal(t, attrs, "SCORE"),
		Audio:              attrs.get("AUDIO"),
		Video:              attrs.get("VIDEO"),
		Subtitles:          attrs.get("SUBTITLES"),
		ClosedCaptions:     attrs.get("CLOSED-CAPTIONS"),
		StableVariantID:    attrs.get("STABLE-VARIANT-ID"),
	}
	if !attrs.has("BANDWIDTH") {
		p.notes.add(t.line, "EXT-X-STREAM-INF has no BANDWIDTH, which is required")
	}
	if resolution := attrs.get("RESOLUTION"); resolution != "" {
		var ok bool
		if v.Width, v.Height, ok = parseResolution(resolution); !ok {
			p.notes.add(t.line, "EXT-X-STREAM-INF: the RESOLUTION %s can't be read", clip(resolution))
		}
	}
	p.variant = v
	return nil
}

// media reads an EXT-X-MEDIA (draft 4.4.6.1).
func (p *multivariantParser) media(t tag) *Error {
	attrs, e := scanAttributes(t.value, &p.vars)
	if e != nil {
		return e
	}
	r := Rendition{
		Type:              RenditionType(attrs.get("TYPE")),
		GroupID:           attrs.get("GROUP-ID"),
		Language:          attrs.get("LANGUAGE"),
		AssocLanguage:     attrs.get("ASSOC-LANGUAGE"),
		Name:              attrs.get("NAME"),
		StableRenditionID: attrs.get("STABLE-RENDITION-ID"),
		Default:           attrs.get("DEFAULT") == "YES",
		Autoselect:        attrs.get("AUTOSELECT") == "YES",
		Forced:            attrs.get("FORCED") == "YES",
		InstreamID:        attrs.get("INSTREAM-ID"),
		Characteristics:   attrs.get("CHARACTERISTICS"),
		Channels:          attrs.get("CHANNELS"),
		BitDepth:          p.decimal(t, attrs, "BIT-DEPTH"),
		SampleRate:        p.decimal(t, attrs, "SAMPLE-RATE"),
	}
	switch r.Type {
	case Audio, Video, Subtitles, ClosedCaptions:
	default:
		p.notes.add(t.line, "EXT-X-MEDIA left out: its TYPE is %s", clip(string(r.Type)))
		return nil
	}
	if r.GroupID == "" {
		p.notes.add(t.line, "EXT-X-MEDIA left out: it has no GROUP-ID")
		return nil
	}
	if r.Name == "" {
		r.Name = r.GroupID
		if r.Language != "" {
			r.Name = r.Language
		}
		p.notes.add(t.line, "EXT-X-MEDIA has no NAME, which is required")
	}
	switch uri := attrs.get("URI"); {
	case r.Type == ClosedCaptions: // carried in the video; a URI is not allowed
	case uri != "":
		if r.URI, e = p.resolver.http(uri); e != nil {
			return e
		}
	case r.Type == Subtitles:
		p.notes.add(t.line, "EXT-X-MEDIA left out: subtitles without a URI")
		return nil
	}
	p.result.Renditions = append(p.result.Renditions, r)
	return nil
}

// decimal gives the digits of an attribute that is a decimal number.
func (p *multivariantParser) decimal(t tag, attrs attributes, name string) string {
	value := attrs.get(name)
	if _, ok := parseSeconds(value); !ok && value != "" {
		p.notes.add(t.line, "%s left out: it is no number", name)
		return ""
	}
	return value
}

// word gives an attribute that is an enumerated string. Packagers put quotes
// round some of them.
func (p *multivariantParser) word(t tag, attrs attributes, name string) string {
	value := attrs.get(name)
	if value != "" && !isEnumerated(value) {
		p.notes.add(t.line, "%s left out: it is no enumerated string", name)
		return ""
	}
	return value
}

func parseResolution(s string) (width, height int, ok bool) {
	w, h, _ := strings.Cut(s, "x")
	const most = 1 << 16
	wide, ok1 := parseInteger(w)
	high, ok2 := parseInteger(h)
	if !ok1 || !ok2 || min(wide, high) < 1 || max(wide, high) > most {
		return 0, 0, false
	}
	return int(wide), int(high), true
}

// version reads an EXT-X-VERSION (draft 4.4.1.2).
func version(t tag, n *notes) int {
	v, err := strconv.Atoi(t.value)
	if err != nil || v < 1 {
		n.add(t.line, "EXT-X-VERSION is no positive number")
		return 1
	}
	return v
}

package hlscheck

import (
	"slices"
	"strings"
	"time"
)

var (
	ruleAttributeList = rule("attribute-list", "draft 4.2",
		"an attribute list is NAME=value pairs, separated by single commas, without white space")
	ruleAttributeTwice = rule("attribute-twice", "draft 4.2",
		"an attribute name appears at most once in an attribute list")
	ruleAttributeType = rule("attribute-type", "draft 4.2",
		"an attribute's value is of the type that the tag's definition gives it")
)

// valueType is the syntax of an attribute value (draft 4.2).
type valueType int

const (
	anyValue        valueType = iota
	quoted                    // "text"
	integer                   // 0 to 2^64-1
	decimal                   // unsigned, with or without a fraction
	signedDecimal             // the same with an optional minus
	hexadecimal               // 0x and upper-case digits
	enumerated                // neither quotes nor commas nor white space
	resolution                // 640x360
	quotedOrNone              // quoted, or the enumerated NONE
	clientAttribute           // X-…: quoted, hexadecimal or decimal
)

// attribute is one NAME=value pair; value is without quotes.
type attribute struct {
	name, value string
	quoted      bool
}

// attributes is an attribute list in the order of the text.
type attributes []attribute

// get returns the value of the attribute called name.
func (l attributes) get(name string) (string, bool) {
	for _, a := range l {
		if a.name == name {
			return a.value, true
		}
	}
	return "", false
}

// value is get for those who need not know whether the attribute is there.
func (l attributes) value(name string) string {
	v, _ := l.get(name)
	return v
}

// parseAttributes reads an attribute list strictly. On a fault it returns what came before it.
func parseAttributes(text string, report reporter) attributes {
	list := make(attributes, 0, 8)
	for rest := text; ; {
		name, after, found := strings.Cut(rest, "=")
		if !found || name == "" || !isAttributeName(name) {
			report(ruleAttributeList, "no attribute name at %q in %q", clip(rest), clip(text))
			return list
		}
		a := attribute{name: name}
		if strings.HasPrefix(after, `"`) {
			end := strings.IndexByte(after[1:], '"')
			if end < 0 {
				report(ruleAttributeList, "the quotes of %s are not closed in %q", name, clip(text))
				return list
			}
			a.value, a.quoted, rest = after[1:1+end], true, after[end+2:]
		} else {
			end := strings.IndexByte(after, ',')
			if end < 0 {
				end = len(after)
			}
			a.value, rest = after[:end], after[end:]
			if a.value == "" || strings.ContainsAny(a.value, "\" ") {
				report(ruleAttributeList, "the value of %s is empty or has quotes or blanks inside in %q", name, clip(text))
				return list
			}
		}
		if _, twice := list.get(name); twice {
			report(ruleAttributeTwice, "%s appears twice in %q", name, clip(text))
		} else {
			list = append(list, a)
		}
		if rest == "" {
			return list
		}
		if rest[0] != ',' {
			report(ruleAttributeList, "no comma after %s in %q", name, clip(text))
			return list
		}
		rest = rest[1:]
	}
}

// isAttributeName reports whether every character is one of A-Z, 0-9 and the hyphen.
func isAttributeName(name string) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// attributeTypes gives, by tag, the types of the attributes that the draft defines (4.4.2 to 4.4.6).
var attributeTypes = map[tag]map[string]valueType{
	tagStart:  {"TIME-OFFSET": signedDecimal, "PRECISE": enumerated},
	tagDefine: {"NAME": quoted, "VALUE": quoted, "IMPORT": quoted, "QUERYPARAM": quoted},
	tagKey: {
		"METHOD": enumerated, "URI": quoted, "IV": hexadecimal, "KEYFORMAT": quoted, "KEYFORMATVERSIONS": quoted,
	},
	tagMap: {"URI": quoted, "BYTERANGE": quoted},
	tagDateRange: {
		"ID": quoted, "CLASS": quoted, "CUE": quoted, "START-DATE": quoted, "END-DATE": quoted, "DURATION": decimal,
		"PLANNED-DURATION": decimal, "SCTE35-CMD": hexadecimal, "SCTE35-OUT": hexadecimal, "SCTE35-IN": hexadecimal,
		"END-ON-NEXT": enumerated,
	},
	tagServerControl: {
		"CAN-SKIP-UNTIL": decimal, "CAN-SKIP-DATERANGES": enumerated, "HOLD-BACK": decimal, "PART-HOLD-BACK": decimal,
		"CAN-BLOCK-RELOAD": enumerated,
	},
	tagMedia: {
		"TYPE": enumerated, "URI": quoted, "GROUP-ID": quoted, "LANGUAGE": quoted, "ASSOC-LANGUAGE": quoted, "NAME": quoted,
		"STABLE-RENDITION-ID": quoted, "DEFAULT": enumerated, "AUTOSELECT": enumerated, "FORCED": enumerated,
		"INSTREAM-ID": quoted, "BIT-DEPTH": integer, "SAMPLE-RATE": integer, "CHARACTERISTICS": quoted, "CHANNELS": quoted,
	},
	tagStreamInf:       streamTypes,
	tagIFrameStreamInf: streamTypes,
	tagSessionData:     {"DATA-ID": quoted, "VALUE": quoted, "URI": quoted, "FORMAT": enumerated, "LANGUAGE": quoted},
	tagSessionKey: {
		"METHOD": enumerated, "URI": quoted, "IV": hexadecimal, "KEYFORMAT": quoted, "KEYFORMATVERSIONS": quoted,
	},
	tagContentSteering: {"SERVER-URI": quoted, "PATHWAY-ID": quoted},
}

var streamTypes = map[string]valueType{
	"BANDWIDTH": integer, "AVERAGE-BANDWIDTH": integer, "SCORE": decimal, "CODECS": quoted, "SUPPLEMENTAL-CODECS": quoted,
	"RESOLUTION": resolution, "FRAME-RATE": decimal, "HDCP-LEVEL": enumerated, "ALLOWED-CPC": quoted,
	"VIDEO-RANGE": enumerated, "REQ-VIDEO-LAYOUT": quoted, "STABLE-VARIANT-ID": quoted, "AUDIO": quoted, "VIDEO": quoted,
	"SUBTITLES": quoted, "CLOSED-CAPTIONS": quotedOrNone, "PATHWAY-ID": quoted, "URI": quoted,
}

// attributeValues gives the values that an enumerated attribute may have, where the draft lists them all.
var attributeValues = map[string][]string{
	"METHOD":              {"NONE", "AES-128", "SAMPLE-AES", "SAMPLE-AES-CTR", "AES-256-GCM"},
	"TYPE":                {"AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"},
	"DEFAULT":             {"YES", "NO"},
	"AUTOSELECT":          {"YES", "NO"},
	"FORCED":              {"YES", "NO"},
	"PRECISE":             {"YES", "NO"},
	"END-ON-NEXT":         {"YES"},
	"CAN-BLOCK-RELOAD":    {"YES"},
	"CAN-SKIP-DATERANGES": {"YES"},
	"HDCP-LEVEL":          {"NONE", "TYPE-0", "TYPE-1"},
	"VIDEO-RANGE":         {"SDR", "HLG", "PQ"},
}

// checkTypes reports the attributes of a tag whose values are not of the type that they must have.
func checkTypes(t tag, list attributes, report reporter) {
	types := attributeTypes[t]
	for _, a := range list {
		kind := types[a.name]
		if t == tagDateRange && strings.HasPrefix(a.name, "X-") {
			kind = clientAttribute
		}
		if !a.is(kind) {
			report(ruleAttributeType, "%s has the value %q (quoted: %t)", a.name, clip(a.value), a.quoted)
			continue
		}
		if values := attributeValues[a.name]; kind == enumerated && values != nil && !slices.Contains(values, a.value) {
			report(ruleAttributeType, "%s can't be %q", a.name, clip(a.value))
		}
	}
}

// is reports whether the value has the syntax of kind.
func (a attribute) is(kind valueType) bool {
	switch kind {
	case quoted:
		return a.quoted
	case quotedOrNone:
		return a.quoted || a.value == "NONE"
	case clientAttribute:
		return a.quoted || attribute{value: a.value}.is(hexadecimal) || attribute{value: a.value}.is(signedDecimal)
	case anyValue:
		return true
	}
	if a.quoted {
		return false
	}
	switch kind {
	case integer:
		_, ok := parseInteger(a.value)
		return ok
	case decimal:
		_, _, ok := parseDecimal(a.value)
		return ok
	case signedDecimal:
		_, _, ok := parseDecimal(strings.TrimPrefix(a.value, "-"))
		return ok
	case hexadecimal:
		return isHexadecimal(a.value)
	case resolution:
		w, h, found := strings.Cut(a.value, "x")
		_, okW := parseInteger(w)
		_, okH := parseInteger(h)
		return found && okW && okH
	default: // enumerated: the list's own syntax has excluded all that is wrong
		return true
	}
}

// isHexadecimal accepts 0x or 0X and upper-case digits: the draft's set is 0-9 and A-F.
func isHexadecimal(s string) bool {
	if len(s) < 3 || s[0] != '0' || (s[1] != 'x' && s[1] != 'X') {
		return false
	}
	for i := 2; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// parseInteger reads a decimal-integer: digits only, up to 2^64-1.
func parseInteger(s string) (uint64, bool) {
	if s == "" || len(s) > 20 {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		d := uint64(c - '0')
		if n > (1<<64-1-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

// parseDecimal reads seconds as decimal-integer or decimal-floating-point, exact to the nanosecond (further digits
// are rounded), and whether the text has a fraction. More than nine digits before the point are refused.
func parseDecimal(s string) (d time.Duration, fraction, ok bool) {
	whole, frac, fraction := strings.Cut(s, ".")
	if len(whole) > 9 || (fraction && frac == "") {
		return 0, fraction, false
	}
	seconds, ok := parseInteger(whole)
	if !ok {
		return 0, fraction, false
	}
	d = time.Duration(seconds) * time.Second
	unit := time.Second
	for i := range len(frac) {
		c := frac[i]
		if c < '0' || c > '9' {
			return 0, fraction, false
		}
		unit /= 10
		d += time.Duration(c-'0') * unit
		if i == 9 && c >= '5' {
			d++
		}
	}
	return d, fraction, true
}

// parseByteRange reads n@o or, without an offset, n.
func parseByteRange(s string) (hasOffset, ok bool) {
	length, offset, hasOffset := strings.Cut(s, "@")
	_, ok = parseInteger(length)
	if hasOffset {
		_, okOffset := parseInteger(offset)
		ok = ok && okOffset
	}
	return hasOffset, ok
}

// clip shortens foreign text for a message.
func clip(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

package hls

import "strings"

// attribute is one of an attribute list (draft 4.2).
type attribute struct {
	name   string
	value  string // without its quotes, variables replaced
	quoted bool
}

// String is the attribute as it stands in a playlist.
func (a attribute) String() string {
	if a.quoted {
		return a.name + `="` + a.value + `"`
	}
	return a.name + "=" + a.value
}

type attributes []attribute

// scanAttributes reads an attribute list. Quoted strings end at the next
// quote, commas in them mean nothing, and after one there is a comma or the
// end. Blanks around a comma are accepted, a repeated name is not.
func scanAttributes(list string, vars *variables) (attributes, *Error) {
	var found attributes
	for rest := list; ; {
		name, after, ok := strings.Cut(rest, "=")
		name = strings.Trim(name, " ")
		if !ok || !isAttributeName(name) {
			return nil, errorf(Syntax, 0, "attribute list: want NAME=value at %s", clip(rest))
		}
		for _, earlier := range found {
			if earlier.name == name {
				return nil, errorf(Syntax, 0, "attribute %s appears twice", name)
			}
		}
		a := attribute{name: name}
		if inner, isQuoted := strings.CutPrefix(after, `"`); isQuoted {
			value, tail, closed := strings.Cut(inner, `"`)
			if !closed {
				return nil, errorf(Syntax, 0, "attribute %s: the quote is not closed", name)
			}
			a.value, a.quoted, rest = value, true, strings.TrimLeft(tail, " ")
			if rest != "" && rest[0] != ',' {
				return nil, errorf(Syntax, 0, "attribute %s: text after the closing quote", name)
			}
		} else {
			end := strings.IndexByte(after, ',')
			if end < 0 {
				end = len(after)
			}
			a.value, rest = strings.Trim(after[:end], " "), after[end:]
		}
		// Draft 4.3. A value without quotes must still be one with its
		// variables replaced.
		var err *Error
		if a.value, err = vars.expand(a.value); err != nil {
			return nil, err
		}
		if !a.quoted && !isEnumerated(a.value) {
			return nil, errorf(Syntax, 0, "attribute %s: no value, or a blank or quote in a value without quotes", name)
		}
		found = append(found, a)
		rest = strings.TrimLeft(rest, " ")
		if rest == "" {
			return found, nil
		}
		rest = strings.TrimLeft(rest[1:], " ")
		if rest == "" { // a comma at the end; some packagers write it
			return found, nil
		}
	}
}

// get gives the value of an attribute, "" if it is not there.
func (as attributes) get(name string) string {
	for _, a := range as {
		if a.name == name {
			return a.value
		}
	}
	return ""
}

func (as attributes) has(name string) bool {
	for _, a := range as {
		if a.name == name {
			return true
		}
	}
	return false
}

// maxName is how long the name of an attribute or a variable may be: errors show
// names.
const maxName = 128

func isAttributeName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isAlphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

// isEnumerated reports whether s can stand for an enumerated string, a number
// or a resolution: no quotes, commas, blanks or control characters.
func isEnumerated(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == ',' {
			return false
		}
	}
	return s != ""
}

func isHex(s string) bool {
	if len(s) < 3 || s[0] != '0' || s[1]|0x20 != 'x' {
		return false
	}
	for i := 2; i < len(s); i++ {
		c := s[i]
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

package hls

import (
	"net/url"
	"strings"
)

// variables are those of EXT-X-DEFINE (draft 4.4.2.3) in one playlist.
type variables struct {
	defined  map[string]string
	imports  map[string]string // what IMPORT may take; nil in a multivariant playlist
	query    url.Values        // of the playlist's own URL, for QUERYPARAM
	expanded int               // bytes produced so far
}

// define reads an EXT-X-DEFINE.
func (v *variables) define(list string) *Error {
	attrs, err := scanAttributes(list, v)
	if err != nil {
		return err
	}
	var name, value string
	var known bool
	switch {
	case attrs.has("NAME"):
		name, value, known = attrs.get("NAME"), attrs.get("VALUE"), attrs.has("VALUE")
	case attrs.has("QUERYPARAM"):
		name = attrs.get("QUERYPARAM")
		value, known = v.query.Get(name), v.query.Get(name) != ""
	case attrs.has("IMPORT"):
		name = attrs.get("IMPORT")
		value, known = v.imports[name], hasKey(v.imports, name)
	default:
		return errorf(BadVar, 0, "EXT-X-DEFINE needs NAME, IMPORT or QUERYPARAM")
	}
	switch {
	case !isAttributeName(name):
		return errorf(BadVar, 0, "EXT-X-DEFINE: %s is no name for a variable", clip(name))
	case !known:
		return errorf(BadVar, 0, "EXT-X-DEFINE: there is no value for the variable %s", clip(name))
	case hasKey(v.defined, name):
		return errorf(BadVar, 0, "EXT-X-DEFINE: the variable %s is defined twice", clip(name))
	case !isText([]byte(value)) || strings.Contains(value, `"`):
		// A query parameter is decoded, so it can hold anything.
		return errorf(BadVar, 0, "EXT-X-DEFINE: quote or control character in the variable %s", clip(name))
	case len(v.defined) >= maxVariables:
		return errorf(OverLimits, 0, "more than %d variables", maxVariables)
	}
	if v.defined == nil {
		v.defined = make(map[string]string)
	}
	v.defined[name] = value
	return nil
}

// expand replaces each {$name} in s. What is put in is not looked at again
// (draft 4.3).
func (v *variables) expand(s string) (string, *Error) {
	if !strings.Contains(s, "{$") {
		return s, nil
	}
	var out strings.Builder
	for {
		before, after, ok := strings.Cut(s, "{$")
		out.WriteString(before)
		if !ok {
			return out.String(), nil
		}
		// Looked for no further than names go: a line may have any number of "{$".
		end := strings.IndexByte(after[:min(len(after), maxName+1)], '}')
		if end < 0 || !isAttributeName(after[:end]) {
			out.WriteString("{$") // not a reference
			s = after
			continue
		}
		name, rest := after[:end], after[end+1:]
		value, ok := v.defined[name]
		if !ok {
			return "", errorf(BadVar, 0, "the variable %s is not defined before its use", clip(name))
		}
		if v.expanded += len(value); v.expanded > maxExpanded || out.Len()+len(value) > maxLine {
			return "", errorf(OverLimits, 0, "variables make the playlist too large")
		}
		out.WriteString(value)
		s = rest
	}
}

func hasKey(m map[string]string, key string) bool {
	_, ok := m[key]
	return ok
}

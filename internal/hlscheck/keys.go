package hlscheck

import (
	"slices"
	"strings"
)

var (
	ruleKeyAttributes = rule("key-attributes", "draft 4.4.4.4",
		"EXT-X-KEY has METHOD, and URI unless METHOD is NONE; NONE stands alone")
	ruleKeyIV = rule("key-iv", "draft 5.2, design",
		"keys of AES-128, and of SAMPLE-AES with an identity key, have a 128-bit IV written out: the media sequence number, which would stand for it, is not the source's")
	ruleKeyMix = rule("key-mix", "draft 6.2.3",
		"the EXT-X-KEY tags of one segment have one METHOD and different KEYFORMATs")
	ruleKeyFormats = rule("key-formats", "design (draft 4.4.4.4)",
		"when the set of KEYFORMATs changes, METHOD=NONE comes first, else the key of a format that is not repeated stays in effect")
	ruleMapAttributes = rule("map-attributes", "draft 4.4.4.5",
		"EXT-X-MAP has a URI, and its BYTERANGE is length@offset")
)

// keyTag is one EXT-X-KEY that is not METHOD=NONE.
type keyTag struct {
	format, method, text string
}

// keyState follows EXT-X-KEY through a playlist: a key holds until the next one with the same KEYFORMAT, or NONE.
type keyState struct {
	effect  []keyTag // what held for the last segment or init section
	group   []keyTag // tags since the last segment or init section
	cleared bool     // METHOD=NONE stands before the group
	text    string   // of effect, as Segment.Keys shows it
}

// key handles EXT-X-KEY (draft 4.4.4.4).
func (s *scanner) key(text string, l attributes) {
	if _, found := l.get("IV"); found {
		s.need(2, "IV")
	}
	for _, name := range []string{"KEYFORMAT", "KEYFORMATVERSIONS"} {
		if _, found := l.get(name); found {
			s.need(5, name)
		}
	}
	method, found := l.get("METHOD")
	if !found {
		s.report(ruleKeyAttributes, "no METHOD in %q", clip(text))
		return
	}
	if method == "NONE" {
		if len(l) > 1 {
			s.report(ruleKeyAttributes, "METHOD=NONE has other attributes in %q", clip(text))
		}
		if len(s.keys.group) > 0 {
			s.report(ruleKeyMix, "METHOD=NONE after another EXT-X-KEY of the same segment")
		}
		s.keys.group, s.keys.cleared = nil, true
		return
	}
	if strings.HasPrefix(method, "SAMPLE-AES") {
		s.need(5, method)
	}
	if l.value("URI") == "" {
		s.report(ruleKeyAttributes, "no URI in %q", clip(text))
	}
	format, found := l.get("KEYFORMAT")
	if !found {
		format = "identity"
	}
	iv, hasIV := l.get("IV")
	switch {
	case hasIV && len(iv) != len("0x")+32:
		s.report(ruleKeyIV, "IV %q is not 128 bits", clip(iv))
	case !hasIV && (method == "AES-128" || (method == "SAMPLE-AES" && format == "identity")):
		s.report(ruleKeyIV, "no IV in %q", clip(text))
	}
	for _, other := range s.keys.group {
		if other.format == format || other.method != method {
			s.report(ruleKeyMix, "%q with %q", clip(text), clip(other.text))
		}
	}
	s.keys.group = append(s.keys.group, keyTag{format, method, text})
}

// pending reports whether a tag was read since the last segment.
func (k *keyState) pending() bool { return len(k.group) > 0 || k.cleared }

// wholeSegment is what encrypts an init section that stands here: of the keys that hold, those that are not for samples
// (draft 4.4.4.5), one a line.
func (k *keyState) wholeSegment() string {
	return keyText(slices.DeleteFunc(slices.Clone(k.effect), func(key keyTag) bool { return strings.HasPrefix(key.method, "SAMPLE-AES") }))
}

// keyText is keys by their tags, ordered by format, one a line.
func keyText(keys []keyTag) string {
	keys = slices.SortedFunc(slices.Values(keys), func(a, b keyTag) int { return strings.Compare(a.format, b.format) })
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = key.text
	}
	return strings.Join(texts, "\n")
}

// settle applies the tags since the last segment or init section to the next one and returns what holds for it.
func (k *keyState) settle(report reporter) string {
	if !k.pending() {
		return k.text
	}
	if len(k.effect) > 0 && !k.cleared && !sameFormats(k.effect, k.group) {
		report(ruleKeyFormats, "%d keys in effect, then %q without METHOD=NONE", len(k.effect), clip(k.group[0].text))
	}
	k.effect, k.text = k.group, keyText(k.group)
	k.group, k.cleared = nil, false
	return k.text
}

// sameFormats reports whether both have a key for the same KEYFORMATs.
func sameFormats(a, b []keyTag) bool {
	has := func(keys []keyTag, format string) bool {
		return slices.ContainsFunc(keys, func(k keyTag) bool { return k.format == format })
	}
	for _, k := range a {
		if !has(b, k.format) {
			return false
		}
	}
	for _, k := range b {
		if !has(a, k.format) {
			return false
		}
	}
	return true
}

// initSection handles EXT-X-MAP (draft 4.4.4.5).
func (s *scanner) initSection(text string, l attributes) {
	s.need(6, "EXT-X-MAP")
	if l.value("URI") == "" {
		s.report(ruleMapAttributes, "no URI in %q", clip(text))
	}
	if r, found := l.get("BYTERANGE"); found {
		if hasOffset, ok := parseByteRange(r); !ok || !hasOffset {
			s.report(ruleMapAttributes, "BYTERANGE=%q", clip(r))
		}
	}
	s.keys.settle(s.report) // what stands before it is for it, whether or not the segment has other keys
	s.initText, s.initKeys = text, s.keys.wholeSegment()
}

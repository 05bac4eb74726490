package hls

import (
	"bytes"
	"net/url"
	"strings"
)

// resolver makes URI references of one playlist absolute.
type resolver struct {
	base   *url.URL
	dir    string // the base up to its last slash, as it is written
	origin string // "https://host/" of the last absolute URI that was checked

	// near is the beginning, to its last slash, of the last reference that
	// needed no work: most segments lie beside the one before.
	near         []byte
	nearAbsolute bool // it has a scheme

	joined   []byte // the last result of join
	resolved int    // bytes of URIs that were made absolute
}

func newResolver(base string) (*resolver, *Error) {
	u, err := url.Parse(escapeUnsafe(base))
	if err != nil {
		return nil, errorf(BadURI, 0, "the playlist's own URL can't be parsed")
	}
	// A user name and password are for the one who fetches: they must not
	// spread to the segments' URIs, which viewers see.
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	if e := checkHTTP(u); e != nil {
		return nil, e
	}
	r := &resolver{base: u}
	dir, err := u.Parse(".")
	if err != nil {
		return nil, errorf(BadURI, 0, "the playlist's own URL can't be parsed")
	}
	dir.RawQuery, dir.ForceQuery = "", false
	r.dir = dir.String()
	return r, nil
}

// http resolves the reference of something that players fetch over HTTP: a
// playlist, a segment, an init section. The result is absolute, printable
// ASCII without quotes and blanks, and has neither credentials nor a fragment.
func (r *resolver) http(ref string) (string, *Error) {
	if ref == "" {
		return "", errorf(BadURI, 0, "empty URI")
	}
	if uri, ok := r.short([]byte(ref)); ok {
		return string(uri), nil
	}
	if r.resolved > maxResolved {
		return "", errorf(OverLimits, 0, "the absolute URIs up to here have more than %d bytes", maxResolved)
	}
	u, err := r.base.Parse(escapeUnsafe(ref))
	if err != nil {
		return "", errorf(BadURI, 0, "the URI can't be parsed")
	}
	u.Fragment, u.RawFragment = "", ""
	if e := checkHTTP(u); e != nil {
		return "", e
	}
	r.origin = u.Scheme + "://" + u.Host + "/"
	uri := u.String()
	r.resolved += max(len(uri), len(r.dir)) // "../x" is short, but not to work out
	return uri, nil
}

// short is http for what needs no work, as nearly all do. The result is valid as
// long as ref, and until the next call.
func (r *resolver) short(ref []byte) (uri []byte, ok bool) {
	if r.resolved > maxResolved {
		return nil, false // http says why
	}
	if rest, ok := bytes.CutPrefix(ref, r.near); ok && len(r.near) > 0 && isPlain(rest) {
		if r.nearAbsolute {
			return ref, true
		}
		return r.join(ref), true
	}
	if isPlain(ref) {
		r.passed(ref, false)
		return r.join(ref), true
	}
	if rest, ok := bytes.CutPrefix(ref, []byte(r.origin)); ok && r.origin != "" && isPlain(rest) {
		r.passed(ref, true)
		return ref, true
	}
	return nil, false
}

// passed notes where a reference is that needed no work.
func (r *resolver) passed(ref []byte, absolute bool) {
	path, _, _ := bytes.Cut(ref, []byte{'?'})
	r.near, r.nearAbsolute = append(r.near[:0], path[:bytes.LastIndexByte(path, '/')+1]...), absolute
}

// join returns the reference in the playlist's directory.
func (r *resolver) join(ref []byte) []byte {
	r.resolved += len(r.dir) + len(ref)
	r.joined = append(append(r.joined[:0], r.dir...), ref...)
	return r.joined
}

// key resolves the URI of an EXT-X-KEY. Key systems have schemes of their own
// (skd:, data:, urn:): such a URI stays as it is.
func (r *resolver) key(ref string) (string, *Error) {
	switch uriScheme(ref) {
	case "", "http", "https":
		return r.http(ref)
	default:
		return escapeUnsafe(ref), nil
	}
}

// checkHTTP refuses what a player can't fetch, or what would not be the same
// to all who read it.
func checkHTTP(u *url.URL) *Error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return errorf(BadURI, 0, "the URI's scheme is %s: want http or https", clip(u.Scheme))
	case u.Hostname() == "":
		return errorf(BadURI, 0, "the URI has no host")
	case u.User != nil:
		return errorf(BadURI, 0, "the URI holds a user name, which browsers refuse and viewers would see")
	}
	// net/url lets quotes and angle brackets pass in a host.
	for i := range len(u.Host) {
		if c := u.Host[i]; !isAlphanumeric(c) && !strings.ContainsRune("-._~:[]", rune(c)) {
			return errorf(BadURI, 0, "the URI's host has the character %q (write an international name in its xn-- form)", c)
		}
	}
	return nil
}

// isPlain reports whether ref is a relative path, perhaps with a query, that
// needs no work: nothing to escape and no dot segments. It is the common case.
func isPlain(ref []byte) bool {
	before := byte('/')
	for i := range len(ref) {
		c := ref[i]
		switch {
		case plainInPath[c] != 0:
		case c == '.' || c == '/':
			if before == '/' {
				return false
			}
		case c == '?':
			return i > 0 && isPlainQuery(ref[i+1:])
		default:
			return false
		}
		before = c
	}
	return len(ref) > 0
}

func isPlainQuery(query []byte) bool {
	if len(query) == 0 {
		return false
	}
	is := &plainInQuery
	for ; len(query) >= 8; query = query[8:] {
		if q := query[:8]; is[q[0]]&is[q[1]]&is[q[2]]&is[q[3]]&is[q[4]]&is[q[5]]&is[q[6]]&is[q[7]] == 0 {
			return false
		}
	}
	for i := range len(query) {
		if is[query[i]] == 0 {
			return false
		}
	}
	return true
}

// The bytes that need no work; 1 stands for true.
var (
	plainInPath  = bytesThat(func(c byte) bool { return isAlphanumeric(c) || c == '-' || c == '_' || c == '=' || c == '~' })
	plainInQuery = bytesThat(func(c byte) bool { return c != '#' && !isUnsafe(c) })
)

func bytesThat(are func(byte) bool) (set [256]byte) {
	for c := range set {
		if are(byte(c)) {
			set[c] = 1
		}
	}
	return set
}

// uriScheme is the scheme of a URI reference in lower case, "" if it has none
// (RFC 3986, 3.1).
func uriScheme(ref string) string {
	for i := range len(ref) {
		switch c := ref[i]; {
		case c == ':':
			return strings.ToLower(ref[:i])
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		case i > 0 && (isAlphanumeric(c) || c == '+' || c == '-' || c == '.'):
		default:
			return ""
		}
	}
	return ""
}

const upperHex = "0123456789ABCDEF"

// escapeUnsafe percent-encodes what may stand in no URI (RFC 3986, 2): blanks,
// control characters, quotes, and all that is not ASCII.
func escapeUnsafe(s string) string {
	unsafe := 0
	for i := range len(s) {
		if isUnsafe(s[i]) {
			unsafe++
		}
	}
	if unsafe == 0 {
		return s
	}
	out := make([]byte, 0, len(s)+2*unsafe)
	for i := range len(s) {
		if c := s[i]; isUnsafe(c) {
			out = append(out, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}

func isUnsafe(c byte) bool {
	switch c {
	case '"', '<', '>', '\\', '^', '`', '{', '|', '}':
		return true
	}
	return c <= ' ' || c >= 0x7f
}

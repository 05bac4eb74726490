package hls

import (
	"fmt"
	"strings"
)

// Category says in one word what is wrong with a playlist. The set is closed,
// so that it can label a metric.
type Category string

// The values of Category.
const (
	NotHLS     Category = "not_hls"    // no #EXTM3U, or not text
	WrongKind  Category = "wrong_kind" // a multivariant playlist where a media playlist is needed, or the reverse, or both in one
	Empty      Category = "empty"      // nothing to play
	Syntax     Category = "syntax"     // a tag or an attribute list that can't be read
	BadTime    Category = "time"       // EXTINF
	BadRange   Category = "byte_range" // EXT-X-BYTERANGE or BYTERANGE
	BadURI     Category = "uri"
	BadKey     Category = "key"      // EXT-X-KEY
	BadVar     Category = "variable" // EXT-X-DEFINE or a reference to a variable
	OverLimits Category = "limit"    // larger than any real asset
)

// Error says what is wrong with a playlist, and where.
type Error struct {
	Category Category
	Line     int    // counted from 1 in the playlist as it was given; 0: no one line
	Reason   string // printable, bounded, and without URIs (they may hold tokens)
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
}

func errorf(category Category, line int, format string, args ...any) *Error {
	return &Error{Category: category, Line: line, Reason: fmt.Sprintf(format, args...)}
}

// clip quotes foreign text for a message: short and printable.
func clip(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}

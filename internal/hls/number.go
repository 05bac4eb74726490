package hls

import (
	"strconv"
	"strings"
	"time"
)

// parseSeconds reads a decimal-floating-point number of seconds (draft 4.2),
// exact to the nanosecond; further digits are rounded. Signs, exponents, NaN
// and what does not fit are refused.
func parseSeconds(s string) (time.Duration, bool) {
	digits := 0
	var d time.Duration
	for ; digits < len(s) && isDigit(s[digits]); digits++ {
		d = d*10 + time.Duration(s[digits]-'0')*time.Second
	}
	const most = 9 // digits, which always fit
	if digits == 0 || digits > most {
		return 0, false
	}
	if digits == len(s) {
		return d, true
	}
	fraction := s[digits+1:]
	if s[digits] != '.' || fraction == "" || len(fraction) > 40 {
		return 0, false
	}
	unit := time.Second
	for i := range len(fraction) {
		if !isDigit(fraction[i]) {
			return 0, false
		}
		unit /= 10 // after nanoseconds it is 0
		d += time.Duration(fraction[i]-'0') * unit
		if i == 9 && fraction[i] >= '5' {
			d++
		}
	}
	return d, true
}

// appendSeconds writes d, which is not negative, as decimal seconds in as few
// digits as give it exactly.
func appendSeconds(dst []byte, d time.Duration) []byte {
	dst = strconv.AppendInt(dst, int64(d/time.Second), 10)
	fraction := int64(d % time.Second)
	if fraction == 0 {
		return dst
	}
	digits := strconv.FormatInt(int64(time.Second)+fraction, 10)[1:]
	dst = append(dst, '.')
	return append(dst, strings.TrimRight(digits, "0")...)
}

// parseInteger reads a decimal-integer (draft 4.2) that fits an int64.
func parseInteger(s string) (int64, bool) {
	const few = 18 // digits, which always fit
	if len(s) > few {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || !isDigits(s) {
			return 0, false
		}
		return n, true
	}
	var n int64
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, s != ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

// dateLayouts are forms of ISO 8601 that packagers write; the last has no
// zone, which is then taken for UTC.
var dateLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02T15:04:05.999999999Z07",
	"2006-01-02T15:04:05.999999999",
}

// parseDate reads a date of EXT-X-PROGRAM-DATE-TIME or EXT-X-DATERANGE.
func parseDate(s string) (time.Time, bool) {
	if t, ok := parseUTC(s); ok {
		return t, true
	}
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// parseUTC reads the form of most dates, 2006-01-02T15:04:05.000Z with any
// fraction or none, several times as fast as package time.
func parseUTC(s string) (t time.Time, ok bool) {
	const seconds = len("2006-01-02T15:04:05")
	if len(s) <= seconds || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[len(s)-1] != 'Z' {
		return time.Time{}, false
	}
	ok = true
	number := func(digits string) (n int) {
		for i := range len(digits) {
			ok = ok && isDigit(digits[i])
			n = n*10 + int(digits[i]-'0')
		}
		return n
	}
	year, month, day := number(s[0:4]), number(s[5:7]), number(s[8:10])
	hour, minute, second := number(s[11:13]), number(s[14:16]), number(s[17:seconds])
	nanos := 0
	if fraction := s[seconds : len(s)-1]; fraction != "" {
		if fraction[0] != '.' || len(fraction) == 1 || len(fraction) > 10 {
			return time.Time{}, false
		}
		nanos = number(fraction[1:])
		for range 10 - len(fraction) {
			nanos *= 10
		}
	}
	if !ok || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t = time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	return t, day <= 28 || t.Day() == day // else it is one of the next month
}

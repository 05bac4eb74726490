package hls

import (
	"testing"
	"time"
)

// FuzzDate: the short way to read a date gives what package time gives.
func FuzzDate(f *testing.F) {
	for _, s := range []string{
		"2026-03-01T11:00:00Z", "2026-03-01T11:00:00.5Z", "2026-03-01T11:00:00.123456789Z", "2024-02-29T23:59:59.000Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
		"2025-02-29T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z",
		"2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:0 Z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00+01:00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseUTC(s)
		if !ok {
			return
		}
		want, err := time.Parse(time.RFC3339Nano, s)
		if err != nil || !got.Equal(want) || got != want.UTC() {
			t.Fatalf("%q is %s, want %s (%v)", s, got, want, err)
		}
	})
}

// Dates of packagers take the short way.
func TestParseUTC(t *testing.T) {
	for _, s := range []string{"2026-03-01T11:00:00Z", "2026-03-01T11:00:00.000Z", "2024-02-29T23:59:59.123456789Z"} {
		if _, ok := parseUTC(s); !ok {
			t.Errorf("%s does not", s)
		}
	}
	for _, s := range []string{"2025-02-29T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00.Z"} {
		if got, ok := parseDate(s); ok {
			t.Errorf("%s is %s", s, got)
		}
	}
}

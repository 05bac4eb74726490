package schedule

import (
	"fmt"
	"testing"
	"time"
)

// Times of a clock, on days on which it is changed.
func TestAtClock(t *testing.T) {
	for _, c := range []struct{ day, time, zone, want string }{
		{"2026-11-22", "20:00", "Europe/Stockholm", "2026-11-22T19:00:00Z"},
		{"2026-06-22", "20:00", "Europe/Stockholm", "2026-06-22T18:00:00Z"},
		{"2026-03-29", "01:59", "Europe/Stockholm", "2026-03-29T00:59:00Z"},
		{"2026-03-29", "02:00", "Europe/Stockholm", "2026-03-29T01:00:00Z"}, // the clock is put forward
		{"2026-03-29", "02:30", "Europe/Stockholm", "2026-03-29T01:00:00Z"}, // and never shows this
		{"2026-03-29", "03:00", "Europe/Stockholm", "2026-03-29T01:00:00Z"},
		{"2026-03-29", "20:00", "Europe/Stockholm", "2026-03-29T18:00:00Z"},
		{"2026-10-25", "02:00", "Europe/Stockholm", "2026-10-25T00:00:00Z"}, // the first of two
		{"2026-10-25", "02:30", "Europe/Stockholm", "2026-10-25T00:30:00Z"},
		{"2026-10-25", "03:00", "Europe/Stockholm", "2026-10-25T02:00:00Z"},
		{"2026-10-25", "00:00", "Europe/Stockholm", "2026-10-24T22:00:00Z"},
		{"2026-10-25", "24:00", "Europe/Stockholm", "2026-10-25T23:00:00Z"},
		{"2026-10-04", "02:15", "Australia/Lord_Howe", "2026-10-03T15:30:00Z"}, // by half an hour
		{"2026-04-05", "01:45", "Australia/Lord_Howe", "2026-04-04T14:45:00Z"},
		{"2026-03-08", "00:00", "America/Havana", "2026-03-08T05:00:00Z"}, // a day that begins at 01:00
		{"2026-04-24", "00:00", "Africa/Cairo", "2026-04-23T22:00:00Z"},
		{"2026-11-01", "00:00", "America/Havana", "2026-11-01T04:00:00Z"}, // 00:00 twice
		{"2021-10-29", "00:00", "Asia/Amman", "2021-10-28T21:00:00Z"},
		{"2026-10-30", "00:00", "Africa/Cairo", "2026-10-29T22:00:00Z"}, // after 23:00 twice
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		day, err := time.Parse(time.DateOnly, c.day)
		if err != nil {
			t.Fatal(err)
		}
		var hours, minutes int
		fmt.Sscanf(c.time, "%d:%d", &hours, &minutes)
		got := AtClock(day, time.Duration(hours)*time.Hour+time.Duration(minutes)*time.Minute, zone)
		if got.UTC().Format(time.RFC3339) != c.want {
			t.Errorf("%s %s in %v: %v, want %s", c.day, c.time, c.zone, got.UTC(), c.want)
		}
	}
}

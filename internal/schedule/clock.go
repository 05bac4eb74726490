package schedule

import "time"

// AtClock is the first instant of a day at which the clock of a zone shows at
// least this time since midnight. A day on which the clock is put forward has
// times that it never shows: then that is when it is put forward. Times that
// it shows twice are meant the first time. So what meets on the clock meets in
// time, be it days or parts of them. (time.Date decides otherwise, and even
// gives an hour of the day before where a day begins at 01:00.)
func AtClock(day time.Time, since time.Duration, zone *time.Location) time.Time {
	wall := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC).Add(since)
	offset := func(t time.Time) time.Duration {
		_, seconds := t.In(zone).Zone()
		return time.Duration(seconds) * time.Second
	}
	// The offsets before and after any change of that day.
	early := wall.Add(-offset(wall.Add(-24 * time.Hour)))
	late := wall.Add(-offset(wall.Add(24 * time.Hour)))
	shows := func(t time.Time) bool { return t.Add(offset(t)).Equal(wall) }
	switch {
	case shows(early) && shows(late):
		if late.Before(early) {
			return late
		}
		return early
	case shows(early):
		return early
	case shows(late):
		return late
	}
	start, _ := early.In(zone).ZoneBounds()
	return start.UTC()
}

package schedulehttp

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"consuo/internal/schedule"
)

// readInstant reads milliseconds since 1970, or ISO 8601 with zone.
func readInstant(s string) (time.Time, bool) {
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.UnixMilli(ms).UTC(), true
	}
	// In a query, "+01:00" arrives as " 01:00" when it was not escaped.
	t, err := time.Parse(time.RFC3339, strings.Replace(s, " ", "+", 1))
	return t.UTC(), err == nil
}

// readDate reads a date in any of the forms that browsers write one in
// (toLocaleDateString), and returns that day: in zone, or without a zone all
// that is that day somewhere on earth.
//
// Such a date says neither in which order day and month are nor of which
// calendar the year is. Consuo's EPG always sends today, so a reading within
// two days of now is right; else the caller's language tells the order; else
// the reading nearest to now is taken.
func readDate(text string, now time.Time, zone *time.Location, acceptLanguage string) (schedule.Slot, bool) {
	numbers, ok := dateNumbers(text)
	if !ok {
		return schedule.Slot{}, false
	}
	if zone != nil {
		now = now.In(zone)
	} else {
		now = now.UTC()
	}
	today := civil{now.Year(), int(now.Month()), now.Day()}.days()

	var best reading
	found := false
	for _, r := range readings(numbers) {
		r.distance = max(r.day.days()-today, today-r.day.days())
		if r.distance <= r.blur { // it may well be today, and mostly is
			r.day, r.distance = civilOf(today), 0
		}
		if !found || r.better(best, acceptLanguage) {
			best, found = r, true
		}
	}
	if !found {
		return schedule.Slot{}, false
	}
	d := best.day
	if zone != nil {
		return schedule.Slot{Start: d.begin(zone), End: civilOf(d.days() + 1).begin(zone)}, true
	}
	// The day begins first at UTC+14 and ends last at UTC-12.
	return schedule.Slot{
		Start: civilOf(d.days() - best.blur).begin(time.UTC).Add(-14 * time.Hour),
		End:   civilOf(d.days() + 1 + best.blur).begin(time.UTC).Add(12 * time.Hour),
	}, true
}

// dateNumbers finds the three numbers of a date in any digits. Between them may
// be what locales put there: signs, marks of the writing direction, and short
// words like the "г." (year) of Bulgarian or the "هـ" of the Hijri calendar.
func dateNumbers(text string) (numbers [3]number, ok bool) {
	if len(text) > 100 {
		return numbers, false
	}
	n, letters, inNumber := 0, 0, false
	for _, r := range text {
		digit, isDigit := digitValue(r)
		switch {
		case isDigit && !inNumber:
			if n == 3 {
				return numbers, false
			}
			inNumber = true
			n++
			fallthrough
		case isDigit:
			x := &numbers[n-1]
			x.value = x.value*10 + digit
			if x.digits++; x.digits > 4 {
				return numbers, false
			}
			continue
		case unicode.IsLetter(r):
			if letters++; letters > 4 {
				return numbers, false
			}
		case strings.ContainsRune("/.-،\u200e\u200f\u061c", r), unicode.IsSpace(r), unicode.IsMark(r):
		default:
			return numbers, false
		}
		inNumber = false
	}
	return numbers, n == 3
}

// A number and how many digits it was written with.
type number struct{ value, digits int }

// digitValue is the value of a decimal digit of any script. Unicode has them in
// runs of ten, from zero to nine.
func digitValue(r rune) (int, bool) {
	if r >= '0' && r <= '9' {
		return int(r - '0'), true
	}
	for _, t := range unicode.Nd.R16 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return int(r-rune(t.Lo)) % 10, true
		}
	}
	for _, t := range unicode.Nd.R32 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return int(r-rune(t.Lo)) % 10, true
		}
	}
	return 0, false
}

// A reading is one meaning of three numbers.
type reading struct {
	day        civil
	monthFirst bool // month before day in front of the year
	blur       int  // days by which the calendar's conversion may be wrong
	distance   int  // days from today
}

// better says which of two readings is meant.
func (r reading) better(o reading, acceptLanguage string) bool {
	if near, oNear := r.distance <= 2, o.distance <= 2; near != oNear {
		return near
	} else if near || acceptLanguage == "" || r.monthFirst == o.monthFirst {
		return r.distance < o.distance
	}
	return r.monthFirst == monthFirst(acceptLanguage)
}

// monthFirst says whether the preferred language writes 11/22/2026.
func monthFirst(acceptLanguage string) bool {
	first, _, _ := strings.Cut(acceptLanguage, ",")
	first, _, _ = strings.Cut(first, ";")
	return slices.Contains([]string{"en", "en-us", "en-ph", "fil", "fil-ph", "zu", "zu-za"}, strings.ToLower(strings.TrimSpace(first)))
}

// readings are all that the numbers can mean, within the years of a schedule.
func readings(n [3]number) (all []reading) {
	add := func(year, month, day number, monthFirst bool) {
		if month.digits > 2 || day.digits > 2 {
			return
		}
		if year.digits <= 2 {
			year.value += 2000
		}
		for _, calendar := range calendars {
			if c, ok := calendar.convert(year.value, month.value, day.value); ok && c.year >= schedule.MinTime.Year() && c.year < schedule.MaxTime.Year() {
				all = append(all, reading{day: c, monthFirst: monthFirst, blur: calendar.blur})
			}
		}
	}
	switch {
	case n[0].digits > 2:
		add(n[0], n[1], n[2], false)
	case n[2].digits > 2:
		add(n[2], n[1], n[0], false)
		add(n[2], n[0], n[1], true)
	default:
		add(n[0], n[1], n[2], false)
		add(n[2], n[1], n[0], false)
		add(n[2], n[0], n[1], true)
	}
	return all
}

// civil is a day of the Gregorian calendar.
type civil struct{ year, month, day int }

// days counts from 1970-01-01.
func (c civil) days() int {
	return int(time.Date(c.year, time.Month(c.month), c.day, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// begin is the first instant of the day in a zone.
func (c civil) begin(zone *time.Location) time.Time {
	return schedule.AtClock(time.Date(c.year, time.Month(c.month), c.day, 0, 0, 0, 0, time.UTC), 0, zone)
}

func civilOf(days int) civil {
	t := time.Unix(int64(days)*86400, 0).UTC()
	return civil{t.Year(), int(t.Month()), t.Day()}
}

// calendars that browsers write dates in, without being asked to.
var calendars = []struct {
	convert func(year, month, day int) (civil, bool)
	blur    int
}{
	{gregorian, 0},
	{buddhist, 0},
	{persian, 0},
	{hijri, 1},
}

func gregorian(year, month, day int) (civil, bool) {
	c := civil{year, month, day}
	return c, month >= 1 && month <= 12 && day >= 1 && civilOf(c.days()) == c
}

// buddhist is Thailand's calendar: 2569 is 2026.
func buddhist(year, month, day int) (civil, bool) { return gregorian(year-543, month, day) }

// persian is the solar Hijri calendar of Iran and Afghanistan: 1405-01-01 is
// 2026-03-21. Of 33 years 8 are leap years; this is right for 1244 to 1500.
func persian(year, month, day int) (civil, bool) {
	leap := func(y int) bool { return (25*y+11)%33 < 8 }
	length := 30
	switch {
	case month <= 6:
		length = 31
	case month == 12 && !leap(year):
		length = 29
	}
	if year < 1300 || year > 1600 || month < 1 || month > 12 || day < 1 || day > length {
		return civil{}, false
	}
	days := civil{2026, 3, 21}.days()
	for y := 1405; y < year; y++ {
		days += 365
		if leap(y) {
			days++
		}
	}
	for y := 1404; y >= year; y-- {
		days -= 365
		if leap(y) {
			days--
		}
	}
	return civilOf(days + (month-1)*30 + min(month-1, 6) + day - 1), true
}

// hijri is the lunar calendar of Saudi Arabia. Its months begin by observation;
// the tabular calendar, of whose 30 years 11 have a leap day, is off by a day at most.
func hijri(year, month, day int) (civil, bool) {
	if year < 1400 || year > 1700 || month < 1 || month > 12 || day < 1 || day > 30 {
		return civil{}, false
	}
	const epoch = -492148 // 622-07-16 of the Julian calendar
	return civilOf(epoch + (year-1)*354 + (3+11*year)/30 + 29*(month-1) + month/2 + day - 1), true
}

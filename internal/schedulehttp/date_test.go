package schedulehttp

import (
	"testing"
	"time"

	"consuo/internal/schedule"
)

func TestReadDate(t *testing.T) {
	day := func(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC) }
	nov22, nov12, jan1 := day(2026, 11, 22), day(2026, 11, 12), day(2027, 1, 1)
	for _, c := range []struct {
		text, language string
		today, want    time.Time // want is zero where the text is no date
	}{
		// What Consuo's EPG sends on a day, in the browser's language.
		{"11/22/2026", "", nov22, nov22},                    // en-US
		{"2026-11-22", "", nov22, nov22},                    // sv-SE, en-CA, fr-CA
		{"22.11.2026", "", nov22, nov22},                    // de, fi, da, nb, pl, ru
		{"22/11/2026", "", nov22, nov22},                    // en-GB, fr, es, it, pt
		{"22-11-2026", "", nov22, nov22},                    // nl
		{"2026/11/22", "", nov22, nov22},                    // ja, zh
		{"2026. 11. 22.", "", nov22, nov22},                 // ko, hu
		{"22. 11. 2026", "", nov22, nov22},                  // cs, sk, sl
		{"22. 11. 2026.", "", nov22, nov22},                 // hr, sr
		{"22.11.2026 г.", "", nov22, nov22},                 // bg
		{"٢٢\u200f/١١\u200f/٢٠٢٦", "ar-EG", nov22, nov22},   // ar-EG
		{"۱۴۰۵/۹/۱", "fa-IR", nov22, nov22},                 // fa: the Persian year
		{"22/11/2569", "th-TH", nov22, nov22},               // th: the Buddhist year
		{"२२/११/२०२६", "mr-IN", nov22, nov22},               // mr
		{"၂၂/၁၁/၂၀၂၆", "my", nov22, nov22},                  // my
		{"١٢\u200f/٦\u200f/١٤٤٨ هـ", "ar-SA", nov22, nov22}, // ar-SA: the Hijri year
		{"1/1/2027", "", jan1, jan1},
		{"12/31/2026", "en-US", jan1, day(2026, 12, 31)}, // the browser is west of us

		// Today tells day and month apart, whatever the language says.
		{"11/12/2026", "", nov12, nov12},
		{"12/11/2026", "", nov12, nov12},
		{"12/11/2026", "en-US", nov12, nov12},
		{"11/12/2026", "sv-SE", nov12, nov12},
		{"11/13/2026", "", nov12, day(2026, 11, 13)},
		// Other days: the language, else what is nearer.
		{"03/04/2027", "en-US,en;q=0.9", nov22, day(2027, 3, 4)},
		{"03/04/2027", "en-GB", nov22, day(2027, 4, 3)},
		{"03/04/2027", "", nov22, day(2027, 3, 4)},
		{"12/03/2026", "", nov22, day(2026, 12, 3)},
		{"2027-03-04", "en-US", nov22, day(2027, 3, 4)},
		{"2024-02-29", "", nov22, day(2024, 2, 29)},
		{"1403/12/30", "", nov22, day(2025, 3, 20)}, // a Persian leap day
		{"26-11-22", "", nov22, nov22},
		{"22/11/26", "", nov22, nov22},

		// No dates.
		{"2026-02-29", "", nov22, time.Time{}},
		{"2026-13-01", "", nov22, time.Time{}},
		{"2026-00-10", "", nov22, time.Time{}},
		{"1999-12-31", "", nov22, time.Time{}},
		{"2200-01-01", "", nov22, time.Time{}},
		{"1404/12/30", "", time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC), time.Time{}}, // no leap day
		{"", "", nov22, time.Time{}},
		{"today", "", nov22, time.Time{}},
		{"2026-11", "", nov22, time.Time{}},
		{"2026-11-22-1", "", nov22, time.Time{}},
		{"20261122", "", nov22, time.Time{}},
		{"2026-11-22T12:00:00Z", "", nov22, time.Time{}},
		{"November 22, 2026", "", nov22, time.Time{}},
		{"99999999999999999999-1-1", "", nov22, time.Time{}},
		{"2026-11-22' OR '1'='1", "", nov22, time.Time{}},
	} {
		for _, hour := range []int{0, 12, 23} {
			now := c.today.Add(time.Duration(hour) * time.Hour)
			got, ok := readDate(c.text, now, time.UTC, c.language)
			if ok != !c.want.IsZero() {
				t.Errorf("%q (%s) at %v: read %v, %v", c.text, c.language, now, got, ok)
				continue
			}
			if ok && (!got.Start.Equal(c.want) || !got.End.Equal(c.want.AddDate(0, 0, 1))) {
				t.Errorf("%q (%s) at %v: read %v, want %v", c.text, c.language, now, got, c.want)
			}
		}
	}
}

func TestReadDateZones(t *testing.T) {
	at := func(s string) time.Time {
		t.Helper()
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct{ text, zone, start, end string }{
		{"2026-11-22", "Europe/Stockholm", "2026-11-21T23:00:00Z", "2026-11-22T23:00:00Z"},
		{"11/22/2026", "America/Los_Angeles", "2026-11-22T08:00:00Z", "2026-11-23T08:00:00Z"},
		{"2026-03-29", "Europe/Stockholm", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"}, // 23 hours
		{"2026-10-25", "Europe/Stockholm", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"}, // 25 hours
		{"2026-03-07", "America/Havana", "2026-03-07T05:00:00Z", "2026-03-08T05:00:00Z"},
		{"2026-03-08", "America/Havana", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"}, // begins at 01:00
		{"2026-11-01", "America/Havana", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"}, // has 00:00 twice
		{"2026-04-24", "Africa/Cairo", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"},   // begins at 01:00
		{"2026-10-29", "Africa/Cairo", "2026-10-28T21:00:00Z", "2026-10-29T22:00:00Z"},   // has 23:00 twice
		{"2026-11-22", "Asia/Kathmandu", "2026-11-21T18:15:00Z", "2026-11-22T18:15:00Z"},
		{"2026-11-22", "", "2026-11-21T10:00:00Z", "2026-11-23T12:00:00Z"}, // anywhere
	} {
		var zone *time.Location
		if c.zone != "" {
			var err error
			if zone, err = time.LoadLocation(c.zone); err != nil {
				t.Fatal(err)
			}
		}
		got, ok := readDate(c.text, at("2026-11-22T12:00:00Z"), zone, "")
		if !ok || !got.Start.Equal(at(c.start)) || !got.End.Equal(at(c.end)) {
			t.Errorf("%s in %q: %v, %v", c.text, c.zone, got, ok)
		}
	}
	// Wherever the browser is, its today is in what it gets.
	for hour := range 48 {
		now := at("2026-11-22T00:00:00Z").Add(time.Duration(hour) * time.Hour)
		for offset := -12; offset <= 14; offset++ {
			local := now.In(time.FixedZone("", offset*3600))
			got, ok := readDate(local.Format("1/2/2006"), now, nil, "")
			midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, local.Location())
			if !ok || got.Start.After(midnight) || got.End.Before(midnight.AddDate(0, 0, 1)) {
				t.Fatalf("at %v: %v, %v", local, got, ok)
			}
		}
	}
}

func FuzzDate(f *testing.F) {
	for _, seed := range []string{"2026-11-22", "22. 11. 2026.", "۱۴۰۵/۹/۱", "٢٢\u200f/١١\u200f/٢٠٢٦", "22/11/2569", "9999/99/99", "0/0/0", "\xff"} {
		f.Add(seed, int64(1795348800), "en-US")
	}
	f.Fuzz(func(t *testing.T, text string, unix int64, language string) {
		now := time.Unix(unix%(1<<33), 0)
		slot, ok := readDate(text, now, nil, language)
		exact, okExact := readDate(text, now, time.UTC, language)
		if ok != okExact {
			t.Fatalf("%q is a date in one zone only", text)
		}
		if !ok {
			return
		}
		if exact.End.Sub(exact.Start) != 24*time.Hour || exact.Start.Before(schedule.MinTime) || exact.End.After(schedule.MaxTime) ||
			slot.Start.After(exact.Start) || slot.End.Before(exact.End) {
			t.Fatalf("%q: %v, anywhere %v", text, exact, slot)
		}
	})
}

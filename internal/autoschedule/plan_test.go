package autoschedule

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"consuo/internal/schedule"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// auto reads a configuration; text is that of auto_schedule.
func auto(t testing.TB, text string) schedule.Auto {
	t.Helper()
	config := fmt.Sprintf(`{"auto_populate":true,"auto_populate_content":"https://feed.example/base","auto_schedule":%s}`, text)
	a, faults := schedule.ReadAuto("one", json.RawMessage(config))
	if faults != nil {
		t.Fatal(faults)
	}
	return a
}

// shelfOf gives every feed its items: "a=10" is asset a of ten minutes.
func shelfOf(feeds map[string]string) Shelf {
	return func(c schedule.Content) (items []Item) {
		for entry := range strings.FieldsSeq(feeds[strings.TrimPrefix(c.Feed, "https://feed.example/")]) {
			var minutes int
			name, length, _ := strings.Cut(entry, "=")
			fmt.Sscan(length, &minutes)
			items = append(items, Item{schedule.Entry{URI: name}, time.Duration(minutes) * time.Minute})
		}
		return items
	}
}

func handmade(uri string, from, to time.Time) schedule.Event {
	return schedule.Event{ID: uri, URI: uri, Slot: schedule.Slot{Start: from, End: to}}
}

// shown is a plan as "12:00 a 12:10 b".
func shown(events []schedule.Event, zone *time.Location) string {
	var list []string
	for _, e := range events {
		list = append(list, e.Start.In(zone).Format("15:04")+" "+e.URI)
	}
	return strings.Join(list, ", ")
}

func TestPlan(t *testing.T) {
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	for _, c := range []struct {
		name, config string
		feeds        map[string]string
		planned      []schedule.Event
		want         string
	}{
		{"a sequence", `{"ahead":"1h","order":"sequence"}`, map[string]string{"base": "a=20 b=25"}, nil,
			"12:00 a, 12:20 b, 12:45 a"},
		{"it goes on", `{"ahead":"1h","order":"sequence"}`, map[string]string{"base": "a=20 b=25 c=50"},
			[]schedule.Event{handmade("a", at(-30), at(-10)), handmade("x", at(-10), at(5))},
			"12:05 b, 12:30 c"},
		{"the same asset twice in a sequence", `{"ahead":"1h","order":"sequence"}`, map[string]string{"base": "j=5 a=20 j=5 b=20"}, nil,
			"12:00 j, 12:05 a, 12:25 j, 12:30 b, 12:50 j, 12:55 a"},
		{"around what is planned", `{"ahead":"2h","order":"sequence"}`, map[string]string{"base": "a=20 b=25"},
			[]schedule.Event{handmade("x", at(30), at(60)), handmade("y", at(90), at(100))},
			"12:00 a, 13:00 b, 13:40 a"},
		{"one asset repeats", `{"ahead":"1h"}`, map[string]string{"base": "a=30"}, nil, "12:00 a, 12:30 a"},
		{"no asset", `{"ahead":"1h"}`, nil, nil, ""},
		{"none is short enough", `{"ahead":"1h"}`, map[string]string{"base": "a=31"}, []schedule.Event{handmade("x", at(30), at(60))}, ""},
		{"half hours", `{"ahead":"2h","order":"sequence","pad_to":30}`, map[string]string{"base": "a=20 b=35"}, nil,
			"12:00 a, 12:30 b, 13:30 a"},
		{"a block", `{"ahead":"3h","order":"sequence","blocks":[{"from":"13:00","to":"14:00","content":"https://feed.example/news"}]}`,
			map[string]string{"base": "a=25", "news": "n=45"}, nil,
			"12:00 a, 12:25 a, 13:00 n, 13:45 n, 14:30 a, 14:55 a"}, // what holds outside of blocks may always be late
		{"a block that may be late", `{"ahead":"2h","order":"sequence","blocks":[{"from":"13:00","to":"13:30","content":"https://feed.example/news","at_most_late":"15m"}]}`,
			map[string]string{"base": "a=25", "news": "n=10"}, nil,
			"12:00 a, 12:25 a, 12:50 a, 13:15 n, 13:25 n, 13:35 a"},
		{"late, but padded", `{"ahead":"2h","order":"sequence","blocks":[{"from":"13:00","to":"14:00","content":"https://feed.example/news","at_most_late":"20m","pad_to":30}]}`,
			map[string]string{"base": "a=25", "news": "n=10"}, nil,
			"12:00 a, 12:25 a, 13:00 n, 13:30 n"},
		{"back on time", `{"ahead":"2h","order":"sequence","at_most_late":"0s","blocks":[{"from":"13:00","to":"13:30","content":"https://feed.example/news"}]}`,
			map[string]string{"base": "a=25", "news": "n=20"}, nil,
			"12:00 a, 12:25 a, 13:00 n, 13:30 a, 13:55 a"},
		{"the first block that holds", `{"ahead":"2h","order":"sequence","blocks":[
			{"days":["mon"],"from":"12:00","to":"13:00","content":"https://feed.example/never"},
			{"days":["sun"],"from":"12:30","to":"13:00","content":"https://feed.example/news"},
			{"from":"12:00","to":"14:00","content":"https://feed.example/film"}]}`,
			map[string]string{"news": "n=10", "film": "f=30"}, nil,
			"12:00 f, 12:30 n, 12:40 n, 12:50 n, 13:00 f, 13:30 f"},
		{"over midnight", `{"ahead":"1h","order":"sequence","blocks":[{"days":["sat"],"from":"22:00","to":"12:30","content":"https://feed.example/night"}]}`,
			map[string]string{"base": "a=30", "night": "n=30"}, nil, "12:00 n, 12:30 a"},
	} {
		a := auto(t, c.config)
		got := Plan(a, shelfOf(c.feeds), c.planned, noon)
		if s := shown(got, time.UTC); s != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, s, c.want)
		}
	}
}

// A block of the local clock, over a year in which the clock is changed.
func TestClockChanges(t *testing.T) {
	stockholm, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	a := auto(t, `{"ahead":"336h","zone":"Europe/Stockholm","order":"sequence","blocks":[{"from":"20:00","to":"21:00","content":"https://feed.example/news"}]}`)
	shelf := shelfOf(map[string]string{"news": "n=60"})
	for start := noon; start.Before(noon.AddDate(1, 0, 0)); start = start.Add(14 * 24 * time.Hour) {
		events := Plan(a, shelf, nil, start)
		if len(events) != 14 {
			t.Fatalf("from %v: %d events", start, len(events))
		}
		for _, e := range events {
			if s := e.Start.In(stockholm).Format("15:04"); s != "20:00" {
				t.Errorf("%v begins at %s", e, s)
			}
		}
	}
}

// Whatever the rules, the assets and what is planned: nothing overlaps, nothing
// is cut short, nothing follows itself, the same arguments give the same
// events, and a plan that is made again adds nothing.
func TestPlanProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	configs := []string{`{}`, `{"order":"sequence"}`, `{"pad_to":15}`, `{"pad_to":60,"at_most_late":"10m"}`,
		`{"zone":"Asia/Kathmandu","pad_to":30,"blocks":[{"from":"18:00","to":"20:00","at_most_late":"5m"},{"days":["sat","sun"],"from":"10:00","to":"02:00","order":"sequence","content":"https://feed.example/other"}]}`}
	for round := range 300 {
		a := auto(t, configs[round%len(configs)])
		a.Seed = random.Uint64()
		var base, other []string
		for i := range 2 + random.IntN(10) {
			base = append(base, fmt.Sprintf("b%d=%d", i, 1+random.IntN(90)))
			other = append(other, fmt.Sprintf("o%d=%d", i, 1+random.IntN(90)))
		}
		shelf := shelfOf(map[string]string{"base": strings.Join(base, " "), "other": strings.Join(other, " ")})
		length := map[string]time.Duration{}
		for _, item := range slices.Concat(shelf(a.Base.Content), shelf(schedule.Content{Feed: "other"})) {
			length[item.URI] = item.Duration
		}
		var planned []schedule.Event
		for t := noon.Add(-3 * time.Hour); t.Before(noon.Add(14 * time.Hour)); {
			t = t.Add(time.Duration(random.IntN(10_000)) * time.Second)
			end := t.Add(time.Duration(1+random.IntN(6000)) * time.Second)
			planned = append(planned, handmade("hand", t, end))
			t = end
		}
		now := noon.Add(time.Duration(random.IntN(86400)) * time.Second)
		made := Plan(a, shelf, planned, now)
		if again := Plan(a, shelf, planned, now); !reflect.DeepEqual(made, again) {
			t.Fatalf("round %d: not the same again", round)
		}
		all := slices.Concat(planned, made)
		slices.SortFunc(all, func(a, b schedule.Event) int { return a.Start.Compare(b.Start) })
		for i, e := range all {
			if i > 0 && e.Overlaps(all[i-1].Slot) {
				t.Fatalf("round %d: %v overlaps %v", round, e, all[i-1])
			}
			if i > 0 && e.URI == all[i-1].URI && e.URI != "hand" {
				t.Errorf("round %d: %v repeats %v", round, e, all[i-1])
			}
		}
		for _, e := range made {
			if e.Duration() != length[e.URI] && length[e.URI] != 0 {
				t.Errorf("round %d: %v lasts %v", round, e, e.Duration())
			}
			if e.Start.Before(now) || !e.Start.Before(now.Add(a.Ahead)) {
				t.Errorf("round %d: %v is out of the plan", round, e)
			}
		}
		if more := Plan(a, shelf, all, now); len(more) != 0 {
			t.Errorf("round %d: planned again, %d more: %s", round, len(more), shown(more, time.UTC))
		}
	}
}

// A shuffled hour has everything in it before anything is on for the third time.
func TestShuffleIsFair(t *testing.T) {
	a := auto(t, `{"ahead":"100h","seed":7}`)
	shelf := shelfOf(map[string]string{"base": "a=30 b=30 c=30 d=30 e=30 f=30 g=30 h=30"})
	made := Plan(a, shelf, nil, noon)
	count := map[string]int{}
	for _, e := range made {
		count[e.URI]++
	}
	for uri, n := range count {
		if n < 15 || n > 35 { // 25 each
			t.Errorf("%s is on %d times of %d", uri, n, len(made))
		}
	}
	a.Seed = 8
	if reflect.DeepEqual(made, Plan(a, shelf, nil, noon)) {
		t.Error("another seed gives the same plan")
	}
}

func TestExpired(t *testing.T) {
	a := auto(t, `{"order":"sequence"}`)
	a.Keep = 24 * time.Hour
	shelf := shelfOf(map[string]string{"base": "a=30 b=30"})
	day := func(n int) time.Time { return noon.AddDate(0, 0, n) }
	planned := []schedule.Event{
		handmade("x", day(-5), day(-5).Add(time.Hour)),
		handmade("b", day(-4), day(-4).Add(time.Hour)), // where the sequence goes on
		handmade("y", day(-2), day(-2).Add(time.Hour)),
		handmade("z", day(-1), day(-1).Add(time.Hour)),
		handmade("a", day(1), day(1).Add(time.Hour)),
	}
	if got := shown(Expired(a, shelf, planned, noon), time.UTC); got != "12:00 x, 12:00 y" {
		t.Errorf("got %s", got)
	}
	a.Keep = 0
	if got := Expired(a, shelf, planned, noon); got != nil {
		t.Errorf("got %v", got)
	}
}

// A day is 48 half hours on every day of the year; the clock's changes included.
func TestPartsTile(t *testing.T) {
	a := auto(t, `{"zone":"Europe/Stockholm","blocks":[{"from":"02:30","to":"06:00"},{"from":"06:00","to":"22:15","order":"sequence"},{"from":"22:15","to":"02:30"}]}`)
	list := parts(a, noon.AddDate(0, -12, 0), noon)
	for i, p := range list {
		if i > 0 && !list[i-1].End.Equal(p.Start) {
			t.Fatalf("a gap or overlap at %v", p.Start)
		}
		if p.rule.Late < 0 && i < len(list)-1 {
			t.Errorf("no block holds at %v", p.Start)
		}
	}
	if len(list) < 3*365 {
		t.Errorf("%d parts", len(list))
	}
}

// Any configuration that is accepted can be planned with, in bounded time.
func FuzzPlan(f *testing.F) {
	f.Add(`{"ahead":"336h","pad_to":5,"at_most_late":"0s","zone":"Australia/Lord_Howe","blocks":[{"from":"00:00","to":"24:00","days":["sun"]},{"from":"23:59","to":"00:00","order":"sequence"}]}`, int64(1795348800))
	f.Add(`{"seed":1}`, int64(1743296400))
	shelf := shelfOf(map[string]string{"base": "a=20 b=25 c=1"})
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		config := fmt.Sprintf(`{"auto_populate":true,"auto_populate_content":"https://feed.example/base","auto_schedule":%s}`, text)
		a, faults := schedule.ReadAuto("one", json.RawMessage(config))
		if faults != nil || !json.Valid([]byte(config)) {
			return
		}
		now := time.Unix(unix%(1<<32), 0)
		if now.Before(schedule.MinTime) {
			return
		}
		began := time.Now()
		made := Plan(a, shelf, []schedule.Event{handmade("x", now.Add(time.Hour), now.Add(2*time.Hour))}, now)
		if took := time.Since(began); took > 5*time.Second {
			t.Fatalf("took %v", took)
		}
		for i, e := range made {
			if i > 0 && e.Overlaps(made[i-1].Slot) || e.Overlaps(schedule.Slot{Start: now.Add(time.Hour), End: now.Add(2 * time.Hour)}) {
				t.Fatalf("%v overlaps", e)
			}
		}
	})
}

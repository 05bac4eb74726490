package scheduleclient

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDecodeEvent(t *testing.T) {
	const uri = "https://vod.example/a.m3u8"
	start := time.UnixMilli(1_800_000_000_000).UTC() // 2027-01-15T08:00:00Z
	want := Event{ID: "e", Title: "T", URI: uri, Start: start, End: start.Add(90 * time.Second)}
	for _, c := range []struct{ name, body string }{
		{"ours", `{"id":"e","channelId":"one","title":"T","start_time":1800000000000,"end_time":1800000090000,
			"start":"2027-01-15T08:00:00.000Z","end":"2027-01-15T08:01:30.000Z","uri":"` + uri + `","duration":90}`},
		{"Eyevinn's", `{"id":"e","channelId":"one","title":"T","start_time":1800000000000,"end_time":1800000090000,
			"start":"2027-01-15T08:00:00.000Z","end":"2027-01-15T08:01:30.000Z","type":"VOD","url":"` + uri + `","duration":90}`},
		{"numbers in strings", `{"id":"e","title":"T","start_time":"1800000000000","end_time":"1800000090000","uri":"` + uri + `"}`},
		{"fractions", `{"id":"e","title":"T","start_time":1800000000000.2,"end_time":1.80000009e12,"uri":"` + uri + `"}`},
		{"ISO 8601", `{"id":"e","title":"T","start":"2027-01-15T09:00:00+01:00","end":"2027-01-15T08:01:30Z","uri":"` + uri + `"}`},
		{"ISO 8601 without zone", `{"id":"e","title":"T","start":"2027-01-15T08:00:00","end":"2027-01-15T08:01:30.000","uri":"` + uri + `"}`},
		{"duration", `{"id":"e","title":"T","start":"2027-01-15T08:00Z","duration":90,"uri":"` + uri + `"}`},
		{"duration in a string", `{"id":"e","title":"T","start_time":1800000000000,"duration":"90.0","uri":"` + uri + `"}`},
		{"a bad form beside a good one", `{"id":"e","title":"T","start_time":"soon","start":"2027-01-15T08:00:00Z","end_time":null,"duration":90,"uri":"` + uri + `"}`},
		{"what is not ours", `{"id":"e","title":"T","start_time":1800000000000,"duration":90,"uri":"` + uri + `","x":{"y":[]},"type":7}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := decodeEvent([]byte(c.body))
			if err != nil || got != want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestDecodeEventRefuses(t *testing.T) {
	const times = `"start_time":1800000000000,"end_time":1800000090000`
	for _, c := range []struct{ body, reason string }{
		{`[]`, "cannot unmarshal"},
		{`{` + times + `}`, "no uri"},
		{`{"uri":"",` + times + `}`, "no uri"},
		{`{"uri":7.5,` + times + `}`, "not a whole http"},
		{`{"uri":"/a.m3u8",` + times + `}`, "not a whole http"},
		{`{"uri":"file:///etc/passwd",` + times + `}`, "not a whole http"},
		{`{"uri":"http:///a",` + times + `}`, "not a whole http"},
		{`{"uri":"http://h/a\n#EXT-X-ENDLIST",` + times + `}`, "escaped"},
		{`{"uri":"http://h/a b",` + times + `}`, "escaped"},
		{`{"uri":"http://h/a\u2028b",` + times + `}`, "escaped"},
		{`{"uri":"http://h/a\",b=\"",` + times + `}`, "escaped"},
		{`{"uri":"http://h/` + strings.Repeat("a", 5000) + `",` + times + `}`, "longer than"},
		{`{"type":"LIVE","liveUrl":"http://h/a",` + times + `}`, "live stream"},
		{`{"uri":"http://h/a","end_time":1800000090000}`, "no start"},
		{`{"uri":"http://h/a","start_time":{},"end_time":1800000090000}`, "no start"},
		{`{"uri":"http://h/a","start_time":1e300,"end_time":1800000090000}`, "no start"},
		{`{"uri":"http://h/a","start_time":-1,"end_time":1800000090000}`, "no start"},
		{`{"uri":"http://h/a","start_time":"NaN","end_time":1800000090000}`, "no start"},
		{`{"uri":"http://h/a","start_time":"Inf","end_time":1800000090000}`, "no start"},
		{`{"uri":"http://h/a","start_time":1800000000000}`, "no end"},
		{`{"uri":"http://h/a","start_time":1800000000000,"duration":0}`, "no end"},
		{`{"uri":"http://h/a","start_time":1800000000000,"duration":-5}`, "no end"},
		{`{"uri":"http://h/a","start_time":1800000000000,"duration":1e300}`, "no end"},
		{`{"uri":"http://h/a","start_time":1800000000000,"duration":"NaN"}`, "no end"},
		{`{"uri":"http://h/a","start_time":1800000000000,"end_time":1800000000000}`, "does not end after"},
		{`{"uri":"http://h/a","start_time":1800000000000,"end_time":1700000000000}`, "does not end after"},
	} {
		if got, err := decodeEvent([]byte(c.body)); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%.80s: %+v, %v; want %q", c.body, got, err, c.reason)
		}
	}
}

func second(n int) time.Time { return epoch.Add(time.Duration(n) * time.Second) }

// slots writes events as a schedule would, "name from to" in seconds.
func slots(list ...string) []byte {
	var events []map[string]any
	for _, s := range list {
		var name string
		var from, to int
		if _, err := fmt.Sscan(s, &name, &from, &to); err != nil {
			panic(err)
		}
		events = append(events, map[string]any{"id": name, "uri": "http://h/" + name,
			"start_time": second(from).UnixMilli(), "end_time": second(to).UnixMilli()})
	}
	body, err := json.Marshal(events)
	if err != nil {
		panic(err)
	}
	return body
}

func TestDecodeSchedule(t *testing.T) {
	for _, c := range []struct {
		name     string
		body     []byte
		want     []string
		warnings int
	}{
		{"in order", slots("a 0 10", "b 10 20", "c 25 30"), []string{"a 0 10", "b 10 20", "c 25 30"}, 0},
		{"sorted", slots("c 25 30", "a 0 10", "b 10 20"), []string{"a 0 10", "b 10 20", "c 25 30"}, 0},
		{"none", []byte("[]"), nil, 0},
		{"overlap", slots("a 0 12", "b 10 20"), []string{"a 0 10", "b 10 20"}, 1},
		{"one in another", slots("a 0 60", "b 10 20", "c 30 40"), []string{"a 0 10", "b 10 20", "c 30 40"}, 1},
		{"same start", slots("a 0 10", "b 0 5"), []string{"b 0 5"}, 1},
		{"twice", slots("a 0 10", "a 0 10", "b 10 20"), []string{"a 0 10", "b 10 20"}, 1},
		{"out of range", slots("a -20 0", "b -10 1", "c 599 700", "d 600 700"), []string{"b -10 1", "c 599 600"}, 2},
		{"unusable", []byte(`[{},` + string(slots("a 0 10")[1:])), []string{"a 0 10"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := decodeSchedule(c.body, epoch, epoch.Add(10*time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			var list []string
			for _, e := range got.Events {
				list = append(list, fmt.Sprintf("%s %v %v", e.ID, e.Start.Sub(epoch).Seconds(), e.End.Sub(epoch).Seconds()))
			}
			if !slices.Equal(list, c.want) || len(got.Warnings) != c.warnings {
				t.Errorf("got %q, warnings %q", list, got.Warnings)
			}
		})
	}
}

func TestWarningsEnd(t *testing.T) {
	got, err := decodeSchedule([]byte(`[`+strings.Repeat(`{},`, 999)+`{}]`), epoch, epoch.Add(time.Hour))
	if err != nil || len(got.Warnings) != 21 || got.Warnings[20] != "and 980 more" {
		t.Errorf("%d warnings: %q", len(got.Warnings), got.Warnings)
	}
}

func TestDecodeList(t *testing.T) {
	list, err := decodeList([]byte(`[
		{"id":"two","name":"Two","revision":7,"config":{}},
		{"id":"one","title":"One","tenant":"x"},
		{"id":"three","revision":"a1","config":null},
		{"id":"a b"},
		"text",
		{"id":"one","name":"again"},
		{"id":4}
	]`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range list.Channels {
		got = append(got, c.ID+"/"+c.Name+"/"+c.Revision)
	}
	if want := []string{"4//", "one/One/", "three//a1", "two/Two/7"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if len(list.Warnings) != 3 {
		t.Errorf("warnings %q", list.Warnings)
	}
}

func TestDecodeListRefuses(t *testing.T) {
	for _, body := range []string{``, `null`, `{}`, `"x"`, `[{"id":"one"}`, `[{"id":"one"}]]`, `<html></html>`, `[1,2]`, `[{"id":""}]`, `{"channels":[]}`} {
		if list, err := decodeList([]byte(body)); err == nil {
			t.Errorf("%s: %+v", body, list)
		}
	}
}

func TestDecodeConfig(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       Config
		warnings   []string
	}{
		{"all", `{"tracks":[{"id":"v720"}],"target_duration":8,"filler":"http://h/f.m3u8","delivery":"http://a/=http://b/",
			"always_on":true,"auto_populate":true,"auto_populate_content":"http://h/feed","auto_cleanup":true}`,
			Config{Tracks: json.RawMessage(`[{"id":"v720"}]`), TargetDuration: 8 * time.Second, Filler: "http://h/f.m3u8", Delivery: "http://a/=http://b/", AlwaysOn: true}, nil},
		{"nulls", `{"tracks":null,"target_duration":null,"filler":null,"delivery":null,"always_on":null}`, Config{}, nil},
		{"text for a number", `{"target_duration":"8s"}`, Config{TargetDuration: 8 * time.Second}, nil},
		{"wrong types", `{"target_duration":[],"filler":1,"delivery":{},"always_on":"yes"}`, Config{},
			[]string{"config.always_on", "config.delivery", "config.filler", "config.target_duration"}},
		{"the good stays", `{"target_duration":-1,"filler":"http://h/f.m3u8","Target_Duration":6}`, Config{Filler: "http://h/f.m3u8"},
			[]string{"config.Target_Duration is not used: not known", "config.target_duration"}},
		{"too long", `{"target_duration":61}`, Config{}, []string{"config.target_duration"}},
		{"fraction", `{"target_duration":6.5}`, Config{}, []string{"config.target_duration"}},
		{"no object", `[1]`, Config{}, []string{"config: it is not an object"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			channel, err := decodeChannel([]byte(`{"id":"one","config":` + c.body + `}`))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(channel.Config, c.want) {
				t.Errorf("got %+v", channel.Config)
			}
			if !slices.EqualFunc(channel.Warnings, c.warnings, strings.HasPrefix) {
				t.Errorf("warnings %q", channel.Warnings)
			}
			if string(channel.Raw) != c.body {
				t.Errorf("raw %s", channel.Raw)
			}
		})
	}
}

// Whatever a schedule answers, events are ordered, apart, in range and fit to
// be planned with, and the same whatever order they came in.
func FuzzDecodeSchedule(f *testing.F) {
	f.Add(slots("a 0 10", "b 5 20", "c 5 7"))
	f.Add([]byte(`[{"uri":"http://h/a","start":"2026-11-22T12:00:00Z","duration":1e9}]`))
	f.Add([]byte(`[{"url":"http://h/a","start_time":"1e15","end_time":253402300799999}]`))
	f.Add([]byte(`[null,[],"",{"start_time":{}}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		start, end := epoch, epoch.Add(time.Hour)
		got, err := decodeSchedule(body, start, end)
		if err != nil {
			return
		}
		for i, e := range got.Events {
			if !e.Start.Before(e.End) || !e.Start.Before(end) || !e.End.After(start) || checkURI(e.URI) != nil {
				t.Errorf("event %+v", e)
			}
			if i > 0 && e.Start.Before(got.Events[i-1].End) {
				t.Errorf("event %+v begins before %+v ends", e, got.Events[i-1])
			}
		}
		var items []json.RawMessage
		if err := json.Unmarshal(body, &items); err != nil {
			t.Fatal(err)
		}
		slices.Reverse(items)
		reversed, err := json.Marshal(items)
		if err != nil {
			t.Skip() // items that are no UTF-8
		}
		again, err := decodeSchedule(reversed, start, end)
		if err != nil || !slices.Equal(got.Events, again.Events) {
			t.Errorf("in another order: %+v and %+v, %v", got.Events, again.Events, err)
		}
	})
}

func FuzzDecodeList(f *testing.F) {
	f.Add([]byte(`[{"id":"one","name":"One","revision":1,"config":{"target_duration":6,"x":[]}}]`))
	f.Add([]byte(`[{"id":1e400},{"id":"a","config":"b"},null]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := decodeList(body)
		if err != nil {
			return
		}
		for i, c := range list.Channels {
			if !idPattern.MatchString(c.ID) || i > 0 && list.Channels[i-1].ID >= c.ID || c.Config.TargetDuration < 0 {
				t.Errorf("channel %+v", c)
			}
		}
	})
}

// What is no list of logs is an error, and not a list of none.
func TestDecodeHeads(t *testing.T) {
	for body, good := range map[string]bool{
		`{"lead":8000000000,"logs":[]}`: true,
		`{"lead":0,"logs":[]}`:          false,
		`{"logs":[]}`:                   false,
		`{"lead":8000000000}`:           false,
		`{}`:                            false,
		`[]`:                            false,
		``:                              false,
	} {
		if heads, err := decodeHeads([]byte(body)); (err == nil) != good || good && heads.Lead != 8*time.Second {
			t.Errorf("%q: %+v, %v", body, heads, err)
		}
	}
}

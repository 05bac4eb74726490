package epg

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"consuo/internal/schedule"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func event(id string, from, to int) schedule.Event {
	return schedule.Event{ID: id, ChannelID: "one", URI: "https://a/b",
		Slot: schedule.Slot{Start: noon.Add(time.Duration(from) * time.Minute), End: noon.Add(time.Duration(to) * time.Minute)}}
}

func guide(c Channel, events ...schedule.Event) string {
	var b strings.Builder
	x := NewXMLTV(&b)
	x.Channel(c)
	for _, e := range events {
		x.Event(c, e)
	}
	if err := x.Close(); err != nil {
		panic(err) // a strings.Builder has none
	}
	return b.String()
}

func TestXMLTV(t *testing.T) {
	e := event("a", 0, 30)
	e.Title = `A <"&'> Ü`
	e.Start = e.Start.In(time.FixedZone("", 3600))
	e.Details = schedule.Details{Description: "Two\nlines", Image: "https://i/?a=1&b=2", Categories: []string{"Film", "Kriminal"},
		Episode: "S2E5", Rating: "MPAA:PG", Language: "sv"}
	plain := event("b", 30, 60)
	plain.Rating, plain.Episode = "12", "E7"
	want := `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tv SYSTEM "xmltv.dtd">
<tv generator-info-name="Consuo for Go">
  <channel id="one">
    <display-name>One &amp; Only</display-name>
    <icon src="https://i/one.png"></icon>
  </channel>
  <programme start="20261122120000 +0000" stop="20261122123000 +0000" channel="one">
    <title lang="sv">A &lt;&#34;&amp;&#39;&gt; Ü</title>
    <desc lang="sv">Two&#xA;lines</desc>
    <category lang="sv">Film</category>
    <category lang="sv">Kriminal</category>
    <language>sv</language>
    <length units="seconds">1800</length>
    <icon src="https://i/?a=1&amp;b=2"></icon>
    <episode-num system="xmltv_ns">1.4.</episode-num>
    <episode-num system="onscreen">S2E5</episode-num>
    <rating system="MPAA"><value>PG</value></rating>
  </programme>
  <programme start="20261122123000 +0000" stop="20261122130000 +0000" channel="one">
    <title>One &amp; Only</title>
    <length units="seconds">1800</length>
    <episode-num system="xmltv_ns">.6.</episode-num>
    <episode-num system="onscreen">E7</episode-num>
    <rating><value>12</value></rating>
  </programme>
</tv>
`
	if got := guide(Channel{ID: "one", Name: "One & Only", Logo: "https://i/one.png"}, e, plain); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// children is the content model of xmltv.dtd, as far as we write it: in this
// order; + at least one, ? at most one, * any number.
var children = map[string]string{
	"tv":        "channel* programme*",
	"channel":   "display-name+ icon* url*",
	"programme": "title+ sub-title* desc* credits? date? category* keyword* language? orig-language? length? icon* url* country* episode-num* video? audio? previously-shown? premiere? last-chance? new? subtitles* rating* star-rating* review* image*",
	"rating":    "value+ icon*",
}

// checkDTD says what in a guide does not fit the DTD.
func checkDTD(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	type element struct {
		name string
		at   int // in the content model
		seen []string
	}
	var stack []element
	ids := map[string]bool{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			if len(stack) > 0 {
				parent := &stack[len(stack)-1]
				model := strings.Fields(children[parent.name])
				at := slices.IndexFunc(model, func(m string) bool { return strings.TrimRight(m, "+?*") == name })
				if at < parent.at || at < 0 || at == parent.at && slices.Contains(parent.seen, name) && strings.HasSuffix(model[at], "?") {
					t.Errorf("<%s> in <%s> after %v", name, parent.name, parent.seen)
				}
				parent.at = at
				parent.seen = append(parent.seen, name)
			}
			attributes := map[string]string{}
			for _, a := range token.Attr {
				attributes[a.Name.Local] = a.Value
			}
			switch name {
			case "channel":
				ids[attributes["id"]] = true
			case "programme":
				start, err1 := time.Parse(xmltvTime, attributes["start"])
				stop, err2 := time.Parse(xmltvTime, attributes["stop"])
				if err1 != nil || err2 != nil || stop.Before(start) || !ids[attributes["channel"]] {
					t.Errorf("programme %v", attributes)
				}
			case "icon":
				if attributes["src"] == "" {
					t.Error("icon without src")
				}
			}
			stack = append(stack, element{name: name})
		case xml.EndElement:
			last := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			for m := range strings.FieldsSeq(children[last.name]) {
				if name, needed := strings.CutSuffix(m, "+"); needed && !slices.Contains(last.seen, name) {
					t.Errorf("<%s> lacks <%s>", last.name, name)
				}
			}
		}
	}
}

// Whatever text an event has, the guide stays well-formed and fits the DTD.
func FuzzXMLTV(f *testing.F) {
	f.Add("Title", "Two\nlines", "S1E2", "MPAA:PG", "sv")
	f.Add("]]><x>", "\x00\xff\ufffe", "E0", ":", "")
	f.Add("", "", "S99999E99999", "x:", "\"'")
	f.Fuzz(func(t *testing.T, title, description, episode, rating, language string) {
		e := event("a", 0, 1)
		e.Title = title
		e.Details = schedule.Details{Description: description, Image: title, Categories: []string{rating}, Episode: episode, Rating: rating, Language: language}
		checkDTD(t, guide(Channel{ID: "one", Name: "N" + title, Logo: language}, e))
	})
}

func TestM3U(t *testing.T) {
	var b strings.Builder
	err := WriteM3U(&b, "https://tv.example/epg.xml", []Channel{
		{ID: "one", Name: `The "One", at last`, Logo: "https://i/one.png", Group: "News", URL: "https://e/live/master.m3u8?channel=one"},
		{ID: "two", Name: "Two", URL: "https://e/live/master.m3u8?channel=two"},
	})
	want := `#EXTM3U url-tvg="https://tv.example/epg.xml" x-tvg-url="https://tv.example/epg.xml"
#EXTINF:-1 tvg-id="one" tvg-name="The 'One', at last" tvg-logo="https://i/one.png" group-title="News",The "One", at last
https://e/live/master.m3u8?channel=one
#EXTINF:-1 tvg-id="two" tvg-name="Two",Two
https://e/live/master.m3u8?channel=two
`
	if err != nil || b.String() != want {
		t.Errorf("%v, got:\n%s", err, b.String())
	}
}

func TestAsAired(t *testing.T) {
	slot := func(from, to int) schedule.Slot { return event("", from, to).Slot }
	since := func(from int) schedule.Slot { return schedule.Slot{Start: slot(from, from).Start} }
	events := []schedule.Event{event("a", 0, 10), event("b", 10, 20), event("c", 20, 30)}
	for _, c := range []struct {
		name    string
		airings []schedule.Airing
		want    string
	}{
		{"nothing aired", nil, "a 0-10 b 10-20 c 20-30"},
		{"late", []schedule.Airing{{EventID: "a", Planned: slot(0, 10), Slot: slot(1, 12)}}, "a 1-10 b 10-20 c 20-30"},
		{"both aired", []schedule.Airing{{EventID: "a", Planned: slot(0, 10), Slot: slot(1, 12)}, {EventID: "b", Planned: slot(10, 20), Slot: slot(12, 21)}}, "a 1-12 b 12-20 c 20-30"},
		{"in two parts", []schedule.Airing{{EventID: "a", Planned: slot(0, 10), Slot: slot(0, 3)}, {EventID: "a", Planned: slot(0, 10), Slot: slot(5, 9)}}, "a 0-9 b 10-20 c 20-30"},
		{"unknown event", []schedule.Airing{{EventID: "x", Planned: slot(0, 10), Slot: slot(0, 3)}}, "a 0-10 b 10-20 c 20-30"},
		{"swallowed", []schedule.Airing{{EventID: "a", Planned: slot(0, 10), Slot: slot(10, 12)}}, "b 10-20 c 20-30"},
		{"on air", []schedule.Airing{{EventID: "a", Planned: slot(0, 10), Slot: since(1)}}, "a 1-10 b 10-20 c 20-30"},
		{"made longer on air", []schedule.Airing{{EventID: "b", Planned: slot(10, 12), Slot: since(11)}}, "a 0-10 b 11-20 c 20-30"},
		{"made shorter on air", []schedule.Airing{{EventID: "c", Planned: slot(20, 60), Slot: since(21)}}, "a 0-10 b 10-20 c 21-30"},
		{"moved since it aired", []schedule.Airing{{EventID: "b", Planned: slot(-60, -50), Slot: slot(-59, -50)}}, "a 0-10 b 10-20 c 20-30"},
		{"moved while on air", []schedule.Airing{{EventID: "b", Planned: slot(-60, -50), Slot: since(-59)}}, "a 0-10 b 10-20 c 20-30"},
		{"moved before its begin", []schedule.Airing{{EventID: "a", Planned: slot(5, 15), Slot: since(10)}}, "a 0-10 b 10-20 c 20-30"},
	} {
		var got []string
		for _, e := range AsAired(events, c.airings) {
			got = append(got, e.ID, strings.TrimSuffix(strings.ReplaceAll(e.Start.Sub(noon).String()+"-"+e.End.Sub(noon).String(), "m0s", ""), "s"))
		}
		if s := strings.ReplaceAll(strings.Join(got, " "), "0s-", "0-"); s != c.want {
			t.Errorf("%s: %s, want %s", c.name, s, c.want)
		}
	}
}

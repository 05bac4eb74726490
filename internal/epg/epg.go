// Package epg writes programme guides: XMLTV (https://wiki.xmltv.org, its
// xmltv.dtd) and playlists of channels in M3U as Kodi and Jellyfin read them.
// It does no I/O but to the writer that it is given.
package epg

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"consuo/internal/schedule"
)

// A Channel is what guides tell of one.
type Channel struct {
	ID    string // the same in both formats: it ties them together
	Name  string
	Logo  string // URL, may be empty
	Group string // may be empty
	URL   string // of its multivariant playlist; only M3U needs it
}

// AsAired gives events the times at which they really aired, where that is
// known: from the begin of an event's first airing to the end of its last one.
// Without an end it ends as planned. An airing that was planned for another time
// than the event now is does not count: somebody has moved the event since.
// What is planned next ends the one before. The result is ordered and does not overlap.
func AsAired(events []schedule.Event, airings []schedule.Airing) []schedule.Event {
	if len(airings) == 0 {
		return events
	}
	planned := make(map[string]schedule.Slot, len(events))
	for _, e := range events {
		planned[e.ID] = e.Slot
	}
	aired := make(map[string]schedule.Slot, len(airings))
	for _, a := range airings {
		plan := planned[a.EventID]
		if a.End.IsZero() {
			a.End = plan.End
		}
		if !a.Planned.Overlaps(plan) || !a.Start.Before(a.End) {
			continue
		}
		slot, again := aired[a.EventID]
		if !again || a.Start.Before(slot.Start) {
			slot.Start = a.Start
		}
		if !again || a.End.After(slot.End) {
			slot.End = a.End
		}
		aired[a.EventID] = slot
	}
	events = slices.Clone(events)
	for i, e := range events {
		if slot, known := aired[e.ID]; known {
			events[i].Slot = slot
		}
	}
	slices.SortStableFunc(events, func(a, b schedule.Event) int { return a.Start.Compare(b.Start) })
	for i := range len(events) - 1 {
		if events[i].End.After(events[i+1].Start) {
			events[i].End = events[i+1].Start
		}
	}
	return slices.DeleteFunc(events, func(e schedule.Event) bool { return !e.Start.Before(e.End) })
}

// XMLTV writes a guide: all channels first, then their events, then Close.
type XMLTV struct {
	w *bufio.Writer
}

// NewXMLTV begins a guide.
func NewXMLTV(w io.Writer) *XMLTV {
	x := &XMLTV{bufio.NewWriter(w)}
	x.w.WriteString(xml.Header + "<!DOCTYPE tv SYSTEM \"xmltv.dtd\">\n<tv generator-info-name=\"Consuo for Go\">\n")
	return x
}

// Channel writes the description of one.
func (x *XMLTV) Channel(c Channel) {
	x.open("  <channel", "id", c.ID)
	x.w.WriteString("\n")
	x.element("display-name", c.Name)
	x.empty("icon", "src", c.Logo)
	x.w.WriteString("  </channel>\n")
}

// times of XMLTV: UTC, to the second.
const xmltvTime = "20060102150405 -0700"

// Event writes one. XMLTV wants a title: the channel's name stands for a missing one.
func (x *XMLTV) Event(c Channel, e schedule.Event) {
	title := e.Title
	if title == "" {
		title = c.Name
	}
	x.open("  <programme", "start", e.Start.UTC().Format(xmltvTime), "stop", e.End.UTC().Format(xmltvTime), "channel", c.ID)
	x.w.WriteString("\n")
	// The order is that of the DTD.
	x.element("title", title, "lang", e.Language)
	x.element("desc", e.Description, "lang", e.Language)
	for _, category := range e.Categories {
		x.element("category", category, "lang", e.Language)
	}
	x.element("language", e.Language)
	x.element("length", strconv.Itoa(int(e.Duration().Seconds())), "units", "seconds")
	x.empty("icon", "src", e.Image)
	if season, episode := e.EpisodeNumbers(); episode > 0 {
		first := ""
		if season > 0 {
			first = strconv.Itoa(season - 1)
		}
		x.element("episode-num", first+"."+strconv.Itoa(episode-1)+".", "system", "xmltv_ns")
	}
	x.element("episode-num", e.Episode, "system", "onscreen")
	if e.Rating != "" {
		system, value, found := strings.Cut(e.Rating, ":")
		if !found {
			system, value = "", e.Rating
		}
		x.open("    <rating", "system", system)
		x.w.WriteString("<value>")
		x.text(value)
		x.w.WriteString("</value></rating>\n")
	}
	x.w.WriteString("  </programme>\n")
}

// Flush sends what was written, and returns the first error of the writer.
func (x *XMLTV) Flush() error { return x.w.Flush() }

// Close ends the guide and returns the first error of the writer.
func (x *XMLTV) Close() error {
	x.w.WriteString("</tv>\n")
	return x.w.Flush()
}

// open writes a start tag without those attributes that are empty. begin is "<name".
func (x *XMLTV) open(begin string, attributes ...string) {
	x.w.WriteString(begin)
	for i := 0; i < len(attributes); i += 2 {
		if attributes[i+1] == "" {
			continue
		}
		x.w.WriteString(" " + attributes[i] + `="`)
		x.text(attributes[i+1])
		x.w.WriteString(`"`)
	}
	x.w.WriteString(">")
}

func (x *XMLTV) element(name, text string, attributes ...string) {
	if text == "" {
		return
	}
	x.open("    <"+name, attributes...)
	x.text(text)
	x.w.WriteString("</" + name + ">\n")
}

func (x *XMLTV) empty(name, attribute, value string) {
	if value == "" {
		return
	}
	x.open("    <"+name, attribute, value)
	x.w.WriteString("</" + name + ">\n")
}

// text escapes, and replaces what XML can't hold. An error stays with the
// writer until Close.
func (x *XMLTV) text(s string) { _ = xml.EscapeText(x.w, []byte(s)) }

// WriteM3U writes the list of channels. guide is the URL of the XMLTV guide.
func WriteM3U(w io.Writer, guide string, channels []Channel) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "#EXTM3U url-tvg=\"%s\" x-tvg-url=\"%s\"\n", attribute(guide), attribute(guide))
	for _, c := range channels {
		fmt.Fprintf(b, "#EXTINF:-1 tvg-id=\"%s\" tvg-name=\"%s\"", c.ID, attribute(c.Name))
		if c.Logo != "" {
			fmt.Fprintf(b, " tvg-logo=\"%s\"", attribute(c.Logo))
		}
		if c.Group != "" {
			fmt.Fprintf(b, " group-title=\"%s\"", attribute(c.Group))
		}
		fmt.Fprintf(b, ",%s\n%s\n", oneLine(c.Name), oneLine(c.URL))
	}
	return b.Flush()
}

// attribute is a value between quotes. M3U knows no escapes.
func attribute(s string) string { return strings.ReplaceAll(oneLine(s), `"`, "'") }

var oneLine = strings.NewReplacer("\r", " ", "\n", " ").Replace

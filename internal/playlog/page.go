package playlog

import (
	"encoding/json"
	"reflect"
	"time"
)

// wirePage is a page as JSON.
type wirePage struct {
	ID       string        `json:"id"`
	Now      int64         `json:"now"`
	Lead     time.Duration `json:"lead"`
	Settings *wireSettings `json:"settings,omitempty"`
	Watched  int64         `json:"watched,omitempty"`
	Floor    *wireNumbers  `json:"floor,omitempty"`
	Cuts     []wireCut     `json:"cuts"`
	More     bool          `json:"more,omitempty"`
}

// wireNumbers are numbers as JSON.
type wireNumbers struct {
	MediaSequence         int64 `json:"media_sequence"`
	DiscontinuitySequence int64 `json:"discontinuity_sequence"`
}

// WireCut and WirePage are the types whose fields are the JSON of a [Cut] and a
// [Page]: a document of the wire format can be made of them.
var (
	WireCut  = reflect.TypeFor[wireCut]()
	WirePage = reflect.TypeFor[wirePage]()
)

// MarshalJSON writes times as integer nanoseconds, like a cut's.
func (p Page) MarshalJSON() ([]byte, error) {
	w := wirePage{ID: p.ID, Now: p.Now.UnixNano(), Lead: p.Lead, Cuts: make([]wireCut, len(p.Cuts)), More: p.More}
	for i, c := range p.Cuts {
		w.Cuts[i] = toWire(c)
	}
	if p.Settings != nil {
		w.Settings = toWireSettings(p.Settings)
	}
	if !p.Watched.IsZero() {
		w.Watched = p.Watched.UnixNano()
	}
	if p.Floor != (Numbers{}) {
		floor := wireNumbers(p.Floor)
		w.Floor = &floor
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Page) UnmarshalJSON(data []byte) error {
	var w wirePage
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*p = Page{ID: w.ID, Now: instant(w.Now), Lead: w.Lead, Cuts: make([]Cut, len(w.Cuts)), More: w.More}
	for i, c := range w.Cuts {
		p.Cuts[i] = c.cut()
	}
	if w.Settings != nil {
		p.Settings = w.Settings.settings()
	}
	if w.Watched != 0 {
		p.Watched = instant(w.Watched)
	}
	if w.Floor != nil {
		p.Floor = Numbers(*w.Floor)
	}
	return nil
}

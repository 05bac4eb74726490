package packed

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"

	"consuo/internal/hls"
)

// digest names what a presentation plays: SHA-256, in hexadecimal, over all
// that a player of it is told. Query strings are left out, because tokens in
// them change while the media stays the same, and so is where the playlists
// themselves were read from.
func (p *Presentation) digest() string {
	mv := p.Multivariant
	var d digester
	if mv.IndependentSegments {
		d.number(1)
	} else {
		d.number(0)
	}
	d.number(int64(len(mv.Variants)))
	for _, v := range mv.Variants {
		uri := v.URI
		v.URI = hls.WithoutQuery(v.URI)
		d.text(hls.AppendVariant(nil, &v))
		d.media(p.Media[uri])
	}
	d.number(int64(len(mv.Renditions)))
	for _, r := range mv.Renditions {
		uri := r.URI
		r.URI = hls.WithoutQuery(r.URI)
		d.text(hls.AppendRendition(nil, &r))
		if uri != "" {
			d.media(p.Media[uri])
		}
	}
	return d.sum()
}

// digest names what a media playlist plays: SHA-256, in hexadecimal, over all
// that a channel says of it. That is taken as it is packed, which is a tenth of
// its text: equal texts are packed equally. Query strings are left out, because
// tokens in them change while the media stays the same.
func (p *Packer) digest(m *Media) string {
	d := digester(p.scratch[:0])
	d.flag(m.Independent)
	d.number(m.Sequence)
	d.number(int64(len(m.Lengths)))
	for _, l := range m.Lengths {
		d.number(int64(l.Duration))
		d.text([]byte(l.Digits))
	}
	d.text(m.Index)
	d.texts(m.Paths)
	d.texts(m.Tags)
	for i, from := range p.scopeFrom {
		if i == 0 || p.lasting[i] != p.lasting[i-1] {
			d.number(int64(from))
			d.text(p.lasting[i][:])
		}
	}
	d.number(-1)
	d.number(int64(len(m.Breaks)))
	for _, i := range m.Breaks {
		d.number(int64(i))
	}
	d.number(int64(len(m.Cues)))
	for _, i := range slices.Sorted(maps.Keys(m.Cues)) {
		d.number(int64(i))
		d.text([]byte(m.Cues[i]))
	}
	d.number(int64(len(m.Ranges)))
	for _, r := range m.Ranges {
		d.number(int64(r.At))
		d.number(int64(r.Length))
		d.number(int64(r.Planned))
		d.text(hls.AppendDateRange(nil, r.DateRange))
	}
	p.scratch = d
	return d.sum()
}

// digester gathers values, so that no two sequences of values are the same
// bytes.
type digester []byte

func (d *digester) number(n int64) { *d = append(strconv.AppendInt(*d, n, 10), ' ') }

func (d *digester) flag(set bool) { *d = append(strconv.AppendBool(*d, set), ' ') }

func (d *digester) text(text []byte) {
	d.number(int64(len(text)))
	*d = append(*d, text...)
}

// media stands for a media playlist; nil: there is none.
func (d *digester) media(m *Media) {
	if m == nil {
		d.text(nil)
		return
	}
	d.text([]byte(m.Digest))
}

func (d *digester) texts(t *Texts) {
	d.flag(t != nil)
	if t != nil {
		d.number(int64(t.Count))
		d.text(t.First)
		d.number(int64(t.Step))
		d.number(int64(t.Tail))
		d.text(t.Data)
	}
}

func (d *digester) sum() string {
	sum := sha256.Sum256(*d)
	return hex.EncodeToString(sum[:])
}

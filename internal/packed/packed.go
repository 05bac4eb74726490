// Package packed holds the playlists of assets in a few bytes a segment, to be
// rendered from and to be stored: what is on air for hours is kept in this form
// only. Any segment can be had at once, by its index or by its time.
//
// The segments of a playlist are much alike. What differs from one to the next
// is kept: see Texts for their URIs and tags, Times for their lengths.
package packed

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"consuo/internal/hls"
)

// Presentation is an hls.Presentation, packed. It is immutable.
type Presentation struct {
	URL          string            // names the asset
	Digest       string            // hls.Multivariant.Digest
	Multivariant *hls.Multivariant // its variants and renditions name the playlists
	Media        map[string]*Media // by the URI that they are named with
	Warnings     []string
}

// New packs a presentation as it was loaded.
func New(p *hls.Presentation) *Presentation {
	packed := &Presentation{URL: p.URL, Multivariant: p.Multivariant, Media: make(map[string]*Media), Warnings: p.Warnings}
	for uri, m := range p.Media {
		packed.Media[uri] = NewMedia(m)
	}
	packed.Finish()
	return packed
}

// Finish settles the digest of a presentation whose playlists were packed one
// by one.
func (p *Presentation) Finish() { p.Digest = p.digest() }

func (p *Presentation) digest() string {
	return p.Multivariant.Digest(func(uri string) string {
		if m := p.Media[uri]; m != nil {
			return m.Digest
		}
		return ""
	})
}

// maxPlain bounds a stored presentation, unpacked, in bytes. One with 300,000
// segments that have nothing in common is a tenth of it.
const maxPlain = 256 << 20

// Marshal returns the presentation as it is kept beside playout logs: JSON,
// gzip.
func (p *Presentation) Marshal() ([]byte, error) {
	var b bytes.Buffer
	w := zippers.Get().(*gzip.Writer)
	defer zippers.Put(w)
	w.Reset(&b)
	if err := json.NewEncoder(w).Encode(p); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// zippers are used again, because each has a megabyte of tables.
var zippers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is one
	return w
}}

// Unmarshal reads what Marshal returned. What it accepts can be rendered.
func Unmarshal(data []byte) (*Presentation, error) {
	p := new(Presentation)
	if err := decode(data, maxPlain, p); err != nil {
		return nil, err
	}
	if p.Multivariant == nil {
		return nil, errors.New("it has no multivariant playlist")
	}
	for uri, m := range p.Media {
		if m == nil {
			return nil, fmt.Errorf("playlist %s is empty", uri)
		}
		if err := m.restore(); err != nil {
			return nil, fmt.Errorf("playlist %s: %w", uri, err)
		}
	}
	if p.Digest != p.digest() {
		return nil, errors.New("its digest is that of other playlists")
	}
	return p, nil
}

// maxDurations is maxPlain for those who only want to know how long segments
// are: assets of hours with many tracks are a fraction of it.
const maxDurations = 32 << 20

// Durations returns how long the segments of one playlist are, out of what
// Marshal returned; choose returns its URI.
func Durations(data []byte, choose func(*hls.Multivariant) (uri string)) ([]time.Duration, error) {
	var p struct {
		Multivariant hls.Multivariant
		Media        map[string]Times
	}
	if err := decode(data, maxDurations, &p); err != nil {
		return nil, err
	}
	t := p.Media[choose(&p.Multivariant)]
	if err := t.restore(); err != nil {
		return nil, err
	}
	list := make([]time.Duration, t.Len())
	for i := range list {
		list[i] = t.Duration(i)
	}
	return list, nil
}

func decode(data []byte, most int64, into any) error {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return json.NewDecoder(io.LimitReader(r, most)).Decode(into)
}

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
	"time"

	"consuo/internal/hls"
)

// Presentation is an hls.Presentation, packed. It is immutable.
type Presentation struct {
	URL          string            // names the asset
	Digest       string            // names what it plays, see digest
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

// maxPlain bounds a stored presentation, unpacked, in bytes. One with 300,000
// segments that have nothing in common is a tenth of it.
const maxPlain = 256 << 20

// compressFrom is the size in bytes from which a stored presentation is
// compressed. Most are a fraction of that, and lose more time by it than bytes:
// what repeats has been packed, the rest is much like noise. Stores take a
// few megabytes only.
const compressFrom = 1 << 20

// Marshal returns the presentation as it is kept beside playout logs: JSON, in
// gzip if it is large.
func (p *Presentation) Marshal() ([]byte, error) {
	data, err := json.Marshal(p)
	if err != nil || len(data) < compressFrom {
		return data, err
	}
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // the level is one
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

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
	var r io.Reader = bytes.NewReader(data)
	if gzipped := []byte{0x1f, 0x8b}; bytes.HasPrefix(data, gzipped) { // RFC 1952, 2.3.1
		var err error
		if r, err = gzip.NewReader(r); err != nil {
			return err
		}
	}
	return json.NewDecoder(io.LimitReader(r, most)).Decode(into)
}

package hls

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"
	"strconv"
	"strings"
)

// AudioOnly reports whether a variant says that it has no video: its CODECS
// are all of audio or subtitles, and it has no RESOLUTION.
func (v *Variant) AudioOnly() bool {
	if v.Width > 0 || v.Codecs == "" {
		return false
	}
	for codec := range strings.SplitSeq(v.Codecs, ",") {
		family, _, _ := strings.Cut(strings.TrimSpace(codec), ".")
		switch strings.ToLower(family) {
		case "mp4a", "ac-3", "ec-3", "ac-4", "opus", "flac", "alac", "mp3", "dtsc", "dtse", "dtsh", "dtsl", "dtsx", "mhm1", "mha1", "iamf", "vorbis", "stpp", "wvtt":
		default:
			return false
		}
	}
	return true
}

// Primary gives the index in Variants of the one that an asset is measured and
// cut by: the first with video, else the first.
func (m *Multivariant) Primary() int {
	return max(0, slices.IndexFunc(m.Variants, func(v Variant) bool { return !v.AudioOnly() }))
}

// Digest names what a presentation plays: SHA-256, in hexadecimal, over all
// that a player of it is told. Query strings are left out, because tokens in
// them change while the media stays the same, and so is where the playlists
// themselves were read from. media returns the digest of a media playlist, ""
// where there is none.
func (m *Multivariant) Digest(media func(uri string) string) string {
	d := newDigest()
	d.flag(m.IndependentSegments)
	d.number(int64(len(m.Variants)))
	for _, v := range m.Variants {
		uri := v.URI
		v.URI = withoutQuery(v.URI)
		d.text(string(AppendVariant(nil, &v)))
		d.text(media(uri))
	}
	d.number(int64(len(m.Renditions)))
	for _, r := range m.Renditions {
		uri := r.URI
		r.URI = withoutQuery(r.URI)
		d.text(string(AppendRendition(nil, &r)))
		if uri != "" {
			d.text(media(uri))
		}
	}
	return d.String()
}

// Digest names what a media playlist plays, see Multivariant.Digest.
func (m *Media) Digest() string {
	d := newDigest()
	d.flag(m.IndependentSegments)
	d.flag(m.IFramesOnly)
	d.number(int64(m.TargetDuration))
	d.number(m.MediaSequence)
	d.number(int64(len(m.Segments)))
	var keys []Key // as last written: most segments share them
	var init *Map
	for i := range m.Segments {
		s := &m.Segments[i]
		if i == 0 || !slices.Equal(keys, s.Keys) {
			keys = s.Keys
			d.text("keys")
			d.keys(keys)
		}
		if !init.equal(s.Map) {
			init = s.Map
			d.text("map")
			if init != nil {
				d.keys(init.Keys)
				d.text(string(AppendMap(nil, &Map{URI: withoutQuery(init.URI), Range: init.Range})))
			}
		}
		d.text(withoutQuery(s.URI))
		d.text(s.DurationText)
		d.number(s.Range.Length)
		d.number(s.Range.Offset)
		d.flag(s.Discontinuity)
		d.flag(s.Gap)
		d.number(s.Bitrate)
		if s.ProgramDateTime.IsZero() {
			d.text("")
		} else {
			d.text(string(AppendDate(nil, s.ProgramDateTime)))
		}
		d.number(int64(len(s.DateRanges)))
		for _, r := range s.DateRanges {
			d.text(string(AppendDateRange(nil, r)))
		}
		d.lines(s.Cues)
	}
	d.lines(m.TailCues)
	return d.String()
}

// digest writes values so that no two sequences of them are the same bytes.
type digest struct {
	hash  hash.Hash
	bytes []byte // not hashed yet: many values at a time are much faster
}

func newDigest() *digest { return &digest{hash: sha256.New()} }

func (d *digest) text(s string) {
	d.number(int64(len(s)))
	d.bytes = append(d.bytes, s...)
}

func (d *digest) number(n int64) {
	if len(d.bytes) >= 4096 {
		d.flush()
	}
	d.bytes = append(strconv.AppendInt(d.bytes, n, 10), ' ')
}

func (d *digest) flag(b bool) {
	if b {
		d.bytes = append(d.bytes, "1 "...)
	} else {
		d.bytes = append(d.bytes, "0 "...)
	}
}

func (d *digest) flush() {
	_, _ = d.hash.Write(d.bytes) // a hash never fails
	d.bytes = d.bytes[:0]
}

// String ends the digest.
func (d *digest) String() string {
	d.flush()
	return hex.EncodeToString(d.hash.Sum(nil))
}

func (d *digest) keys(keys []Key) {
	d.number(int64(len(keys)))
	for _, k := range keys {
		k.URI = withoutQuery(k.URI)
		d.text(string(AppendKeys(nil, []Key{k})))
	}
}

func (d *digest) lines(lines []string) {
	d.number(int64(len(lines)))
	for _, line := range lines {
		d.text(line)
	}
}

// equal compares values: a copy that was stored shares no pointers.
func (m *Map) equal(other *Map) bool {
	if m == other || m == nil || other == nil {
		return m == other
	}
	return m.URI == other.URI && m.Range == other.Range && slices.Equal(m.Keys, other.Keys)
}

// withoutQuery cuts the query string of an HTTP URI. Other schemes (skd:,
// data:) have none that would be a token.
func withoutQuery(uri string) string {
	if !strings.HasPrefix(uri, "http") {
		return uri
	}
	path, _, _ := strings.Cut(uri, "?")
	return path
}

package hls

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
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
	b := digestFlag(nil, m.IndependentSegments)
	b = digestNumber(b, int64(len(m.Variants)))
	for _, v := range m.Variants {
		uri := v.URI
		v.URI = withoutQuery(v.URI)
		b = digestText(b, string(AppendVariant(nil, &v)))
		b = digestText(b, media(uri))
	}
	b = digestNumber(b, int64(len(m.Renditions)))
	for _, r := range m.Renditions {
		uri := r.URI
		r.URI = withoutQuery(r.URI)
		b = digestText(b, string(AppendRendition(nil, &r)))
		if uri != "" {
			b = digestText(b, media(uri))
		}
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Digest names what a media playlist plays, see Multivariant.Digest.
func (m *Media) Digest() string {
	const block = 4096 // bytes that are hashed at a time
	hash, b := sha256.New(), make([]byte, 0, 2*block)
	b = digestFlag(b, m.IndependentSegments)
	b = digestFlag(b, m.IFramesOnly)
	b = digestNumber(b, int64(m.TargetDuration))
	b = digestNumber(b, m.MediaSequence)
	b = digestNumber(b, int64(len(m.Segments)))
	var keys []Key // as last written: most segments share them
	var init *Map
	for i := range m.Segments {
		s := &m.Segments[i]
		if i == 0 || !slices.Equal(keys, s.Keys) {
			keys = s.Keys
			b = digestKeys(digestText(b, "keys"), keys)
		}
		if !init.equal(s.Map) {
			init = s.Map
			b = digestText(b, "map")
			if init != nil {
				b = digestKeys(b, init.Keys)
				b = digestText(b, string(AppendMap(nil, &Map{URI: withoutQuery(init.URI), Range: init.Range})))
			}
		}
		b = digestText(b, withoutQuery(s.URI))
		b = digestText(b, s.DurationText)
		b = digestDetails(b, s)
		if len(b) >= block {
			_, _ = hash.Write(b) // a hash never fails
			b = b[:0]
		}
	}
	b = digestLines(b, m.TailCues)
	_, _ = hash.Write(b)
	return hex.EncodeToString(hash.Sum(b[:0]))
}

// digestDetails is for what most segments have nothing of.
func digestDetails(b []byte, s *Segment) []byte {
	if s.Range == (ByteRange{}) && !s.Discontinuity && !s.Gap && s.Bitrate == 0 &&
		s.ProgramDateTime.IsZero() && len(s.DateRanges) == 0 && len(s.Cues) == 0 {
		return append(b, "0 0 0 0 0 0 0 0 "...) // what follows, of zeros
	}
	b = digestNumber(b, s.Range.Length)
	b = digestNumber(b, s.Range.Offset)
	b = digestFlag(b, s.Discontinuity)
	b = digestFlag(b, s.Gap)
	b = digestNumber(b, s.Bitrate)
	b = digestDate(b, s.ProgramDateTime)
	b = digestNumber(b, int64(len(s.DateRanges)))
	for _, r := range s.DateRanges {
		b = digestText(b, string(AppendDateRange(nil, r)))
	}
	return digestLines(b, s.Cues)
}

// The functions that follow append values to what a digest is made of, so that
// no two sequences of values are the same bytes.

func digestText(dst []byte, s string) []byte {
	return append(digestNumber(dst, int64(len(s))), s...)
}

func digestNumber(dst []byte, n int64) []byte {
	if 0 <= n && n < 10 { // most are
		return append(dst, byte('0'+n), ' ')
	}
	return append(strconv.AppendInt(dst, n, 10), ' ')
}

func digestFlag(dst []byte, b bool) []byte {
	if b {
		return digestNumber(dst, 1)
	}
	return digestNumber(dst, 0)
}

func digestDate(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return digestText(dst, "")
	}
	var date [len(dateLayout)]byte
	return digestText(dst, string(AppendDate(date[:0], t)))
}

func digestKeys(dst []byte, keys []Key) []byte {
	dst = digestNumber(dst, int64(len(keys)))
	for _, k := range keys {
		k.URI = withoutQuery(k.URI)
		dst = digestText(dst, string(AppendKeys(nil, []Key{k})))
	}
	return dst
}

func digestLines(dst []byte, lines []string) []byte {
	dst = digestNumber(dst, int64(len(lines)))
	for _, line := range lines {
		dst = digestText(dst, line)
	}
	return dst
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

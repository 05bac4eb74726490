package hls

import (
	"crypto/sha256"
	"encoding/hex"
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
	b := digestFlag(nil, m.IndependentSegments)
	b = digestNumber(b, int64(len(m.Variants)))
	for _, v := range m.Variants {
		uri := v.URI
		v.URI = WithoutQuery(v.URI)
		b = digestText(b, string(AppendVariant(nil, &v)))
		b = digestText(b, media(uri))
	}
	b = digestNumber(b, int64(len(m.Renditions)))
	for _, r := range m.Renditions {
		uri := r.URI
		r.URI = WithoutQuery(r.URI)
		b = digestText(b, string(AppendRendition(nil, &r)))
		if uri != "" {
			b = digestText(b, media(uri))
		}
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
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

// WithoutQuery cuts the query string of an HTTP URI: tokens in it change while
// the media stays the same. Other schemes (skd:, data:) have none that would be
// a token.
func WithoutQuery(uri string) string {
	if !strings.HasPrefix(uri, "http") {
		return uri
	}
	path, _, _ := strings.Cut(uri, "?")
	return path
}

package hls

import (
	"slices"
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

// Package hls holds HLS playlists as plain values and reads their text.
//
// Parsing is strict about what would break a live channel (durations, byte
// ranges, URIs, encryption) and lenient about the rest: unknown tags, CRLF, a
// byte order mark and blank lines are fine. Every URI in a parsed value is
// absolute, every byte range has its offset, and every segment carries the
// keys and the init section that are in force for it, so that a segment can be
// moved to another playlist without what stood above it.
//
// References are to RFC 8216 ("RFC") and draft-pantos-hls-rfc8216bis
// ("draft"); where the two differ the draft is followed.
package hls

import "time"

// Multivariant is a multivariant playlist (draft 4.4.6), the spec's name for
// what used to be called a master playlist.
type Multivariant struct {
	URL                 string // where it was read from, after redirects
	Version             int    // EXT-X-VERSION; 1 when absent
	IndependentSegments bool
	Title               string    `json:",omitempty"` // of the asset, as its maker calls it; "": not given
	Variants            []Variant // in the playlist's order, I-frame variants left out
	Renditions          []Rendition
	Variables           map[string]string // of EXT-X-DEFINE: what its media playlists may import
	Warnings            []string          // what was left out or repaired, for the operator; bounded
}

// Variant is an EXT-X-STREAM-INF (draft 4.4.6.2) and the URI after it.
type Variant struct {
	URI                string // absolute
	Bandwidth          int64  // bits per second
	AverageBandwidth   int64  // bits per second; 0: not given
	Codecs             string // the attribute as it stands, RFC 6381 names with commas
	SupplementalCodecs string
	Width, Height      int    // RESOLUTION; 0: not given
	FrameRate          string // decimal digits as they stand; "": not given
	VideoRange         string // SDR, HLG, PQ; "": not given
	HDCPLevel          string
	Score              string
	Audio              string // GROUP-ID of its renditions; "": none
	Video              string
	Subtitles          string
	ClosedCaptions     string // GROUP-ID; "NONE" stands for the enumerated value
	StableVariantID    string
}

// RenditionType is the TYPE of an EXT-X-MEDIA.
type RenditionType string

// The values of RenditionType (draft 4.4.6.1).
const (
	Audio          RenditionType = "AUDIO"
	Video          RenditionType = "VIDEO"
	Subtitles      RenditionType = "SUBTITLES"
	ClosedCaptions RenditionType = "CLOSED-CAPTIONS"
)

// Rendition is an EXT-X-MEDIA (draft 4.4.6.1).
type Rendition struct {
	Type              RenditionType
	URI               string // absolute; "": carried in the variant itself
	GroupID           string
	Language          string
	AssocLanguage     string
	Name              string
	StableRenditionID string
	Default           bool
	Autoselect        bool
	Forced            bool
	InstreamID        string
	Characteristics   string
	Channels          string
	BitDepth          string
	SampleRate        string
}

// Media is a media playlist (draft 4.4.3) of an asset that is complete: its
// segments are all of it, whether or not EXT-X-ENDLIST was there.
type Media struct {
	URL                   string // where it was read from, after redirects
	Version               int    // EXT-X-VERSION; 1 when absent
	TargetDuration        time.Duration
	MediaSequence         int64 // of Segments[0]
	DiscontinuitySequence int64
	IndependentSegments   bool
	IFramesOnly           bool
	EndList               bool
	Segments              []Segment
	TailCues              []string    // cue tags after the last segment: they take effect where the asset ends
	TailRanges            []DateRange // EXT-X-DATERANGEs after the last segment
	Warnings              []string    // what was left out or repaired, for the operator; bounded
}

// Segment is a media segment with all that is needed to play it on its own.
type Segment struct {
	URI             string        // absolute
	Duration        time.Duration // EXTINF, to the nanosecond
	DurationText    string        // EXTINF's digits as they stand, e.g. "9.600" or "10"
	Range           ByteRange     // zero: the whole resource
	Discontinuity   bool          // EXT-X-DISCONTINUITY before it
	Gap             bool          // EXT-X-GAP
	Bitrate         int64         // EXT-X-BITRATE in force, kilobits per second; 0: none
	Keys            []Key         // EXT-X-KEYs in force, in the source's order; nil: not encrypted. Shared between segments: read only
	Map             *Map          // EXT-X-MAP in force; nil: none. Shared between segments: read only
	ProgramDateTime time.Time     // EXT-X-PROGRAM-DATE-TIME of this very segment; zero: none
	DateRanges      []DateRange   // EXT-X-DATERANGEs that stand before it
	Cues            []string      // SCTE-35 style cue tags before it (EXT-X-CUE-OUT, EXT-X-CUE-IN, EXT-OATCLS-SCTE35, …), whole lines
}

// ByteRange is a sub-range of a resource (draft 4.4.4.2). The offset is always
// known here: where the tag leaves it out, it continues the previous one.
type ByteRange struct {
	Length int64 // bytes; 0: no range
	Offset int64 // bytes from the start of the resource
}

// Key is an EXT-X-KEY (draft 4.4.4.4). METHOD=NONE is not a Key: a segment
// that it applies to has no keys.
type Key struct {
	Method            string // AES-128, SAMPLE-AES, SAMPLE-AES-CTR, …
	URI               string // absolute unless its scheme is not http(s) (skd:, data:, urn:)
	IV                string // as it stands, 0x…; "": implicit, the media sequence number
	KeyFormat         string // "": identity
	KeyFormatVersions string
	KeyID             string // KEYID of some packagers; kept
}

// Map is an EXT-X-MAP (draft 4.4.4.5): the init section of the segments that
// follow.
type Map struct {
	URI   string // absolute
	Range ByteRange
	// Keys are those in force where the tag stands: an init section is
	// encrypted with them, which need not be those of the segments after it.
	Keys []Key
}

// DateRange is an EXT-X-DATERANGE (draft 4.4.5.1).
type DateRange struct {
	ID        string
	Class     string
	StartDate time.Time
	EndDate   time.Time // zero: not given
	// Duration and PlannedDuration are below zero where not given.
	Duration        time.Duration
	PlannedDuration time.Duration
	EndOnNext       bool
	Cue             string
	// Other holds the remaining attributes (X-…, SCTE35-…) in the source's
	// order, each "NAME=value" as it stands.
	Other []string
}

// Presentation is an asset as it was read: the multivariant playlist and each
// media playlist that it names, once.
type Presentation struct {
	// URL is the one that was asked for, which names the asset.
	URL string
	// Multivariant has one variant without attributes when URL gave a media
	// playlist.
	Multivariant *Multivariant
	// Media has every playlist that a variant or rendition names, by the
	// absolute URI that they name it with. Entries may be shared.
	Media map[string]*Media
	// Warnings are about variants and renditions that were left out because
	// their playlist can't be had; what was left out of a playlist is in its
	// own Warnings.
	Warnings []string
}

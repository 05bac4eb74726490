package hls

import "time"

// Limits of a playlist. They are far above what real assets have, and so low
// that a hostile playlist costs little more than its own size.
const (
	maxBody = 32 << 20
	maxLine = 1 << 20 // bytes; a key's data: URI or a signed URL can be long

	// 100,000 segments are more than two days of two-second segments.
	maxSegments       = 100_000
	maxTags           = 1_000_000 // in one playlist
	maxTagsPerSegment = 1_000
	maxStreams        = 500 // EXT-X-STREAM-INF, and as many EXT-X-MEDIA

	// Every "=" may be an attribute, for which the tag parser below us makes
	// several allocations in a multivariant playlist, and names are compared
	// pairwise.
	maxEqualsPerLine = 256
	maxEquals        = 500_000

	maxKeys      = 32 // in force at a time, one per KEYFORMAT
	maxVariables = 256
	maxExpanded  = maxBody  // bytes that variables put into one playlist
	maxResolved  = 64 << 20 // bytes of a playlist's URIs, made absolute: each may have all of the playlist's own
	maxInForce   = 64 << 20 // bytes of the keys and init sections in force, wherever they change: one tag may change, and a megabyte of others hold

	// A subtitle rendition may be one segment as long as the film.
	maxSegmentDuration = 24 * time.Hour

	maxWarnings = 20
)

// Limits of the times of a playlist, for those who keep them.
const (
	MaxDuration = 31 * 24 * time.Hour // of all of its segments

	// Segments of no length are legal and real (a last segment of a few
	// audio samples, rounded), but a window of seconds must not hold
	// thousands of them.
	MaxSegmentsPerSecond = 100
)

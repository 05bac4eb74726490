package hlscheck

// tag is a tag that the draft defines.
type tag uint

const (
	tagOther tag = iota // a comment, or a tag that is not in the draft
	tagExtM3U
	tagVersion
	tagIndependentSegments
	tagStart
	tagDefine
	tagTargetDuration
	tagMediaSequence
	tagDiscontinuitySequence
	tagEndList
	tagPlaylistType
	tagIFramesOnly
	tagPartInf
	tagServerControl
	tagExtInf
	tagByteRange
	tagDiscontinuity
	tagKey
	tagMap
	tagProgramDateTime
	tagGap
	tagBitrate
	tagPart
	tagDateRange
	tagSkip
	tagPreloadHint
	tagRenditionReport
	tagMedia
	tagStreamInf
	tagIFrameStreamInf
	tagSessionData
	tagSessionKey
	tagContentSteering
)

// place says in which playlist a tag may stand, and what it belongs to there (the sections of draft 4.4).
type place int

const (
	anywhere     place = iota // 4.4.1 and 4.4.2
	mediaHeader               // 4.4.3: the media playlist as a whole
	onSegment                 // 4.4.4: the next segment, or all from there on
	metadata                  // 4.4.5: not bound to a place in the playlist
	multivariant              // 4.4.6
)

// form is what follows the tag's name.
type form int

const (
	bare     form = iota // nothing
	number               // a decimal-integer
	list                 // an attribute list
	freeForm             // looked at where the tag is handled
)

// tagSpec is what the draft says about a tag wherever it stands.
type tagSpec struct {
	tag   tag
	place place
	form  form
	once  bool // in the playlist or, for a tag on a segment, per segment
}

// cueTags are not in the draft, but ad insertion reads them.
var cueTags = []string{
	"EXT-X-CUE-OUT", "EXT-X-CUE-OUT-CONT", "EXT-X-CUE-IN", "EXT-X-CUE", "EXT-X-CUE-SPAN", "EXT-X-SCTE35", "EXT-X-ASSET",
	"EXT-X-SPLICEPOINT-SCTE35", "EXT-OATCLS-SCTE35",
}

var tags = map[string]tagSpec{
	"EXTM3U":                       {tagExtM3U, anywhere, bare, true},
	"EXT-X-VERSION":                {tagVersion, anywhere, number, true},
	"EXT-X-INDEPENDENT-SEGMENTS":   {tagIndependentSegments, anywhere, bare, true},
	"EXT-X-START":                  {tagStart, anywhere, list, true},
	"EXT-X-DEFINE":                 {tagDefine, anywhere, list, false},
	"EXT-X-TARGETDURATION":         {tagTargetDuration, mediaHeader, number, true},
	"EXT-X-MEDIA-SEQUENCE":         {tagMediaSequence, mediaHeader, number, true},
	"EXT-X-DISCONTINUITY-SEQUENCE": {tagDiscontinuitySequence, mediaHeader, number, true},
	"EXT-X-ENDLIST":                {tagEndList, mediaHeader, bare, true},
	"EXT-X-PLAYLIST-TYPE":          {tagPlaylistType, mediaHeader, freeForm, true},
	"EXT-X-I-FRAMES-ONLY":          {tagIFramesOnly, mediaHeader, bare, true},
	"EXT-X-PART-INF":               {tagPartInf, mediaHeader, list, true},
	"EXT-X-SERVER-CONTROL":         {tagServerControl, mediaHeader, list, true},
	"EXTINF":                       {tagExtInf, onSegment, freeForm, true},
	"EXT-X-BYTERANGE":              {tagByteRange, onSegment, freeForm, true},
	"EXT-X-DISCONTINUITY":          {tagDiscontinuity, onSegment, bare, true},
	"EXT-X-KEY":                    {tagKey, onSegment, list, false},
	"EXT-X-MAP":                    {tagMap, onSegment, list, true},
	"EXT-X-PROGRAM-DATE-TIME":      {tagProgramDateTime, onSegment, freeForm, true},
	"EXT-X-GAP":                    {tagGap, onSegment, bare, true},
	"EXT-X-BITRATE":                {tagBitrate, onSegment, number, true},
	"EXT-X-PART":                   {tagPart, metadata, list, false},
	"EXT-X-DATERANGE":              {tagDateRange, metadata, list, false},
	"EXT-X-SKIP":                   {tagSkip, metadata, list, true},
	"EXT-X-PRELOAD-HINT":           {tagPreloadHint, metadata, list, false},
	"EXT-X-RENDITION-REPORT":       {tagRenditionReport, metadata, list, false},
	"EXT-X-MEDIA":                  {tagMedia, multivariant, list, false},
	"EXT-X-STREAM-INF":             {tagStreamInf, multivariant, list, false},
	"EXT-X-I-FRAME-STREAM-INF":     {tagIFrameStreamInf, multivariant, list, false},
	"EXT-X-SESSION-DATA":           {tagSessionData, multivariant, list, false},
	"EXT-X-SESSION-KEY":            {tagSessionKey, multivariant, list, false},
	"EXT-X-CONTENT-STEERING":       {tagContentSteering, multivariant, list, true},
}

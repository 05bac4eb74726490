package hls

import (
	"strconv"
	"time"
)

// KeyNone is the tag that ends all encryption, with its newline.
const KeyNone = "#EXT-X-KEY:METHOD=NONE\n"

// AppendKeys writes an EXT-X-KEY per key (draft 4.4.4.4), in their order, each
// with its newline. No keys, no tag: KeyNone is for the caller to write where
// keys were in force.
func AppendKeys(dst []byte, keys []Key) []byte {
	for _, k := range keys {
		dst = append(dst, "#EXT-X-KEY:METHOD="...)
		dst = append(dst, k.Method...)
		dst = appendQuoted(dst, ",URI", k.URI)
		if k.IV != "" {
			dst = append(append(dst, ",IV="...), k.IV...)
		}
		if k.KeyID != "" {
			if isHex(k.KeyID) {
				dst = append(append(dst, ",KEYID="...), k.KeyID...)
			} else {
				dst = appendQuoted(dst, ",KEYID", k.KeyID)
			}
		}
		dst = appendOptional(dst, ",KEYFORMAT", k.KeyFormat)
		dst = appendOptional(dst, ",KEYFORMATVERSIONS", k.KeyFormatVersions)
		dst = append(dst, '\n')
	}
	return dst
}

// AppendMap writes an EXT-X-MAP (draft 4.4.4.5) with its newline. Its keys
// are not written: they must stand before it.
func AppendMap(dst []byte, m *Map) []byte {
	dst = appendQuoted(dst, "#EXT-X-MAP:URI", m.URI)
	if m.Range.Length > 0 {
		dst = append(dst, `,BYTERANGE="`...)
		dst = AppendByteRange(dst, m.Range)
		dst = append(dst, '"')
	}
	return append(dst, '\n')
}

// AppendByteRange writes "length@offset", the value of EXT-X-BYTERANGE and of
// a BYTERANGE attribute (draft 4.4.4.2).
func AppendByteRange(dst []byte, r ByteRange) []byte {
	dst = strconv.AppendInt(dst, r.Length, 10)
	dst = append(dst, '@')
	return strconv.AppendInt(dst, r.Offset, 10)
}

// AppendDateRange writes an EXT-X-DATERANGE (draft 4.4.5.1) with its newline.
func AppendDateRange(dst []byte, r DateRange) []byte {
	dst = appendQuoted(dst, "#EXT-X-DATERANGE:ID", r.ID)
	dst = appendOptional(dst, ",CLASS", r.Class)
	dst = append(dst, `,START-DATE="`...)
	dst = append(AppendDate(dst, r.StartDate), '"')
	dst = appendOptional(dst, ",CUE", r.Cue)
	if !r.EndDate.IsZero() {
		dst = append(dst, `,END-DATE="`...)
		dst = append(AppendDate(dst, r.EndDate), '"')
	}
	if r.Duration >= 0 {
		dst = appendSeconds(append(dst, ",DURATION="...), r.Duration)
	}
	if r.PlannedDuration >= 0 {
		dst = appendSeconds(append(dst, ",PLANNED-DURATION="...), r.PlannedDuration)
	}
	for _, other := range r.Other {
		dst = append(append(dst, ','), other...)
	}
	if r.EndOnNext {
		dst = append(dst, ",END-ON-NEXT=YES"...)
	}
	return append(dst, '\n')
}

// dateLayout is the longer of the forms that AppendDate writes.
const dateLayout = "2006-01-02T15:04:05.000000000Z"

// AppendDate writes t as the dates of playlists are written, in UTC: to the
// millisecond, or to the nanosecond where it is not a whole one.
func AppendDate(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	nanos := t.Nanosecond()
	whole := nanos%int(time.Millisecond) == 0
	if year < 0 || year > 9999 { // it was written in another zone
		layout := "2006-01-02T15:04:05.000Z"
		if !whole {
			layout = dateLayout
		}
		return t.AppendFormat(dst, layout)
	}
	hour, minute, second := t.Clock()
	from := len(dst)
	dst = append(dst, dateLayout[:len("2006-01-02T15:04:05.")]...)
	text := dst[from:]
	putDigits(text[0:4], year)
	putDigits(text[5:7], int(month))
	putDigits(text[8:10], day)
	putDigits(text[11:13], hour)
	putDigits(text[14:16], minute)
	putDigits(text[17:19], second)
	from = len(dst)
	if whole {
		dst = append(dst, "000"...)
		nanos /= int(time.Millisecond)
	} else {
		dst = append(dst, "000000000"...)
	}
	putDigits(dst[from:], nanos)
	return append(dst, 'Z')
}

// putDigits fills dst with n, which is not negative, and zeros before it.
func putDigits(dst []byte, n int) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
}

// AppendVariant writes an EXT-X-STREAM-INF (draft 4.4.6.2) and its URI line.
func AppendVariant(dst []byte, v *Variant) []byte {
	dst = append(dst, "#EXT-X-STREAM-INF:BANDWIDTH="...)
	dst = strconv.AppendInt(dst, v.Bandwidth, 10)
	if v.AverageBandwidth > 0 {
		dst = strconv.AppendInt(append(dst, ",AVERAGE-BANDWIDTH="...), v.AverageBandwidth, 10)
	}
	dst = appendBare(dst, ",SCORE", v.Score)
	dst = appendOptional(dst, ",CODECS", v.Codecs)
	dst = appendOptional(dst, ",SUPPLEMENTAL-CODECS", v.SupplementalCodecs)
	if v.Width > 0 && v.Height > 0 {
		dst = strconv.AppendInt(append(dst, ",RESOLUTION="...), int64(v.Width), 10)
		dst = strconv.AppendInt(append(dst, 'x'), int64(v.Height), 10)
	}
	dst = appendBare(dst, ",FRAME-RATE", v.FrameRate)
	dst = appendBare(dst, ",HDCP-LEVEL", v.HDCPLevel)
	dst = appendBare(dst, ",VIDEO-RANGE", v.VideoRange)
	dst = appendOptional(dst, ",STABLE-VARIANT-ID", v.StableVariantID)
	dst = appendOptional(dst, ",AUDIO", v.Audio)
	dst = appendOptional(dst, ",VIDEO", v.Video)
	dst = appendOptional(dst, ",SUBTITLES", v.Subtitles)
	if v.ClosedCaptions == "NONE" {
		dst = append(dst, ",CLOSED-CAPTIONS=NONE"...)
	} else {
		dst = appendOptional(dst, ",CLOSED-CAPTIONS", v.ClosedCaptions)
	}
	dst = append(append(dst, '\n'), v.URI...)
	return append(dst, '\n')
}

// AppendRendition writes an EXT-X-MEDIA (draft 4.4.6.1) with its newline.
func AppendRendition(dst []byte, r *Rendition) []byte {
	dst = append(append(dst, "#EXT-X-MEDIA:TYPE="...), r.Type...)
	dst = appendQuoted(dst, ",GROUP-ID", r.GroupID)
	dst = appendOptional(dst, ",LANGUAGE", r.Language)
	dst = appendOptional(dst, ",ASSOC-LANGUAGE", r.AssocLanguage)
	dst = appendQuoted(dst, ",NAME", r.Name)
	dst = appendOptional(dst, ",STABLE-RENDITION-ID", r.StableRenditionID)
	if r.Default {
		dst = append(dst, ",DEFAULT=YES"...)
	}
	if r.Autoselect {
		dst = append(dst, ",AUTOSELECT=YES"...)
	}
	if r.Forced {
		dst = append(dst, ",FORCED=YES"...)
	}
	dst = appendOptional(dst, ",INSTREAM-ID", r.InstreamID)
	dst = appendBare(dst, ",BIT-DEPTH", r.BitDepth)
	dst = appendBare(dst, ",SAMPLE-RATE", r.SampleRate)
	dst = appendOptional(dst, ",CHARACTERISTICS", r.Characteristics)
	dst = appendOptional(dst, ",CHANNELS", r.Channels)
	dst = appendOptional(dst, ",URI", r.URI)
	return append(dst, '\n')
}

// appendQuoted writes name="value". A quoted string has no way to hold a quote
// or a control character (draft 4.2): quotes become apostrophes, and control
// characters are dropped, so that no value can begin another attribute or line.
func appendQuoted(dst []byte, name, value string) []byte {
	dst = append(append(dst, name...), '=', '"')
	for _, r := range value {
		switch {
		case r == '"':
			dst = append(dst, '\'')
		case r < ' ' || 0x7f <= r && r <= 0x9f || r == '\u2028' || r == '\u2029':
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}

// appendOptional writes a quoted attribute that has a value.
func appendOptional(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return appendQuoted(dst, name, value)
}

// appendBare writes an attribute without quotes that has a value.
func appendBare(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return append(append(append(dst, name...), '='), value...)
}

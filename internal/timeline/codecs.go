package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// cleanCodecs writes a CODECS attribute as RFC 6381 and draft 4.4.6.2 want it:
// no blanks, avc1.77.30 as avc1.4d001e. One with something in it that is no
// codec's name says less than none: "".
func cleanCodecs(codecs string) string {
	var out []string
	for c := range strings.SplitSeq(codecs, ",") {
		if c = cleanCodec(strings.TrimSpace(c)); c == "" {
			return ""
		}
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return strings.Join(out, ",")
}

func cleanCodec(c string) string {
	name, parameters, _ := strings.Cut(c, ".")
	if len(name) < 3 || len(name) > 4 || strings.Contains(c, "..") || strings.HasSuffix(c, ".") {
		return ""
	}
	for i := range len(c) {
		b := c[i]
		if (b < '0' || b > '9') && (b|0x20 < 'a' || b|0x20 > 'z') && b != '.' && b != '-' {
			return ""
		}
	}
	switch strings.ToLower(name) {
	case "avc1", "avc3":
		if _, err := strconv.ParseUint(parameters, 16, 32); err == nil && len(parameters) == 6 {
			return c
		}
		// Profile and level in decimal digits, as Apple's first tools wrote.
		first, second, _ := strings.Cut(parameters, ".")
		profile, err1 := strconv.ParseUint(first, 10, 8)
		level, err2 := strconv.ParseUint(second, 10, 8)
		if err1 != nil || err2 != nil {
			return ""
		}
		return fmt.Sprintf("%s.%02x00%02x", name, profile, level)
	case "mp4a":
		if parameters == "" {
			return ""
		}
	}
	return c
}

// greatestCodecs is a CODECS attribute that also covers another one, as far as
// both have the same families of codecs.
func greatestCodecs(codecs, other string) string {
	if codecs == "" || other == "" {
		return codecs
	}
	list := strings.Split(codecs, ",")
	for i, c := range list {
		for o := range strings.SplitSeq(other, ",") {
			if codecFamily(o) == codecFamily(c) {
				list[i] = greatestCodec(list[i], o)
			}
		}
	}
	return strings.Join(list, ",")
}

// greatestCodec is the codec that a decoder must master to play both.
func greatestCodec(a, b string) string {
	switch codecFamily(a) {
	case "avc":
		if len(a) != len("avc1.640028") || len(b) != len(a) {
			return a
		}
		// The higher profile with its constraints, and the higher level.
		out, level := a, max(strings.ToLower(a[9:]), strings.ToLower(b[9:]))
		if avcRank(b) > avcRank(a) {
			out = a[:5] + b[5:]
		}
		if strings.EqualFold(out[9:], level) {
			return out
		}
		return out[:9] + level
	case "aac": // LC, HE, HE v2: each plays those before
		order := []string{"mp4a.40.2", "mp4a.40.5", "mp4a.40.29"}
		if slices.Index(order, b) > slices.Index(order, a) {
			return b
		}
	case "hevc":
		if slices.Compare(hevcRank(b), hevcRank(a)) > 0 {
			return b
		}
	}
	return a
}

// avcRank orders profile_idc by what decoders master: baseline, extended,
// main, high and beyond. It is not the numbers' order.
func avcRank(c string) int {
	profile, err := strconv.ParseUint(c[5:7], 16, 8)
	if err != nil {
		return -1
	}
	if i := slices.Index([]uint64{66, 88, 77}, profile); i >= 0 {
		return i
	}
	return int(profile)
}

// hevcRank is profile, tier and level of hvc1.2.4.L153.B0.
func hevcRank(c string) []int {
	parts := strings.Split(c, ".")
	if len(parts) < 4 || len(parts[3]) < 2 {
		return nil
	}
	profile, err1 := strconv.Atoi(strings.TrimLeft(parts[1], "ABC"))
	level, err2 := strconv.Atoi(parts[3][1:])
	if err1 != nil || err2 != nil {
		return nil
	}
	tier := 0
	if parts[3][0] == 'H' {
		tier = 1
	}
	return []int{profile, tier, level}
}

// greatestNumber returns the greater of two decimal numbers as it stands; ""
// is unknown and stays so.
func greatestNumber(a, b string) string {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	if err1 == nil && err2 == nil && cmp.Compare(y, x) > 0 {
		return b
	}
	return a
}

package inspect

import (
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// nameless are the names that packagers give to every playlist: the folder
// above says more.
var nameless = []string{"", "index", "master", "main", "playlist", "manifest", "prog_index", "stream", "video", "hls", "out", "multivariant", "default"}

// titleOf guesses a title from the URL of a playlist, "" where nothing in it is
// for people.
func titleOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	for p := u.Path; p != "/" && p != "." && p != ""; p = path.Dir(p) {
		name := path.Base(p)
		for { // film.ism/.m3u8, film.mp4.m3u8
			ext := path.Ext(name)
			if ext == "" || len(ext) > 6 || strings.ContainsFunc(ext[1:], unicode.IsSpace) {
				break
			}
			name = strings.TrimSuffix(name, ext)
		}
		name = line(strings.Map(func(r rune) rune {
			if r == '_' || r == '-' || r == '+' {
				return ' '
			}
			return r
		}, name))
		if slices.Contains(nameless, strings.ToLower(name)) || slices.Contains(nameless, strings.ReplaceAll(strings.ToLower(name), " ", "_")) {
			continue
		}
		first, size := utf8.DecodeRuneInString(name)
		return string(unicode.ToUpper(first)) + name[size:]
	}
	return ""
}

// maxTitle is how many bytes a title may have that somebody else has written.
const maxTitle = 200

// line makes a text one line: without control characters, and with single
// spaces.
func line(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || !unicode.IsPrint(r)
	}), " ")
	if len(s) > maxTitle {
		s = strings.TrimSpace(strings.ToValidUTF8(s[:maxTitle], ""))
	}
	return s
}

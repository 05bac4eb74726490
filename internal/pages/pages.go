// Package pages serves a page that was built from web/ into a program: its
// index.html and the files that it loads, whose names have the hash of their
// content. A program that was built without Node.js has none.
package pages

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// Policy is what the Content-Security-Policies of pages differ in. Both are
// lists of sources; empty stands for none.
type Policy struct {
	Connect string // what scripts may fetch
	Media   string // what video elements may play
}

// Site is a page and its files. It is safe for concurrent use.
type Site struct {
	files  map[string]file
	policy string
}

type file struct {
	packed      []byte // gzip
	tag         string // of the content, without quotes
	contentType string
}

// index is the page itself, by its name in the build.
const index = "index.html"

// types are those of the files that web/build.mjs writes.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

// Load reads what web/build.mjs has written: files that end in .gz. It fails
// where a file is of a type that no page has, or the page itself is missing
// while other files are there.
func Load(dist fs.FS, policy Policy) (*Site, error) {
	s := &Site{files: make(map[string]file), policy: policy.String()}
	err := fs.WalkDir(dist, ".", func(name string, d fs.DirEntry, err error) error {
		name, packed := strings.CutSuffix(name, ".gz")
		if err != nil || d.IsDir() || !packed {
			return err
		}
		f := file{contentType: types[path.Ext(name)]}
		if f.contentType == "" {
			return fmt.Errorf("%s: no content type is known for it", name)
		}
		if f.packed, err = fs.ReadFile(dist, name+".gz"); err != nil {
			return err
		}
		sum := sha256.Sum256(f.packed)
		f.tag = hex.EncodeToString(sum[:8])
		s.files[name] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load the page: %w", err)
	}
	if len(s.files) > 0 && !s.Built() {
		return nil, errors.New("load the page: it has no index.html: run make pages")
	}
	return s, nil
}

// Must is for what was built into the program: it panics where Load fails.
func Must(s *Site, err error) *Site {
	if err != nil {
		panic(err)
	}
	return s
}

// Built says whether there is a page.
func (s *Site) Built() bool {
	_, ok := s.files[index]
	return ok
}

// Index answers with the page, which Built says is there.
func (s *Site) Index(w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, s.files[index], "no-cache")
}

// Asset answers with a file that the page loads and says whether there is
// such a file. Its name begins after "assets/". It may be kept for ever.
func (s *Site) Asset(w http.ResponseWriter, r *http.Request, name string) bool {
	f, ok := s.files["assets/"+name]
	if ok {
		s.serve(w, r, f, "public, max-age=31536000, immutable")
	}
	return ok
}

func (s *Site) serve(w http.ResponseWriter, r *http.Request, f file, caching string) {
	h := w.Header()
	s.secure(h)
	h.Set("Cache-Control", caching)
	h.Add("Vary", "Accept-Encoding")
	plain, packed := `"`+f.tag+`"`, `"`+f.tag+`-gzip"` // one tag, one sequence of bytes
	tag, body := plain, f.packed
	zipped := acceptsGzip(r.Header.Values("Accept-Encoding"))
	if zipped {
		tag = packed
	}
	h.Set("ETag", tag)
	if known := strings.Join(r.Header.Values("If-None-Match"), ","); known == "*" || strings.Contains(known, plain) || strings.Contains(known, packed) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if zipped {
		h.Set("Content-Encoding", "gzip")
	} else {
		var err error
		if body, err = unpack(f.packed); err != nil {
			panic(err) // the program itself is broken: the service logs it and answers 500
		}
	}
	h.Set("Content-Type", f.contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the peer is gone, there is nobody to tell
	}
}

func unpack(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("unpack a file of the page: %w", err)
	}
	return io.ReadAll(z)
}

// acceptsGzip says whether Accept-Encoding names gzip, or everything, with a
// weight above zero (RFC 9110 12.5.3).
func acceptsGzip(lines []string) bool {
	accepted := false
	for item := range strings.SplitSeq(strings.ToLower(strings.Join(lines, ",")), ",") {
		coding, weight, _ := strings.Cut(item, ";")
		_, q, weighted := strings.Cut(weight, "q=")
		v, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
		wanted := !weighted || err == nil && v > 0
		switch strings.TrimSpace(coding) {
		case "gzip", "x-gzip":
			return wanted
		case "*":
			accepted = wanted
		}
	}
	return accepted
}

// secure allows the page what it needs and nothing else, in case that a text of
// a user were ever taken for more than text: scripts, styles and workers are
// those of the service, none is inline, and no string becomes HTML or a script
// but by the two named Trusted Types policies (Lit's templates; "default" is
// for the worker of hls.js, see web/src/shared/player.ts).
func (s *Site) secure(h http.Header) {
	h.Set("Content-Security-Policy", s.policy)
	h.Set("Permissions-Policy", "accelerometer=(), autoplay=(self), camera=(), display-capture=(), encrypted-media=(self), fullscreen=(self), "+
		"geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), screen-wake-lock=(self), usb=()")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
}

// String is the value of the header Content-Security-Policy.
func (p Policy) String() string {
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; worker-src 'self'"
	if p.Connect != "" {
		policy += "; connect-src " + p.Connect
	}
	if p.Media != "" {
		policy += "; media-src " + p.Media
	}
	return policy + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types lit-html default"
}

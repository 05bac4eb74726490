package autoschedule

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"consuo/internal/schedule"

	"github.com/mmcdole/gofeed"
	"golang.org/x/net/html/charset"
)

// Limits of a feed, and how often it is asked for.
const (
	maxFeed      = 4 << 20 // bytes
	maxEntries   = 2000
	maxNesting   = 1000 // of its elements: sloppy HTML in a description goes deep
	feedTimeout  = 15 * time.Second
	maxRedirects = 5
	feedEvery    = 5 * time.Minute
	feedSeldom   = time.Hour // longest pause after failures, or that a feed may ask for
)

// Policy says what may be fetched. Its errors are shown to users.
type Policy interface {
	CheckURL(*url.URL) error
	CheckAddr(netip.Addr) error
}

// newClient makes an HTTP client that asks the policy about every URL, and
// about every address after its name was resolved. transport is for tests.
func newClient(policy Policy, transport http.RoundTripper) *http.Client {
	if transport == nil {
		dialer := net.Dialer{Timeout: feedTimeout, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			addr, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			return policy.CheckAddr(addr.Addr())
		}}
		transport = &http.Transport{DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: feedTimeout,
			MaxResponseHeaderBytes: 64 << 10, IdleConnTimeout: time.Minute}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		next.Header.Del("Referer") // it would tell the tokens of this host to the next
		return policy.CheckURL(next.URL)
	}}
}

// A source is a feed as it was read last. It belongs to the runner's goroutine,
// and while it is fetched to the one that does it.
type source struct {
	url            string
	etag, modified string // validators of the answer that entries are from
	entries        []schedule.Entry
	problems       []Problem
	fetched        time.Time // of the last success
	next           time.Time // not before
	failures       int
	err            error // of the last attempt
}

// fetch asks for the feed, on condition that it has changed.
func (s *source) fetch(ctx context.Context, client *http.Client, policy Policy) {
	now := time.Now()
	pause, err := s.get(ctx, client, policy)
	if s.err = err; err == nil {
		s.failures, s.fetched = 0, now
		s.next = now.Add(min(max(pause, feedEvery), feedSeldom))
		return
	}
	s.failures++
	backOff := min(time.Minute<<min(s.failures-1, 10), feedSeldom)
	s.next = now.Add(max(min(pause, feedSeldom), backOff))
}

// get returns how long the feed wants to be left alone.
func (s *source) get(ctx context.Context, client *http.Client, policy Policy) (pause time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, feedTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return 0, errors.New("the URL can't be parsed")
	}
	if err := policy.CheckURL(r.URL); err != nil {
		return 0, err
	}
	r.Header.Set("User-Agent", "consuo")
	r.Header.Set("Accept", "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/plain;q=0.8, */*;q=0.5")
	if s.etag != "" {
		r.Header.Set("If-None-Match", s.etag)
	}
	if s.modified != "" {
		r.Header.Set("If-Modified-Since", s.modified)
	}
	response, err := client.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // it names the URL, with its query string
		}
		if strings.Contains(err.Error(), "Location header") { // so does this one, and net/http has no type for it
			err = errors.New("it redirects to a URL that can't be parsed")
		}
		return 0, fmt.Errorf("no answer: %w", err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusNotModified:
		return maxAge(response.Header), nil
	case http.StatusOK:
	default:
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After")) // absent or a date: 0
		return time.Duration(seconds) * time.Second, fmt.Errorf("the answer is %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxFeed+1))
	if err != nil {
		return 0, fmt.Errorf("the answer breaks off: %w", err)
	}
	if len(body) > maxFeed {
		return 0, fmt.Errorf("it has more than %d MiB", maxFeed>>20)
	}
	entries, problems, err := readFeed(response.Request.URL, body)
	if err != nil {
		return 0, err
	}
	s.entries, s.problems = entries, problems
	s.etag, s.modified = response.Header.Get("ETag"), response.Header.Get("Last-Modified")
	return maxAge(response.Header), nil
}

// maxAge is how long an answer says that it stays right.
func maxAge(h http.Header) time.Duration {
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if seconds, err := strconv.Atoi(value); err == nil && strings.EqualFold(name, "max-age") {
			return time.Duration(min(seconds, 1<<20)) * time.Second
		}
	}
	return 0
}

// readFeed reads Atom, RSS with or without MRSS, JSON Feed, or lines of URLs.
// Entries that can't be used become problems.
func readFeed(base *url.URL, body []byte) (entries []schedule.Entry, problems []Problem, err error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	var found []schedule.Entry
	if len(body) > 0 && (body[0] == '<' || body[0] == '{') {
		found, err = readSyndication(body)
	} else {
		found, err = readLines(body)
	}
	if err != nil {
		return nil, nil, err
	}
	if len(found) > maxEntries {
		problems = append(problems, Problem{URI: found[maxEntries].URI, Reason: fmt.Sprintf("this and what follows is left out: a feed may have %d entries", maxEntries)})
		found = found[:maxEntries]
	}
	for _, e := range found {
		if link, err := base.Parse(e.URI); err == nil && e.URI != "" {
			link.Fragment = ""
			e.URI = link.String()
		}
		e.Title, e.Details = tidy(e.Title, schedule.MaxTitleLength, false), tidyDetails(e.Details)
		if reason := schedule.CheckURI(e.URI); reason != "" {
			problems = append(problems, Problem{URI: e.URI, Title: e.Title, Reason: "the entry's link " + reason})
			continue
		}
		entries = append(entries, e)
	}
	return entries, problems, nil
}

func readSyndication(body []byte) (entries []schedule.Entry, err error) {
	defer func() { // a stranger's text must not end the service, whatever a parser makes of it
		if failure := recover(); failure != nil {
			err = fmt.Errorf("it can't be parsed: %v", failure)
		}
	}()
	body = withoutControls(body)
	if body[0] == '<' && nestedTooDeep(body) {
		return nil, fmt.Errorf("its elements are nested deeper than %d", maxNesting)
	}
	feed, err := gofeed.NewParser().Parse(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("it is no Atom, RSS or list of URLs: %w", err)
	}
	for _, item := range feed.Items {
		if item == nil {
			continue
		}
		e := schedule.Entry{URI: playlistOf(item), Title: item.Title}
		e.Description, e.Categories, e.Language = item.Description, item.Categories, feed.Language
		if item.Image != nil {
			e.Image = item.Image.URL
		}
		for _, x := range media(item, "thumbnail") {
			if e.Image == "" {
				e.Image = x.Attrs["url"]
			}
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// withoutControls drops the control characters that XML can't hold, as gofeed
// does, so that nestedTooDeep reads what it reads.
func withoutControls(body []byte) []byte {
	return slices.DeleteFunc(body, func(b byte) bool { return b < ' ' && b != '\t' && b != '\n' && b != '\r' })
}

// nestedTooDeep reads XML with gofeed's settings, and stops where that would
// stop. gofeed calls itself for every level of the elements that it does not
// know: a feed of 4 MB, which is nothing but begins of elements, would take a
// gigabyte.
func nestedTooDeep(body []byte) bool {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict, d.CharsetReader = false, charset.NewReaderLabel
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return false // the end, or a fault that gofeed finds, too
		}
		switch token.(type) {
		case xml.StartElement:
			if depth++; depth > maxNesting {
				return true
			}
		case xml.EndElement:
			depth--
		}
	}
}

// playlistOf finds the asset of an entry: what is declared as HLS, then what
// looks like it, then the entry's link.
func playlistOf(item *gofeed.Item) string {
	var declared, others []string
	add := func(link, mediaType string) {
		if strings.Contains(strings.ToLower(mediaType), "mpegurl") {
			declared = append(declared, link)
		} else if link != "" {
			others = append(others, link)
		}
	}
	for _, x := range media(item, "content") {
		add(x.Attrs["url"], x.Attrs["type"])
	}
	for _, x := range item.Enclosures {
		add(x.URL, x.Type)
	}
	if len(declared) > 0 {
		return declared[0]
	}
	for _, link := range slices.Concat(others, []string{item.Link}, item.Links) {
		if u, err := url.Parse(link); err == nil && strings.HasSuffix(strings.ToLower(u.Path), ".m3u8") {
			return link
		}
	}
	return item.Link
}

// A mediaElement is one of the namespace of MRSS.
type mediaElement struct{ Attrs map[string]string }

// media finds elements of MRSS by name, also inside media:group.
func media(item *gofeed.Item, name string) (found []mediaElement) {
	for _, x := range item.Extensions["media"][name] {
		found = append(found, mediaElement{x.Attrs})
	}
	for _, group := range item.Extensions["media"]["group"] {
		for _, x := range group.Children[name] {
			found = append(found, mediaElement{x.Attrs})
		}
	}
	return found
}

// readLines reads a URL per line; lines that begin with # are comments, save
// for the titles of an M3U.
func readLines(body []byte) (entries []schedule.Entry, err error) {
	if !utf8.Valid(body) {
		return nil, errors.New("it is no Atom, RSS or list of URLs, but binary")
	}
	title := ""
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#EXT-X-"):
			return nil, errors.New("it is an HLS playlist: to plan a single asset, write [\"its URL\"]")
		case strings.HasPrefix(line, "#EXTINF:"):
			_, title, _ = strings.Cut(line, ",")
		case line == "", line[0] == '#':
		default:
			entries = append(entries, schedule.Entry{URI: line, Title: title})
			title = ""
		}
	}
	return entries, nil
}

// tidy makes text fit to be stored.
func tidy(s string, limit int, lines bool) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' && lines:
			return r
		case unicode.IsSpace(r), r == '\u2028', r == '\u2029':
			return ' '
		case unicode.IsControl(r), r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) > limit {
		s = strings.TrimSpace(string([]rune(s)[:limit-1])) + "…"
	}
	return s
}

// tidyDetails drops what can't be stored: guides can do without.
func tidyDetails(d schedule.Details) schedule.Details {
	d.Description = tidy(d.Description, schedule.MaxDescriptionLength, true)
	var categories []string
	for _, category := range d.Categories {
		category = tidy(strings.ReplaceAll(category, "|", "/"), schedule.MaxCategoryLength, false)
		if category != "" && !slices.Contains(categories, category) && len(categories) < schedule.MaxCategories {
			categories = append(categories, category)
		}
	}
	d.Categories = categories
	if schedule.CheckURI(d.Image) != "" {
		d.Image = ""
	}
	if !schedule.ValidLanguage(d.Language) {
		d.Language = ""
	}
	return d
}

package asset

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"consuo/internal/hls"
)

// Kind says in one word why an asset can't be had. The set is closed, so that
// it can label a metric.
type Kind string

// The values of Kind.
const (
	Refused     Kind = "refused"     // by the Policy
	Unreachable Kind = "unreachable" // no answer: DNS, connection, TLS, half an answer
	Timeout     Kind = "timeout"
	Canceled    Kind = "canceled" // by the caller's context
	Status      Kind = "status"   // the origin answers something else than 200
	Redirect    Kind = "redirect" // too many, or none that can be followed
	TooLarge    Kind = "too_large"
	NotHLS      Kind = "not_hls" // something else than a playlist
	Invalid     Kind = "invalid" // a playlist that can't be played
)

// Kinds are all values of Kind.
var Kinds = []Kind{Refused, Unreachable, Timeout, Canceled, Status, Redirect, TooLarge, NotHLS, Invalid}

// Error says why an asset can't be had. Err has the cause; no part of the
// error shows a query string or a password.
type Error struct {
	Kind       Kind
	URL        string // what was fetched, redacted
	StatusCode int    // for the kind Status
	Hint       string // what an operator can change
	Err        error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %v", e.URL, e.Err)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether trying again soon is likely to give the same
// result: the asset itself must change, or the configuration.
func (e *Error) Permanent() bool {
	switch e.Kind {
	case Refused, Redirect, TooLarge, NotHLS, Invalid:
		return true
	case Status:
		return e.StatusCode/100 == 4 && e.StatusCode != http.StatusRequestTimeout && e.StatusCode != http.StatusTooManyRequests
	}
	return false
}

// Redact is a URL as it may be shown: without password and query string,
// which hold tokens.
func Redact(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(a URL that can't be parsed)"
	}
	return redactURL(u)
}

func redactURL(u *url.URL) string {
	c := *u
	c.User, c.Fragment, c.RawFragment = nil, "", ""
	if c.RawQuery != "" {
		c.RawQuery = "…"
	}
	const most = 500
	s := c.String()
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}

// errTooManyRedirects ends a chain of redirects.
var errTooManyRedirects = errors.New("too many redirects")

// fetchError makes an Error of what a request ended with.
func fetchError(ctx context.Context, shown string, err error) *Error {
	// *url.Error names the URL with its query string.
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	e := &Error{URL: shown, Err: err}
	if r, ok := asRefusal(err); ok {
		e.Kind, e.Hint, e.Err = Refused, r.hint, r
		return e
	}
	dns, isDNS := errors.AsType[*net.DNSError](err)
	timeout, isTimeout := errors.AsType[net.Error](err)
	_, isCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		e.Kind, e.Err = Canceled, context.Canceled
	case errors.Is(err, errTooManyRedirects):
		e.Kind, e.Hint = Redirect, "give the URL that the redirects should end at"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout && timeout.Timeout():
		e.Kind, e.Err = Timeout, context.DeadlineExceeded
		e.Hint = "the origin is too slow or drops packets: fetch the URL from the network of this service"
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.Kind, e.Hint = Unreachable, "the origin ended its answer too early"
	case isDNS && dns.IsNotFound:
		e.Kind, e.Hint = Unreachable, "the host's name does not resolve where this service runs"
	case isCertificate:
		e.Kind, e.Hint = Unreachable, "the origin's certificate is for another host, has expired, or is signed by an authority that this service does not know"
	case strings.Contains(err.Error(), "Location header"): // net/http has no type for it, and quotes the URL
		e.Kind, e.Err = Redirect, errors.New("the origin redirects to a URL that can't be parsed")
		e.Hint = "correct the redirect at the origin"
	default:
		e.Kind, e.Hint = Unreachable, "is the origin up, and reachable from where this service runs? (inside a container, localhost is the container)"
	}
	return e
}

func statusError(shown string, code int) *Error {
	e := &Error{Kind: Status, URL: shown, StatusCode: code, Err: fmt.Errorf("the origin answers %d %s", code, http.StatusText(code))}
	switch {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		e.Hint = "does the URL need a token, or has it expired?"
	case code == http.StatusNotFound, code == http.StatusGone:
		e.Hint = "is the path right, and the asset still there?"
	case code/100 == 3:
		e.Kind, e.Hint = Redirect, "the redirect names no place to go"
	case code >= 500:
		e.Hint = "the origin has a fault of its own"
	}
	return e
}

// parseError makes an Error of what the parser says.
func parseError(shown, contentType string, err error) *Error {
	e := &Error{Kind: Invalid, URL: shown, Err: err}
	p, ok := errors.AsType[*hls.Error](err)
	switch {
	case ok && p.Category == hls.NotHLS:
		e.Kind = NotHLS
		e.Hint = fmt.Sprintf("the URL must be that of an HLS playlist; the origin calls its answer %.60q", contentType)
	case ok && p.Category == hls.OverLimits:
		e.Kind = TooLarge
	default:
		e.Hint = "the playlist must be made anew, or another one be scheduled"
	}
	return e
}

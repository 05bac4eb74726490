package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// conn is a connection with keep-alive, made when it is first needed and again
// when the server has closed it. It is for one goroutine. net/http's client
// would have two more for each, which is much for thousands of players, and
// would take longer over an answer than the server.
type conn struct {
	*load
	raw  net.Conn // nil: none
	stop func() bool
	in   *bufio.Reader
	out  []byte
	body []byte
	came bool // something of the latest answer has come
}

func newConn(l *load) *conn { return &conn{load: l} }

// target is what requests are sent for.
type target struct {
	url    *url.URL
	header []byte // of a request, without If-None-Match and the empty line
}

func (l *load) target(u *url.URL) target {
	header := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: consuo-load\r\nAccept: */*\r\n", u.RequestURI(), u.Host)
	if l.Gzip {
		header = append(header, "Accept-Encoding: gzip\r\n"...)
	}
	return target{u, header}
}

// answer is a response; the body is good until the next request.
type answer struct {
	status int
	tag    string
	cache  string // X-Cache-Status
	gzip   bool   // the body is
	body   []byte // as sent

	close  bool // the connection
	length int  // of the body; -1: it ends as net/http knows
}

// get sends a request; tag goes into If-None-Match if it is not empty.
func (c *conn) get(ctx context.Context, t target, tag string) (answer, error) {
	reused := c.raw != nil
	a, err := c.try(ctx, t, tag)
	if err != nil && reused && !c.came && ctx.Err() == nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		a, err = c.try(ctx, t, tag) // it was closed while nothing was asked
	}
	return a, err
}

func (c *conn) try(ctx context.Context, t target, tag string) (a answer, err error) {
	c.came = false
	if err := c.open(ctx, t.url); err != nil {
		return answer{}, err
	}
	defer func() {
		if err != nil || a.close {
			c.close()
		}
	}()
	if err := c.raw.SetDeadline(time.Now().Add(c.Timeout)); err != nil {
		return answer{}, err
	}
	c.out = append(c.out[:0], t.header...)
	if tag != "" {
		c.out = append(append(append(c.out, "If-None-Match: "...), tag...), '\r', '\n')
	}
	c.out = append(c.out, '\r', '\n')
	if _, err := c.raw.Write(c.out); err != nil {
		return answer{}, err
	}
	return c.read()
}

// read reads an answer.
func (c *conn) read() (answer, error) {
	header, err := c.header()
	if err != nil {
		return answer{}, err
	}
	a, ok := parseHeader(header)
	if !ok || a.length < 0 {
		return c.readAny()
	}
	_, _ = c.in.Discard(len(header)) // it is there
	c.body = slices.Grow(c.body[:0], a.length)[:a.length]
	a.body = c.body
	_, err = io.ReadFull(c.in, c.body)
	return a, err
}

// header returns the header of the answer that comes next, as far as it fits
// into the buffer of c.in, where it stays.
func (c *conn) header() ([]byte, error) {
	for {
		_, err := c.in.Peek(c.in.Buffered() + 1)
		have, _ := c.in.Peek(c.in.Buffered())
		c.came = len(have) > 0
		if end := bytes.Index(have, []byte("\r\n\r\n")); end >= 0 {
			return have[:end+4], nil
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// parseHeader reads the header of an answer whose length it says; all others
// are not ok.
func parseHeader(header []byte) (a answer, ok bool) {
	line, rest, _ := bytes.Cut(header, []byte("\r\n"))
	code, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(code) < 3 {
		return a, false
	}
	a.status, _ = strconv.Atoi(string(code[:3]))
	if a.length = -1; a.status == http.StatusNotModified {
		a.length = 0
	}
	for len(rest) > 2 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		is := func(s string) bool { return len(name) == len(s) && bytes.EqualFold(name, []byte(s)) }
		switch {
		case is("Content-Length") && a.status != http.StatusNotModified:
			n, err := strconv.ParseUint(string(value), 10, 30)
			if err != nil {
				return a, false
			}
			a.length = int(n)
		case is("Transfer-Encoding"):
			return a, false
		case is("ETag"):
			a.tag = string(value)
		case is("X-Cache-Status"):
			a.cache = string(value)
		case is("Content-Encoding"):
			a.gzip = string(value) == "gzip"
		case is("Connection"):
			a.close = bytes.EqualFold(value, []byte("close"))
		}
	}
	return a, a.status >= http.StatusOK
}

// readAny reads an answer of any form.
func (c *conn) readAny() (answer, error) {
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return answer{}, err
	}
	body := bytes.NewBuffer(c.body[:0])
	_, err = body.ReadFrom(response.Body)
	c.body = body.Bytes()
	h := response.Header
	return answer{
		status: response.StatusCode, tag: h.Get("ETag"), cache: h.Get("X-Cache-Status"),
		gzip: h.Get("Content-Encoding") == "gzip", body: c.body, close: response.Close,
	}, err
}

func (c *conn) open(ctx context.Context, u *url.URL) error {
	if c.raw != nil {
		return nil
	}
	raw, err := c.dial(ctx, "tcp", address(u))
	if err != nil {
		return err
	}
	c.raw, c.in = raw, bufio.NewReader(raw)
	c.stop = context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	return nil
}

// close closes the connection, if there is one.
func (c *conn) close() {
	if c.raw != nil {
		c.stop()
		_ = c.raw.Close()
		c.raw = nil
	}
}

// address is where the server of a URL listens.
func address(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

// kind sorts errors.
func kind(err error) string {
	switch {
	case errors.Is(err, errRemote):
		return "not on this machine"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE):
		return "connection closed"
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return "timeout"
	}
	return "no answer"
}

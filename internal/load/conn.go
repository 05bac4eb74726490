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
	"syscall"
	"time"
)

// conn is a connection with keep-alive, made when it is first needed and again
// when the server has closed it. It is for one goroutine. net/http's client
// would have two more for each, which is much for thousands of players.
type conn struct {
	*load
	raw  net.Conn // nil: none
	stop func() bool
	in   *bufio.Reader
	out  []byte
	body bytes.Buffer
}

func newConn(l *load) *conn { return &conn{load: l} }

// answer is a response; the body is good until the next request.
type answer struct {
	status int
	header http.Header
	body   []byte // as sent, maybe compressed
}

// get sends a request; tag goes into If-None-Match if it is not empty.
func (c *conn) get(ctx context.Context, u *url.URL, tag string) (answer, error) {
	reused := c.raw != nil
	a, err := c.try(ctx, u, tag)
	if err != nil && reused && ctx.Err() == nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		a, err = c.try(ctx, u, tag) // it was closed while nothing was asked
	}
	return a, err
}

func (c *conn) try(ctx context.Context, u *url.URL, tag string) (answer, error) {
	if err := c.open(ctx, u); err != nil {
		return answer{}, err
	}
	if err := c.raw.SetDeadline(time.Now().Add(c.Timeout)); err != nil {
		c.close()
		return answer{}, err
	}
	c.out = fmt.Appendf(c.out[:0], "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: consuo-load\r\nAccept: */*\r\n", u.RequestURI(), u.Host)
	if c.Gzip {
		c.out = append(c.out, "Accept-Encoding: gzip\r\n"...)
	}
	if tag != "" {
		c.out = append(append(append(c.out, "If-None-Match: "...), tag...), '\r', '\n')
	}
	c.out = append(c.out, '\r', '\n')
	_, err := c.raw.Write(c.out)
	if err != nil {
		c.close()
		return answer{}, err
	}
	response, err := http.ReadResponse(c.in, nil)
	if err == nil {
		c.body.Reset()
		_, err = c.body.ReadFrom(response.Body)
	}
	if err != nil || response.Close {
		c.close()
	}
	if err != nil {
		return answer{}, err
	}
	return answer{response.StatusCode, response.Header, c.body.Bytes()}, nil
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

package scheduleclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
)

// ErrNotFound says that the schedule has no such channel.
var ErrNotFound = errors.New("the schedule has no such channel")

// Error is a request that brought no good answer.
type Error struct {
	URL    string // without password
	Status int    // of the answer; 0: there was none
	Err    error
	Hint   string // what to change; "": nothing is known
}

func (e *Error) Error() string {
	s := "read " + e.URL + ": " + e.Err.Error()
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// noAnswer makes the error of a request that was not answered, or not to the end.
func (c *Client) noAnswer(request *http.Request, err error) error {
	e := &Error{URL: request.URL.Redacted(), Err: err}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		e.Err = wrapped.Err // it says the URL once more
	}
	host := request.URL.Hostname()
	ip := net.ParseIP(host)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = fmt.Errorf("no whole answer in time: %w", context.DeadlineExceeded)
		e.Hint = "is the schedule overloaded, or does a firewall drop packets to CHANNELMGRAPI?"
	case errors.Is(err, syscall.ECONNREFUSED) && c.inContainer && (host == "localhost" || ip != nil && ip.IsLoopback()):
		e.Hint = "in a container, " + host + " is the container itself: unless the schedule runs in it too, CHANNELMGRAPI must name its host, such as http://schedule:8001"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Hint = "does the schedule run, and on the port that CHANNELMGRAPI names?"
	case isNoSuchHost(err):
		e.Hint = "CHANNELMGRAPI names a host that can't be found; containers find each other by name on a network of their own only"
	}
	return e
}

func isNoSuchHost(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// refused makes the error of an answer with a status that is not 200.
func (c *Client) refused(request *http.Request, response *http.Response) error {
	e := &Error{
		URL:    request.URL.Redacted(),
		Status: response.StatusCode,
		Err:    errors.New(statusText(response)),
	}
	defer c.pause(request, response, e)
	channel := !strings.HasSuffix(request.URL.Path, "/channels")
	switch {
	case response.StatusCode == http.StatusNotFound && channel:
		e.Err = fmt.Errorf("%w: %w", ErrNotFound, e.Err)
	case response.StatusCode == http.StatusNotFound:
		e.Hint = "CHANNELMGRAPI may lack a path, such as /api/v1"
	case response.StatusCode == http.StatusUnauthorized, response.StatusCode == http.StatusForbidden:
		e.Hint = "API_KEY must be one that the schedule accepts"
		if c.apiKey == "" {
			e.Hint = "the schedule wants a key, and API_KEY is not set"
		}
	}
	return e
}

// statusText is the status and, of a problem (RFC 9457), the detail.
func statusText(response *http.Response) string {
	text := fmt.Sprintf("status %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	var problem struct{ Detail string }
	body, err := io.ReadAll(io.LimitReader(response.Body, 8<<10))
	if err == nil && json.Unmarshal(body, &problem) == nil && problem.Detail != "" {
		text += ": " + clip(problem.Detail, 300)
	}
	return text
}

// unusable makes the error of an answer that is no schedule.
func (c *Client) unusable(request *http.Request, response *http.Response, err error) error {
	e := &Error{URL: request.URL.Redacted(), Status: response.StatusCode, Err: fmt.Errorf("the answer can't be used: %w", err)}
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if media != "" && media != "application/json" {
		e.Hint = "it is " + clip(media, 60) + ", not JSON: is CHANNELMGRAPI the base URL of the schedule?"
	}
	return e
}

// inContainer guesses whether this process runs in a container.
func inContainer() bool {
	for _, file := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(file); err == nil {
			return true
		}
	}
	for _, variable := range []string{"ECS_CONTAINER_METADATA_URI_V4", "KUBERNETES_SERVICE_HOST"} {
		if os.Getenv(variable) != "" {
			return true
		}
	}
	return false
}

// clip shortens a text of somebody else's to about n bytes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

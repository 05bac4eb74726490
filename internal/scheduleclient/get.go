package scheduleclient

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// digest is of an answer's body; zero: there was none.
type digest [sha256.Size]byte

// answer is a good answer, and what is needed to ask whether it still holds.
type answer[T any] struct {
	url, etag string
	digest    digest
	value     T
	header    http.Header // of the latest answer, that it still holds included
}

// get returns the answer to a request, which is last itself if that still
// holds. Whatever is not a good answer is an error, as a rule an *Error.
func get[T any](ctx context.Context, c *Client, path string, limit int64, last answer[T], decode func([]byte) (T, error)) (answer[T], error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	url := c.base + path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return last, err
	}
	request.Header.Set("Accept", "application/json")
	if c.apiKey != "" {
		request.Header.Set("Authorization", "Bearer "+c.apiKey)
	}
	conditional := last.url == url && last.etag != ""
	if conditional {
		request.Header.Set("If-None-Match", last.etag)
	}
	if err := c.mayAsk(request); err != nil {
		return last, err
	}
	sent := time.Now()
	response, err := c.http.Do(request)
	if err != nil {
		return last, c.noAnswer(request, err)
	}
	defer response.Body.Close()
	c.observe(response, sent, time.Now())
	if response.StatusCode == http.StatusNotModified && conditional {
		last.header = response.Header
		return last, nil
	}
	if response.StatusCode != http.StatusOK {
		return last, c.refused(request, response)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	switch {
	case err != nil:
		return last, c.noAnswer(request, err)
	case int64(len(body)) > limit:
		return last, c.unusable(request, response, fmt.Errorf("it is longer than %d MiB", limit>>20))
	}
	now := answer[T]{url: url, etag: response.Header.Get("ETag"), digest: sha256.Sum256(body), header: response.Header}
	if last.url == url && last.digest == now.digest {
		now.value = last.value
		return now, nil
	}
	if now.value, err = decode(body); err != nil {
		return last, c.unusable(request, response, err)
	}
	return now, nil
}

// mayAsk returns the refusal of an earlier request for as long as that asked
// not to be repeated (RFC 9110, 10.2.3).
func (c *Client) mayAsk(request *http.Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.paused[writes(request)]; time.Now().Before(p.until) {
		return p.err
	}
	return nil
}

// pause notes that an answer asks for fewer requests.
func (c *Client) pause(request *http.Request, response *http.Response, refusal error) {
	if response.StatusCode != http.StatusTooManyRequests {
		return
	}
	after := time.Second
	text := response.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		after = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		after = time.Until(at)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused[writes(request)] = pause{time.Now().Add(min(after, maxPause)), refusal}
}

// writes says whether a request is one of those that are counted by themselves:
// the schedule slows down who writes with a wrong key, and lets them read.
func writes(request *http.Request) bool { return request.Method != http.MethodGet }

// redirect bounds redirects and keeps the key from other hosts: net/http sends
// it to subdomains and other ports as well.
func (c *Client) redirect(next *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if next.URL.Host != c.host || c.secure && next.URL.Scheme != "https" {
		next.Header.Del("Authorization")
	}
	return nil
}

// storeTime is the header with the instant, in Unix nanoseconds, at which the
// store made an answer.
const storeTime = "Store-Time"

// observe reads the store's clock off an answer.
func (c *Client) observe(response *http.Response, sent, received time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ns, err := strconv.ParseInt(response.Header.Get(storeTime), 10, 64)
	if err == nil {
		c.storesTime = true
		if age := response.Header.Get("Age"); age == "" || age == "0" { // else a cache tells of the past
			c.clock.Observe(sent, received, time.Unix(0, ns))
		}
		return
	}
	// Only an answer that is good may be the proof that this schedule doesn't
	// tell its time: others may come from a proxy in between.
	if !c.storesTime && response.StatusCode == http.StatusOK {
		c.clock.Observe(received, received, received.Round(0))
	}
}

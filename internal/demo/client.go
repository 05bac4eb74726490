package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// client speaks to the schedule service.
type client struct {
	base string
	key  string // API key; "" is none
	http *http.Client
}

// do sends body as JSON, if there is one, and reads the answer into out, if it
// is wanted. Every status but the allowed ones is an error.
func (c *client) do(ctx context.Context, method, path string, body, out any, allowed ...int) error {
	var reader io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("X-API-Key", c.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	for _, status := range allowed {
		if resp.StatusCode != status {
			continue
		}
		if out == nil {
			return nil
		}
		if err := json.Unmarshal(answer, out); err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		return nil
	}
	return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, strings.TrimSpace(string(answer)))
}

func (c *client) createChannel(ctx context.Context, id, name string) error {
	channel := map[string]any{"id": id, "name": name, "config": map[string]any{}}
	return c.do(ctx, http.MethodPost, "/channels", channel, nil, http.StatusCreated, http.StatusConflict)
}

// events gives what overlaps [start, end), in order.
func (c *client) events(ctx context.Context, id string, start, end time.Time) ([]event, error) {
	query := url.Values{"start": {strconv.FormatInt(start.UnixMilli(), 10)}, "end": {strconv.FormatInt(end.UnixMilli(), 10)}}
	var out []event
	err := c.do(ctx, http.MethodGet, "/channels/"+id+"/schedule?"+query.Encode(), nil, &out, http.StatusOK)
	return out, err
}

func (c *client) add(ctx context.Context, id string, events []event) error {
	return c.do(ctx, http.MethodPost, "/channels/"+id+"/schedule", events, nil, http.StatusCreated)
}

// await asks for a URL until the answer is 200.
func await(ctx context.Context, client *http.Client, url string, within time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for last := error(nil); ; {
		err := get(limited, client, url)
		if err == nil {
			return nil
		}
		if last == nil || limited.Err() == nil {
			last = err
		}
		select {
		case <-limited.Done():
			return fmt.Errorf("not ready after %v: %w", within, last)
		case <-tick.C:
		}
	}
}

// get is for those who want the status only.
func get(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return nil
}

package scheduleclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"consuo/internal/playlog"
)

// ErrUnsupported says that the schedule keeps no playout log: it is of other make.
var ErrUnsupported = errors.New("the schedule keeps no playout log")

const (
	playoutTimeout = 2 * time.Second // design §2, log protocol 3
	maxPage        = 32 << 20        // bytes of any answer
)

// Playout is the playout log that the schedule service keeps. It implements
// [playlog.Log]: what the service refuses are the errors of that, an unknown
// channel is ErrNotFound, a schedule without a log is ErrUnsupported, and all
// else is an error of the transport or of an answer. Nothing is repeated; a
// request takes at most 2 s.
type Playout struct {
	c *Client

	mu    sync.Mutex
	heads answer[playlog.Heads] // guarded by mu
}

var _ playlog.Log = (*Playout)(nil)

// Playout returns the log behind the same URL, with the same clock.
func (c *Client) Playout() *Playout { return &Playout{c: c} }

// Read implements [playlog.Log].
func (p *Playout) Read(ctx context.Context, channel string, after int64) (playlog.Page, error) {
	if err := validChannel(channel); err != nil {
		return playlog.Page{}, err
	}
	page, err := p.page(ctx, http.MethodGet, playoutPath(channel)+"?after="+strconv.FormatInt(after, 10), nil)
	return p.rest(ctx, channel, page, err)
}

// rest reads on after a page that is full.
func (p *Playout) rest(ctx context.Context, channel string, page playlog.Page, err error) (playlog.Page, error) {
	for page.More {
		if len(page.Cuts) == 0 {
			return playlog.Page{}, fmt.Errorf("read the playout log of %s: a page without cuts says that there are more", channel)
		}
		after := page.Cuts[len(page.Cuts)-1].Number
		next, failed := p.page(ctx, http.MethodGet, playoutPath(channel)+"?after="+strconv.FormatInt(after, 10), nil)
		switch {
		case failed != nil:
			return playlog.Page{}, failed
		case next.ID != page.ID:
			return playlog.Page{}, fmt.Errorf("read the playout log of %s: the channel was made anew meanwhile", channel)
		}
		next.Cuts, next.Watched = append(page.Cuts, next.Cuts...), page.Watched
		page = next
	}
	return page, err
}

// Append implements [playlog.Log].
func (p *Playout) Append(ctx context.Context, channel, id string, cuts []playlog.Cut) (playlog.Page, error) {
	if err := validChannel(channel); err != nil {
		return playlog.Page{}, err
	}
	if cuts == nil {
		cuts = []playlog.Cut{}
	}
	body, err := json.Marshal(struct {
		ID   string        `json:"id"`
		Cuts []playlog.Cut `json:"cuts"`
	}{id, cuts})
	if err != nil {
		return playlog.Page{}, fmt.Errorf("append to the playout log of %s: %w", channel, err)
	}
	page, err := p.page(ctx, http.MethodPost, playoutPath(channel), body)
	page, err = p.rest(ctx, channel, page, err)
	if n := len(cuts); err == nil && n > 0 && (len(page.Cuts) < n || !page.Cuts[n-1].Equal(cuts[n-1])) {
		return playlog.Page{}, fmt.Errorf("append to the playout log of %s: the answer does not have what was appended", channel)
	}
	return page, err
}

// Freeze implements [playlog.Log].
func (p *Playout) Freeze(ctx context.Context, channel, id, digest string, data []byte) error {
	if err := validChannel(channel); err != nil {
		return err
	}
	_, _, err := p.send(ctx, http.MethodPut, frozenPath(channel, id, digest), data)
	return err
}

// Frozen implements [playlog.Log].
func (p *Playout) Frozen(ctx context.Context, channel, id, digest string) ([]byte, error) {
	if err := validChannel(channel); err != nil {
		return nil, err
	}
	data, _, err := p.send(ctx, http.MethodGet, frozenPath(channel, id, digest), nil)
	return data, err
}

func validChannel(id string) error {
	if !idPattern.MatchString(id) {
		return fmt.Errorf("%w: %q can't be the id of one", ErrNotFound, id)
	}
	return nil
}

func playoutPath(channel string) string { return "/channels/" + channel + "/playout" }

func frozenPath(channel, id, digest string) string {
	return playoutPath(channel) + "/assets/" + url.PathEscape(digest) + "?id=" + url.QueryEscape(id)
}

// page sends a request whose answer is a page. Of a refusal it is the page that
// came with it, if one did.
func (p *Playout) page(ctx context.Context, method, path string, body []byte) (playlog.Page, error) {
	answer, refused, err := p.send(ctx, method, path, body)
	if err != nil {
		return refused, err
	}
	var page playlog.Page
	if err := json.Unmarshal(answer, &page); err != nil {
		return playlog.Page{}, fmt.Errorf("%s %s: the answer can't be used: %w", method, path, err)
	}
	if page.ID == "" || page.Lead <= 0 {
		return playlog.Page{}, fmt.Errorf("%s %s: the answer is no page of a playout log", method, path)
	}
	return page, nil
}

// send makes one request.
func (p *Playout) send(ctx context.Context, method, path string, body []byte) (answer []byte, refused playlog.Page, err error) {
	c := p.c
	ctx, cancel := context.WithTimeout(ctx, playoutTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, refused, err
	}
	switch method {
	case http.MethodPost:
		request.Header.Set("Content-Type", "application/json")
	case http.MethodPut:
		request.Header.Set("Content-Type", "application/octet-stream")
	}
	if c.apiKey != "" {
		request.Header.Set("Authorization", "Bearer "+c.apiKey)
	}
	if err := c.mayAsk(request); err != nil {
		return nil, refused, err
	}
	sent := time.Now()
	response, err := c.http.Do(request)
	if err != nil {
		return nil, refused, c.noAnswer(request, err)
	}
	defer response.Body.Close()
	c.observe(response, sent, time.Now())
	if made := response.Request; made != nil && made.Method != method { // nil: a transport for tests
		// net/http turns what is redirected with 301 or 302 into a GET, whose
		// answer would look like that of an append.
		return nil, refused, &Error{
			URL: request.URL.Redacted(), Status: response.StatusCode, Err: fmt.Errorf("a %s is redirected to %s", method, made.URL.Redacted()),
			Hint: "CHANNELMGRAPI must be the URL that the schedule redirects to",
		}
	}
	if response.StatusCode >= 300 {
		refused, err = p.refused(request, response)
		return nil, refused, err
	}
	if method == http.MethodPut && response.StatusCode != http.StatusNoContent {
		// Whoever says 200 to everything, a proxy's page perhaps, has kept nothing.
		return nil, refused, c.unusable(request, response, fmt.Errorf("its status is %d, want 204", response.StatusCode))
	}
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxPage+1))
	switch {
	case err != nil:
		return nil, refused, c.noAnswer(request, err)
	case len(answer) > maxPage:
		return nil, refused, c.unusable(request, response, fmt.Errorf("it is longer than %d MiB", maxPage>>20))
	}
	return answer, refused, nil
}

// refusals are what the service's codes mean.
var refusals = map[string]error{
	"conflict":      playlog.ErrConflict,
	"other_history": playlog.ErrOtherHistory,
	"too_late":      playlog.ErrTooLate,
	"other_log":     playlog.ErrOtherLog,
	"implausible":   playlog.ErrImplausible,
	"not_frozen":    playlog.ErrNotFrozen,
}

// refused reads an answer that is an error.
func (p *Playout) refused(request *http.Request, response *http.Response) (playlog.Page, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxPage))
	if err != nil {
		return playlog.Page{}, p.c.noAnswer(request, err)
	}
	var problem struct {
		Code   string
		Detail string
		Page   playlog.Page
	}
	readable := json.Unmarshal(body, &problem) == nil
	if why := refusals[problem.Code]; readable && why != nil {
		return problem.Page, &refusal{why, clip(problem.Detail, 300)}
	}
	switch {
	case response.StatusCode == http.StatusUnprocessableEntity, response.StatusCode == http.StatusRequestEntityTooLarge:
		return playlog.Page{}, &refusal{playlog.ErrImplausible, playlog.ErrImplausible.Error() + ": " + clip(problem.Detail, 300)}
	case p.foreign(response):
		return playlog.Page{}, fmt.Errorf("%w: %s %s is answered with status %d", ErrUnsupported, request.Method, request.URL.Redacted(), response.StatusCode)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return playlog.Page{}, p.c.refused(request, response)
}

// foreign says that an answer means that there is no such route. Once our own
// service has answered, only a proxy in between can have given it.
func (p *Playout) foreign(response *http.Response) bool {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	switch response.StatusCode {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return !p.c.storesTime
	}
	return false
}

// refusal is an error of the log, told by the service.
type refusal struct {
	err    error
	detail string
}

func (r *refusal) Error() string { return r.detail }
func (r *refusal) Unwrap() error { return r.err }

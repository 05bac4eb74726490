package scheduleclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"consuo/internal/playlog"
)

const headsPath = "/playout"

// Heads implements [playlog.Log] with a conditional request: as long as no log
// has grown, the answer has no body. A schedule of other make, or an older one,
// has none.
func (p *Playout) Heads(ctx context.Context) (playlog.Heads, error) {
	ctx, cancel := context.WithTimeout(ctx, playoutTimeout)
	defer cancel()
	p.mu.Lock()
	last := p.heads
	p.mu.Unlock()
	now, err := get(ctx, p.c, headsPath, maxPage, last, decodeHeads)
	if err != nil {
		return playlog.Heads{}, noHeads(err)
	}
	nanoseconds, err := strconv.ParseInt(now.header.Get("Playout-Time"), 10, 64)
	if err != nil {
		return playlog.Heads{}, fmt.Errorf("%w: its answer has no Playout-Time", playlog.ErrNoHeads)
	}
	p.mu.Lock()
	p.heads = now
	p.mu.Unlock()
	heads := now.value
	heads.Now = time.Unix(0, nanoseconds).UTC()
	return heads, nil
}

func decodeHeads(body []byte) (playlog.Heads, error) {
	var list struct {
		Lead time.Duration
		Logs []struct {
			Channel string
			playlog.Head
		}
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return playlog.Heads{}, err
	}
	if list.Lead <= 0 || list.Logs == nil {
		return playlog.Heads{}, errors.New("it is no list of playout logs")
	}
	heads := playlog.Heads{Lead: list.Lead, Logs: make(map[string]playlog.Head, len(list.Logs))}
	for _, l := range list.Logs {
		heads.Logs[l.Channel] = l.Head
	}
	return heads, nil
}

// Watch implements [playlog.Log].
func (p *Playout) Watch(ctx context.Context, ids map[string]string) error {
	type log struct {
		Channel string `json:"channel"`
		ID      string `json:"id"`
	}
	list := make([]log, 0, len(ids))
	for channel, id := range ids {
		list = append(list, log{channel, id})
	}
	body, err := json.Marshal(map[string][]log{"watched": list})
	if err != nil {
		return fmt.Errorf("say which channels are watched: %w", err)
	}
	_, _, err = p.send(ctx, http.MethodPost, headsPath, body)
	return noHeads(err)
}

// noHeads makes a missing route an ErrNoHeads.
func noHeads(err error) error {
	e, ok := errors.AsType[*Error](err)
	missing := ok && (e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed || e.Status == http.StatusNotImplemented)
	if missing || errors.Is(err, ErrUnsupported) || errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w: %w", playlog.ErrNoHeads, err)
	}
	return err
}

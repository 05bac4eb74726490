package schedulehttp

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// headsPath is where all logs are at once.
const headsPath = "/playout"

// channelHead is how a channel's log ends.
type channelHead struct {
	Channel string `json:"channel" example:"one"`
	ID      string `json:"id" example:"6NUQXW4AFTGF2LHCGHZ3EAMDZI" doc:"Of the log."`
	Number  int64  `json:"number" example:"17" doc:"Of its last cut."`
	Digest  string `json:"digest" example:"9f86d081884c7d659a2feaa0c55ad015" doc:"Of its last cut, and so of all of the log: see previous of a cut."`
}

type headsBody struct {
	Lead int64         `json:"lead" example:"8000000000" doc:"How long before its start a cut must be appended, nanoseconds."`
	Logs []channelHead `json:"logs" doc:"Of channels watched within the last ten minutes, ordered by channel."`
}

type headsOutput struct {
	Status int
	Cached
	PlayoutTime int64 `header:"Playout-Time" doc:"Nanoseconds since 1970, UTC. A log that ends like this is complete for cuts that start before this + lead. A 304 has it too."`
	Body        headsBody
}

func (h *handler) listHeads(ctx context.Context, in *IfNoneMatch) (*headsOutput, error) {
	heads, err := h.Playout.Heads(ctx)
	if err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	body := headsBody{Lead: int64(heads.Lead), Logs: make([]channelHead, 0, len(heads.Logs))}
	for channel, head := range heads.Logs {
		body.Logs = append(body.Logs, channelHead{channel, head.ID, head.Number, head.Digest})
	}
	slices.SortFunc(body.Logs, func(a, b channelHead) int { return cmp.Compare(a.Channel, b.Channel) })
	etag := headsTag(body)
	out := &headsOutput{Status: http.StatusOK, Cached: cachedAs(etag), PlayoutTime: heads.Now.UnixNano(), Body: body}
	if in.matches(etag) {
		out.Status = http.StatusNotModified
	}
	return out, nil
}

// headsTag is the ETag of heads: digests stand for all of a log.
func headsTag(body headsBody) string {
	hash := sha256.New()
	text := strconv.AppendInt(nil, body.Lead, 10)
	for _, l := range body.Logs {
		text = fmt.Appendf(text, "\n%s %s %d %s", l.Channel, l.ID, l.Number, l.Digest)
	}
	_, _ = hash.Write(text) // it never fails
	return fmt.Sprintf(`"%x"`, hash.Sum(nil)[:12])
}

type watchInput struct {
	Watched []watchedLog `json:"watched" maxItems:"50000" doc:"Channels that somebody watches; those that have another log are passed over."`
}

type watchedLog struct {
	Channel string `json:"channel" example:"one"`
	ID      string `json:"id" example:"6NUQXW4AFTGF2LHCGHZ3EAMDZI" doc:"Of the log, as the sender has read it."`
}

func (h *handler) watch(ctx context.Context, in *struct{ Body body[watchInput] }) (*struct{}, error) {
	input, err := decodeObject[watchInput](h, in.Body.raw)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]string, len(input.Watched))
	for _, w := range input.Watched {
		ids[w.Channel] = w.ID
	}
	if err := h.Playout.Watch(ctx, ids); err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	return nil, nil
}

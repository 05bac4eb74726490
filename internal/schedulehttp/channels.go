package schedulehttp

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"consuo/internal/schedule"

	"github.com/danielgtaylor/huma/v2"
)

// ChannelPath names a channel. Like the other parts of inputs and outputs it is
// exported because huma passes over embedded fields that are not.
type ChannelPath struct {
	ChannelID string `path:"channelId" pattern:"^[A-Za-z0-9_-]{1,64}$" example:"one" doc:"Id of the channel."`
}

// Cached are the headers of an answer that may be kept, and asked for again with its ETag.
type Cached struct {
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
}

// IfNoneMatch makes a read conditional.
type IfNoneMatch struct {
	Tags string `header:"If-None-Match" doc:"ETag of the answer that the caller has; 304 if it is still right."`
}

// matches compares as of RFC 9110, 13.1.2.
func (h IfNoneMatch) matches(etag string) bool {
	for tag := range strings.SplitSeq(h.Tags, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(etag, "W/") {
			return true
		}
	}
	return false
}

func cachedAs(etag string) Cached { return Cached{ETag: etag, CacheControl: "no-cache"} }

type channelsOutput struct {
	Status int
	Cached
	Body []channel
}

func (h *handler) listChannels(ctx context.Context, in *IfNoneMatch) (*channelsOutput, error) {
	if in.Tags != "" { // engines ask every few seconds: don't read the configurations for a 304
		revisions, err := h.Store.Revisions(ctx)
		if err != nil {
			return nil, h.fail(ctx, err, nil)
		}
		if etag := etagOf(revisions); in.matches(etag) {
			return &channelsOutput{Status: http.StatusNotModified, Cached: cachedAs(etag)}, nil
		}
	}
	channels, err := h.Store.Channels(ctx)
	if err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	out := &channelsOutput{Status: http.StatusOK, Cached: cachedAs(etagOf(channels)), Body: make([]channel, len(channels))}
	for i, c := range channels {
		out.Body[i] = channelOf(c)
	}
	return out, nil
}

// etagOf changes with every edit: ids and revisions stand for all the rest.
func etagOf(channels []schedule.Channel) string {
	hash := sha256.New()
	for _, c := range channels {
		fmt.Fprintf(hash, "%s %d\n", c.ID, c.Revision)
	}
	return fmt.Sprintf(`"%x"`, hash.Sum(nil)[:12])
}

type channelOutput struct {
	Status int
	Cached
	Location string `header:"Location"`
	Body     channel
}

func channelAnswer(status int, c schedule.Channel) *channelOutput {
	out := &channelOutput{Status: status, Cached: cachedAs(channelTag(c)), Body: channelOf(c)}
	if status == http.StatusCreated {
		out.Location = "/channels/" + c.ID
	}
	return out
}

func (h *handler) getChannel(ctx context.Context, in *struct {
	ChannelPath
	IfNoneMatch
}) (*channelOutput, error) {
	c, err := h.Store.Channel(ctx, in.ChannelID)
	if err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	status := http.StatusOK
	if in.matches(channelTag(c)) {
		status = http.StatusNotModified
	}
	return channelAnswer(status, c), nil
}

func (h *handler) createChannel(ctx context.Context, in *struct{ Body body[channelInput] }) (*channelOutput, error) {
	c, err := h.readChannel(in.Body.raw, "")
	if err != nil {
		return nil, err
	}
	stored, err := h.Store.CreateChannel(ctx, c)
	if err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	return channelAnswer(http.StatusCreated, stored), nil
}

func (h *handler) putChannel(ctx context.Context, in *struct {
	ChannelPath
	Precondition
	Body body[channelInput]
}) (*channelOutput, error) {
	c, err := h.readChannel(in.Body.raw, in.ChannelID)
	if err != nil {
		return nil, err
	}
	stored, created, err := h.Store.PutChannel(ctx, c, in.onChannel(c.ID))
	if err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	if created {
		return channelAnswer(http.StatusCreated, stored), nil
	}
	return channelAnswer(http.StatusOK, stored), nil
}

// readChannel decodes and checks a channel; pathID is "" where the path names none.
func (h *handler) readChannel(raw []byte, pathID string) (schedule.Channel, error) {
	in, err := decodeObject[channelInput](h, raw)
	if err != nil {
		return schedule.Channel{}, err
	}
	c := schedule.Channel{ID: pathID, Config: json.RawMessage(in.Config)}
	var faults []error
	switch {
	case in.ID == nil && pathID == "":
		return c, invalid([]error{&huma.ErrorDetail{Location: "body.id", Message: "is missing: choose the channel's id"}})
	case in.ID != nil && pathID != "" && *in.ID != pathID:
		faults = append(faults, &huma.ErrorDetail{Location: "body.id", Message: fmt.Sprintf("is %q, but the path says %q", *in.ID, pathID)})
	case in.ID != nil:
		c.ID = *in.ID
	}
	c.Name = c.ID
	if in.Name != nil {
		c.Name = *in.Name
	}
	return c, invalid(append(faults, faultsAt("body", c.Check())...))
}

func (h *handler) deleteChannel(ctx context.Context, in *struct {
	ChannelPath
	Precondition
}) (*struct{}, error) {
	if err := h.Store.DeleteChannel(ctx, in.ChannelID, in.onChannel(in.ChannelID)); err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	return nil, nil
}

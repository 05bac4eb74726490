package schedulehttp

import (
	"context"
	"encoding/json"

	"consuo/internal/autoschedule"
	"consuo/internal/schedule"
)

// Reports keeps what the auto-scheduler reports of channels.
type Reports interface {
	// Report is the last one, JSON of an [autoschedule.Report]; "" if there is none.
	Report(ctx context.Context, channelID string) (string, error)
}

type autoscheduleOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         autoscheduleState
}

type autoscheduleState struct {
	Populate bool                 `json:"auto_populate" doc:"Whether the channel's configuration asks for it."`
	Cleanup  bool                 `json:"auto_cleanup" doc:"Whether old events are deleted."`
	Report   *autoschedule.Report `json:"report,omitempty" doc:"Absent before the first plan."`
}

func (h *handler) autoschedule(ctx context.Context, in *ChannelPath) (*autoscheduleOutput, error) {
	c, err := h.Store.Channel(ctx, in.ChannelID)
	if err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	auto, _ := schedule.ReadAuto(c.ID, c.Config) // was checked when it was stored
	out := &autoscheduleOutput{CacheControl: "no-cache", Body: autoscheduleState{Populate: auto.Populate, Cleanup: auto.Keep > 0}}
	if h.Reports == nil {
		return out, nil
	}
	text, err := h.Reports.Report(ctx, in.ChannelID)
	if err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	if text == "" {
		return out, nil
	}
	if err := json.Unmarshal([]byte(text), &out.Body.Report); err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	return out, nil
}

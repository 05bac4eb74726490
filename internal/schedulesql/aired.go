package schedulesql

import (
	"context"
	"fmt"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/schedule"
)

// maxCuts bounds how much of a log is read at once: weeks, usually.
const maxCuts = 10_000

// slack is how much longer than planned an event can be on air: a cut lies on
// the nearest boundary of segments. What seems to last longer was not watched
// to its end, and no cut says so.
const slack = time.Minute

// Aired returns what of a channel's events was really on air within a slot, by
// its playout log. An event that playout joined in progress began as planned.
func (s *Store) Aired(ctx context.Context, channelID string, within schedule.Slot) ([]schedule.Airing, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT c.cut FROM cuts c JOIN playout_logs l ON l.id = c.log_id
		WHERE l.channel_id = $1 AND c.start_ns < $3 AND c.start_ns >= COALESCE(
			(SELECT MAX(b.start_ns) FROM cuts b JOIN playout_logs m ON m.id = b.log_id WHERE m.channel_id = $1 AND b.start_ns <= $2), 0)
		ORDER BY c.number LIMIT $4`, channelID, within.Start.UnixNano(), within.End.UnixNano(), maxCuts)
	if err != nil {
		return nil, fmt.Errorf("read what channel %s has aired: %w", channelID, err)
	}
	defer rows.Close()
	var airings []schedule.Airing
	open := false // the last airing's cut is the last so far
	for rows.Next() {
		cut, err := scanCut(rows)
		if err != nil {
			return nil, fmt.Errorf("read what channel %s has aired: %w", channelID, err)
		}
		if open {
			last := &airings[len(airings)-1]
			if last.Planned.End.Add(slack).After(cut.Start) && cut.Start.After(last.Start) {
				last.End = cut.Start
			}
		}
		if open = cut.Kind == playlog.Event && cut.Airing != nil; !open {
			continue
		}
		a := schedule.Airing{EventID: cut.Airing.EventID, Planned: schedule.Slot{Start: cut.Airing.Start, End: cut.Airing.End},
			Slot: schedule.Slot{Start: cut.Start}}
		if (cut.Rebase || cut.Reason == playlog.Joined) && cut.Airing.Start.Before(a.Start) {
			a.Start = cut.Airing.Start
		}
		airings = append(airings, a)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read what channel %s has aired: %w", channelID, err)
	}
	return airings, nil
}

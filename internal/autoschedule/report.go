package autoschedule

import (
	"time"

	"consuo/internal/schedule"
)

// A Report says what the auto-scheduler does for a channel. Instants are
// milliseconds since 1970.
type Report struct {
	Planned  int64          `json:"planned" example:"1795348800000" doc:"When the last plan was made, milliseconds since 1970."`
	Until    int64          `json:"until" example:"1795392000000" doc:"How far it reached, milliseconds since 1970."`
	Added    int            `json:"added" example:"3" doc:"Events that it added."`
	Deleted  int            `json:"deleted" example:"0" doc:"Old events that it deleted."`
	Sources  []SourceReport `json:"sources" nullable:"false" doc:"Where assets come from."`
	Problems []Problem      `json:"problems" nullable:"false" doc:"Entries that can't be planned; the others are."`
	More     int            `json:"more" example:"0" doc:"Problems beyond those that are listed."`
}

// A SourceReport is about a feed, or a list of the configuration.
type SourceReport struct {
	Feed    string `json:"feed,omitempty" example:"https://feed.example/atom" doc:"Absent for a list of the configuration."`
	Entries int    `json:"entries" example:"20"`
	Usable  int    `json:"usable" example:"19" doc:"Entries whose length is known."`
	Fetched int64  `json:"fetched,omitempty" example:"1795348800000" doc:"Last success, milliseconds since 1970."`
	Next    int64  `json:"next,omitempty" example:"1795349100000" doc:"Next attempt."`
	Error   string `json:"error,omitempty" example:"the answer is 503 Service Unavailable" doc:"Why the last attempt failed; the entries are those of the last success."`
}

// A Problem is an entry that can't be planned.
type Problem struct {
	URI    string `json:"uri" example:"https://vod.example/gone.m3u8"`
	Title  string `json:"title,omitempty" example:"Gone"`
	Reason string `json:"reason" example:"the origin answers 404 Not Found"`
	Retry  int64  `json:"retry,omitempty" example:"1795349100000" doc:"Next attempt, milliseconds since 1970."`
}

// maxProblems bounds a report.
const maxProblems = 100

func (r *Runner) report(a schedule.Auto) Report {
	now := time.Now()
	report := Report{Planned: now.UnixMilli(), Until: now.Add(a.Ahead).UnixMilli(), Sources: []SourceReport{}, Problems: []Problem{}}
	add := func(p Problem) {
		if len(report.Problems) < maxProblems {
			report.Problems = append(report.Problems, p)
		} else {
			report.More++
		}
	}
	for _, c := range contents(a) {
		s := SourceReport{Feed: c.Feed, Entries: len(r.entries(c)), Usable: len(r.items(c))}
		if feed := r.sources[c.Feed]; feed != nil {
			s.Next = feed.next.UnixMilli()
			if !feed.fetched.IsZero() {
				s.Fetched = feed.fetched.UnixMilli()
			}
			if feed.err != nil {
				s.Error = feed.err.Error()
			}
			for _, p := range feed.problems {
				add(p)
			}
		}
		report.Sources = append(report.Sources, s)
		for _, e := range r.entries(c) {
			if l := r.lengths[e.URI]; l != nil && l.err != nil {
				add(Problem{URI: e.URI, Title: e.Title, Reason: l.err.Error(), Retry: l.next.UnixMilli()})
			}
		}
	}
	return report
}

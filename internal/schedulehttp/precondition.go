package schedulehttp

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"consuo/internal/schedule"

	"github.com/danielgtaylor/huma/v2"
)

// Precondition makes an edit conditional, so that of two editors the later
// does not overwrite what it has not seen. It is never required.
type Precondition struct {
	IfMatch     string `header:"If-Match" doc:"ETag of what the caller has read; 412 if it has been changed since. \"*\": only if it exists."`
	IfNoneMatch string `header:"If-None-Match" doc:"\"*\": only if it does not exist yet."`
}

// changedError refuses an edit: what is stored is not what the caller has seen.
type changedError struct {
	what string // "channel one"
	etag string // of what is stored, "" if there is nothing
}

func (e *changedError) Error() string {
	if e.etag == "" {
		return "There is no " + e.what + " any more: to make it anew, repeat the request without If-Match."
	}
	return "Somebody has changed " + e.what + " since you have read it. Read it again, and repeat your change with If-Match: " + e.etag + "."
}

// existsError refuses an edit that may only make something new.
type existsError struct{ what string }

func (e *existsError) Error() string {
	return "There is already " + e.what + ": to change it, repeat the request without If-None-Match."
}

// check compares with the ETag of what is stored, "" if there is nothing.
func (p Precondition) check(what, etag string) error {
	if strings.TrimSpace(p.IfNoneMatch) == "*" && etag != "" {
		return &existsError{what}
	}
	if p.IfMatch == "" {
		return nil
	}
	if etag != "" {
		for tag := range strings.SplitSeq(p.IfMatch, ",") {
			tag = strings.TrimSpace(tag)
			// Proxies that compress weaken tags (W/); the content is the same.
			if tag == "*" || content(strings.TrimPrefix(tag, "W/")) == content(etag) {
				return nil
			}
		}
	}
	return &changedError{what, etag}
}

// content is the part of a tag that only the resource's own content changes: a
// channel's tag has its revision in front, which edits of its events raise, and
// a list's tag its form.
func content(etag string) string {
	if _, after, ok := strings.Cut(etag, "-"); ok {
		return after
	}
	return strings.TrimPrefix(etag, `"`)
}

// onChannel is the precondition of an edit of a channel.
func (p Precondition) onChannel(id string) schedule.Condition {
	return func(stored *schedule.Channel) error {
		if stored == nil {
			return p.check("channel "+id, "")
		}
		return p.check("channel "+id, channelTag(*stored))
	}
}

// onEvent checks the precondition of an edit of an event, within its transaction.
func (p Precondition) onEvent(tx schedule.Tx, id string) error {
	if p == (Precondition{}) {
		return nil
	}
	stored, err := tx.Event(id)
	if _, absent := errors.AsType[*schedule.NotFoundError](err); absent {
		return p.check("event "+id, "")
	}
	if err != nil {
		return err
	}
	return p.check("event "+id, contentTag(eventOf(stored)))
}

// fail412 is the answer to a precondition that does not hold.
func fail412(detail, etag string) error {
	err := huma.Error412PreconditionFailed(detail)
	if etag == "" {
		return err
	}
	return huma.ErrorWithHeaders(err, http.Header{"ETag": {etag}})
}

// channelTag is the ETag of a channel: revision and content.
func channelTag(c schedule.Channel) string {
	hash := sha256.Sum256(slices.Concat([]byte(c.Name), []byte{0}, c.Config))
	return fmt.Sprintf(`"%d-%x"`, c.Revision, hash[:8])
}

// contentTag is the ETag of events: of nothing but what they are.
func contentTag(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // wire types can be marshalled
	}
	hash := sha256.Sum256(raw)
	return fmt.Sprintf(`"%x"`, hash[:12])
}

package playlog

import (
	"errors"
	"time"
)

// Awake is how long after somebody watched a channel the heads of a store have
// its log: longer than engines keep a channel that nobody asks for.
const Awake = 10 * time.Minute

// Heads tell how the logs end that are in use.
type Heads struct {
	// Now is an instant of the store as of a Page: a log that ends with its
	// head is complete for cuts that start before Now + Lead.
	Now  time.Time
	Lead time.Duration
	// Logs has the heads by channel, of logs with a cut that was watched within
	// Awake. One that is missing says nothing. Nobody writes to it.
	Logs map[string]Head
}

// Head names the last cut of a log and, by its digest, the whole log.
type Head struct {
	ID     string `json:"id"` // of the log
	Number int64  `json:"number"`
	Digest string `json:"digest"` // see Cut.Digest
}

// ErrNoHeads says that a store has no heads: its logs must be read one by one.
var ErrNoHeads = errors.New("the store does not tell how all logs end")

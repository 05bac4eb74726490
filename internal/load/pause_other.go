//go:build !linux

package load

import "time"

// newPause returns a time.Sleep. Only Linux has a better one here.
func newPause() (pause func(time.Duration), done func() error, err error) {
	return time.Sleep, func() error { return nil }, nil
}

package load

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// newPause returns a time.Sleep for one goroutine that is exact to some
// microseconds, and keeps no processor from others. Where nothing else happens
// Go's is exact to a millisecond, as long as epoll_wait waits: too coarse for
// thousands of requests a second.
func newPause() (pause func(time.Duration), done func() error, err error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, nil, fmt.Errorf("make a timer: %w", err)
	}
	timer := os.NewFile(uintptr(fd), "timer") // in the network poller, as the descriptor does not block
	var expirations [8]byte
	return func(d time.Duration) {
		once := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
		if unix.TimerfdSettime(fd, 0, &once, nil) != nil {
			time.Sleep(d)
			return
		}
		_, _ = timer.Read(expirations[:])
	}, timer.Close, nil
}

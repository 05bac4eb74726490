package perf

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"consuo/internal/daemon"
)

// usage is what a process has taken.
type usage struct {
	at       time.Time
	cpu      time.Duration // user and system
	resident float64       // MB now
	peak     float64       // MB at most
}

var errNoProc = errors.New("what a process takes is read from /proc, which only Linux has")

// usageOf is what a process has taken until now.
func usageOf(d *daemon.Daemon) (usage, error) {
	dir := "/proc/" + strconv.Itoa(d.PID())
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return usage{}, errors.Join(errNoProc, err)
	}
	u := usage{at: time.Now()}
	// After the name, which is in parentheses and may have anything in it.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const tick = 10 * time.Millisecond // USER_HZ is 100 on all of Linux
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return usage{}, fmt.Errorf("read %s/stat: %w", dir, err)
		}
		u.cpu += time.Duration(n) * tick
	}
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return usage{}, err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		kB, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		switch name {
		case "VmRSS":
			u.resident = kB / 1024
		case "VmHWM":
			u.peak = kB / 1024
		}
	}
	return u, nil
}

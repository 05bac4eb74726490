package perf

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a service that runs for a scenario.
type process struct {
	name string
	cmd  *exec.Cmd
	base string // URL
}

const (
	startWithin = 20 * time.Second
	stopWithin  = 15 * time.Second
)

// start starts a service and waits until it listens. Where cpu is set the
// process may only run on that processor.
func start(ctx context.Context, name, program, dir, cpu string, env ...string) (*process, error) {
	logPath := filepath.Join(dir, name+".log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	args := []string{program}
	if cpu != "" {
		args = []string{"taskset", "-c", cpu, program}
	}
	p := &process{name: name, cmd: exec.CommandContext(ctx, args[0], args[1:]...)}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir, "PORT=0", "LOG_FORMAT=json", "LOG_LEVEL=info"}, env...)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopWithin
	output, err := p.cmd.StderrPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		_ = log.Close()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	port := make(chan string, 1)
	go func() {
		defer log.Close()
		defer close(port)
		lines := bufio.NewReader(output)
		for {
			line, err := lines.ReadBytes('\n')
			_, _ = log.Write(line)
			var entry struct{ Msg, Addr string }
			if port != nil && json.Unmarshal(line, &entry) == nil && entry.Msg == "listening" {
				port <- entry.Addr[strings.LastIndexByte(entry.Addr, ':')+1:]
			}
			if err != nil {
				return
			}
		}
	}()
	timer := time.NewTimer(startWithin)
	defer timer.Stop()
	select {
	case number, ok := <-port:
		if ok {
			p.base = "http://127.0.0.1:" + number
			return p, nil
		}
	case <-timer.C:
	case <-ctx.Done():
	}
	p.stop()
	return nil, fmt.Errorf("start %s: it does not listen: see %s", name, logPath)
}

// stop ends the process and waits for its end.
func (p *process) stop() {
	_ = p.cmd.Cancel() // an error: it has ended
	timer := time.AfterFunc(stopWithin, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_ = p.cmd.Wait()
}

// usage is what a process has taken.
type usage struct {
	at       time.Time
	cpu      time.Duration // user and system
	resident float64       // MB now
	peak     float64       // MB at most
}

var errNoProc = errors.New("what a process takes is read from /proc, which only Linux has")

func (p *process) usage() (usage, error) {
	dir := "/proc/" + strconv.Itoa(p.cmd.Process.Pid)
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

// discard reads what is left of an answer, so that its connection can be used
// again.
func discard(r io.ReadCloser) {
	_, _ = io.Copy(io.Discard, r)
	_ = r.Close()
}

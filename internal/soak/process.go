package soak

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	// startWithin is how long a process may take until it listens.
	startWithin = 15 * time.Second
	// grace is what an orchestrator gives a process that it has asked to stop.
	grace = 15 * time.Second
)

// process is a service that is started, killed and started again. Each time it
// listens on a port that the system chooses.
type process struct {
	name    string
	program string
	env     []string
	log     string // file that gets what it writes
	clock   string // file that says how far its date is off
	ended   func(error)

	mu   sync.Mutex    // guards what follows
	live *incarnation  // nil: it is not running
	off  time.Duration // what clock says
}

// incarnation is one run of a process.
type incarnation struct {
	cmd       *exec.Cmd
	base      string        // URL
	listening time.Time     // since when
	done      chan struct{} // closed when it has ended
	err       error         // of its end; read after done

	mu      sync.Mutex
	leaving bool // it has been asked to end
	paused  bool
	resumed time.Time
}

// running returns the incarnation that listens, or nil.
func (p *process) running() *incarnation {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.live
}

// base is the URL of the process, "" while it is not running.
func (p *process) base() string {
	if live := p.running(); live != nil {
		return live.base
	}
	return ""
}

// start starts the process and waits until it listens.
func (p *process) start(ctx context.Context) error {
	file, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	live := &incarnation{cmd: exec.CommandContext(context.WithoutCancel(ctx), p.program), done: make(chan struct{})}
	live.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "PORT=0", "LOG_FORMAT=json", clockVariable + "=" + p.clock}, p.env...)
	live.cmd.SysProcAttr = attributes()
	output, err := live.cmd.StderrPipe()
	if err == nil {
		err = live.cmd.Start()
	}
	if err != nil {
		_ = file.Close()
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	address := make(chan string, 1)
	go func() {
		defer file.Close()
		follow(output, file, address)
		live.err = live.cmd.Wait()
		close(live.done)
		p.mu.Lock()
		if p.live == live {
			p.live = nil
		}
		p.mu.Unlock()
		if !live.isLeaving() {
			p.ended(fmt.Errorf("%s ended by itself (%v): see %s", p.name, live.err, p.log))
		}
	}()
	timer := time.NewTimer(startWithin)
	defer timer.Stop()
	select {
	case addr := <-address:
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return fmt.Errorf("start %s: %w", p.name, err)
		}
		live.base, live.listening = "http://127.0.0.1:"+port, time.Now()
		p.mu.Lock()
		p.live = live
		p.mu.Unlock()
		return nil
	case <-live.done:
		return fmt.Errorf("start %s: it ended (%v): see %s", p.name, live.err, p.log)
	case <-timer.C:
		live.leave()
		_ = live.cmd.Process.Kill()
		return fmt.Errorf("start %s: it does not listen after %s: see %s", p.name, startWithin, p.log)
	}
}

// follow copies a log and finds the address in it.
func follow(from io.Reader, to io.Writer, address chan<- string) {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		_, _ = to.Write(line)
		if address != nil && bytes.Contains(line, []byte(`"listening"`)) {
			var entry struct{ Msg, Addr string }
			if json.Unmarshal(line, &entry) == nil && entry.Msg == "listening" {
				address <- entry.Addr
				address = nil
			}
		}
		if err != nil {
			return
		}
	}
}

func (i *incarnation) leave() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.leaving = true
}

func (i *incarnation) isLeaving() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.leaving
}

// stood says whether it has been standing still since an instant.
func (i *incarnation) stood(since time.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.paused || i.resumed.After(since)
}

// kill ends the process as SIGKILL does: at once, in the middle of anything.
func (p *process) kill() {
	live := p.leave()
	if live == nil {
		return
	}
	_ = live.cmd.Process.Kill() // an error: it has ended
	<-live.done
}

// leave notes that the process is about to end.
func (p *process) leave() *incarnation {
	p.mu.Lock()
	defer p.mu.Unlock()
	live := p.live
	p.live = nil
	if live != nil {
		live.leave()
	}
	return live
}

// terminate asks the process to end and wants exit status 0 within the grace
// period. It returns how long that took.
func (p *process) terminate() (time.Duration, error) {
	begun := time.Now()
	live := p.leave()
	if live == nil {
		return 0, nil
	}
	if err := live.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, fmt.Errorf("stop %s: %w", p.name, err)
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-live.done:
	case <-timer.C:
		_ = live.cmd.Process.Kill()
		<-live.done
		return time.Since(begun), fmt.Errorf("%s did not stop within %s of SIGTERM", p.name, grace)
	}
	if live.err != nil {
		return time.Since(begun), fmt.Errorf("%s after SIGTERM: %w", p.name, live.err)
	}
	return time.Since(begun), nil
}

// pause stops the process where it is, for a time.
func (p *process) pause(ctx context.Context, d time.Duration) error {
	return p.still(func() error { sleep(ctx, d); return nil })
}

// still does something while the process stands still.
func (p *process) still(do func() error) error {
	live := p.running()
	if live == nil {
		return fmt.Errorf("pause %s: it is not running", p.name)
	}
	note := func(paused bool) {
		live.mu.Lock()
		defer live.mu.Unlock()
		live.paused, live.resumed = paused, time.Now()
	}
	note(true)
	if err := live.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("pause %s: %w", p.name, err)
	}
	done := do()
	err := live.cmd.Process.Signal(syscall.SIGCONT)
	note(false)
	if err != nil {
		return fmt.Errorf("resume %s: %w", p.name, err)
	}
	return done
}

// sleep waits, or until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// copyFile copies a file that may not exist; then there is no copy either.
func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if errors.Is(err, os.ErrNotExist) {
		if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

// copyDatabase copies a SQLite file with its log. Nobody may write to it.
func copyDatabase(from, to string) error {
	var faults []error
	for _, suffix := range []string{"", "-wal"} {
		faults = append(faults, copyFile(from+suffix, to+suffix))
	}
	if err := os.Remove(to + "-shm"); err != nil && !errors.Is(err, os.ErrNotExist) {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

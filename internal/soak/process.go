package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"consuo/internal/daemon"
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
	*daemon.Daemon
	listening time.Time // since when

	mu      sync.Mutex
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
		return live.Base
	}
	return ""
}

// start starts the process and waits until it listens.
func (p *process) start(ctx context.Context) error {
	d, err := daemon.Start(ctx, daemon.Command(p.program, append(p.env, clockVariable+"="+p.clock)...), p.log)
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	live := &incarnation{Daemon: d, listening: time.Now()}
	p.mu.Lock()
	p.live = live
	p.mu.Unlock()
	go func() {
		_ = d.Wait()
		p.mu.Lock()
		if p.live == live {
			p.live = nil
		}
		p.mu.Unlock()
		if err := d.Ended(); err != nil {
			p.ended(fmt.Errorf("%s: %w", p.name, err))
		}
	}()
	return nil
}

// stood says whether it has been standing still since an instant.
func (i *incarnation) stood(since time.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.paused || i.resumed.After(since)
}

// kill ends the process as SIGKILL does: at once, in the middle of anything.
func (p *process) kill() {
	if live := p.leave(); live != nil {
		live.Kill()
	}
}

// leave takes the process off the list of those that run: it is about to end.
func (p *process) leave() *incarnation {
	p.mu.Lock()
	defer p.mu.Unlock()
	live := p.live
	p.live = nil
	return live
}

// terminate asks the process to end and wants exit status 0 within the grace
// period.
func (p *process) terminate() error {
	live := p.leave()
	if live == nil {
		return nil
	}
	if err := live.Stop(syscall.SIGTERM); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
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
	if err := live.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("pause %s: %w", p.name, err)
	}
	done := do()
	err := live.Signal(syscall.SIGCONT)
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

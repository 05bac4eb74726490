// Package daemon runs the services as processes of their own: for the demo, the
// soak, measurements and tests. No process outlives the one that has started
// it, on Linux at least.
package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	// startWithin is how long a service may take until it listens.
	startWithin = 20 * time.Second
	// grace is how long a process may take to stop when it is asked to: what
	// an orchestrator gives it.
	grace = 15 * time.Second
)

// Daemon is a process that this one has started.
type Daemon struct {
	// Base is the URL of a service that [Start] has started, for instance
	// http://127.0.0.1:34567.
	Base string

	cmd      *exec.Cmd
	log      string        // path of the file that gets what it writes
	address  chan string   // gets where it listens, once
	stopping atomic.Bool   // it has been asked to end
	done     chan struct{} // closed when it has ended
	err      error         // of its end; read after done
}

// Build builds schedule and engine, from the repository at root, into a folder,
// without cgo as make build does. More are flags of go build, or further
// packages.
func Build(ctx context.Context, root, dir string, more ...string) error {
	args := append([]string{"build", "-o", dir + string(filepath.Separator)}, more...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/schedule", "./cmd/engine")...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the services: %w\n%s", err, out)
	}
	return nil
}

// Command is a service that listens on a port that the system chooses. It gets
// these variables and no others that matter to it.
func Command(program string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), program) // Stop and Kill end it
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "PORT=0"}, env...)
	return cmd
}

// Start starts a service, as [Spawn] does, and waits until it listens. That is
// read from its log, which has to be JSON of level info or below.
func Start(ctx context.Context, cmd *exec.Cmd, log string) (*Daemon, error) {
	d, err := Spawn(cmd, log)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("it does not listen after %s", startWithin))
	defer cancel()
	select {
	case address := <-d.address:
		var port string
		if _, port, err = net.SplitHostPort(address); err == nil {
			d.Base = "http://127.0.0.1:" + port
			return d, nil
		}
	case <-d.done:
		return nil, d.Ended()
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	d.Kill()
	return nil, fmt.Errorf("start %s: %w: see %s", d.name(), err, log)
}

// Spawn starts a program. What it writes is appended to the file log. Ctrl-C
// does not reach it: it has a process group of its own.
func Spawn(cmd *exec.Cmd, log string) (*Daemon, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	d := &Daemon{cmd: cmd, log: log, address: make(chan string, 1), done: make(chan struct{})}
	out := &output{file: file, address: d.address}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = time.Second // for children of its own that live on
	cmd.SysProcAttr = attributes()
	started := make(chan error)
	go func() {
		defer file.Close()
		runtime.LockOSThread() // Linux ends the child with the thread that has started it
		err := cmd.Start()
		started <- err
		if err == nil {
			d.err = cmd.Wait()
			close(d.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", d.name(), err)
	}
	return d, nil
}

func (d *Daemon) name() string { return filepath.Base(d.cmd.Path) }

// PID is the number of the process.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// Wait waits until the process has ended and all that it wrote is in its log.
// The error is exec's: nil is exit status 0.
func (d *Daemon) Wait() error {
	<-d.done
	return d.err
}

// Signal sends a signal. Where that is to end the process, [Daemon.Stop] and
// [Daemon.Kill] also note that its end is wanted.
func (d *Daemon) Signal(signal os.Signal) error { return d.cmd.Process.Signal(signal) }

// Stopping says whether the process has been asked to end.
func (d *Daemon) Stopping() bool { return d.stopping.Load() }

// Ended says why the process ended, with the last lines that it wrote: nil
// while it runs, and if its end was wanted.
func (d *Daemon) Ended() error {
	select {
	case <-d.done:
	default:
		return nil
	}
	if d.Stopping() {
		return nil
	}
	return fmt.Errorf("%s ended by itself (%v); the end of %s:\n%s", d.name(), d.cmd.ProcessState, d.log, tail(d.log))
}

// Stop asks the process to end by a signal, waits for that, and wants exit
// status 0. After a while it is killed, which is an error.
func (d *Daemon) Stop(signal os.Signal) error {
	d.stopping.Store(true)
	if err := d.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", d.name(), err)
	}
	select {
	case <-d.done:
	case <-time.After(grace):
		d.Kill()
		return fmt.Errorf("stop %s: it did not stop within %s and was killed: see %s", d.name(), grace, d.log)
	}
	if d.err != nil {
		return fmt.Errorf("stop %s: %w: see %s", d.name(), d.err, d.log)
	}
	return nil
}

// Kill ends the process at once, in the middle of anything, and waits for that.
func (d *Daemon) Kill() {
	d.stopping.Store(true)
	_ = d.cmd.Process.Kill() // an error: it has ended
	<-d.done
}

// Log is what the process has written so far, and those before it to the same
// file.
func (d *Daemon) Log() string {
	text, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// tail is the last lines of a file.
func tail(file string) []byte {
	text, err := os.ReadFile(file)
	if err != nil {
		return []byte(err.Error())
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-10):], []byte("\n"))
}

// output writes a log, and finds in it where the service listens.
type output struct {
	file    *os.File
	line    []byte        // as far as it has come
	address chan<- string // nil: has been found
}

// Write never fails: a service goes on without its log.
func (o *output) Write(p []byte) (int, error) {
	_, _ = o.file.Write(p)
	if o.address == nil {
		return len(p), nil
	}
	o.line = append(o.line, p...)
	for {
		line, rest, complete := bytes.Cut(o.line, []byte("\n"))
		if !complete {
			return len(p), nil
		}
		o.line = rest
		var entry struct{ Msg, Addr string }
		if json.Unmarshal(line, &entry) == nil && entry.Msg == "listening" {
			o.address <- entry.Addr
			o.address, o.line = nil, nil
			return len(p), nil
		}
	}
}

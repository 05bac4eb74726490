package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// daemon is a service that runs as a child of the demo.
type daemon struct {
	name string
	cmd  *exec.Cmd
	log  string // file with what it writes
	done chan struct{}
	err  error // of the process; read after done
}

// stopGrace is how long a daemon may take to stop when it is asked to.
const stopGrace = 15 * time.Second

// startDaemon starts a program, its output going to a file. Of this process's
// variables it gets what any program needs, so that what somebody has set for a
// service of theirs changes nothing.
func startDaemon(name, program, log string, env ...string) (*daemon, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer file.Close()                                        // the child has its own
	cmd := exec.CommandContext(context.Background(), program) // stop ends it, in its turn
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LOG_LEVEL", "LOG_FORMAT"} {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = file, file
	// In a group of its own: Ctrl-C reaches the demo only, which then stops its
	// daemons one after the other.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	d := &daemon{name: name, cmd: cmd, log: log, done: make(chan struct{})}
	go func() {
		d.err = cmd.Wait()
		close(d.done)
	}()
	return d, nil
}

// stop asks the daemon to stop, as Ctrl-C would (at SIGTERM it would serve on for
// the sake of balancers), and insists after a while.
func (d *daemon) stop() error {
	select {
	case <-d.done:
		return nil // that it ended by itself has been reported
	default:
	}
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", d.name, err)
	}
	select {
	case <-d.done:
	case <-time.After(stopGrace):
		_ = d.cmd.Process.Kill()
		<-d.done
		return fmt.Errorf("stop %s: it did not stop within %v and was killed; its log is %s", d.name, stopGrace, d.log)
	}
	if d.err != nil {
		return fmt.Errorf("stop %s: %w; its log is %s", d.name, d.err, d.log)
	}
	return nil
}

// ended tells why a daemon ended that should have gone on, with the last lines
// that it wrote.
func (d *daemon) ended() error {
	cause := "exit status 0"
	if d.err != nil {
		cause = d.err.Error()
	}
	return fmt.Errorf("%s ended by itself (%s); the end of %s:\n%s", d.name, cause, d.log, tail(d.log, 10))
}

func tail(file string, n int) []byte {
	b, err := os.ReadFile(file)
	if err != nil {
		return []byte(err.Error())
	}
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-n):], []byte("\n"))
}

// checkPort fails when somebody listens on a port of this machine.
func checkPort(ctx context.Context, port int, flag string) error {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return fmt.Errorf("port %d is taken (%w): stop what uses it, or choose another one with %s", port, err, flag)
	}
	return l.Close()
}

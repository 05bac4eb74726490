package service

import (
	"errors"
	"math"
	"net"
	"os"
	"sync"
	"time"
)

// http.Server sets the deadlines of a connection eight times a request. Nearly
// always nobody waits for anything at that moment, and what is set is replaced
// before anybody does; yet each is a timer in the network poller, and together
// they are a twentieth of what a playlist costs. So they are only noted here.
// The poller is told when a read or a write begins or is waiting, and only of a
// deadline that is earlier than the one it has: when that one passes, it is told
// the one that holds by then, and the read goes on. Every deadline is kept to
// the instant, at the price of one timer for many requests. As in http.Server,
// not more than one goroutine at a time may read, nor more than one write.

// deadlineListener is a listener whose connections do so.
type deadlineListener struct{ net.Listener }

func (l deadlineListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newDeadlineConn(c), nil
}

type deadlineConn struct {
	net.Conn
	reads, writes deadline
}

func newDeadlineConn(c net.Conn) *deadlineConn {
	now := time.Now()
	return &deadlineConn{
		Conn:   c,
		reads:  deadline{base: now, tell: c.SetReadDeadline, wanted: never, told: never},
		writes: deadline{base: now, tell: c.SetWriteDeadline, wanted: never, told: never},
	}
}

func (c *deadlineConn) SetReadDeadline(t time.Time) error  { return c.reads.set(t) }
func (c *deadlineConn) SetWriteDeadline(t time.Time) error { return c.writes.set(t) }

func (c *deadlineConn) SetDeadline(t time.Time) error {
	return errors.Join(c.reads.set(t), c.writes.set(t))
}

func (c *deadlineConn) Read(p []byte) (n int, err error) {
	for again := true; again; {
		if err = c.reads.begin(); err != nil {
			return 0, err
		}
		n, err = c.Conn.Read(p)
		again = c.reads.end(err)
	}
	return n, err
}

func (c *deadlineConn) Write(p []byte) (n int, err error) {
	for again := true; again; {
		if err = c.writes.begin(); err != nil {
			return n, err
		}
		var more int
		more, err = c.Conn.Write(p[n:])
		n += more
		again = c.writes.end(err)
	}
	return n, err
}

// CloseWrite is what http.Server looks for where it hangs up on a client that is
// still sending, so that the client reads the answer before it learns of that.
func (c *deadlineConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// deadline is that of one direction of a connection. Its instants are counted
// from base, so that a step of the machine's date moves none of them; those
// before it have passed without anybody looking at the clock.
type deadline struct {
	base time.Time
	tell func(time.Time) error // tells the poller

	mu      sync.Mutex    // guards what follows
	wanted  time.Duration // what was set last
	told    time.Duration // what the poller has; not later than wanted while somebody waits
	waiting int           // reads or writes in progress
}

const never = time.Duration(math.MaxInt64)

func (d *deadline) set(t time.Time) error {
	at := never
	if !t.IsZero() {
		at = t.Sub(d.base)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = at
	if d.waiting > 0 && at < d.told {
		return d.pass()
	}
	return nil
}

// begin is called before a read or a write, which does not take place if it
// returns an error.
func (d *deadline) begin() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wanted <= 0 { // this is how http.Server ends its reading ahead, which mostly has not begun
		return os.ErrDeadlineExceeded
	}
	if d.wanted < d.told || d.told <= 0 { // the latter would end it at once, to no purpose
		if err := d.pass(); err != nil {
			return err
		}
	}
	d.waiting++
	return nil
}

// end is called after a read or a write with its error, and says whether it has
// to go on: what has passed was a deadline that holds no more.
func (d *deadline) end(err error) (again bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting--
	if err == nil || d.told >= d.wanted || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	return d.pass() == nil
}

// pass passes the deadline on to the poller. d.mu is held.
func (d *deadline) pass() error {
	d.told = d.wanted
	if d.wanted == never {
		return d.tell(time.Time{})
	}
	return d.tell(d.base.Add(d.wanted))
}

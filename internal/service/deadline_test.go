package service

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"consuo/internal/bubble"
)

// Peers that hold a connection open are cut off at the instant at which they
// were if http.Server had the connection itself.
func TestServerLimits(t *testing.T) {
	const (
		get  = "GET / HTTP/1.1\r\nHost: service\r\n\r\n"
		post = "POST /sink HTTP/1.1\r\nHost: service\r\nContent-Length: 1000\r\n\r\n"
	)
	drip := func(text string, times int) string { return strings.Repeat("1s "+text+"|", times) }
	for _, c := range []struct {
		name   string
		script string // "|" ends a step: how long to wait, then what to send
		open   time.Duration
	}{
		{"silent", "", headerTimeout},
		{"header that comes slowly", "0s GET / HTTP/1.1\r\nHost: service\r\n|" + drip("A: b\r\n", 10), headerTimeout},
		{"idle after a request", "0s " + get, 95 * time.Second},
		{"idle after a late request", "4s " + get, 99 * time.Second},
		{"idle after many requests", strings.Repeat("4s "+get+"|", 100), 400*time.Second + 95*time.Second},
		{"slow header when nearly idle for too long", "0s " + get + "|94s GET / HTTP/1.1\r\n|" + drip("A: b\r\n", 10), 94*time.Second + headerTimeout},
		{"slow header after many requests", strings.Repeat("4s "+get+"|", 100) + "1s GET / HTTP/1.1\r\n|" + drip("A: b\r\n", 10), 401*time.Second + headerTimeout},
		{"body that comes slowly", "0s " + post + "|" + drip("body", 100), 20 * time.Second},
		{"body that does not come, in a second request", "0s " + get + "|30s " + post, 50 * time.Second},
		{"answer that is not read", "0s GET /large HTTP/1.1\r\nHost: service\r\n\r\n", 60 * time.Second},
		{"answer that is not read, of a second request", "0s " + get + "|30s GET /large HTTP/1.1\r\nHost: service\r\n\r\n", 90 * time.Second},
	} {
		for _, plain := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/plain=%v", c.name, plain), func(t *testing.T) {
				bubble.Test(t, func(t *testing.T) {
					began, closed := time.Now(), make(chan time.Duration, 2)
					handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						switch r.URL.Path {
						case "/sink":
							_, _ = io.Copy(io.Discard, r.Body)
						case "/large":
							_, _ = w.Write(make([]byte, 1<<20))
							closed <- time.Since(began)
						default:
							_, _ = io.WriteString(w, "whole")
						}
					})
					server, p := newServer(handler, 20*time.Second, slog.New(slog.DiscardHandler)), newPipes()
					var l net.Listener = deadlineListener{p}
					if plain {
						l = p
					}
					go func() { _ = server.Serve(l) }() // until it is closed
					defer server.Close()
					conn, err := p.dial(t.Context(), "", "")
					if err != nil {
						t.Fatal(err)
					}
					go func() {
						if _, err := io.Copy(io.Discard, conn); err == nil {
							closed <- time.Since(began)
						}
					}()
					for step := range strings.SplitSeq(c.script, "|") {
						wait, text, _ := strings.Cut(step, " ")
						d, _ := time.ParseDuration(wait)
						time.Sleep(d)
						if strings.Contains(text, "/large") { // read no more
							_ = conn.SetReadDeadline(time.Now())
						}
						if _, err := io.WriteString(conn, text); err != nil {
							break
						}
					}
					if open := <-closed; open != c.open {
						t.Errorf("closed after %s, want %s", open, c.open)
					}
				})
			})
		}
	}
}

// Reads and writes end when they would with a connection whose poller is told
// of every deadline.
func TestDeadlineConnIsNotHeard(t *testing.T) {
	for seed := range uint64(200) {
		var ended [2]string
		for i := range ended {
			bubble.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 1))
				conn, peer := net.Pipe()
				if i == 1 {
					conn = newDeadlineConn(conn)
				}
				defer peer.Close()
				var log strings.Builder
				began, calls, done := time.Now(), make(chan bool), make(chan struct{})
				go func() {
					defer close(done)
					for write := range calls {
						call := conn.Read
						if write {
							call = conn.Write
						}
						n, err := call(make([]byte, 3))
						fmt.Fprintln(&log, time.Since(began), write, n, errors.Is(err, os.ErrDeadlineExceeded))
					}
				}()
				for range 60 {
					time.Sleep(time.Duration(rng.IntN(3)) * time.Second)
					at := time.Now().Add(time.Duration(rng.IntN(12)-2)*time.Second + 100*time.Millisecond) // not when anything else happens
					switch rng.IntN(9) {
					case 0:
						at = time.Time{}
					case 1:
						at = time.Unix(1, 0) // as net/http has it
					}
					var err error
					switch rng.IntN(6) {
					case 0, 1:
						err = conn.SetReadDeadline(at)
					case 2, 3:
						err = conn.SetWriteDeadline(at)
					case 4:
						err = conn.SetDeadline(at)
					case 5:
						_ = peer.SetDeadline(time.Now().Add(time.Second / 4))
						if b := make([]byte, 2); rng.IntN(2) == 0 {
							_, _ = peer.Write(b)
						} else {
							_, _ = peer.Read(b)
						}
					}
					if err != nil {
						t.Error(err)
					}
					bubble.Wait()
					select {
					case calls <- rng.IntN(2) == 0:
					default: // one is waiting still
					}
					bubble.Wait()
				}
				conn.Close()
				close(calls)
				<-done
				ended[i] = log.String()
			})
		}
		if ended[0] != ended[1] || ended[0] == "" {
			t.Fatalf("seed %d: with every deadline\n%swith those that matter\n%s", seed, ended[0], ended[1])
		}
	}
}

// After a read that was ended by a deadline of the past, the next one does not
// begin with that.
func TestDeadlineOfThePastIsTakenBack(t *testing.T) {
	var told []time.Time
	now := time.Now()
	d := deadline{base: now, tell: func(at time.Time) error { told = append(told, at); return nil }, wanted: never, told: never}
	err := errors.Join(d.begin(), d.set(time.Unix(1, 0)))
	if again := d.end(os.ErrDeadlineExceeded); again || err != nil {
		t.Errorf("again %t, %v", again, err)
	}
	if err := errors.Join(d.set(now.Add(time.Minute)), d.begin()); err != nil || len(told) != 2 || !told[1].Equal(now.Add(time.Minute)) {
		t.Errorf("%v, the poller was told of %s", err, told)
	}
}

// Who is refused while sending reads why: that takes half of a TCP connection to
// be closed before the whole.
func TestHalfIsClosed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := deadlineListener{l}
	defer listener.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "refused"); err != nil {
		t.Fatal(err)
	}
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Error(err)
	}
	if text, err := io.ReadAll(client); string(text) != "refused" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := io.WriteString(client, "a"); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Errorf("the other half: %v", err)
	}
}

// counted counts how often a connection's poller is told of a deadline.
type counted struct {
	net.Conn
	told int
}

func (c *counted) Read(p []byte) (int, error)       { return len(p), nil }
func (c *counted) Write(p []byte) (int, error)      { return len(p), nil }
func (c *counted) SetReadDeadline(time.Time) error  { c.told++; return nil }
func (c *counted) SetWriteDeadline(time.Time) error { c.told++; return nil }

// What http.Server does for one request after the other costs two timers.
func TestDeadlinesOfManyRequests(t *testing.T) {
	raw := new(counted)
	conn := newDeadlineConn(raw)
	buf := make([]byte, 1)
	for range 1000 {
		now := time.Now()
		err := errors.Join(
			conn.SetReadDeadline(now.Add(5*time.Second)), // of the header
			conn.SetReadDeadline(now.Add(5*time.Second)), // of the request
			conn.SetWriteDeadline(now.Add(time.Minute)),
			conn.SetReadDeadline(time.Time{}), // reading ahead begins
		)
		if _, werr := conn.Write(buf); err != nil || werr != nil {
			t.Fatal(err, werr)
		}
		_ = conn.SetReadDeadline(time.Unix(1, 0)) // and ends
		if _, err := conn.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Time{})
		_ = conn.SetWriteDeadline(time.Time{})
		_ = conn.SetReadDeadline(now.Add(95 * time.Second)) // idle
		if _, err := conn.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	if raw.told != 2 {
		t.Errorf("the poller was told of %d deadlines", raw.told)
	}
}

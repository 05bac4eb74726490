package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Clients hammer a process that gets SIGTERM, through a balancer that asks for
// its readiness: none of their requests may go without its answer. Half of them
// keep their connections, half open one for each request.
func TestTerminatedUnderLoad(t *testing.T) {
	p := start(t, "DATABASE_URL="+t.TempDir()+"/schedule.db")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	inRotation, takeOut := context.WithCancel(ctx)
	var clients sync.WaitGroup
	defer func() { takeOut(); clients.Wait() }()
	get := func(client *http.Client, path string) (status int, err error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Base+path, nil)
		if err != nil {
			return 0, err
		}
		resp, err := client.Do(r)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode, err
	}

	served := make(chan struct{}, 8)
	answers := make([]int, 8) // after SIGTERM
	terminated := make(chan struct{})
	for i := range answers {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: i%2 == 0}}
		defer client.CloseIdleConnections()
		clients.Go(func() {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for n := 0; inRotation.Err() == nil; n++ {
				if status, err := get(client, "/channels"); err != nil || status != http.StatusOK {
					t.Errorf("client %d, request %d: %d %v", i, n, status, err)
					return
				}
				if n == 0 {
					served <- struct{}{}
				}
				select {
				case <-terminated:
					answers[i]++
				default:
				}
				<-tick.C
			}
		})
	}
	for range answers {
		<-served
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	close(terminated)
	// The balancer asks every half second and gives up at the second failure.
	ask := time.NewTicker(500 * time.Millisecond)
	defer ask.Stop()
	for failures := 0; failures < 2; {
		<-ask.C
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		status, err := get(client, "/readyz")
		if err != nil {
			t.Fatalf("the service is gone before it could be taken out: %v", err)
		}
		if status == http.StatusServiceUnavailable {
			failures++
		}
	}
	takeOut()
	clients.Wait()
	if err := p.Wait(); err != nil {
		t.Errorf("SIGTERM: %v: %s", err, p.Log())
	}
	for i, n := range answers {
		if n == 0 {
			t.Errorf("client %d got no answer after SIGTERM", i)
		}
	}
}

// A second signal ends the process without ceremony.
func TestSecondSignal(t *testing.T) {
	p := start(t, "DATABASE_URL="+t.TempDir()+"/schedule.db")
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.Base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// It has been seen once the service is no longer ready.
	for status := 0; status != http.StatusServiceUnavailable; {
		var body string
		if status, body = p.send(http.MethodGet, "/readyz", ""); status == 0 {
			t.Fatal(body)
		}
	}
	if err := p.Stop(syscall.SIGTERM); err == nil || strings.Contains(p.Log(), `"msg":"stopped"`) {
		t.Errorf("it stopped in its own time: %v: %s", err, p.Log())
	}
}

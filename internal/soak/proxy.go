package soak

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// trouble is what a link or the origin does to requests.
type trouble string

const (
	fine    trouble = ""
	away    trouble = "away"    // connections are closed without an answer
	slow    trouble = "slow"    // answers take longer than anybody waits
	failing trouble = "500"     // answers are errors
	garbage trouble = "garbage" // answers are not what they say
	half    trouble = "half"    // answers end in the middle
)

// link is the way of one engine to the schedule.
type link struct {
	target func() string // base URL; "": it is not there

	lists atomic.Int64 // requests for the list of channels
	ailing
}

// ailing is the trouble that somebody has.
type ailing struct {
	hurt atomic.Int64 // requests that met with it; at the origin, those for playlists

	mu   sync.Mutex
	what trouble // guarded by mu
}

func (a *ailing) set(t trouble) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.what = t
}

func (a *ailing) trouble() trouble {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.what
}

func (l *link) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/channels" {
		l.lists.Add(1)
	}
	what := l.trouble()
	if what != fine {
		l.hurt.Add(1)
	}
	switch what {
	case away:
		panic(http.ErrAbortHandler)
	case slow:
		sleep(r.Context(), time.Second+rand.N(3*time.Second))
	case failing:
		http.Error(w, "something went wrong", http.StatusInternalServerError)
		return
	case garbage:
		rubbish(w, "application/json")
		return
	}
	target := l.target()
	if target == "" {
		panic(http.ErrAbortHandler)
	}
	forward(w, r, target, what == half)
}

// forward passes a request on. Where there is no answer, there is none here.
func forward(w http.ResponseWriter, r *http.Request, target string, halve bool) {
	base, err := url.Parse(target)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(base)
			p.Out.Host = p.In.Host
		},
		ErrorLog:     log.New(io.Discard, "", 0), // broken answers are wanted
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	if halve {
		proxy.ModifyResponse = func(response *http.Response) error {
			body, err := io.ReadAll(response.Body)
			if err != nil {
				return err
			}
			_ = response.Body.Close()
			response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), broken{}))
			return nil
		}
	}
	proxy.ServeHTTP(w, r)
}

// transport is everybody's: loopback, and processes that come and go.
var transport = &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 5 * time.Second}

// broken ends in the middle.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// rubbish is an answer of random bytes.
func rubbish(w http.ResponseWriter, contentType string) {
	w.Header().Set("Content-Type", contentType)
	b := make([]byte, 500)
	for i := range b {
		b[i] = byte(rand.N(256))
	}
	_, _ = w.Write(b)
}

// balancer gives requests to engines in turn, as a load balancer does: where
// one does not answer or has nothing, the next.
type balancer struct {
	engines []*process
	turn    atomic.Uint64
}

// answerWithin is how long an engine may take before the next is asked.
const answerWithin = 2 * time.Second

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	first := int(b.turn.Add(1) % uint64(len(b.engines)))
	for i := range b.engines {
		base := b.engines[(first+i)%len(b.engines)].base()
		if base == "" {
			continue
		}
		response, body, err := fetch(r.Context(), base+r.URL.RequestURI(), answerWithin)
		if err != nil || response.StatusCode == http.StatusServiceUnavailable {
			continue
		}
		w.Header().Set("Content-Type", response.Header.Get("Content-Type"))
		w.WriteHeader(response.StatusCode)
		_, _ = w.Write(body)
		return
	}
	http.Error(w, "no engine has an answer", http.StatusServiceUnavailable)
}

var client = &http.Client{Transport: transport}

// fetch makes a request and reads the answer.
func fetch(ctx context.Context, url string, within time.Duration) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	const most = 4 << 20
	body, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err == nil && len(body) == most+1 {
		err = errors.New("the answer is too long")
	}
	return response, body, err
}

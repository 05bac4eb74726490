package asset

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// deliveryTimeout is how long a segment may take to tell its headers.
const deliveryTimeout = 5 * time.Second

// CheckDelivery looks at a segment as a browser would, by one HEAD, and says
// what would leave a player black though the playlist is right. What can't be
// told from here (the segment can't be reached, HEAD is refused) is no warning:
// players are elsewhere.
func (l *Loader) CheckDelivery(ctx context.Context, segment string) (warnings []string) {
	u, err := url.Parse(segment)
	if err != nil || l.options.Policy.CheckURL(u) != nil {
		return nil
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		warnings = append(warnings, fmt.Sprintf("its segments on %s are http: players on an https page can't load them", u.Host))
	}
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	release, err := l.hosts.acquire(ctx, u.Host)
	if err != nil {
		return warnings
	}
	defer release()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, segment, nil)
	if err != nil {
		return warnings
	}
	req.Header.Set("Origin", "https://player.invalid")
	resp, err := l.client.Do(req)
	if err != nil {
		return warnings
	}
	_ = resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusGone:
		warnings = append(warnings, fmt.Sprintf("its first segment is answered with %d by %s", resp.StatusCode, u.Host))
	case resp.StatusCode == http.StatusOK && !allowsAnyOrigin(resp.Header):
		warnings = append(warnings, fmt.Sprintf("its segments on %s have no Access-Control-Allow-Origin for pages of other hosts: players in browsers can't load them; let the origin or CDN send Access-Control-Allow-Origin: *", u.Host))
	}
	return warnings
}

// allowsAnyOrigin says whether any page may read the answer: those that name
// origins may name the asker's back.
func allowsAnyOrigin(h http.Header) bool {
	allow := h.Get("Access-Control-Allow-Origin")
	return allow == "*" || allow == "https://player.invalid"
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

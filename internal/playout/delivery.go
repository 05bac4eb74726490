package playout

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"consuo/internal/packed"
)

// Delivery maps the URL prefixes that the engine fetches from to those that
// players can reach: a name in the compose network to the address of a CDN.
type Delivery struct {
	text     string // names it; equal texts map alike
	prefixes []prefix
}

type prefix struct{ from, to string }

// ParseDelivery reads DELIVERY_MAP: "from=to,from=to". Both sides are http(s)
// URLs without query. As URLs contain "=" only
// in what is no prefix, the first one divides.
func ParseDelivery(text string) (Delivery, error) {
	d := Delivery{text: text}
	for pair := range strings.SplitSeq(text, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		from, to, ok := strings.Cut(pair, "=")
		if !ok {
			return Delivery{}, fmt.Errorf("%q is not from=to", pair)
		}
		for _, side := range []string{from, to} {
			u, err := url.Parse(side)
			if err != nil {
				return Delivery{}, fmt.Errorf("%q: %w", pair, err)
			}
			if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
				return Delivery{}, fmt.Errorf("%q: %q is not the beginning of an http or https URL", pair, side)
			}
			if strings.ContainsFunc(side, func(r rune) bool { return r <= ' ' || r == '"' || r == 0x7f }) {
				return Delivery{}, fmt.Errorf("%q: %q has a character that no URL may have", pair, side)
			}
		}
		d.prefixes = append(d.prefixes, prefix{from, to})
	}
	// The longest prefix decides, wherever it stands.
	slices.SortStableFunc(d.prefixes, func(a, b prefix) int { return len(b.from) - len(a.from) })
	return d, nil
}

// Rewrite returns the URL at which players find what the engine finds at uri.
func (d Delivery) Rewrite(uri string) string {
	for _, p := range d.prefixes {
		if rest, ok := strings.CutPrefix(uri, p.from); ok {
			return p.to + rest
		}
	}
	return uri
}

// rewrite is Rewrite for those who know that nothing need be done.
func (d Delivery) rewrite() packed.Rewrite {
	if len(d.prefixes) == 0 {
		return nil
	}
	return d.Rewrite
}

// over returns the map of a channel that has one of its own: its prefixes
// count before the engine's.
func (d Delivery) over(base Delivery) Delivery {
	if len(d.prefixes) == 0 {
		return base
	}
	merged := Delivery{text: d.text + "\n" + base.text, prefixes: slices.Concat(d.prefixes, base.prefixes)}
	slices.SortStableFunc(merged.prefixes, func(a, b prefix) int { return len(b.from) - len(a.from) })
	return merged
}

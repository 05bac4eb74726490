package asset

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Policy says where playlists may be fetched from. It is applied to the URL
// that was asked for, to the URL of every media playlist and of every
// redirect, and, when a name has been resolved, to the address that is about
// to be dialled: a name can't be made to point elsewhere in between.
//
// It is not applied to the URIs of segments, keys and init sections: players
// fetch those, from where they are, and we never do.
//
// The zero value allows all but the addresses that are never right.
type Policy struct {
	// Hosts is the allow-list: exact names or addresses, or "*.example.com"
	// for all names below example.com. Empty: any host.
	Hosts []string
	// DenyPrivate refuses loopback and private addresses too.
	DenyPrivate bool
}

// Validate checks the patterns of Hosts.
func (p Policy) Validate() error {
	for _, pattern := range p.Hosts {
		name := strings.TrimPrefix(pattern, "*.")
		if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
			continue
		}
		if name == "" || strings.ContainsAny(name, "*/@:, ") {
			return fmt.Errorf(`%q is no host: want a name such as "vod.example.com" or "*.example.com", without scheme, path and port`, pattern)
		}
	}
	return nil
}

// refusal is the error of a Policy, with what an operator would change.
type refusal struct{ reason, hint string }

func (r *refusal) Error() string { return r.reason }

// CheckURL reports why a URL may not be fetched, nil if it may as far as can
// be said without resolving its host. The error holds no part of the URL that
// could be secret.
func (p Policy) CheckURL(u *url.URL) error {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return &refusal{fmt.Sprintf("scheme %.20q", u.Scheme), "use an http or https URL"}
	case host == "":
		return &refusal{"no host", "use an absolute URL: https://host/path"}
	case !p.allowsHost(host):
		return &refusal{fmt.Sprintf("host %.80q is not allowed", host), "add the host to ORIGIN_HOSTS"}
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return p.CheckAddr(addr)
	}
	return nil
}

func (p Policy) allowsHost(host string) bool {
	for _, pattern := range p.Hosts {
		pattern = strings.ToLower(pattern)
		if suffix, wild := strings.CutPrefix(pattern, "*"); wild && strings.HasSuffix(host, suffix) && len(host) > len(suffix) {
			return true
		}
		if host == strings.Trim(pattern, "[]") {
			return true
		}
	}
	return len(p.Hosts) == 0
}

// CheckAddr reports why an address may not be dialled, nil if it may.
func (p Policy) CheckAddr(addr netip.Addr) error {
	addr = addr.WithZone("").Unmap()
	if err := p.checkOne(addr); err != nil {
		return err
	}
	// A gateway may turn these into the IPv4 address that they hold.
	if inner, ok := embedded(addr); ok {
		return p.checkOne(inner)
	}
	return nil
}

func (p Policy) checkOne(addr netip.Addr) error {
	switch {
	case addr.IsUnspecified(), addr.IsMulticast(), addr.IsLinkLocalUnicast(), contains(never, addr):
		return &refusal{fmt.Sprintf("address %s is link-local, a cloud's metadata service, or no host's", addr),
			"such addresses are always refused: serve the asset elsewhere"}
	case p.DenyPrivate && (addr.IsLoopback() || addr.IsPrivate() || contains(private, addr)):
		return &refusal{fmt.Sprintf("address %s is private", addr),
			"set PRIVATE_ORIGINS=allow if assets come from this network"}
	}
	return nil
}

// never are addresses that no asset comes from: those that no host has, and
// the services by which clouds give credentials to their machines, where they
// are not link-local.
var never = prefixes(
	"0.0.0.0/8",          // "this network"; connects to the machine itself on some systems
	"240.0.0.0/4",        // reserved, and broadcast
	"fd00:ec2::/32",      // Amazon: metadata, DNS, time, pod identity
	"fd20:ce::254/128",   // Google
	"100.100.100.200/32", // Alibaba
	"168.63.129.16/32",   // Azure
	"192.0.0.192/32",     // Oracle
)

// private are networks besides those of IsPrivate that are not the internet.
var private = prefixes(
	"100.64.0.0/10",  // between providers and customers (RFC 6598)
	"192.0.0.0/24",   // protocol assignments (RFC 6890)
	"198.18.0.0/15",  // benchmarks (RFC 2544)
	"fec0::/10",      // site-local (RFC 3879)
	"64:ff9b:1::/48", // translation inside one network (RFC 8215)
)

// embedded gives the IPv4 address inside an IPv6 address of a transition
// mechanism.
func embedded(addr netip.Addr) (netip.Addr, bool) {
	if !addr.Is6() || addr.IsLoopback() {
		return netip.Addr{}, false
	}
	b := addr.As16()
	at := func(i int) (netip.Addr, bool) {
		return netip.AddrFrom4([4]byte(b[i : i+4])), true
	}
	switch {
	case contains(nat64, addr):
		return at(12)
	case contains(sixToFour, addr):
		return at(2)
	case contains(teredo, addr):
		for i := 12; i < 16; i++ {
			b[i] ^= 0xff
		}
		return at(12)
	case b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP (RFC 5214)
		return at(12)
	}
	return netip.Addr{}, false
}

var (
	// RFC 6052, RFC 8215, the IPv4-translated form of RFC 2765 and the
	// IPv4-compatible one of RFC 4291, 2.5.5.1.
	nat64     = prefixes("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96", "::/96")
	sixToFour = prefixes("2002::/16") // RFC 3056
	teredo    = prefixes("2001::/32") // RFC 4380
)

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func contains(list []netip.Prefix, addr netip.Addr) bool {
	for _, p := range list {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// asRefusal finds a Policy's error in what a client made of it.
func asRefusal(err error) (*refusal, bool) {
	return errors.AsType[*refusal](err)
}

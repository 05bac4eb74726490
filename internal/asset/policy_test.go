package asset_test

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"consuo/internal/asset"
)

func TestPolicyAddresses(t *testing.T) {
	const always, private, public = "refused", "private", "public"
	for addr, want := range map[string]string{
		"93.184.216.34":     public,
		"2606:2800:220::1":  public,
		"172.32.0.1":        public,
		"100.128.0.1":       public,
		"169.253.0.1":       public,
		"::ffff:8.8.8.8":    public,
		"64:ff9b::8.8.8.8":  public,
		"2002:808:808::1":   public,
		"127.0.0.1":         private,
		"127.255.255.254":   private,
		"::1":               private,
		"10.1.2.3":          private,
		"172.16.0.1":        private,
		"172.31.255.255":    private,
		"192.168.0.1":       private,
		"100.64.0.1":        private,
		"198.18.0.1":        private,
		"fd12:3456::1":      private,
		"fc00::1":           private,
		"fec0::1":           private,
		"::ffff:10.0.0.1":   private,
		"::ffff:127.0.0.1":  private,
		"64:ff9b::10.0.0.1": private,
		"2002:a00:1::1":     private, // 10.0.0.1

		"169.254.169.254":                  always, // metadata
		"169.254.170.2":                    always, // credentials of ECS tasks
		"169.254.0.1":                      always,
		"fe80::1":                          always,
		"fe80::1%eth0":                     always,
		"febf::1":                          always,
		"fd00:ec2::254":                    always,
		"fd00:ec2::23":                     always,
		"fd20:ce::254":                     always,
		"100.100.100.200":                  always,
		"168.63.129.16":                    always,
		"192.0.0.192":                      always,
		"0.0.0.0":                          always,
		"0.1.2.3":                          always,
		"::":                               always,
		"224.0.0.1":                        always,
		"239.255.255.250":                  always,
		"ff02::1":                          always,
		"240.0.0.1":                        always,
		"255.255.255.255":                  always,
		"::ffff:169.254.169.254":           always,
		"::169.254.169.254":                always, // IPv4-compatible
		"64:ff9b::169.254.169.254":         always,
		"64:ff9b:1::a9fe:a9fe":             always,
		"::ffff:0:169.254.169.254":         always, // as gateways of RFC 7915 translate it
		"2002:a9fe:a9fe::1":                always, // 6to4
		"2001:0:1234:5678::5601:5601":      always, // Teredo: the address inverted
		"2606:2800:220:1:0:5efe:a9fe:a9fe": always, // ISATAP
	} {
		a := netip.MustParseAddr(addr)
		got := public
		if (asset.Policy{}).CheckAddr(a) != nil {
			got = always
		} else if (asset.Policy{DenyPrivate: true}).CheckAddr(a) != nil {
			got = private
		}
		if got != want {
			t.Errorf("%s is %s, want %s", addr, got, want)
		}
	}
}

func TestPolicyURLs(t *testing.T) {
	listed := asset.Policy{Hosts: []string{"vod.example", "*.CDN.example", "192.0.2.1", "[2001:db8::1]"}}
	if err := listed.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		policy asset.Policy
		url    string
		ok     bool
	}{
		{asset.Policy{}, "https://any.example/a.m3u8", true},
		{asset.Policy{}, "http://10.0.0.1:8080/a.m3u8", true},
		{asset.Policy{DenyPrivate: true}, "http://10.0.0.1:8080/a.m3u8", false},
		{asset.Policy{DenyPrivate: true}, "http://[::1]/a.m3u8", false},
		{asset.Policy{}, "http://169.254.169.254/latest/meta-data/", false},
		{asset.Policy{}, "http://[fe80::1%25eth0]/", false},
		{asset.Policy{}, "http://[::ffff:a9fe:a9fe]/", false},
		{asset.Policy{}, "file:///etc/passwd", false},
		{asset.Policy{}, "ftp://any.example/", false},
		{asset.Policy{}, "gopher://any.example/", false},
		{asset.Policy{}, "//any.example/", false},
		{asset.Policy{}, "/a.m3u8", false},
		{asset.Policy{}, "http:///a.m3u8", false},
		{listed, "http://vod.example/a.m3u8", true},
		{listed, "http://VOD.example.:8080/a.m3u8", true},
		{listed, "http://a.b.cdn.example/a.m3u8", true},
		{listed, "http://192.0.2.1/a.m3u8", true},
		{listed, "http://[2001:db8::1]/a.m3u8", true},
		{listed, "http://cdn.example/a.m3u8", false},
		{listed, "http://evilcdn.example/a.m3u8", false},
		{listed, "http://vod.example.evil.example/", false},
		{listed, "http://vod.example@evil.example/", false},
		{asset.Policy{Hosts: []string{"169.254.169.254"}}, "http://169.254.169.254/", false},
	} {
		u, err := url.Parse(test.url)
		if err != nil {
			t.Fatal(err)
		}
		if err := test.policy.CheckURL(u); (err == nil) != test.ok {
			t.Errorf("%s: got %v, want ok %t", test.url, err, test.ok)
		}
	}
	for _, bad := range []string{"", "*", "*.", "https://vod.example", "vod.example/path", "a.*.example", "user@vod.example", "vod.example:8080", "a b"} {
		if (asset.Policy{Hosts: []string{bad}}).Validate() == nil {
			t.Errorf("%q passes for a host", bad)
		}
	}
}

func TestRedact(t *testing.T) {
	for raw, want := range map[string]string{
		"https://user:secret@vod.example/a.m3u8?token=secret#secret": "https://vod.example/a.m3u8?…",
		"https://vod.example/a.m3u8":                                 "https://vod.example/a.m3u8",
		"http://vod.example/\nX: secret":                             "(a URL that can't be parsed)",
	} {
		if got := asset.Redact(raw); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := asset.Redact("http://vod.example/" + strings.Repeat("é", 10_000)); len(got) > 600 {
		t.Errorf("%d bytes", len(got))
	}
}

package hls

import "testing"

// FuzzResolve: the short cuts of resolver.http give what the long way gives.
func FuzzResolve(f *testing.F) {
	for _, ref := range []string{"a.ts", "a/b.ts?c=d#e", "../a", "https://h/a/./b", "https://h/a?b", `s.ts?a="b"&cd`, "https://h/%2F/a", "a//b", "?a", "a?", "https://h/"} {
		f.Add("https://h/x/y.m3u8?z", ref)
	}
	f.Fuzz(func(t *testing.T, base, ref string) {
		r, e := newResolver(base)
		if e != nil {
			return
		}
		want, e := r.http(ref) // may take the first short cut
		if e != nil {
			return
		}
		if again, e := r.http(ref); e != nil || again != want { // may take the second
			t.Fatalf("%q, then %q (%v)", want, again, e)
		}
		long, err := r.base.Parse(escapeUnsafe(ref))
		if err != nil {
			t.Fatal(err)
		}
		long.Fragment, long.RawFragment = "", ""
		if long.String() != want {
			t.Fatalf("short %q, long %q", want, long)
		}
		for i := range len(want) {
			if isUnsafe(want[i]) {
				t.Fatalf("%q is not safe to write", want)
			}
		}
		if again, e := r.http(want); e != nil || again != want {
			t.Fatalf("%q resolves to %q (%v)", want, again, e)
		}
	})
}

// A key may have a scheme of its own, and what only looks like one is a path.
func TestResolveKey(t *testing.T) {
	r, e := newResolver("https://h/x/y.m3u8")
	if e != nil {
		t.Fatal(e)
	}
	for ref, want := range map[string]string{
		"k":                 "https://h/x/k",
		"../k?a:b":          "https://h/k?a:b",
		"HTTP://i/k":        "http://i/k",
		"skd://a b":         "skd://a%20b",
		"urn:uuid:1":        "urn:uuid:1",
		"x2+y-z.:a":         "x2+y-z.:a",
		"data:text/plain,a": "data:text/plain,a",
		"./2x:a":            "https://h/x/2x:a",
		"2x:a":              "", // net/url: neither
		":a":                "",
	} {
		if got, e := r.key(ref); got != want || (e == nil) != (want != "") {
			t.Errorf("%q is %q (%v), want %q", ref, got, e, want)
		}
	}
}

// FuzzResolveNext: the short cuts that are learned from one reference do not
// change what the next ones give.
func FuzzResolveNext(f *testing.F) {
	for _, refs := range [][2]string{
		{"a/b.ts", "a/c.ts?d"}, {"a/b.ts", "a/../c.ts"}, {"a/b.ts", "a//c"}, {"a/b.ts", "a/"}, {"a/b?c/d", "a/b?c/e"},
		{"https://i/a/b.ts", "https://i/a/c.ts"}, {"https://i/a/b.ts", "https://i/a/.c"}, {"https://i/a/b", "https://i/a/?"}, {"https://i/a", "https://i/a:b"},
	} {
		f.Add("https://h/x/y.m3u8?z", refs[0], refs[1])
	}
	f.Fuzz(func(t *testing.T, base, first, next string) {
		r, e := newResolver(base)
		if e != nil {
			return
		}
		fresh, _ := newResolver(base)
		want, wrong := fresh.http(next)
		for range 2 { // the second time more has been learned
			_, _ = r.http(first)
			if got, e := r.http(next); got != want || (e == nil) != (wrong == nil) {
				t.Fatalf("after %q, %q is %q (%v), want %q (%v)", first, next, got, e, want, wrong)
			}
		}
	})
}

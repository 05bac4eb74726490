package hls

import "testing"

// FuzzResolve: the short cuts of resolver.http give what the long way gives.
func FuzzResolve(f *testing.F) {
	for _, ref := range []string{"a.ts", "a/b.ts?c=d#e", "../a", "https://h/a/./b", "https://h/a?b", "https://h/%2F/a", "a//b", "?a", "a?", "https://h/"} {
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

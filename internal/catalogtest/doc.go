// Package catalogtest holds the evidence that what catalogues contain plays:
// playlists from the field (shared/vectors), playlists of our own for what
// those lack (testdata), and real media that ffmpeg makes. It has tests only.
//
// testdata/outcomes.txt says what becomes of each asset, testdata/pairs.txt
// whether an asset can join a channel that another one settled. Both are what
// the tests found, written by `go test ./internal/catalogtest -update`, and
// reviewed as a change of behaviour is. docs/SUPPORT.md sums them up.
package catalogtest

// Package buildtest holds tests of what no single package can test: which
// package may import which, and what the images are built from.
package buildtest

// Package hlscheck judges live HLS output by its text alone, as a strict player does.
//
// It is the test oracle of the project and therefore shares nothing with it: the scanner here is its own, small and
// unforgiving, and knows neither the project's playlist types nor how its output was made.
//
// A [Checker] watches one channel through one run. It is given the responses in the order in which a viewer got them
// and remembers everything that it saw, because most of what breaks players is not wrong in one playlist but between
// two: a number that names another segment than before, a tag that left without being counted, a date that slips.
// A [Player] plays one media playlist in virtual time by the rules for clients and reports stalls and missed segments.
//
// Every rule is in [Rules] with its name and its clause. "draft" is draft-pantos-hls-rfc8216bis-22 (where it differs
// from RFC 8216 it wins), "design" is a promise of this project that no standard asks for.
//
// Nothing here reads a clock or does I/O: instants are arguments.
package hlscheck

// Package timeline is the pure heart of a channel: it decides the next cut
// (Plan) and computes what a playlist lists at an instant (Timeline.Playlist).
// It has no I/O, no logger and no clock: the same log, assets, schedule and
// instant give the same cut and the same bytes.
//
// Asset holds the segments of a VOD, a Feed is an asset as it feeds the tracks
// of one channel, a Timeline is a log with the feeds that its cuts name.
package timeline

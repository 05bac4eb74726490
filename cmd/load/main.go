// Command load puts the load of players on an engine, or on a cache in front of
// one, and reports how it was served.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"consuo/internal/load"
	"consuo/internal/service"
)

const usage = `Usage: load [flags]

Puts the load of players on an engine, or on a cache in front of one, and
reports how it was served. Players read playlists by the rules for reloading
them (RFC 8216 6.3.4) and no segments. With -rate, requests for media playlists
are sent at a constant rate, and each is timed from the instant at which it was
due. The exit status is 1 if anything failed, or a playlist was late, stale or
ran backward.

  load -channels one,two -players 1000 -for 1m
  load -channels ch%04d -channel-count 100 -rate 5000 -players 200 -gzip

late      the newest segment ended more than a target duration and -slack before
stale     the same for more than one and a half target durations
backward  numbers lower than before

`

func main() {
	if err := run(service.SignalContext(), os.Args[1:], os.Stdout); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "load:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	var o load.Options
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&o.Base, "url", "http://127.0.0.1:8000", "server; on this machine")
	flags.BoolVar(&o.AllowRemote, "allow-remote", false, "allow servers that are not: only your own")
	flags.StringVar(&o.Path, "path", "", "of a multivariant playlist (default /live/master.m3u8?channel={id})")
	channels := flags.String("channels", "one", "ids, comma separated; or one like ch%04d with -channel-count")
	count := flags.Int("channel-count", 0, "number the channels from 0")
	flags.IntVar(&o.Players, "players", 100, "players, spread over the channels; with -rate connections")
	flags.DurationVar(&o.For, "for", 30*time.Second, "how long")
	flags.DurationVar(&o.RampUp, "ramp-up", 0, "within which the players begin")
	flags.Float64Var(&o.Rate, "rate", 0, "requests a second, constant")
	flags.BoolVar(&o.Gzip, "gzip", false, "ask for gzip")
	flags.BoolVar(&o.Conditional, "conditional", false, "ask with If-None-Match")
	flags.DurationVar(&o.Timeout, "timeout", 10*time.Second, "of a request")
	flags.DurationVar(&o.Slack, "slack", time.Second, "how much later than a target duration a playlist may come")
	flags.Uint64Var(&o.Seed, "seed", 1, "of the players' choices")
	asJSON := flags.Bool("json", false, "write the report as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	o.Channels = strings.Split(*channels, ",")
	if *count > 0 {
		if strings.Count(*channels, "%") != 1 {
			return fmt.Errorf("-channels %s: with -channel-count want a name with one number in it, for instance ch%%04d", *channels)
		}
		o.Channels = o.Channels[:0]
		for i := range *count {
			o.Channels = append(o.Channels, fmt.Sprintf(*channels, i))
		}
	}
	report, err := load.Run(ctx, o)
	if err != nil {
		return err
	}
	if *asJSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	} else {
		err = report.Write(stdout)
	}
	return errors.Join(err, report.Err())
}

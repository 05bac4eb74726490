package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kelseyhightower/envconfig"
)

// Environment holds the variables that both services read. A service embeds it
// in its own configuration, sets Port to its default, and passes that to [Load].
type Environment struct {
	Port     Port   `envconfig:"PORT" desc:"port to listen on"`
	Key      string `envconfig:"KEY" desc:"licence key of Consuo: accepted so that existing task definitions start, not used"`
	LogLevel string `envconfig:"LOG_LEVEL" default:"info" desc:"debug, info, warn or error"`
	// LogFormat is "json" or "text".
	LogFormat string `envconfig:"LOG_FORMAT" default:"json" desc:"json or text"`
	// OriginHosts is empty when any host may serve VODs and feeds.
	OriginHosts List `envconfig:"ORIGIN_HOSTS" desc:"hosts that VODs and feeds may come from, comma separated; unset: any"`
	// PrivateOrigins is "allow" or "deny".
	PrivateOrigins string `envconfig:"PRIVATE_ORIGINS" default:"allow" desc:"whether VODs and feeds may come from private and loopback addresses: allow or deny"`
	MetricsPort    Port   `envconfig:"METRICS_PORT" desc:"serve /metrics on this port only; unset: on PORT"`
	PprofPort      Port   `envconfig:"PPROF_PORT" desc:"serve Go's profiles (/debug/pprof/) on this port of 127.0.0.1; unset: nowhere"`

	misspelt []string
}

// environment makes every struct that embeds an Environment a [Config].
func (e *Environment) environment() *Environment { return e }

// Config is a pointer to a struct that embeds an [Environment]. If it has a
// method Validate() error, [Load] calls it.
type Config interface{ environment() *Environment }

// Port is a TCP port in decimal; "0" lets the system choose, "" is unset.
type Port string

// Decode implements envconfig.Decoder.
func (p *Port) Decode(s string) error {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseUint(s, 10, 16); err != nil || strconv.FormatUint(n, 10) != s {
		return errors.New("want a port number, 0 to 65535")
	}
	*p = Port(s)
	return nil
}

// Addr is the address to listen on, "" when the port is unset.
func (p Port) Addr() string {
	if p == "" {
		return ""
	}
	return ":" + string(p)
}

// LocalAddr is Addr on the loopback interface only.
func (p Port) LocalAddr() string {
	if p == "" {
		return ""
	}
	return "127.0.0.1:" + string(p)
}

// List is a comma separated list; blanks around its items and empty items are dropped.
type List []string

// Decode implements envconfig.Decoder.
func (l *List) Decode(s string) error {
	*l = nil
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			*l = append(*l, item)
		}
	}
	return nil
}

// Load fills cfg from the environment and checks it, all faults in one error.
// A variable that is set but empty counts as unset. The arguments of the
// command line may be one of: -help (prints the variables to out), version, or
// healthcheck (asks /healthz of the service that runs beside it, so that an
// image needs neither a shell nor curl). done means that the argument has been
// served and the program should end.
func Load(cfg Config, name string, args []string, out io.Writer) (done bool, err error) {
	env := cfg.environment()
	var arg string
	if len(args) > 0 {
		arg = args[0]
	}
	switch arg {
	case "", "healthcheck":
	case "-help", "--help", "-h", "help":
		return true, usage(cfg, name, out)
	case "-version", "--version", "version":
		_, err := fmt.Fprintln(out, name, Version())
		return true, err
	default:
		return false, fmt.Errorf("unknown argument %q: %s is configured by environment variables, see %s -help", arg, name, name)
	}
	if len(args) > 1 {
		return false, fmt.Errorf("unexpected argument %q", args[1])
	}

	known, err := knownVariables(cfg)
	if err != nil {
		return false, err
	}
	if err := process(cfg, known); err != nil {
		return false, err
	}
	if arg == "healthcheck" {
		return true, healthcheck(env.Port)
	}
	faults := env.validate()
	if v, ok := cfg.(interface{ Validate() error }); ok {
		faults = append(faults, v.Validate())
	}
	env.misspelt = misspelt(os.Environ(), known)
	return false, errors.Join(faults...)
}

// process is envconfig.Process, except that it finds every fault: envconfig
// stops at the first. The faulty variable is unset to get at the next one.
func process(cfg Config, known []string) error {
	for _, name := range known {
		if value, ok := os.LookupEnv(name); ok && strings.TrimSpace(value) == "" {
			if err := os.Unsetenv(name); err != nil {
				return err
			}
		}
	}
	var faults []error
	for range len(known) + 1 {
		err := envconfig.Process("", cfg)
		parse, ok := errors.AsType[*envconfig.ParseError](err)
		if !ok {
			return errors.Join(append(faults, err)...)
		}
		faults = append(faults, fmt.Errorf("%s=%q: %w", parse.KeyName, parse.Value, parse.Err))
		if err := os.Unsetenv(parse.KeyName); err != nil {
			return err
		}
	}
	return errors.Join(faults...)
}

func (e *Environment) validate() (faults []error) {
	if _, err := parseLevel(e.LogLevel); err != nil {
		faults = append(faults, err)
	}
	oneOf := func(name, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			faults = append(faults, fmt.Errorf("%s=%q: want %s", name, value, strings.Join(allowed, " or ")))
		}
	}
	oneOf("LOG_FORMAT", e.LogFormat, "json", "text")
	oneOf("PRIVATE_ORIGINS", e.PrivateOrigins, "allow", "deny")
	taken := func(port, other Port) bool { return port != "" && port != "0" && port == other }
	if taken(e.MetricsPort, e.Port) {
		faults = append(faults, fmt.Errorf("METRICS_PORT=%q is also PORT: leave it unset to serve /metrics there", e.MetricsPort))
	}
	if taken(e.PprofPort, e.Port) || taken(e.PprofPort, e.MetricsPort) {
		faults = append(faults, fmt.Errorf("PPROF_PORT=%q is also PORT or METRICS_PORT: profiles have a port of their own", e.PprofPort))
	}
	return faults
}

// Logger is the logger that the environment asks for. It warns at once of
// variables that look like misspelt ones of ours.
func (e *Environment) Logger(w io.Writer) *slog.Logger {
	log := newLogger(w, e.LogLevel, e.LogFormat)
	for _, hint := range e.misspelt {
		log.Warn("environment variable is not known", "hint", hint)
	}
	return log
}

// newLogger makes a logger: level debug, info, warn or error (else info),
// format "text" or else JSON. Both formats quote control characters, so that
// no request can forge a line.
func newLogger(w io.Writer, level, format string) *slog.Logger {
	l, err := parseLevel(level)
	if err != nil {
		l = slog.LevelInfo
	}
	opts := &slog.HandlerOptions{Level: l}
	if format == "text" {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

func parseLevel(s string) (slog.Level, error) {
	switch strings.ToLower(s) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn", "warning":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("LOG_LEVEL=%q: want debug, info, warn or error", s)
}

func usage(cfg Config, name string, out io.Writer) error {
	tab := tabwriter.NewWriter(out, 1, 0, 3, ' ', 0)
	fmt.Fprintf(tab, "%s %s\n\nusage: %s [-help | version | healthcheck]\n\nIt is configured by environment variables:\n\n", name, Version(), name)
	fmt.Fprint(tab, "VARIABLE\tDEFAULT\tMEANING\n")
	row := "{{usage_key .}}\t{{usage_default .}}\t{{usage_description .}}\n"
	// Only the default of PORT differs between the services, and a tag can't say so.
	port := "{{usage_key .}}\t" + string(cfg.environment().Port) + "\t{{usage_description .}}\n"
	format := `{{range .}}{{if eq (usage_key .) "PORT"}}` + port + "{{else}}" + row + "{{end}}{{end}}"
	if err := envconfig.Usagef("", cfg, tab, format); err != nil {
		return err
	}
	return tab.Flush()
}

func knownVariables(cfg Config) ([]string, error) {
	var b bytes.Buffer
	err := envconfig.Usagef("", cfg, &b, "{{range .}}{{usage_key .}} {{end}}")
	return strings.Fields(b.String()), err
}

// misspelt says which variables of environ are a letter or two away from a
// known one. It is a guess, so it may only lead to a warning.
func misspelt(environ, known []string) (hints []string) {
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if slices.Contains(known, name) {
			continue
		}
		for _, want := range known {
			allowed := 2
			if len(want) < 9 {
				allowed = 1
			}
			// A short name is near to too many others, unless it differs only by case.
			if len(want) < 5 && !strings.EqualFold(name, want) {
				continue
			}
			if distance(strings.ToUpper(name), want) <= allowed {
				hints = append(hints, fmt.Sprintf("%s is set, did you mean %s?", name, want))
				break
			}
		}
	}
	return hints
}

// distance is the number of bytes to insert, delete or replace (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func healthcheck(port Port) error {
	client := &http.Client{
		Timeout:   3 * time.Second,
		Transport: &http.Transport{}, // the zero transport asks no proxy
	}
	url := "http://" + net.JoinHostPort("127.0.0.1", string(port)) + "/healthz"
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	resp, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("healthcheck: %s answers %s", url, resp.Status)
	}
	return nil
}

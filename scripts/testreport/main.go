// Command testreport runs "go test" with the arguments that it is given and
// prints what go test prints without -v, and after it each skipped test with
// its reason, which go test keeps to itself.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// event is a line of "go test -json" (go doc test2json).
type event struct {
	Action     string
	Package    string
	Test       string
	Output     string
	ImportPath string
}

func main() {
	// -json comes last, because -C has to be the first of all flags.
	cmd := exec.CommandContext(context.Background(), "go", append(append([]string{"test"}, os.Args[1:]...), "-json")...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
	readErr := report(stdout, os.Stdout)
	if readErr != nil {
		fmt.Fprintln(os.Stderr, "testreport:", readErr)
	}
	if err := cmd.Wait(); err != nil || readErr != nil {
		os.Exit(1)
	}
}

type test struct{ pkg, name string }

// report writes the events of r to w in the form that a person reads.
func report(r io.Reader, w io.Writer) error {
	out := map[test][]string{} // what tests that have not ended have written
	var skipped []string
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF && line == "" {
			break
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("read go test's output: %w", err)
		}
		var e event
		if json.Unmarshal([]byte(line), &e) != nil {
			fmt.Fprint(w, line)
			continue
		}
		id := test{e.Package, e.Test}
		switch e.Action {
		case "build-output":
			fmt.Fprint(w, e.Output)
		case "output":
			switch {
			case e.Test != "":
				if !strings.HasPrefix(e.Output, "=== ") {
					out[id] = append(out[id], e.Output)
				}
			case e.Output != "PASS\n":
				fmt.Fprint(w, e.Output)
			}
		case "pass":
			delete(out, id)
		case "skip":
			if e.Test != "" {
				skipped = append(skipped, strings.Join(append([]string{e.Package + " "}, out[id]...), ""))
			}
			delete(out, id)
		case "fail":
			fmt.Fprint(w, strings.Join(out[id], ""))
			delete(out, id)
		}
	}
	for id, text := range out { // a test binary that died
		fmt.Fprintf(w, "--- UNFINISHED: %s %s\n%s", id.pkg, id.name, strings.Join(text, ""))
	}
	if len(skipped) > 0 {
		fmt.Fprintf(w, "\n*** %d SKIPPED: ***\n%s", len(skipped), strings.Join(skipped, ""))
	}
	return nil
}

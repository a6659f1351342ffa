// Holdfastctl asks a running Holdfast how it does, and tells it what to do, over
// its control socket. It needs no privilege for the status, and those of the daemon
// for the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/holdfast-ha/holdfast/internal/control"
)

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // the daemon did not do it; it says why
	exitUsage  = 2
	exitNobody = 3 // no daemon answers
)

// version is set by the linker.
var version = "unknown"

const helpText = `Usage: holdfastctl [OPTION...] COMMAND

Asks a running Holdfast how it does, and tells it what to do.

Commands:
  status [INSTANCE...]         how all instances are, and why; those that are
                                 named in full
  reload                       have the configuration read anew, and wait until
                                 that is done
  upgrade                      have the program on disk take the place of the
                                 running one, without a hand-over, and wait
  dump data|stats|json         print what keepalived.data, .stats or .json would
                                 hold

Options:
  -s, --socket=FILE            the control socket (that of the one daemon that
                                 runs)
  -j, --json                   with status: as JSON
  -c, --clear                  with dump stats: the counters begin anew
  -t, --timeout=TIME           how long to wait (1m)
  -h, --help                   print this
  -v, --version                print the version

Exit status: 0 done, 1 not done, 2 wrong usage, 3 no daemon answers.
`

// call is one run of the tool.
type call struct {
	out, errs io.Writer
	dir       string // where sockets are looked for
	socket    string
	json      bool
	clear     bool
	args      []string // behind the command
}

// command is what can be called.
type command struct {
	run func(ctx context.Context, c *call) error
	// operands are how many arguments it takes.
	least, most int
}

var commands = map[string]command{
	"status":  {run: status, most: 1 << 10},
	"reload":  {run: reload},
	"upgrade": {run: upgrade},
	"dump":    {run: dump, least: 1, most: 1},
}

// usageError is told with a word on how to get help.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], &call{out: os.Stdout, errs: os.Stderr, dir: "/run"}))
}

func run(ctx context.Context, args []string, c *call) int {
	flags := pflag.NewFlagSet("holdfastctl", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVarP(&c.socket, "socket", "s", "", "")
	flags.BoolVarP(&c.json, "json", "j", false, "")
	flags.BoolVarP(&c.clear, "clear", "c", false, "")
	timeout := flags.DurationP("timeout", "t", time.Minute, "")
	help := flags.BoolP("help", "h", false, "")
	showVersion := flags.BoolP("version", "v", false, "")
	err := flags.Parse(args)
	switch {
	case err != nil:
		return c.failed(usageError{err.Error()})
	case *help:
		fmt.Fprint(c.out, helpText)
		return exitOK
	case *showVersion:
		fmt.Fprintf(c.out, "holdfastctl %s\n", version)
		return exitOK
	case flags.NArg() == 0:
		return c.failed(usageError{"a command is missing"})
	}
	name := flags.Arg(0)
	c.args = flags.Args()[1:]
	cmd, ok := commands[name]
	switch {
	case !ok:
		return c.failed(usageError{fmt.Sprintf("there is no command %q", name)})
	case len(c.args) < cmd.least || len(c.args) > cmd.most:
		return c.failed(usageError{fmt.Sprintf("%s takes no such arguments: %q", name, strings.Join(c.args, " "))})
	case c.json && name != "status", c.clear && name != "dump":
		return c.failed(usageError{"--json is for status, and --clear for dump stats"})
	}
	if c.socket == "" {
		if c.socket, err = find(c.dir); err != nil {
			return c.failed(err)
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, *timeout, fmt.Errorf("no answer within %v", *timeout))
	defer cancel()
	err = cmd.run(ctx, c)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return c.failed(err)
}

// failed tells of an error, and gives the exit status; nil: there was none.
func (c *call) failed(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(c.errs, "holdfastctl: %v; see holdfastctl --help\n", err)
		return exitUsage
	}
	fmt.Fprintf(c.errs, "holdfastctl: %v\n", err)
	if errors.Is(err, control.ErrNobody) {
		return exitNobody
	}
	return exitFailed
}

// lines prints what the daemon tells on the way.
func (c *call) lines(m control.Message) error {
	if m.Line != "" {
		fmt.Fprintln(c.out, plain(m.Line))
	}
	return nil
}

// plain is a text without anything that a terminal would act on.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

package daemon

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/holdfast-ha/holdfast/internal/process"
)

// Signals and what they ask for.
const (
	sigReload     = syscall.SIGHUP
	sigData       = syscall.SIGUSR1
	sigStats      = syscall.SIGUSR2
	sigStatsClear = process.StatsClearSignal
	sigJSON       = process.JSONSignal
)

// Signals delivers those that mean something; the others that would end the
// process are taken and forgotten, since none of them may cost an address.
// They are caught rather than ignored: an ignored signal stays ignored in the
// scripts that are run.
type Signals struct{ c, ignored chan os.Signal }

// Listen begins to take signals, which wait until the daemon runs. It belongs to
// the very beginning of a program: a signal to reload that comes while the
// configuration is being read for the first time would end it otherwise.
func Listen() *Signals {
	s := &Signals{c: make(chan os.Signal, 16), ignored: make(chan os.Signal, 1)}
	signal.Notify(s.c, sigReload, sigData, sigStats, sigStatsClear, sigJSON, syscall.SIGTERM, syscall.SIGINT, syscall.SIGXCPU)
	signal.Notify(s.ignored, syscall.SIGPIPE, syscall.SIGALRM, syscall.SIGVTALRM, syscall.SIGQUIT)
	return s
}

func (s *Signals) close() {
	signal.Stop(s.c)
	signal.Stop(s.ignored)
}

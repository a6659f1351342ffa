package daemon

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"unsafe"

	"github.com/holdfast-ha/holdfast/internal/process"
)

// Signals and what they ask for.
const (
	sigReload     = syscall.SIGHUP
	sigData       = syscall.SIGUSR1
	sigStats      = syscall.SIGUSR2
	sigStatsClear = process.StatsClearSignal
	sigJSON       = process.JSONSignal
	sigUpgrade    = process.UpgradeSignal
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
	signal.Notify(s.c, sigReload, sigData, sigStats, sigStatsClear, sigJSON, sigUpgrade, syscall.SIGTERM, syscall.SIGINT, syscall.SIGXCPU)
	signal.Notify(s.ignored, meaningless()...)
	ignoreReserved()
	return s
}

// again listens for what was not listened to for a moment.
func (s *Signals) again() { signal.Notify(s.c, sigReload) }

// meaningless are all signals but those that mean something, those of a fault in the
// program, those that cannot be caught, and those that do nothing by themselves.
func meaningless() []os.Signal {
	left := map[syscall.Signal]bool{
		sigReload: true, sigData: true, sigStats: true, sigStatsClear: true, sigJSON: true, sigUpgrade: true,
		syscall.SIGTERM: true, syscall.SIGINT: true, syscall.SIGXCPU: true,
		syscall.SIGILL: true, syscall.SIGFPE: true, syscall.SIGSEGV: true, syscall.SIGBUS: true,
		syscall.SIGKILL: true, syscall.SIGSTOP: true,
		syscall.SIGCHLD: true, syscall.SIGCONT: true, syscall.SIGURG: true, syscall.SIGWINCH: true,
		syscall.SIGPROF: true, // of the Go runtime
		syscall.SIGABRT: true, // a watchdog that wants to know where it hangs
	}
	var all []os.Signal
	for s := syscall.Signal(1); s <= lastSignal; s++ {
		if !left[s] {
			all = append(all, s)
		}
	}
	return all
}

// perThread is the signal by which the Go runtime makes all threads do a system call.
// It handles that one itself; without it, capabilities could not be changed.
const perThread = 33

// ignoreReserved ignores the signals that the Go runtime leaves to C libraries and
// os/signal does not take: without a C library they would end the process.
func ignoreReserved() {
	const firstReserved, lastReserved = 32, 34
	const ignore = 1 // SIG_IGN
	// As the kernel has it: handler, flags, restorer and the mask of 64 signals.
	action := [4]uint64{ignore}
	if strconv.IntSize != 64 {
		return // another layout
	}
	for s := uintptr(firstReserved); s <= lastReserved; s++ {
		if s == perThread {
			continue
		}
		_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, s, uintptr(unsafe.Pointer(&action)), 0, unsafe.Sizeof(action[3]), 0, 0)
	}
}

// lastSignal is SIGRTMAX.
const lastSignal = 64

func (s *Signals) close() {
	signal.Stop(s.c)
	signal.Stop(s.ignored)
}

package main

import (
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
)

// exitInternal is for an end that only a defect explains.
const exitInternal = 70

// stackLimit bounds what is said of where the goroutines are.
const stackLimit = 1 << 20

// crashLoudly makes the end that a defect leads to one after which the daemon is
// started again. A Go program that panics exits with 2, which here means that the
// configuration cannot be run and that a new start would not help: it is to die of
// a signal. Of a watchdog's SIGABRT it says first where it hangs.
func crashLoudly() {
	debug.SetTraceback("crash")
	aborted := make(chan os.Signal, 1)
	signal.Notify(aborted, syscall.SIGABRT)
	go func() {
		<-aborted
		stacks := make([]byte, stackLimit)
		_, _ = os.Stderr.Write(stacks[:runtime.Stack(stacks, true)])
		os.Exit(exitInternal)
	}()
}

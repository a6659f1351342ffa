package main

import (
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"unsafe"
)

// exitInternal is for an end that only a defect explains.
const exitInternal = 70

// stackLimit bounds what is said of where the goroutines are.
const stackLimit = 1 << 20

// crashLoudly makes the end that a defect leads to one after which the daemon is
// started again. A Go program that panics exits with 2, which here means that the
// configuration cannot be run and that a new start would not help: it is to die of
// a signal. Of a watchdog's SIGABRT it says first where it hangs; where a
// core dump is wanted it dies of that signal then.
func crashLoudly(dump bool) {
	debug.SetTraceback("crash")
	aborted := make(chan os.Signal, 1)
	signal.Notify(aborted, syscall.SIGABRT)
	go func() {
		<-aborted
		stacks := make([]byte, stackLimit)
		_, _ = os.Stderr.Write(stacks[:runtime.Stack(stacks, true)])
		if dump {
			die(syscall.SIGABRT)
		}
		os.Exit(exitInternal)
	}()
}

// die ends the process by a signal at once. The runtime would do it too, but waits
// for five seconds and more so that every thread can say where it is.
func die(sig syscall.Signal) {
	if strconv.IntSize != 64 { // the kernel's structure has another layout
		signal.Reset(sig)
	} else {
		var action [4]uint64 // SIG_DFL, no flags, no restorer, no signal masked
		_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, unsafe.Sizeof(action[3]), 0, 0)
	}
	_ = syscall.Kill(os.Getpid(), sig)
	select {}
}

package spawn

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// own are the children that Run waits for by itself.
var own = struct {
	sync.Mutex
	pids    map[int]bool
	forking int // children whose id is not known yet
}{pids: map[int]bool{}}

func aboutToFork() {
	own.Lock()
	defer own.Unlock()
	own.forking++
}

// forkedOwn follows aboutToFork; pid is 0 when there is no child.
func forkedOwn(pid int) {
	own.Lock()
	defer own.Unlock()
	own.forking--
	if pid != 0 {
		own.pids[pid] = true
	}
}

func reapedOwn(pid int) {
	own.Lock()
	defer own.Unlock()
	delete(own.pids, pid)
}

// ReapOrphans reaps, until ctx ends, what others have left behind: when a
// script ends before its own children do, these become children of process 1.
// In a container that is the daemon, and nobody else would ever reap them. It
// returns at once when the daemon is neither process 1 nor a subreaper.
//
// The program must start children by this package only as long as it runs.
func ReapOrphans(ctx context.Context) {
	var subreaper int32
	_ = unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&subreaper)), 0, 0, 0)
	if os.Getpid() != 1 && subreaper == 0 {
		return
	}
	died := make(chan os.Signal, 1)
	signal.Notify(died, unix.SIGCHLD)
	defer signal.Stop(died)
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-died:
		case <-retry.C:
		}
		if !reapOrphans() {
			retry.Reset(50 * time.Millisecond)
		}
	}
}

// reapOrphans reaps every dead orphan it can see. It reports false when a child
// of Run, which is to be reaped elsewhere, hides the others.
func reapOrphans() (all bool) {
	for {
		var info unix.Siginfo
		err := retryEINTR(func() error {
			return unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		})
		pid := siginfoPID(&info)
		if err != nil || pid == 0 {
			return true
		}
		own.Lock()
		mine := own.pids[pid] || own.forking > 0
		own.Unlock()
		if mine {
			return false
		}
		_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
	}
}

// siginfoPID returns si_pid, which comes after three numbers and the padding
// that a pointer needs.
func siginfoPID(info *unix.Siginfo) int {
	const word = unsafe.Sizeof(uintptr(0))
	const offset = (12 + word - 1) &^ (word - 1)
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(info), offset)))
}

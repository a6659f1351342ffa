package track

import (
	"bytes"
	"os"
	"runtime"
	"strconv"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/privilege"
)

// The kernel reports processes in the initial network namespace only. Where the
// daemon runs in another one, the way there leads through a process that does
// not: the first process of the machine, or one of those that started us. Which
// of them may be asked differs; that it was the right one, events prove.

// maxAncestors bounds the way up.
const maxAncestors = 64

// foreignNetNS returns the network namespaces in which processes above this one
// live, the first process first, without our own. The caller closes them.
func foreignNetNS() []*os.File {
	type place struct{ dev, ino uint64 }
	at := func(fd int) (place, bool) {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil {
			return place{}, false
		}
		return place{uint64(st.Dev), st.Ino}, true
	}
	seen := map[place]bool{}
	if own, err := os.Open("/proc/thread-self/ns/net"); err == nil {
		if p, ok := at(int(own.Fd())); ok {
			seen[p] = true
		}
		_ = own.Close()
	}
	var out []*os.File
	for _, pid := range append([]int{1}, ancestors()...) {
		var f *os.File
		err := privilege.With(privilege.SysPtrace, func() (err error) {
			f, err = os.Open("/proc/" + strconv.Itoa(pid) + "/ns/net")
			return err
		})
		if err != nil {
			continue
		}
		if p, ok := at(int(f.Fd())); !ok || seen[p] {
			_ = f.Close()
		} else {
			seen[p] = true
			out = append(out, f)
		}
	}
	return out
}

// eventSocket opens a socket for process events in the network namespace of the
// calling thread, where it stays.
func eventSocket() (*socket.Conn, error) {
	return socket.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM, unix.NETLINK_CONNECTOR, "process-events", nil)
}

// openIn opens one in another network namespace.
func openIn(ns *os.File) (conn *socket.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Never unlocked: the thread ends with the goroutine, and nothing has to
		// find its way back.
		runtime.LockOSThread()
		err = privilege.With(privilege.SysAdmin, func() error {
			return unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		})
		if err == nil {
			conn, err = eventSocket()
		}
	}()
	<-done
	return conn, err
}

// ancestors are the processes above this one, from the parent up.
func ancestors() []int {
	var out []int
	for pid := os.Getppid(); pid > 1 && len(out) < maxAncestors; {
		out = append(out, pid)
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		// The name before the state and the parent may hold anything.
		i := bytes.LastIndex(stat, []byte(") "))
		if err != nil || i < 0 {
			break
		}
		fields := bytes.Fields(stat[i+2:])
		if len(fields) < 2 {
			break
		}
		if pid, err = strconv.Atoi(string(fields[1])); err != nil {
			break
		}
	}
	return out
}

package sched

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/privilege"
)

// Settings say how the process is to run. What is zero is as it was when the
// process was started.
type Settings struct {
	Nice     int   // -20 to 19; without effect under Realtime
	Realtime int   // priority 1 to 99 of SCHED_RR
	CPUs     []int // processors, by number
	NoSwap   bool  // keep in memory what has been touched
	// Limit is for how long a thread may run at real-time priority without
	// waiting for anything: at half of it the process gets SIGXCPU.
	Limit time.Duration
	// Deadly makes the kernel end the process at Limit.
	Deadly bool
	Name   string // at most 15 bytes
}

// attrs are what a thread has of its own.
type attrs struct {
	policy   uint32
	realtime uint32
	nice     int32
	cpus     unix.CPUSet
}

// process is what is known of this one.
type process struct {
	sync.Mutex
	start   attrs // as the process was started
	name    string
	limit   unix.Rlimit
	soft    uint64 // limit, as wanted
	err     error  // why that is not known
	wanted  attrs
	touched struct{ threads, cpus, limit, name, locked, core bool }
	core    unix.Rlimit  // of core dumps, as it was
	forking map[int]bool // threads that are plain for a moment
}

var state = process{forking: map[int]bool{}}

func init() {
	s := &state
	s.start, s.err = attrsOf(0)
	s.wanted = s.start
	s.err = errors.Join(s.err, unix.Getrlimit(unix.RLIMIT_RTTIME, &s.limit))
	name, _ := os.ReadFile("/proc/self/comm")
	s.name = strings.TrimSuffix(string(name), "\n")
}

func attrsOf(tid int) (a attrs, err error) {
	x, err := unix.SchedGetAttr(tid, 0)
	if err != nil {
		return a, os.NewSyscallError("sched_getattr", err)
	}
	a.policy, a.realtime, a.nice = x.Policy, x.Priority, x.Nice
	return a, os.NewSyscallError("sched_getaffinity", unix.SchedGetaffinity(tid, &a.cpus))
}

// Realtime returns the real-time priority that the process has now; 0: none.
func Realtime() int {
	state.Lock()
	defer state.Unlock()
	return int(state.wanted.realtime)
}

// Apply makes the whole process run as wanted. It may be called again with
// other settings. The error names everything that could not be set.
func Apply(want Settings) error {
	s := &state
	s.Lock()
	defer s.Unlock()
	if s.err != nil && want.empty() {
		return nil
	}
	if s.err != nil {
		return s.err
	}
	return privilege.With(privilege.SysNice|privilege.IPCLock, func() error {
		return errors.Join(s.setLimit(want), s.setPriority(want), s.setCPUs(want.CPUs), s.setName(want.Name), s.setLocked(want.NoSwap))
	})
}

func (w *Settings) empty() bool {
	return w.Nice == 0 && w.Realtime == 0 && len(w.CPUs) == 0 && !w.NoSwap && w.Limit == 0 && w.Name == ""
}

// setPriority sets policy, real-time priority and nice value.
func (s *process) setPriority(want Settings) error {
	if want.Realtime == 0 && want.Nice == 0 && !s.touched.threads {
		return nil
	}
	to := s.start
	if want.Nice != 0 {
		to.nice = int32(want.Nice)
	}
	if want.Realtime > 0 {
		to.policy, to.realtime = unix.SCHED_RR, uint32(want.Realtime)
	}
	to.cpus = s.wanted.cpus
	before := s.wanted
	s.wanted, s.touched.threads = to, true
	err := each(func(tid int) (bool, error) {
		if s.forking[tid] {
			return false, nil
		}
		return to.givePriority(tid)
	})
	if err == nil {
		return nil
	}
	s.wanted = before // some threads may have it, but none is to get it later
	if want.Realtime > 0 {
		return fmt.Errorf("real-time priority %d: %w", want.Realtime, err)
	}
	return fmt.Errorf("process priority %d: %w", to.nice, err)
}

// givePriority sets the priority of one thread and tells whether it had another.
func (a *attrs) givePriority(tid int) (bool, error) {
	x, err := unix.SchedGetAttr(tid, 0)
	if err != nil {
		return false, os.NewSyscallError("sched_getattr", err)
	}
	plain := a.policy == unix.SCHED_NORMAL || a.policy == unix.SCHED_BATCH
	if x.Policy == a.policy && x.Priority == a.realtime && (!plain || x.Nice == a.nice) {
		return false, nil
	}
	x.Size, x.Policy, x.Priority, x.Nice = unix.SizeofSchedAttr, a.policy, a.realtime, a.nice
	return true, os.NewSyscallError("sched_setattr", unix.SchedSetAttr(tid, x, 0))
}

func (s *process) setCPUs(cpus []int) error {
	if len(cpus) == 0 && !s.touched.cpus {
		return nil
	}
	to := s.start.cpus
	if len(cpus) > 0 {
		to.Zero()
		for _, n := range cpus {
			to.Set(n)
		}
	}
	before := s.wanted.cpus
	s.wanted.cpus, s.touched.cpus = to, true
	err := each(func(tid int) (bool, error) {
		if s.forking[tid] {
			return false, nil
		}
		return giveCPUs(tid, to)
	})
	if err != nil {
		s.wanted.cpus = before
		return fmt.Errorf("processors %v: %w", cpus, err)
	}
	return nil
}

func giveCPUs(tid int, to unix.CPUSet) (bool, error) {
	var has unix.CPUSet
	if err := unix.SchedGetaffinity(tid, &has); err != nil {
		return false, os.NewSyscallError("sched_getaffinity", err)
	}
	if has == to {
		return false, nil
	}
	if err := unix.SchedSetaffinity(tid, &to); err != nil {
		return false, os.NewSyscallError("sched_setaffinity", err)
	}
	// The kernel leaves out those that our control group does not have.
	before := has
	err := unix.SchedGetaffinity(tid, &has)
	return has != before, os.NewSyscallError("sched_getaffinity", err)
}

// setLimit sets RLIMIT_RTTIME, which is the process's and counts for each
// thread. Whoever goes beyond the soft limit gets it raised by the kernel.
func (s *process) setLimit(want Settings) error {
	if want.Limit == 0 && !s.touched.limit {
		return nil
	}
	to := s.limit
	var has unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_RTTIME, &has) == nil {
		to.Max = min(to.Max, has.Max) // what was lowered may not be raised again
		to.Cur = min(to.Cur, to.Max)
	}
	if want.Limit > 0 {
		to.Cur = min(uint64(want.Limit.Microseconds())/2, to.Max)
		if want.Deadly {
			to.Max = min(uint64(want.Limit.Microseconds()), to.Max)
		}
	}
	s.touched.limit, s.soft = true, to.Cur
	if len(s.forking) > 0 {
		return nil // set when that is over
	}
	if err := unix.Setrlimit(unix.RLIMIT_RTTIME, &to); err != nil {
		return fmt.Errorf("real-time limit %v: %w", want.Limit, os.NewSyscallError("setrlimit", err))
	}
	return nil
}

func (s *process) setName(name string) error {
	if name == "" && !s.touched.name {
		return nil
	}
	if name == "" {
		name = s.name
	}
	s.touched.name = true
	err := each(func(tid int) (bool, error) {
		file := "/proc/self/task/" + strconv.Itoa(tid) + "/comm"
		has, err := os.ReadFile(file)
		if err != nil || string(has) == name+"\n" {
			return false, err
		}
		return true, os.WriteFile(file, []byte(name), 0)
	})
	if err != nil {
		return fmt.Errorf("process name %s: %w", name, err)
	}
	return nil
}

// setLocked keeps in memory what has been touched, now and from now on. A Go
// program that has no leave to lock all of its address space would fail at its
// next allocation, so it is not tried then.
func (s *process) setLocked(on bool) error {
	if on == s.touched.locked {
		return nil
	}
	if !on {
		s.touched.locked = false
		return os.NewSyscallError("munlockall", unix.Munlockall())
	}
	if !mayLock() {
		return fmt.Errorf("keeping the process in memory: %w", unix.EPERM)
	}
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("keeping the process in memory: %w", os.NewSyscallError("mlockall", err))
	}
	s.touched.locked = true
	return nil
}

// mayLock tells whether there is no limit to what the process may lock.
func mayLock() bool {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &l) == nil && l.Cur == unix.RLIM_INFINITY {
		return true
	}
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	return unix.Capget(&h, &d[0]) == nil && d[unix.CAP_IPC_LOCK/32].Effective&(1<<(unix.CAP_IPC_LOCK%32)) != 0
}

// each calls set for every thread until it has found that none of them had to
// be changed: those there are then have it, and so have all that they start.
func each(set func(tid int) (changed bool, err error)) error {
	for {
		names, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		again := false
		for _, n := range names {
			tid, err := strconv.Atoi(n.Name())
			if err != nil {
				continue
			}
			changed, err := set(tid)
			if errors.Is(err, unix.ESRCH) || errors.Is(err, os.ErrNotExist) {
				continue // it has ended
			}
			if err != nil {
				return err
			}
			again = again || changed
		}
		if !again {
			return nil
		}
	}
}

// Plain makes the calling thread, to which its goroutine has to be locked, run
// as the process was started, so that a child that it forks does. The function
// returned makes it run like the others again.
func Plain() (back func()) {
	s := &state
	s.Lock()
	defer s.Unlock()
	if !s.touched.threads && !s.touched.cpus && !s.touched.limit && !s.touched.core {
		return func() {}
	}
	tid := unix.Gettid()
	s.forking[tid] = true
	s.softLimit(s.limit.Cur)
	s.softCore(s.core.Cur)
	_, _ = s.start.givePriority(tid)
	_, _ = giveCPUs(tid, s.start.cpus)
	return func() {
		s.Lock()
		defer s.Unlock()
		delete(s.forking, tid)
		if len(s.forking) == 0 {
			s.softLimit(s.soft)
			s.softCore(unix.RLIM_INFINITY)
		}
		_ = privilege.With(privilege.SysNice, func() error {
			_, _ = s.wanted.givePriority(tid)
			_, _ = giveCPUs(tid, s.wanted.cpus)
			return nil
		})
	}
}

// softLimit sets the limit that a child inherits, as far as the hard one goes,
// which nobody may raise without a privilege.
func (s *process) softLimit(to uint64) {
	var l unix.Rlimit
	if s.touched.limit && unix.Getrlimit(unix.RLIMIT_RTTIME, &l) == nil {
		l.Cur = min(to, l.Max)
		_ = unix.Setrlimit(unix.RLIMIT_RTTIME, &l)
	}
}

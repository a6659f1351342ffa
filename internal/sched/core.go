package sched

import (
	"os"

	"golang.org/x/sys/unix"
)

// DumpCore lets the process leave a core dump of any size, or of as much as its hard
// limit allows where that cannot be raised. Children that are forked while [Plain]
// holds begin with the limit that there was.
func DumpCore() error {
	s := &state
	s.Lock()
	defer s.Unlock()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &was); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	to := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if unix.Setrlimit(unix.RLIMIT_CORE, &to) != nil {
		to = unix.Rlimit{Cur: was.Max, Max: was.Max}
		if err := unix.Setrlimit(unix.RLIMIT_CORE, &to); err != nil {
			return os.NewSyscallError("setrlimit", err)
		}
	}
	if !s.touched.core {
		s.core, s.touched.core = was, true
	}
	return nil
}

// softCore sets the limit of core dumps that a child inherits.
func (s *process) softCore(to uint64) {
	var l unix.Rlimit
	if s.touched.core && unix.Getrlimit(unix.RLIMIT_CORE, &l) == nil {
		l.Cur = min(to, l.Max)
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &l)
	}
}

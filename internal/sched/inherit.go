package sched

import "golang.org/x/sys/unix"

// Start is how the process was started, for the program that is executed in its
// place and hurried so that nobody has to wait for it.
type Start struct {
	Policy   uint32 `json:"policy"`
	Realtime uint32 `json:"realtime,omitempty"`
	Nice     int32  `json:"nice,omitempty"`
	CPUs     []int  `json:"cpus,omitempty"`
	LimitCur uint64 `json:"limit_cur"` // RLIMIT_RTTIME
	LimitMax uint64 `json:"limit_max"`
	// Core is RLIMIT_CORE, soft and hard; nil: it is as it was.
	Core *[2]uint64 `json:"core,omitempty"`
}

// Started returns how the process was started; nil: that is not known.
func Started() *Start {
	s := &state
	s.Lock()
	defer s.Unlock()
	if s.err != nil {
		return nil
	}
	x := &Start{
		Policy: s.start.policy, Realtime: s.start.realtime, Nice: s.start.nice, LimitCur: s.limit.Cur, LimitMax: s.limit.Max,
	}
	if s.touched.core {
		x.Core = &[2]uint64{s.core.Cur, s.core.Max}
	}
	for i := range len(s.start.cpus) * 64 {
		if s.start.cpus.IsSet(i) {
			x.CPUs = append(x.CPUs, i)
		}
	}
	return x
}

// Inherit says how the process was started, where this program runs otherwise as
// the one before has left it. The next Apply makes the difference.
func Inherit(x *Start) {
	s := &state
	s.Lock()
	defer s.Unlock()
	if s.err != nil || x == nil {
		return
	}
	s.start.policy, s.start.realtime, s.start.nice = x.Policy, x.Realtime, x.Nice
	s.limit = unix.Rlimit{Cur: x.LimitCur, Max: x.LimitMax}
	if len(x.CPUs) > 0 {
		s.start.cpus.Zero()
		for _, n := range x.CPUs {
			s.start.cpus.Set(n)
		}
	}
	if x.Core != nil {
		s.core, s.touched.core = unix.Rlimit{Cur: x.Core[0], Max: x.Core[1]}, true
	}
	s.touched.threads, s.touched.cpus, s.touched.limit = true, true, true
}

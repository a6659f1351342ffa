package track

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// ParamMatch says how the parameters of a process are compared.
type ParamMatch uint8

// Ways to compare parameters.
const (
	// MatchDefault is MatchExact when there are parameters, else they do not
	// matter.
	MatchDefault ParamMatch = iota
	// MatchExact wants the same parameters, no more and no less.
	MatchExact
	// MatchPartial wants the same parameters first; more may follow.
	MatchPartial
	// MatchInitial is MatchPartial, but the last one may be longer too.
	MatchInitial
)

// NoMaximum is the QuorumMax of a process that may run any number of times.
const NoMaximum = -1

// ProcessConfig says which processes to count and how many there should be.
type ProcessConfig struct {
	Name string
	// Process is compared with the name in /proc/PID/comm, of which there are
	// at most 15 bytes. With FullCommand, parameters or a Match it is compared
	// with the first word of /proc/PID/cmdline.
	Process     string
	Params      []string
	Match       ParamMatch
	FullCommand bool

	// Quorum to QuorumMax processes are good. A QuorumMax of 0 is good when
	// there is none at all.
	Quorum    int // less than 1: 1
	QuorumMax int // NoMaximum: any number

	// ForkDelay holds back a change brought about by a fork, TerminateDelay
	// one by the end of a process. What an exec or a new name brings about is
	// not held back. Where there are no process events, a gain waits for
	// ForkDelay and a loss for TerminateDelay.
	ForkDelay, TerminateDelay time.Duration
}

// commLen is how much of its name the kernel keeps of a process.
const commLen = 15

func (c *ProcessConfig) byCommand() bool {
	return c.FullCommand || len(c.Params) > 0 || c.Match != MatchDefault
}

func (c *ProcessConfig) matchesComm(comm []byte) bool {
	return string(comm) == c.Process[:min(len(c.Process), commLen)]
}

// matchesCommand compares with a command line as the kernel shows it: words
// that end in a zero byte each.
func (c *ProcessConfig) matchesCommand(line []byte) bool {
	name, rest, _ := bytes.Cut(line, []byte{0})
	if len(name) == 0 || string(name) != c.Process {
		return false
	}
	match := c.Match
	if match == MatchDefault {
		if len(c.Params) == 0 {
			return true
		}
		match = MatchExact
	}
	var want []byte
	for _, p := range c.Params {
		want = append(append(want, p...), 0)
	}
	switch match {
	case MatchPartial:
		return bytes.HasPrefix(rest, want)
	case MatchInitial:
		return bytes.HasPrefix(rest, bytes.TrimSuffix(want, []byte{0}))
	}
	// A process that shortens its title leaves zero bytes behind.
	return bytes.Equal(bytes.TrimRight(rest, "\x00"), bytes.TrimRight(want, "\x00"))
}

// good reports whether n processes are the right number.
func (c *ProcessConfig) good(n int) bool {
	switch {
	case c.QuorumMax == 0:
		return n == 0
	case c.QuorumMax > 0 && n > c.QuorumMax:
		return false
	}
	return n >= max(c.Quorum, 1)
}

// why is the verdict's cause in words.
func (c *ProcessConfig) why(n int) string {
	if c.good(n) {
		return fmt.Sprintf("process %s has its quorum (%d running)", c.Name, n)
	}
	wanted := fmt.Sprintf("at least %d", max(c.Quorum, 1))
	switch {
	case c.QuorumMax == 0:
		wanted = "none"
	case n >= max(c.Quorum, 1):
		wanted = fmt.Sprintf("at most %d", c.QuorumMax)
	}
	return fmt.Sprintf("process %s has no quorum (%d running, %s wanted)", c.Name, n, wanted)
}

// cause is a kind of change in the processes; it decides about delays.
type cause uint8

const (
	byName cause = 1 << iota // an exec, a new name, or a look at everything
	byFork
	byExit
)

// census knows which processes match what.
type census struct {
	procs  procFS
	cfgs   []*ProcessConfig
	pids   map[int][]int // process to indexes of what it matches, never empty
	counts []int
	causes []cause // what has changed each count since they were last cleared
}

func newCensus(procs procFS, cfgs []*ProcessConfig) *census {
	return &census{
		procs: procs, cfgs: cfgs, pids: map[int][]int{},
		counts: make([]int, len(cfgs)), causes: make([]cause, len(cfgs)),
	}
}

// set notes what a process matches; nothing: it is gone or does not matter.
func (c *census) set(pid int, match []int, why cause) {
	old := c.pids[pid]
	for i := range c.counts {
		was, is := slices.Contains(old, i), slices.Contains(match, i)
		switch {
		case is && !was:
			c.counts[i]++
		case was && !is:
			c.counts[i]--
		default:
			continue
		}
		c.causes[i] |= why
	}
	if len(match) == 0 {
		delete(c.pids, pid)
		return
	}
	c.pids[pid] = match
}

// look reads what a process is now and returns what it matches.
func (c *census) look(pid int) []int {
	var match []int
	var comm, line []byte
	var haveComm, haveLine bool
	for i, cfg := range c.cfgs {
		if cfg.byCommand() {
			if !haveLine {
				line, haveLine = c.procs.commandLine(pid), true
			}
			if cfg.matchesCommand(line) {
				match = append(match, i)
			}
			continue
		}
		if !haveComm {
			comm, haveComm = c.procs.comm(pid), true
		}
		if cfg.matchesComm(comm) {
			match = append(match, i)
		}
	}
	// The common process matches nothing and costs no more reading. A zombie
	// keeps its name, but does not run.
	if len(match) > 0 && !c.procs.running(pid) {
		return nil
	}
	return match
}

// scan looks at every process. It returns those that were not known to match
// before.
func (c *census) scan() (found []int, err error) {
	pids, err := c.procs.pids()
	if err != nil {
		return nil, err
	}
	alive := make(map[int]bool, len(c.pids))
	for _, pid := range pids {
		match := c.look(pid)
		if len(match) == 0 {
			continue
		}
		alive[pid] = true
		if c.pids[pid] == nil {
			found = append(found, pid)
		}
		c.set(pid, match, byName)
	}
	for pid := range c.pids {
		if !alive[pid] {
			c.set(pid, nil, byName)
		}
	}
	return found, nil
}

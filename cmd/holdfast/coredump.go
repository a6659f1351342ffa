package main

import (
	"os"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/sched"
)

// corePatternFile says where the kernel puts core dumps: of all processes.
const corePatternFile = "/proc/sys/kernel/core_pattern"

// dumpCores does what -m and -M ask for; what it returns is for the end. What it
// cannot do it logs: a daemon that leaves no dump holds addresses all the same.
func (p *program) dumpCores() (restore func()) {
	restore = func() {}
	if !p.opts.coreDump {
		return restore
	}
	if err := sched.DumpCore(); err != nil {
		p.log.Info("-m: " + err.Error())
	}
	pattern := p.opts.corePattern
	if pattern == "" {
		return restore
	}
	was, err := p.oldCorePattern()
	if err == nil {
		err = setCorePattern(pattern)
	}
	if err != nil {
		p.log.Info("-M: " + err.Error())
		return restore
	}
	p.corePattern = was
	return func() {
		if err := setCorePattern(was); err != nil {
			p.log.Info("-M: the core pattern stays " + pattern + ": " + err.Error())
		}
	}
}

// oldCorePattern is what there was before this daemon changed it, also when that was
// the program in whose place this one goes on.
func (p *program) oldCorePattern() (string, error) {
	if p.replaces() && p.handed.state.Program.CorePattern != "" {
		return p.handed.state.Program.CorePattern, nil
	}
	was, err := os.ReadFile(corePatternFile)
	return strings.TrimSuffix(string(was), "\n"), err
}

func setCorePattern(pattern string) error {
	f, err := os.OpenFile(corePatternFile, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(pattern + "\n")
	return err
}

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
	was, err := os.ReadFile(corePatternFile)
	if err == nil {
		err = setCorePattern(pattern)
	}
	if err != nil {
		p.log.Info("-M: " + err.Error())
		return restore
	}
	return func() {
		if err := setCorePattern(strings.TrimSuffix(string(was), "\n")); err != nil {
			p.log.Info("-M: the core pattern stays " + pattern + ": " + err.Error())
		}
	}
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

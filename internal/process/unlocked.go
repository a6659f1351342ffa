package process

import (
	"os"
	"strconv"
	"strings"
)

// unlockedDaemon returns the process named in a pid file if it is a keepalived
// that runs: releases before 2.4 lock nothing, and two daemons on one machine
// would both believe to be master of the same address.
func unlockedDaemon(pidFile string) (pid int, running bool) {
	b, err := os.ReadFile(pidFile)
	if err != nil {
		return 0, false
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid <= 1 || pid == os.Getpid() {
		return 0, false
	}
	comm, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		return 0, false
	}
	name := strings.TrimSpace(string(comm))
	return pid, strings.HasPrefix(name, "keepalived") || name == "hapee-vrrp"
}

// Health is the health check of the container image: it ends with 0 while the
// daemon runs and all its loops answer, and otherwise says why not and ends with 1.
//
//	health [PIDFILE]
//
// It looks at the lock on the second pid file (/run/vrrp.pid), and at its time: with
// WATCHDOG_USEC in its environment, which has to be in this one as well, the daemon
// writes the file again whenever the loop of every group has answered.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/holdfast-ha/holdfast/internal/process"
)

func main() {
	path := process.DefaultPaths(false, "").VRRPPID
	if len(os.Args) > 1 {
		path = os.Args[1]
	}
	if err := check(path, os.Getenv("WATCHDOG_USEC"), time.Now()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// check looks at a pid file; within are microseconds, or "" where nobody asked for
// signs of life.
func check(path, within string, now time.Time) error {
	held, err := process.Held(path)
	if err != nil {
		return err
	}
	if !held {
		return errors.New("no daemon runs: nobody holds " + path)
	}
	if within == "" {
		return nil
	}
	limit, err := strconv.ParseInt(within, 10, 64)
	if err != nil || limit <= 0 {
		return fmt.Errorf("WATCHDOG_USEC=%q is no number of microseconds", within)
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if age := now.Sub(st.ModTime()); age > time.Duration(limit)*time.Microsecond {
		return fmt.Errorf("no sign of life for %v", age.Round(time.Millisecond))
	}
	return nil
}

package kernel

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// dialCalm opens a socket like [dial] for notifications of which thousands may
// come in a row. The runtime's poller would be woken for each of them, and with a
// thousand addresses being set that takes as much time as setting them does. This
// one waits with a thread of its own, and between the notifications of a row it
// sleeps instead.
func dialCalm(groups ...uint) (*conn, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	c, err := dialAs(0, groups)
	if err != nil {
		return nil, errors.Join(err, unix.Close(wake))
	}
	c.calm = &calm{wake: os.NewFile(uintptr(wake), "wake"), wakeFD: wake}
	return c, nil
}

// calm waits for a socket. Only interrupt is for other goroutines.
type calm struct {
	wake   *os.File
	wakeFD int
	row    int // datagrams received since the last wait
}

const (
	// aRow is how many datagrams make it likely that more follow at once.
	aRow = 8
	// calmPause is how long those are left to gather: short beside everything that
	// waits for them, long beside the time that each takes to be made.
	calmPause = 400 * time.Microsecond
)

// wait returns when there may be something to receive, or with an error when
// it was interrupted.
func (c *calm) wait(fd int) error {
	if c.row >= aRow {
		ts := unix.NsecToTimespec(int64(calmPause))
		_ = unix.Nanosleep(&ts, nil) // a signal ends it early: it does no harm
		c.row = 0
		return nil
	}
	c.row = 0
	polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(c.wakeFD), Events: unix.POLLIN}}
	if _, err := unix.Poll(polled, -1); err != nil && !errors.Is(err, unix.EINTR) {
		return err
	}
	if polled[1].Revents != 0 {
		return os.ErrDeadlineExceeded
	}
	return nil
}

func (c *calm) interrupt() { _, _ = c.wake.Write([]byte{1, 0, 0, 0, 0, 0, 0, 0}) }

func (c *calm) close() { _ = c.wake.Close() }

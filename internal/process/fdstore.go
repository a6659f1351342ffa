package process

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The service manager keeps descriptors for the next start of a service (systemd's
// file-descriptor store, sd_pid_notify_with_fds(3)). A message with descriptors has
// one name for all of them, so there are two: that of the state, a file in memory,
// and that of everything else, which is known again by its device and inode.

const (
	stateName  = "holdfast-state"
	othersName = "holdfast"
)

// fdsInMessage is how many descriptors the kernel takes in one message (SCM_MAX_FD).
const fdsInMessage = 253

// notTakenVariable tells a program that it starts anew since it could not go on
// where the one before has left, and why.
const notTakenVariable = "HOLDFAST_NOT_TAKEN"

// File tells an open file from all others, in every process.
type File struct{ Dev, Ino uint64 }

// FileOf is the open file behind a descriptor.
func FileOf(fd int) (File, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return File{}, os.NewSyscallError("fstat", err)
	}
	return File{st.Dev, st.Ino}, nil
}

// HasManager tells whether there is a service manager to talk to.
func HasManager() bool { return os.Getenv("NOTIFY_SOCKET") != "" }

// Kept is what the service manager keeps for the next start.
type Kept struct {
	state *os.File
	files map[File]bool
}

// Keep gives the descriptors to the service manager, with an empty file for the
// state, and waits, within the limit, until it has them. It has room for so many.
// Packet sockets go along as far as there is room, since a program that closes them
// by its end ends late.
func Keep(fds []int, room int, limit time.Duration) (_ *Kept, err error) {
	state, err := inMemory(nil)
	if err != nil {
		return nil, err
	}
	k := &Kept{state: state, files: map[File]bool{}}
	for _, fd := range fds {
		f, err := FileOf(fd)
		if err != nil {
			return nil, err
		}
		k.files[f] = true
	}
	if 1+len(fds) > room {
		return nil, fmt.Errorf("there are %d descriptors to keep, and room for %d: FileDescriptorStoreMax", 1+len(fds), room)
	}
	if more := slow(); len(more) > 0 {
		fds = append(slices.Clone(fds), more[:min(len(more), room-1-len(fds))]...)
	}
	c, err := dialManager(limit)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer func() {
		if err != nil {
			_ = c.SetDeadline(time.Now().Add(time.Second / 5))
			_ = c.forget()
		}
	}()
	// What is polled goes when there is an error, as when an interface is down.
	err = c.send("FDSTORE=1\nFDPOLL=0\nFDNAME="+stateName, int(state.Fd()))
	for part := range slices.Chunk(fds, fdsInMessage) {
		if err == nil {
			err = c.send("FDSTORE=1\nFDPOLL=0\nFDNAME="+othersName, part...)
		}
	}
	if err == nil {
		err = c.barrier(limit)
	}
	return k, err
}

// Has tells whether the service manager has the file behind a descriptor.
func (k *Kept) Has(f File) bool { return k.files[f] }

// Write writes the state. It waits for nobody.
func (k *Kept) Write(state []byte) error {
	_, err := k.state.WriteAt(state, 0)
	return err
}

// Forget has the service manager close all of it. It does not wait until it has.
func (k *Kept) Forget() {
	_ = k.state.Truncate(0)
	if c, err := dialManager(time.Second / 5); err == nil {
		_ = c.forget()
		c.Close()
	}
}

// managerConn is a connection to the service manager.
type managerConn struct{ *net.UnixConn }

// dialManager makes one on which nothing waits longer than the limit, in all.
func dialManager(limit time.Duration) (*managerConn, error) {
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: os.Getenv("NOTIFY_SOCKET"), Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	return &managerConn{c}, c.SetDeadline(time.Now().Add(limit))
}

func (c *managerConn) send(text string, fds ...int) error {
	var with []byte
	if len(fds) > 0 {
		with = unix.UnixRights(fds...)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Write(func(fd uintptr) bool {
		sent = unix.Sendmsg(int(fd), []byte(text), with, nil, unix.MSG_NOSIGNAL)
		return sent != unix.EAGAIN // otherwise wait until there is room
	})
	return errors.Join(err, os.NewSyscallError("sendmsg", sent))
}

// forget has everything removed that has one of our names.
func (c *managerConn) forget() error {
	return errors.Join(c.send("FDSTOREREMOVE=1\nFDNAME="+stateName), c.send("FDSTOREREMOVE=1\nFDNAME="+othersName))
}

// barrier waits until all messages before it have been dealt with: then the service
// manager closes the descriptor that it is sent.
func (c *managerConn) barrier(limit time.Duration) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	err = c.send("BARRIER=1", int(w.Fd()))
	w.Close()
	if err != nil {
		return err
	}
	if err := r.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the service manager does not take them: %w", err)
	}
	return nil
}

// variables are those by which a service manager tells of descriptors.
const (
	listenPID   = "LISTEN_PID"
	listenFDs   = "LISTEN_FDS"
	listenNames = "LISTEN_FDNAMES"
)

// firstListen is the first of these descriptors.
const firstListen = 3

// HasKept tells whether FromManager is going to return something.
func HasKept() bool {
	if os.Getenv(listenPID) != strconv.Itoa(os.Getpid()) {
		return false
	}
	names := strings.Split(os.Getenv(listenNames), ":")
	return slices.Contains(names, stateName) || slices.Contains(names, othersName)
}

// FromManager returns what the program of before this start has left with the service
// manager; nil: nothing. It has to be called early and once, like TakeOver.
func FromManager() *Inherited {
	if !HasKept() {
		return nil
	}
	defer forgetListen()
	h := &Inherited{state: -1, program: -1, kept: map[File]int{}}
	count, err := strconv.Atoi(os.Getenv(listenFDs))
	names := strings.Split(os.Getenv(listenNames), ":")
	if err != nil || count != len(names) {
		h.Err = fmt.Errorf("%s is %q, and there are %d names", listenFDs, os.Getenv(listenFDs), len(names))
		return h
	}
	h.names = names
	for i, name := range names {
		fd := firstListen + i
		unix.CloseOnExec(fd)
		if name != stateName && name != othersName {
			continue
		}
		h.fds = append(h.fds, fd)
		f, err := FileOf(fd)
		switch {
		case err != nil:
			h.Err = errors.Join(h.Err, err)
		case name == othersName:
			h.kept[f] = fd
		case h.state >= 0:
			h.Err = errors.New("there are several states")
		default:
			h.state = fd
		}
	}
	switch {
	case h.Err != nil:
	case h.state < 0:
		h.Err = errors.New("there is no state")
	default:
		h.State, h.Err = readAll(h.state)
	}
	return h
}

func forgetListen() {
	for _, name := range []string{listenPID, listenFDs, listenNames} {
		os.Unsetenv(name)
	}
}

// Find is the descriptor of an open file that was kept.
func (h *Inherited) Find(f File) (fd int, ok bool) {
	fd, ok = h.kept[f]
	return fd, ok
}

// Taken makes the state worth nothing for whoever starts after this program: what it
// goes on to do is not in it.
func (h *Inherited) Taken() { _ = unix.Ftruncate(h.state, 0) }

// PassOn has the program that is about to be executed in this process get the same
// from FromManager.
func (h *Inherited) PassOn() {
	for i := range h.names {
		_, _ = unix.FcntlInt(uintptr(firstListen+i), unix.F_SETFD, 0) // one that is not there is missed later
	}
	os.Setenv(listenPID, strconv.Itoa(os.Getpid()))
	os.Setenv(listenFDs, strconv.Itoa(len(h.names)))
	os.Setenv(listenNames, strings.Join(h.names, ":"))
}

// StartAnew executes this program again, as an ordinary start without anything that
// was kept. It returns only if that failed.
func (h *Inherited) StartAnew(why string) error {
	if c, err := dialManager(time.Second / 5); err == nil {
		_ = c.forget()
		c.Close()
	}
	forgetListen() // PassOn may have been in vain
	for _, fd := range h.fds {
		unix.CloseOnExec(fd)
	}
	self, err := executable()
	if err != nil {
		return err
	}
	env := append(os.Environ(), notTakenVariable+"="+why)
	if h.Entered != "" {
		env = append(env, enteredVariable+"="+h.Entered)
	}
	return execute(self, env, nil, func() {})
}

// NotTaken says why this program does not go on where the one before has left; "":
// it is not so. It has to be called once, where this program is not executed again and
// has no children yet.
func NotTaken() string {
	defer os.Unsetenv(notTakenVariable)
	return os.Getenv(notTakenVariable)
}

// release closes what was kept, after the service manager has: whoever is the last
// to close packet sockets waits, and that is not to be the service manager.
func (h *Inherited) release(fds []int) {
	if c, err := dialManager(time.Second); err == nil {
		_ = c.forget()
		_ = c.barrier(time.Second)
		c.Close()
	}
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

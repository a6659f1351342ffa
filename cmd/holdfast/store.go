package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/daemon"
	"github.com/holdfast-ha/holdfast/internal/dbus"
	"github.com/holdfast-ha/holdfast/internal/handover"
	"github.com/holdfast-ha/holdfast/internal/process"
)

const (
	// askTime is how long systemd may take to say whether this is a restart. A stop
	// waits for it, too.
	askTime = 200 * time.Millisecond
	// keepTime is how long it may take to have the descriptors; no advert waits.
	keepTime = 2 * time.Second
	// keptTime is how old a state may be that is taken.
	keptTime = 10 * time.Second
)

// askRoom is where tests answer in systemd's place.
var askRoom = dbus.RestartRoom

// store is [daemon.Store] in systemd's file-descriptor store.
type store struct {
	successor
	kept *process.Kept
}

// newStore is the store of a program; nil: there is none, since nobody could keep
// anything, or the next start would not be given it.
func newStore(s successor) daemon.Store {
	if !process.HasManager() || !s.p.opts.dontFork {
		return nil
	}
	return &store{successor: s}
}

// Room implements [daemon.Store].
func (s *store) Room() (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	return askRoom(ctx)
}

// Keep implements [daemon.Store].
func (s *store) Keep(fds []int, room int) (err error) {
	s.kept, err = process.Keep(fds, room, keepTime)
	return err
}

// Leave implements [daemon.Store].
func (s *store) Leave(st *handover.State, later *handover.Later, last func()) error {
	st.Program = s.program()
	r := &handover.Restart{}
	r.Boot, r.Space = here()
	for _, x := range st.Sockets {
		for _, fd := range []int{x.Receive, x.Send} {
			f, err := process.FileOf(fd)
			if err != nil {
				return err
			}
			if !s.kept.Has(f) {
				return errors.New("other sockets have been opened meanwhile")
			}
			r.Files = append(r.Files, handover.File{FD: fd, Dev: f.Dev, Ino: f.Ino})
		}
	}
	for _, fd := range st.Sessions.Descriptors() { // of those opened meanwhile there will be others
		if f, err := process.FileOf(*fd); err == nil && s.kept.Has(f) {
			r.Files = append(r.Files, handover.File{FD: *fd, Dev: f.Dev, Ino: f.Ino})
		}
	}
	st.Program.Restart = r
	text, err := handover.Encode(st, later)
	if err != nil {
		return err
	}
	if err := s.kept.Write(text); err != nil {
		return err
	}
	last()
	return nil
}

// Forget implements [daemon.Store].
func (s *store) Forget() {
	if s.kept != nil {
		s.kept.Forget()
	}
}

// here is the boot and the network namespace of this process.
func here() (boot, space string) {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	space, _ = os.Readlink("/proc/thread-self/ns/net")
	return strings.TrimSpace(string(id)), space
}

// fits tells whether a state of a process before can be taken by this one, and gives
// its sockets the numbers that they have here.
func (h *handed) fits() error {
	st := h.state
	r := st.Program.Restart
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // it cannot fail
	age := time.Duration(ts.Nano()) - st.Clock
	switch boot, _ := here(); {
	case r == nil:
		return errors.New("the state is not that of a restart")
	case r.Boot != boot:
		return errors.New("the state is that of another boot")
	case age < 0 || age > keptTime:
		return fmt.Errorf("the state is %v old", age.Round(time.Millisecond))
	}
	now := map[int]int{}
	for _, f := range r.Files {
		if fd, ok := h.Find(process.File{Dev: f.Dev, Ino: f.Ino}); ok {
			now[f.FD] = fd
		}
	}
	for i := range st.Sockets {
		s := &st.Sockets[i]
		receive, ok1 := now[s.Receive]
		send, ok2 := now[s.Send]
		if !ok1 || !ok2 {
			return errors.New("the service manager has not kept all sockets")
		}
		s.Receive, s.Send = receive, send
	}
	for _, fd := range st.Sessions.Descriptors() {
		*fd = now[*fd] // 0: none
	}
	return nil
}

// replaces tells whether this program goes on in the process of another one.
func (p *program) replaces() bool { return p.handed != nil && !p.handed.restarted }

// kept tells whether it goes on where another process has left.
func (p *program) kept() bool { return p.handed != nil && p.handed.restarted }

// sameSpace refuses a state of another network namespace than the one that this
// program is to run in, and has what was kept follow into it.
func (p *program) sameSpace(ns string) error {
	if !p.kept() {
		return nil
	}
	prog := &p.handed.state.Program
	if _, space := here(); ns != prog.Namespace || ns == p.entered && space != prog.Restart.Space {
		return errors.New("the state is that of another network namespace")
	}
	if ns != p.entered {
		p.handed.PassOn()
	}
	return nil
}

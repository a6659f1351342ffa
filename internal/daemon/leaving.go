package daemon

import (
	"maps"
	"os"
	"syscall"
	"time"

	"github.com/holdfast-ha/holdfast/internal/handover"
	"github.com/holdfast-ha/holdfast/internal/process"
)

// Store is where the service manager keeps what this program leaves to the next one,
// when its service is restarted. All methods but Leave may take a moment.
type Store interface {
	// Room tells how many descriptors would be kept; 0: the daemon is ended and not
	// started again, or nothing is kept.
	Room() (int, error)
	// Keep has descriptors kept, as many as there is room for at most.
	Keep(fds []int, room int) error
	// Leave adds the state to them and then calls last. After an error nothing is left.
	Leave(st *handover.State, l *handover.Later, last func()) error
	// Forget has all of it given up.
	Forget()
}

// A restart goes as an upgrade does, with two differences. Nobody rehearses it: the
// program that comes starts in the ordinary way if it cannot go on. And the service
// manager, who may be slow, is asked and given the descriptors while all go on; while
// all rest, only the state is written, into a file that it has by then. Whatever goes
// wrong, the daemon ends as it always does.

// mayLeave finds out, after SIGTERM, whether to leave everything in place for the next
// program; false: it is to be given up, now.
func (d *Daemon) mayLeave(s os.Signal) bool {
	if s != syscall.SIGTERM || d.opt.Store == nil || d.upgrading != nil || d.reloading {
		return false
	}
	d.upgrading = &upgrading{
		what: "Restart",
		become: func(st *handover.State, l *handover.Later, _ []int, last func()) error {
			if err := d.opt.Store.Leave(st, l, last); err != nil {
				return err
			}
			d.left, d.over = true, true
			return nil
		},
		failed: func(err error) {
			d.log.alertf("Restart: %v: giving everything up, as at a stop", err)
			go d.opt.Store.Forget()
			d.over = true
		},
	}
	go func() {
		room, err := d.opt.Store.Room()
		d.do(func() { d.mayRestart(room, err) })
	}()
	return true
}

// mayRestart goes on with what the service manager has said.
func (d *Daemon) mayRestart(room int, err error) {
	if err != nil {
		d.log.detailf("Restart: %v: this is a stop", err)
	}
	if err != nil || room == 0 {
		d.over = true
		return
	}
	d.log.infof("Restart: leaving everything in place for the next program")
	u := d.upgrading
	scripts, pipes := maps.Clone(d.scripts), d.openPipes()
	go func() {
		d.endChildren(u.what, scripts, pipes)
		d.do(func() { d.keep(room) })
	}()
}

// keep gives the descriptors away.
func (d *Daemon) keep(room int) {
	fds := append(d.descriptors(), d.sessionSockets()...)
	groups := make(chan []int, 1)
	d.virtuals.todo.push(func() { groups <- d.virtuals.descriptors() })
	go func() {
		select {
		case more := <-groups:
			fds = append(fds, more...)
		case <-time.After(kernelTimeout): // switches forget them for a moment
		}
		err := d.opt.Store.Keep(fds, room)
		process.FlushNotify(flushTime)
		d.do(func() {
			if err != nil {
				d.goOn()
				d.upgrading.failed(err)
				return
			}
			d.replace()
		})
	}()
}

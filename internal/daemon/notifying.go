package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/notify"
	"github.com/holdfast-ha/holdfast/internal/process"
	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// topic is what a notification tells of.
type topic uint8

const (
	ofInstance     topic = iota // its new state
	ofGroup                     // the new state of the sync group
	ofPriority                  // the instance's new priority: only for FIFOs
	ofLower                     // an advert of lower priority was heard
	ofReload                    // the state that the instance keeps: only for FIFOs
	ofGroupReload               // the state that the group keeps: only for FIFOs
	ofSuspicion                 // that there may be a second master: only for FIFOs
	ofSuspicionEnd              // that there is none any more: only for FIFOs
	ofNews                      // a reload is complete: not for FIFOs
)

// stateNote is a notification.
type stateNote struct {
	topic    topic
	to       fsm.State
	priority uint8
	// Of an instance that has become MASTER.
	reason fsm.MasterReason
	source netip.Addr
}

// tellBy makes FIFOs, mail and announcements those of a configuration.
func (d *Daemon) tellBy(cfg *config.Config) {
	d.openFIFOs(cfg)
	d.mails.configure(cfg)
	d.pacing.configure(cfg)
}

// notifyState tells of a state: by scripts, to the FIFOs, by mail. It runs on the
// hands' goroutine, so that whoever hears of it finds the addresses as they are in
// that state.
func (d *Daemon) notifyState(m *member, n *stateNote) {
	set := m.set.Load()
	e := notify.Event{Kind: notify.Instance, Name: set.cfg.Name, State: n.to.String(), Priority: int(n.priority)}
	scripts, mails := &set.cfg.Notify, set.cfg.SMTPAlert
	if n.topic == ofGroup || n.topic == ofGroupReload {
		if set.group == nil {
			return
		}
		e.Kind, e.Name, e.Priority = notify.Group, set.group.Name, 0
		scripts, mails = &set.group.Notify, set.group.SMTPAlert
	}
	switch n.topic {
	case ofInstance, ofGroup:
		e.Specific = d.commandOf(scriptFor(scripts, n.to))
		e.Generic = d.commandOf(scripts.Any)
		d.notes.Post(e) // without scripts too: it makes an older state that waits obsolete
	case ofLower:
		m.runner.lowers.Add(-1)
		e.State = notify.RxLower
		e.Specific = d.commandOf(scripts.MasterRxLowerPri)
		d.notes.Post(e)
	case ofPriority:
		e.State = priorityWord(n.to)
	case ofSuspicion:
		e.State = "SPLIT_BRAIN"
	case ofSuspicionEnd:
		e.State = "SPLIT_BRAIN_END"
	}
	d.fifos.tell(line{
		kind: e.Kind, name: e.Name, state: e.State, topic: n.topic, set: set, to: n.to, reason: n.reason, source: n.source,
		text: fmt.Sprintf("%s \"%s\" %s %d", e.Kind, e.Name, e.State, e.Priority),
	})
	if n.topic == ofInstance || n.topic == ofGroup {
		if mails {
			d.mails.tell(e.Kind, e.Name, e.State)
		}
		if n.topic == ofInstance {
			d.do(func() { process.Status(d.status()) })
		}
	}
}

// priorityWord is keepalived's word for a change of priority: there are two.
func priorityWord(s fsm.State) string {
	if s == fsm.Master {
		return "MASTER_PRIORITY"
	}
	return "BACKUP_PRIORITY"
}

func scriptFor(n *config.Notify, s fsm.State) *config.Command {
	switch s {
	case fsm.Master:
		return n.Master
	case fsm.Backup:
		return n.Backup
	case fsm.Fault:
		return n.Fault
	case fsm.Stopped:
		return n.Stop
	case fsm.Deleted:
		return n.Deleted
	}
	return nil
}

func (d *Daemon) commandOf(c *config.Command) *spawn.Cmd {
	if c == nil {
		return nil
	}
	cmd := d.command(c)
	return &cmd
}

// notifyGrace is how long a daemon that stops lets its STOP scripts run.
const notifyGrace = 900 * time.Millisecond

// scriptEnded remembers a notify script that failed with the instances that it
// was for.
func (d *Daemon) scriptEnded(k notify.Kind, name string, r notify.Run, said []string) {
	if r.OK {
		return
	}
	how := fmt.Sprintf("%s failed (%s)", r.Script, r.Reason)
	if len(said) > 0 {
		how += " and said: " + strings.Join(said, " / ")
	}
	for _, m := range d.members {
		set := m.set.Load()
		if k == notify.Instance && set.cfg.Name != name || k == notify.Group && (set.group == nil || set.group.Name != name) {
			continue
		}
		m.runner.ctl.push(errand{do: func(now time.Time, _ *fsm.Group) { m.journal.Script(now, r.State, how) }})
	}
}

// scriptSaid remembers what a tracked script that failed has printed, with the
// instances that track it.
func (d *Daemon) scriptSaid(name string, lines []string) {
	how := fmt.Sprintf("%s said: %s", name, strings.Join(lines, " / "))
	for _, w := range d.watchers[trackKey{fsm.TrackScript, name}] {
		w.m.runner.ctl.push(errand{do: func(now time.Time, _ *fsm.Group) { w.m.journal.Script(now, "tracking", how) }})
	}
}

package daemon

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/notify"
)

// line is a line for the FIFOs.
type line struct {
	kind  notify.Kind
	name  string
	state string
	topic topic
	text  string
	set   *settings // of the instance, or of one of the group
	to    fsm.State
	// Of an instance that has become MASTER.
	reason fsm.MasterReason
	source netip.Addr
}

// fifos are notify_fifo and vrrp_notify_fifo, which hear the same. When many
// groups come or go at the same time, each at its own pace, their lines are held
// and put into the order in which keepalived, with its one thread, tells of them.
type fifos struct {
	mu    sync.Mutex
	pipes [2]*notify.Pipe // nil: none
	held  []line
	holds int
	// hear is told of every line in that order, too. It does not wait.
	hear func(line)
}

func (f *fifos) tell(l line) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.holds > 0 {
		f.held = append(f.held, l)
		return
	}
	f.write(l)
}

// write writes a line to both. The caller holds the lock.
func (f *fifos) write(l line) {
	if f.hear != nil {
		f.hear(l)
	}
	for _, p := range f.pipes {
		switch {
		case p == nil || l.topic == ofNews:
		case l.topic == ofLower:
			p.Remark(l.text)
		default:
			p.Line(l.text)
		}
	}
}

// hold keeps lines from now on, until release.
func (f *fifos) hold() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holds++
}

// release writes what was held, in the order of the places that place gives.
func (f *fifos) release(place func(lines []line) []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holds--
	places := place(f.held)
	order := make([]int, len(f.held))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(places[a], places[b]) })
	for _, i := range order {
		f.write(f.held[i])
	}
	f.held = nil
}

// object names an instance or a group.
type object struct {
	kind notify.Kind
	name string
}

// ranks numbers the groups and the instances of a configuration, each in their
// order.
func ranks(cfg *config.Config) map[object]int {
	r := map[object]int{}
	for i, g := range cfg.Groups {
		r[object{notify.Group, g.Name}] = i
	}
	for i, c := range cfg.Instances {
		r[object{notify.Instance, c.Name}] = i
	}
	return r
}

// part is the room for the places of one part of the lines.
const part = 1 << 24

// startOrder is the order at a start: changes of priority, groups that are BACKUP,
// the first states of the instances, and then what follows as it came. The states
// that are told again at a reload come in that order too, after those of
// instances that are gone.
func startOrder(cfg *config.Config) func([]line) []int {
	rank := ranks(cfg)
	return func(lines []line) []int {
		places := make([]int, len(lines))
		told := map[object]bool{} // its state
		for i, l := range lines {
			o := object{l.kind, l.name}
			_, there := rank[o]
			switch {
			case !there:
				places[i] = -1
			case l.topic == ofPriority && !told[o]:
				places[i] = rank[o]
			case l.topic == ofGroupReload || l.topic == ofGroup && !told[o] && l.state == fsm.Backup.String():
				places[i] = part + rank[o]
			case l.topic == ofReload || l.topic == ofInstance && !told[o] && l.state != fsm.Master.String():
				places[i] = 2*part + rank[o]
			default:
				places[i] = 3 * part
			}
			told[o] = told[o] || l.topic != ofPriority
		}
		return places
	}
}

// stopOrder is the order at the end: what came before it, the instances, the
// groups.
func stopOrder(cfg *config.Config) func([]line) []int {
	rank := ranks(cfg)
	return func(lines []line) []int {
		places := make([]int, len(lines))
		for i, l := range lines {
			switch {
			case l.state != fsm.Stopped.String():
			case l.kind == notify.Instance:
				places[i] = part + rank[object{l.kind, l.name}]
			default:
				places[i] = 2*part + rank[object{l.kind, l.name}]
			}
		}
		return places
	}
}

// settleTime bounds how long lines are held at a start or reload.
const settleTime = time.Second

// awaitAll waits until the runners have done all that they were asked to.
func awaitAll(runners []*runner) {
	late := time.NewTimer(settleTime)
	defer late.Stop()
	for _, r := range runners {
		done := make(chan struct{})
		r.ctl.push(errand{do: func(time.Time, *fsm.Group) { r.hands.push(job{reached: done}) }})
		select {
		case <-done:
		case <-r.done:
		case <-late.C:
			return
		}
	}
}

// releaseLines lets go of lines once every runner has told its part.
func (d *Daemon) releaseLines() {
	runners, order := slices.Clone(d.runners), startOrder(d.cfg)
	go func() {
		awaitAll(runners)
		d.fifos.release(order)
	}()
}

// openFIFOs brings the FIFOs to what the configuration wants: those that are open
// under the same path go on, whichever of the two they are. One that cannot be had
// is said and done without.
func (d *Daemon) openFIFOs(cfg *config.Config) {
	more := &cfg.Global.More
	wants := [2]notify.PipeConfig{d.pipeConfig("notify", &more.NotifyFIFO), d.pipeConfig("vrrp_notify", &more.VRRPFIFO)}
	old, now := d.fifos.pipes, [2]*notify.Pipe{}
	for i, want := range wants {
		for j, p := range old {
			if p == nil || p.State().Path != want.Path {
				continue
			}
			if err := p.Reconfigure(want); err != nil {
				d.log.infof("%v", err)
			}
			now[i], old[j] = p, nil
		}
	}
	for i, want := range wants {
		if now[i] != nil || want.Path == "" {
			continue
		}
		var err error
		if now[i], err = notify.OpenPipe(want, d.scriptLog, notify.Options{}); err != nil {
			d.log.infof("%v", err)
		}
	}
	d.fifos.mu.Lock()
	d.fifos.pipes = now
	d.fifos.mu.Unlock()
	go closeFIFOs(old, settleTime) // they may have lines to write
}

func (d *Daemon) pipeConfig(kind string, f *config.FIFO) notify.PipeConfig {
	if f.Path == "" {
		return notify.PipeConfig{}
	}
	return notify.PipeConfig{
		Kind: kind, Path: f.Path, UID: f.User.UID, GID: f.User.GID, Mode: 0o644 &^ uint32(d.opt.Umask),
		Script: d.commandOf(f.Script),
	}
}

// closeFIFOs writes what is left and ends the scripts.
func closeFIFOs(pipes [2]*notify.Pipe, limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var wg sync.WaitGroup
	for _, p := range pipes {
		if p != nil {
			wg.Go(func() { p.Close(ctx) })
		}
	}
	wg.Wait()
}

// tellAgain writes to the FIFOs the states that a reload has left as they were.
func (d *Daemon) tellAgain(before []*member, groups map[string]bool) {
	for _, r := range d.runners {
		r.ctl.push(errand{do: func(_ time.Time, g *fsm.Group) {
			if g.Name() != "" && groups[g.Name()] {
				r.note(r.members[0], ofGroupReload, g.State())
			}
			for _, m := range r.members {
				if slices.Contains(before, m) {
					r.note(m, ofReload, m.state())
				}
			}
		}})
	}
}

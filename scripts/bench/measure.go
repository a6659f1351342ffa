package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// Nodes of a pair and their priorities.
const (
	master, backup = 1, 2

	masterPriority, backupPriority = 200, 100
)

// patience bounds each wait.
const patience = 20 * time.Second

// form returns one of the forms of the suite.
func form(name string) interop.Protocol {
	for _, p := range interop.Protocols {
		if p.Name == name {
			return p
		}
	}
	panic("no protocol " + name)
}

// takeover runs a pair of the program, ends the master and returns how much
// longer than the protocol wants the backup took, from packet to packet.
func takeover(ctx context.Context, program string, crash bool) (time.Duration, error) {
	proto := form("v3")
	lan, err := nettest.NewLAN(2, nettest.Options{})
	if err != nil {
		return 0, err
	}
	defer lan.Close()
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	capture, err := lan.Capture()
	if err != nil {
		return 0, err
	}
	defer capture.Close()

	pair := map[int]*interop.Daemon{}
	for _, node := range []int{master, backup} {
		home := fmt.Sprintf("%s/%d", dir, node)
		if err := os.Mkdir(home, 0o755); err != nil {
			return 0, err
		}
		conf := interop.Conf{Protocol: proto, LAN: lan, Node: node, Priority: masterPriority}
		if node == backup {
			conf.Priority = backupPriority
		}
		if pair[node], err = interop.Start(lan.Node(node), program, home, conf.String()); err != nil {
			return 0, err
		}
	}
	steady := func() bool {
		return pair[master].State(interop.Instance) == "MASTER" && pair[backup].State(interop.Instance) == "BACKUP" &&
			len(from(capture, lan, master)) > 10
	}
	if err := wait(ctx, steady, "a steady master"); err != nil {
		return 0, errors.Join(err, errors.New(pair[master].Log()))
	}

	since := time.Now()
	want := proto.Skew(backupPriority)
	if crash {
		want = proto.DownTime(backupPriority)
		err = pair[master].Crash()
	} else {
		err = pair[master].Stop()
	}
	if err != nil {
		return 0, err
	}
	took, err := handover(ctx, capture, lan, since)
	return took - want, err
}

// handover returns the time from the master's last advert to the backup's first
// since a moment.
func handover(ctx context.Context, c *nettest.Capture, lan *nettest.LAN, since time.Time) (time.Duration, error) {
	first := func() (nettest.Advert, bool) {
		for _, a := range from(c, lan, backup) {
			if a.Time.After(since) {
				return a, true
			}
		}
		return nettest.Advert{}, false
	}
	if err := wait(ctx, func() bool { _, ok := first(); return ok }, "the takeover"); err != nil {
		return 0, err
	}
	next, _ := first()
	old := from(c, lan, master)
	return next.Time.Sub(old[len(old)-1].Time), nil
}

// from returns the captured adverts of a node.
func from(c *nettest.Capture, lan *nettest.LAN, node int) []nettest.Advert {
	var out []nettest.Advert
	for _, a := range c.Adverts() {
		if a.SrcMAC.String() == lan.MAC(node).String() {
			out = append(out, a)
		}
	}
	return out
}

// resting is a lone master.
type resting struct {
	lan    *nettest.LAN
	dir    string
	daemon *interop.Daemon
}

func (r *resting) close() {
	if r.lan != nil {
		r.lan.Close()
	}
	os.RemoveAll(r.dir)
}

// begin starts a program as master.
func (r *resting) begin(ctx context.Context, program string) (err error) {
	if r.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	if r.lan, err = nettest.NewLAN(1, nettest.Options{}); err != nil {
		return err
	}
	conf := interop.Conf{Protocol: form("v2"), LAN: r.lan, Node: master, Priority: masterPriority}
	if r.daemon, err = interop.Start(r.lan.Node(master), program, r.dir, conf.String()); err != nil {
		return err
	}
	if err := wait(ctx, func() bool { return r.daemon.State(interop.Instance) == "MASTER" }, "a master"); err != nil {
		return errors.Join(err, errors.New(r.daemon.Log()))
	}
	return nil
}

// rest watches a lone master of each program, both over the same time, and
// returns their memory in MB and their share of a processor in percent.
func (b *bench) rest(ctx context.Context) (memory, cpu [2]float64, err error) {
	var r [2]resting
	for i, program := range b.programs {
		defer r[i].close()
		if err := r[i].begin(ctx, program); err != nil {
			return memory, cpu, fmt.Errorf("%s: %w", program, err)
		}
	}
	// The second block of announcements, 5 s after the first, is not rest.
	if err := pause(ctx, 6*time.Second); err != nil {
		return memory, cpu, err
	}
	var used [2]time.Duration
	for i := range r {
		if used[i], err = r[i].daemon.CPU(); err != nil {
			return memory, cpu, err
		}
	}
	if err := pause(ctx, b.idle); err != nil {
		return memory, cpu, err
	}
	for i := range r {
		now, err := r[i].daemon.CPU()
		if err != nil {
			return memory, cpu, err
		}
		cpu[i] = 100 * float64(now-used[i]) / float64(b.idle)
		pss, err := r[i].daemon.PSS()
		if err != nil {
			return memory, cpu, err
		}
		memory[i] = float64(pss) / (1 << 20)
	}
	return memory, cpu, nil
}

// pause lets time go by, which is what is measured here.
func pause(ctx context.Context, length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// wait waits for a condition.
func wait(ctx context.Context, cond func() bool, what string) error {
	ok := nettest.Poll(patience, func() bool { return ctx.Err() != nil || cond() })
	if err := ctx.Err(); err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("waited %v in vain for %s", patience, what)
	}
	return nil
}

package interop_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// notices is a daemon alone with an instance and a sync group, all of whose
// notifications are written down.
type notices struct {
	t    *testing.T
	lan  *nettest.LAN
	more string // in RIGHT
	dir  string
	d    *interop.Daemon

	mu    sync.Mutex
	lines []string // of the FIFO
}

// noticed are the instances: one alone, and two in a group. The times at which
// they take over are far enough apart to tell in which order that happens.
const noticed = `
vrrp_script chk {
	script "/usr/bin/test -e %[1]s/good"
	interval 1
	weight -30
}
vrrp_instance ALONE {
	interface %[2]s
	virtual_router_id 51
	priority 200
	advert_int 0.2
	virtual_ipaddress {
		192.0.2.100/24
	}
	track_script {
		chk
	}
	notify %[1]s/notify.sh
	notify_master "%[1]s/notify.sh 'the master' of \"ALONE\""
	notify_master_rx_lower_pri "%[1]s/notify.sh lower"
	notify_priority_changes
}
vrrp_sync_group PAIR {
	group {
		LEFT
		RIGHT
	}
	notify %[1]s/notify.sh
	notify_backup "%[1]s/notify.sh group backup"
}
vrrp_instance LEFT {
	interface %[2]s
	virtual_router_id 52
	priority 20
	advert_int 0.4
	virtual_ipaddress {
		192.0.2.101/24
	}
	notify %[1]s/notify.sh
}
`

const noticedLast = `
vrrp_instance RIGHT {
	interface %[2]s
	virtual_router_id 53
	priority 120
	advert_int 0.4
	virtual_ipaddress {
		192.0.2.102/24
	}
	notify %[1]s/notify.sh
	%[3]s
}
`

func newNotices(t *testing.T, program, more string, down bool) *notices {
	n := &notices{t: t, lan: nettest.NewLANT(t, 2, nettest.Options{}), more: more, dir: t.TempDir()}
	n.write("notify.sh", "#!/bin/sh\necho \"$*\" >>"+filepath.Join(n.dir, "told")+"\n", 0o755)
	n.write("good", "", 0o644)
	if down {
		if err := n.lan.Cut(1); err != nil {
			t.Fatal(err)
		}
		nettest.WaitFor(t, patience, func() bool {
			link, err := n.lan.Node(1).Handle().LinkByName(n.lan.Iface())
			return err == nil && link.Attrs().RawFlags&unix.IFF_RUNNING == 0
		}, "the loss of the carrier")
	}
	var err error
	n.d, err = interop.Start(n.lan.Node(1), program, n.dir, n.conf(more))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", program, n.d.Log())
		}
	})
	n.listen()
	return n
}

// conf is the configuration; more goes into RIGHT, and "-" leaves that out.
func (n *notices) conf(more string) string {
	text := "global_defs {\n\tvrrp_version 3\n\tenable_script_security\n\tscript_user root\n\tvrrp_notify_fifo " + n.fifo() + "\n}\n"
	if more == "-" {
		return text + fmt.Sprintf(strings.Replace(noticed, "\t\tRIGHT\n", "", 1), n.dir, n.lan.Iface())
	}
	return text + fmt.Sprintf(noticed, n.dir, n.lan.Iface()) + fmt.Sprintf(noticedLast, n.dir, n.lan.Iface(), more)
}

func (n *notices) fifo() string { return filepath.Join(n.dir, "fifo") }

func (n *notices) write(name, text string, mode os.FileMode) {
	n.t.Helper()
	if err := os.WriteFile(filepath.Join(n.dir, name), []byte(text), mode); err != nil {
		n.t.Fatal(err)
	}
}

// listen reads the FIFO, and the one that keepalived makes in its place at each
// reload.
func (n *notices) listen() {
	tick := time.NewTicker(time.Millisecond)
	ended := n.t.Context().Done()
	go func() {
		defer tick.Stop()
		for {
			if f, err := os.OpenFile(n.fifo(), os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
				for s := bufio.NewScanner(f); s.Scan(); {
					n.say(s.Text())
				}
				f.Close()
			}
			select {
			case <-tick.C:
			case <-ended:
				return
			}
		}
	}()
}

func (n *notices) say(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, line)
}

func (n *notices) heard() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.lines...)
}

// await marks the beginning of an act and waits for its last lines.
func (n *notices) await(act string, last ...string) {
	n.t.Helper()
	n.mu.Lock()
	from := len(n.lines)
	for i, l := range n.lines {
		if strings.HasPrefix(l, "--") {
			from = i
		}
	}
	n.mu.Unlock()
	nettest.WaitFor(n.t, patience, func() bool {
		lines := n.heard()
		for _, want := range last {
			found := false
			for _, l := range lines[min(from, len(lines)):] {
				found = found || l == want
			}
			if !found {
				return false
			}
		}
		return true
	}, fmt.Sprintf("%s: %q in the FIFO", act, last))
	// Ours would leave out a state that is over before its script begins.
	nettest.WaitFor(n.t, patience, func() bool {
		states := 0
		for _, l := range n.heard() {
			if !strings.HasPrefix(l, "--") && !strings.Contains(l, "_PRI") {
				states++
			}
		}
		for who, lines := range n.told() {
			if who != "specific" {
				states -= len(lines)
			}
		}
		return states <= 0
	}, act+": the scripts told too")
}

func (n *notices) act(name string) { n.say("-- " + name) }

// told is what the scripts were told, by object: each object's are in order,
// different objects' may cross.
func (n *notices) told() map[string][]string {
	text, _ := os.ReadFile(filepath.Join(n.dir, "told"))
	told := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		who := "specific"
		if f := strings.Fields(line); len(f) == 4 && (f[0] == "INSTANCE" || f[0] == "GROUP") {
			who = f[0] + " " + f[1]
		}
		told[who] = append(told[who], line)
	}
	return told
}

// life leads the daemon through everything there is to be told.
func (n *notices) life() {
	t := n.t
	n.act("start")
	n.await("start", `INSTANCE "ALONE" MASTER 200`, `GROUP "PAIR" MASTER 0`)

	n.act("priority falls and rises")
	if err := os.Remove(filepath.Join(n.dir, "good")); err != nil {
		t.Fatal(err)
	}
	n.await("fall", `INSTANCE "ALONE" MASTER_PRIORITY 170`)
	n.write("good", "", 0o644)
	n.await("rise", `INSTANCE "ALONE" MASTER_PRIORITY 200`)

	n.act("somebody with less priority")
	sendLower(t, n.lan, "192.0.2.100")
	n.await("lower", `INSTANCE "ALONE" MASTER_RX_LOWER_PRI 200`)

	n.act("fault")
	if err := n.lan.Cut(1); err != nil {
		t.Fatal(err)
	}
	n.await("fault", `INSTANCE "ALONE" FAULT 200`, `GROUP "PAIR" FAULT 0`)
	n.act("recovery")
	if err := n.lan.Join(1); err != nil {
		t.Fatal(err)
	}
	n.await("recovery", `INSTANCE "ALONE" MASTER 200`, `GROUP "PAIR" MASTER 0`)

	n.act("reload without change")
	n.reload(n.more)
	n.act("reload without RIGHT")
	n.reload("-")
	gone := `INSTANCE "RIGHT" FAULT 120`
	if n.more != "" {
		gone = `INSTANCE "RIGHT" DELETED 120`
	}
	n.await("deletion", gone)

	n.act("stop")
	if err := n.d.Stop(); err != nil {
		t.Error(err)
	}
	n.await("stop", `GROUP "PAIR" STOP 0`)
}

// reload gives the daemon another configuration.
func (n *notices) reload(more string) {
	n.t.Helper()
	before := n.d.LogLines("Reload complete")
	n.write("keepalived.conf", n.conf(more), 0o644)
	if err := n.d.Signal(syscall.SIGHUP); err != nil {
		n.t.Fatal(err)
	}
	nettest.WaitFor(n.t, patience, func() bool { return n.d.LogLines("Reload complete") > before }, "the reload")
}

// lateLife begins without a carrier.
func (n *notices) lateLife() {
	n.act("start in fault")
	n.await("start", `INSTANCE "ALONE" FAULT 200`, `GROUP "PAIR" FAULT 0`)
	n.act("recovery")
	if err := n.lan.Join(1); err != nil {
		n.t.Fatal(err)
	}
	n.await("recovery", `INSTANCE "ALONE" MASTER 200`, `GROUP "PAIR" MASTER 0`)
	n.act("fault")
	if err := n.lan.Cut(1); err != nil {
		n.t.Fatal(err)
	}
	n.await("fault", `INSTANCE "ALONE" FAULT 200`, `GROUP "PAIR" FAULT 0`)
	n.act("deletion in fault")
	n.reload("-")
	n.act("stop")
	if err := n.d.Stop(); err != nil {
		n.t.Error(err)
	}
	n.await("stop", `GROUP "PAIR" STOP 0`)
}

// apart puts the lines of the lone instance of each act before those of the
// group: at which of the two takes over first nobody looks.
func apart(lines []string) []string {
	var out, alone, pair []string
	flush := func() { out = append(append(out, alone...), pair...); alone, pair = nil, nil }
	for _, l := range lines {
		switch {
		case strings.HasPrefix(l, "--"):
			flush()
			out = append(out, l)
		case strings.Contains(l, `"ALONE"`):
			alone = append(alone, l)
		default:
			pair = append(pair, l)
		}
	}
	flush()
	return out
}

// TestNotifications compares what ours tells of a whole life with what
// keepalived tells of the same, line by line and word by word.
func TestNotifications(t *testing.T) {
	inputs()
	needKeepalived(t)
	needScripts(t)
	for _, c := range []struct {
		name, more string
		down       bool // at the start
		life       func(*notices)
	}{
		{"life", "", false, (*notices).life},
		{"notify_deleted", "notify_deleted", false, (*notices).life},
		{"fault", "", true, (*notices).lateLife},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var all []*notices
			for _, program := range []string{interop.Keepalived, ours} {
				n := newNotices(t, program, c.more, c.down)
				c.life(n)
				all = append(all, n)
			}
			if diff := cmp.Diff(apart(all[0].heard()), apart(all[1].heard())); diff != "" {
				t.Errorf("FIFO (-keepalived +ours):\n%s", diff)
			}
			if diff := cmp.Diff(all[0].told(), all[1].told()); diff != "" {
				t.Errorf("scripts (-keepalived +ours):\n%s", diff)
			}
		})
	}
}

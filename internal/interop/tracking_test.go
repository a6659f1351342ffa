package interop_test

import (
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// scene is something that happens to the node of higher priority, whose
// configuration it extends. It is played with each line-up, and with keepalived
// on both nodes: what the node does then is what it has to do.
type scene struct {
	name   string
	second bool // there is a second segment: the nodes have an eth1 too
	both   bool // the other node has the extended configuration as well
	away   bool // the node is not Master at the start
	late   bool // nor has it an interface then
	mute   bool // keepalived does not see it here: only ours is asked
	// slow: adverts every second, for what a busy machine may take its time for.
	slow bool
	edit func(c *interop.Conf, dir string)
	play func(*stage)
}

// stage is a scene being played.
type stage struct {
	*pair
	dir  string // for files that both know
	side *nettest.LAN
}

// played is what could be seen of the node: the states in its log, and the
// priorities that it sent, without repetitions.
type played struct {
	states     []string
	priorities []uint8
}

var stateLine = regexp.MustCompile(`\(VI_\d\) Entering \w+ STATE|VRRP_Group\(\w+\).*`)

func (s *stage) seen() played {
	var p played
	for line := range strings.Lines(s.daemon[high].Log()) {
		if what := stateLine.FindString(line); what != "" {
			p.states = append(p.states, what)
		}
	}
	for _, a := range s.from(high, time.Time{}) {
		p.priorities = append(p.priorities, a.Priority)
	}
	p.priorities = slices.Compact(p.priorities)
	return p
}

func (s *stage) write(name, text string) {
	s.t.Helper()
	s.must(os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644))
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// awaitState waits for a state of the node of higher priority.
func (s *stage) awaitState(want string) {
	s.t.Helper()
	nettest.WaitFor(s.t, patience, func() bool { return s.state(high) == want }, "the node to be "+want)
}

// awaitPriority waits for an advert of the node with a priority.
func (s *stage) awaitPriority(want uint8) {
	s.t.Helper()
	nettest.WaitFor(s.t, patience, func() bool {
		all := s.from(high, time.Time{})
		return len(all) > 0 && all[len(all)-1].Priority == want
	}, fmt.Sprintf("adverts of priority %d", want))
}

// link changes the interface of the node.
func (s *stage) link(name string, change func(*netlink.Handle, netlink.Link) error) {
	s.t.Helper()
	h := s.lan.Node(high).Handle()
	l, err := h.LinkByName(name)
	s.must(err)
	s.must(change(h, l))
}

// file is a track_file over "FILE" in the directory of the stage.
func file(dir, name, more string) string {
	return fmt.Sprintf("track_file %s {\n\tfile %s\n\t%s\n}\n", name, filepath.Join(dir, name), more)
}

// trackedProcess is the name of the process of a stage: nobody else has it.
func trackedProcess(dir string) string {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(dir))
	return fmt.Sprintf("hf-%08x", sum.Sum32())
}

// process starts the process of the stage, outside of its network, and returns
// what ends it.
func (s *stage) process() (end func()) {
	s.t.Helper()
	prog := filepath.Join(s.dir, trackedProcess(s.dir))
	if _, err := os.Lstat(prog); err != nil {
		s.must(os.Symlink(needTool(s.t, "sleep"), prog)) // the process has the name of the link
	}
	cmd := exec.Command(prog, "600")
	s.must(cmd.Start())
	end = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	s.t.Cleanup(end)
	return end
}

func scenes() []scene {
	return append(trackingScenes(), lifeScenes()...)
}

func trackingScenes() []scene {
	return []scene{
		{
			name: "file with weight",
			edit: func(c *interop.Conf, dir string) {
				c.Before = file(dir, "tf", "weight 2\n\tinit_file 5 overwrite")
				c.Inside = "\ttrack_file {\n\t\ttf\n\t}\n"
			},
			play: func(s *stage) {
				s.awaitPriority(210)
				s.write("tf", "-75\n")
				s.awaitMaster(low)
				s.write("tf", "0x10\n")
				s.awaitMaster(high)
				s.awaitPriority(232)
				s.write("new", "-127\n")
				s.must(os.Rename(filepath.Join(s.dir, "new"), filepath.Join(s.dir, "tf"))) // -254: FAULT
				s.awaitMaster(low)
				s.awaitState("FAULT")
				s.must(os.Remove(filepath.Join(s.dir, "tf")))
				s.awaitMaster(high)
				s.awaitPriority(200)
			},
		},
		{
			name: "file without weight",
			edit: func(c *interop.Conf, dir string) {
				c.Before = file(dir, "tf", "weight 0") + file(dir, "tr", "weight -50 reverse")
				c.Inside = "\ttrack_file {\n\t\ttf\n\t\ttr\n\t}\n"
			},
			play: func(s *stage) {
				s.write("tf", "1\n")
				s.awaitMaster(low)
				s.awaitState("FAULT")
				s.write("tr", "1\n")
				s.write("tf", "0\n")
				s.awaitMaster(high)
				s.awaitPriority(250)
			},
		},
		{
			name: "interfaces", second: true,
			edit: func(c *interop.Conf, _ string) { c.Inside = "\ttrack_interface {\n\t\teth1 weight -150\n\t}\n" },
			play: func(s *stage) {
				s.must(s.side.Cut(high))
				s.awaitMaster(low)
				s.must(s.side.Join(high))
				s.awaitMaster(high)
				s.awaitPriority(200)
			},
		},
		{
			name: "interface reversed and without weight", second: true, away: true,
			edit: func(c *interop.Conf, _ string) { c.Inside = "\ttrack_interface {\n\t\teth1 weight 0 reverse\n\t}\n" },
			play: func(s *stage) {
				s.awaitMaster(low)
				s.must(s.side.Cut(high))
				s.awaitMaster(high)
				s.must(s.side.Join(high))
				s.awaitMaster(low)
			},
		},
		{
			name: "interface of an address", second: true,
			edit: func(c *interop.Conf, _ string) {
				c.Inside = "\tvirtual_ipaddress_excluded {\n\t\t198.51.1.100/24 dev eth1\n\t}\n"
			},
			play: func(s *stage) {
				s.must(s.side.Cut(high))
				s.awaitMaster(low)
				s.awaitState("FAULT")
				s.must(s.side.Join(high))
				s.awaitMaster(high)
			},
		},
		{
			name: "file of a sync group", both: true,
			edit: func(c *interop.Conf, dir string) {
				c.Before = file(dir, "tf", "weight 0") + fmt.Sprintf("vrrp_sync_group G {\n\tgroup {\n\t\tVI_2\n\t\tVI_1\n\t}\n"+
					// The slower one is the last to want to be Master: it leads.
					"\ttrack_file {\n\t\ttf\n\t}\n}\nvrrp_instance VI_2 {\n\tinterface eth0\n\tvirtual_router_id 52\n\tpriority %d\n"+
					"\tadvert_int %g\n\tvirtual_ipaddress {\n\t\t192.0.2.110/24\n\t}\n}\n", c.Priority, 2*c.Protocol.Interval.Seconds())
			},
			play: func(s *stage) {
				s.write("tf", "7\n")
				s.awaitMaster(low)
				s.awaitState("FAULT")
				s.write("tf", "\n")
				s.awaitMaster(high)
			},
		},
		{
			// keepalived is blind for processes in a network namespace.
			name: "processes", mute: true, away: true,
			edit: func(c *interop.Conf, dir string) {
				name := trackedProcess(dir)
				c.Before = fmt.Sprintf("vrrp_track_process one {\n\tprocess %s\n}\nvrrp_track_process two {\n\tprocess %s\n\tquorum 2\n\tweight 20\n}\n", name, name)
				c.Inside = "\ttrack_process {\n\t\tone weight 0\n\t\ttwo\n\t}\n"
			},
			play: func(s *stage) {
				s.awaitMaster(low)
				end := s.process()
				s.awaitMaster(high)
				end2 := s.process()
				s.awaitPriority(220)
				end2()
				s.awaitPriority(200)
				end()
				s.awaitMaster(low)
				s.awaitState("FAULT")
			},
		},
		{
			name: "weights in a sync group",
			edit: func(c *interop.Conf, dir string) {
				c.Before = file(dir, "tf", "") + "vrrp_sync_group G {\n\tgroup {\n\t\tVI_1\n\t}\n\tsync_group_tracking_weight\n\ttrack_file {\n\t\ttf weight -1\n\t}\n}\n"
			},
			play: func(s *stage) {
				s.write("tf", "30\n")
				s.awaitPriority(170)
				s.write("tf", "150\n")
				s.awaitMaster(low)
				s.write("tf", "0\n")
				s.awaitMaster(high)
			},
		},
	}
}

// TestScenes plays every scene with every line-up.
func TestScenes(t *testing.T) {
	needKeepalived(t)
	for _, sc := range scenes() {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			all := sc.lineups()
			got := make([]played, len(all))
			t.Run("line-ups", func(t *testing.T) {
				for i, who := range all {
					t.Run(who.name, func(t *testing.T) {
						t.Parallel()
						got[i] = sc.with(t, who)
					})
				}
			})
			for i, who := range all {
				if !slices.Equal(got[i].states, got[0].states) {
					t.Errorf("%s: states\n%s\n%s went through\n%s", who.name, strings.Join(got[i].states, "\n"), all[0].name, strings.Join(got[0].states, "\n"))
				}
				if !slices.Equal(got[i].priorities, got[0].priorities) {
					t.Errorf("%s: priorities %d, %s sent %d", who.name, got[i].priorities, all[0].name, got[0].priorities)
				}
			}
		})
	}
}

func (sc *scene) lineups() []lineup {
	all := lineups()
	if sc.mute {
		return slices.DeleteFunc(all, func(who lineup) bool { return who.high == interop.Keepalived })
	}
	return append([]lineup{{"keepalived+keepalived", interop.Keepalived, interop.Keepalived}}, all...)
}

func (sc *scene) with(t *testing.T, who lineup) played {
	t.Helper()
	s := &stage{dir: t.TempDir()}
	proto := interop.Protocols[3]
	if sc.slow {
		proto.Interval = time.Second
	}
	s.pair = newPair(t, proto, who, func(c *interop.Conf) {
		switch {
		case c.Node == high:
			sc.edit(c, s.dir)
		case sc.both:
			sc.edit(c, t.TempDir())
		}
	})
	if sc.second {
		s.side = nettest.NewLANT(t, 0, nettest.Options{Join: s.lan, Segment: 1})
	}
	if sc.late {
		s.must(s.lan.Remove(high))
	}
	s.start(high)
	s.start(low)
	if !sc.away && !sc.late {
		s.awaitMaster(high)
	}
	sc.play(s)
	// Whoever is Master now has done and logged everything two adverts later.
	master := low
	if s.state(high) == "MASTER" {
		master = high
	}
	s.awaitAdverts(master, 3)
	return s.seen()
}

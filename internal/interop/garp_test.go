package interop_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/ipv4"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// sendLower sends one version 3 advert of priority 50 from the second node.
func sendLower(t *testing.T, lan *nettest.LAN, vips ...string) {
	t.Helper()
	src, dst := lan.Prefix4(2).Addr(), netip.MustParseAddr("224.0.0.18")
	msg := advert.Message{
		Version: 3, VRID: 51, Priority: 50, Interval: 200 * time.Millisecond, Src: src, Dst: dst,
	}
	for _, v := range vips {
		msg.Addresses = append(msg.Addresses, netip.MustParseAddr(v))
	}
	err := lan.Node(2).Do(func() error {
		c, err := net.ListenPacket("ip4:112", src.String())
		if err != nil {
			return err
		}
		defer c.Close()
		ifi, err := net.InterfaceByName(lan.Iface())
		if err != nil {
			return err
		}
		p := ipv4.NewPacketConn(c)
		if err := errors.Join(p.SetMulticastTTL(255), p.SetMulticastInterface(ifi)); err != nil {
			return err
		}
		_, err = c.WriteTo(msg.AppendTo(nil), &net.IPAddr{IP: dst.AsSlice()})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// announcer is a sync group of two, which announces as the lines say.
func announcer(lan *nettest.LAN, global, lines string) string {
	text := "global_defs {\n\tvrrp_version 3\n" + global + "\n}\nvrrp_sync_group G {\n\tgroup {\n\t\tA\n\t\tB\n\t}\n}\n"
	for i, name := range []string{"A", "B"} {
		text += fmt.Sprintf(`vrrp_instance %s {
	interface %s
	virtual_router_id %d
	priority 200
	advert_int 0.2
	virtual_ipaddress {
		192.0.2.1%d0/24
		192.0.2.1%d1/24
	}
	virtual_ipaddress_excluded {
		192.0.2.1%d2/24
	}
	%s
}
`, name, lan.Iface(), 51+i, i, i, i, lines)
	}
	return text
}

// blocks are the last octets of what was announced for an instance, a line for
// each block. Which of two instances comes first nobody minds.
func blocks(packets []nettest.Packet, instance int) []string {
	var out []string
	var last time.Time
	for _, p := range packets {
		addr, _ := p.Announced()
		octet := int(addr.As4()[3])
		if octet/10 != 10+instance {
			continue
		}
		if len(out) == 0 || p.Time.Sub(last) > blockGap {
			out = append(out, fmt.Sprint(octet))
		} else {
			out[len(out)-1] += fmt.Sprint(" ", octet)
		}
		last = p.Time
	}
	return out
}

// blockGap is a time without announcements that ends a block.
const blockGap = 500 * time.Millisecond

// TestAnnouncementsLikeKeepalived compares, with keepalived's, what is announced
// by new masters, after their delay, and when somebody of lower priority is
// heard: how often, in which order, in how many blocks.
func TestAnnouncementsLikeKeepalived(t *testing.T) {
	inputs()
	needKeepalived(t)
	t.Parallel()
	var all [][]string
	for _, program := range []string{interop.Keepalived, ours} {
		lan := nettest.NewLANT(t, 2, nettest.Options{})
		c := lan.CaptureT(t)
		conf := announcer(lan, "", "garp_master_repeat 3\n\tgarp_master_delay 2\n\tgarp_lower_prio_repeat 2\n\tgarp_lower_prio_delay 1")
		d, err := interop.Start(lan.Node(1), program, t.TempDir(), conf)
		if err != nil {
			t.Fatal(err)
		}
		await := func(n int, what string) {
			t.Helper()
			nettest.WaitFor(t, patience, func() bool { return len(claims(c, lan)) >= n }, what)
		}
		await(2*2*3*3, filepath.Base(program)+": two blocks of three rounds for six addresses")
		nettest.WaitFor(t, patience, func() bool {
			all := claims(c, lan)
			return time.Since(all[len(all)-1].Time) > blockGap+late
		}, "the end of the second block")
		sendLower(t, lan, "192.0.2.100", "192.0.2.101")
		await(2*2*3*3+2*2*2*3, filepath.Base(program)+": two blocks of two rounds for six addresses")
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
		got := append(blocks(claims(c, lan), 0), blocks(claims(c, lan), 1)...)
		t.Logf("%s: %q", filepath.Base(program), got)
		all = append(all, got)
	}
	if diff := cmp.Diff(all[0], all[1]); diff != "" {
		t.Errorf("blocks (-keepalived +ours):\n%s", diff)
	}
}

// TestAnnouncementPauses checks that no two announcements on an interface come
// closer than configured, that the addresses take turns, that adverts do not
// wait for them, and that nothing is announced after the addresses are given up.
// Debian's keepalived announces each address once or twice in this mode,
// whatever garp_master_repeat says: there is nothing to compare with.
func TestAnnouncementPauses(t *testing.T) {
	inputs()
	const pause = 50 * time.Millisecond
	for name, conf := range map[string][2]string{
		"global": {"\tvrrp_garp_interval 0.05", ""},
		"group":  {"", "garp_group {\n\tgarp_interval 0.05\n\tinterfaces {\n\t\teth0\n\t}\n}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if testingKeepalived() {
				t.Skip("keepalived leaves out rounds")
			}
			t.Parallel()
			lan := nettest.NewLANT(t, 2, nettest.Options{})
			c := lan.CaptureT(t)
			d, err := interop.Start(lan.Node(1), ours, t.TempDir(), conf[1]+announcer(lan, conf[0], "garp_master_repeat 4\n\tgarp_master_delay 3"))
			if err != nil {
				t.Fatal(err)
			}
			const block = 4 * 6
			nettest.WaitFor(t, patience, func() bool { return len(claims(c, lan)) >= block+5 }, "one block and the beginning of another")
			if err := d.Stop(); err != nil {
				t.Error(err)
			}
			got := claims(c, lan)
			for i := 1; i < len(got); i++ {
				if gap := got[i].Time.Sub(got[i-1].Time); gap < pause-2*time.Millisecond {
					t.Errorf("claim %d came %v after the one before", i, gap)
				}
			}
			if len(got) >= 2*block {
				t.Errorf("%d claims, the second block was not cut short", len(got))
			}
			count := map[string]int{}
			for _, p := range got[:block] {
				addr, _ := p.Announced()
				count[addr.String()]++
			}
			for addr, n := range count {
				if n != 4 || len(count) != 6 {
					t.Errorf("%s was announced %d times, and %d addresses in all", addr, n, len(count))
				}
			}
			var mine []nettest.Advert
			var released time.Time
			for _, a := range c.Adverts() {
				switch {
				case a.Priority == 0 && released.IsZero():
					released = a.Time
				case a.Priority != 0 && a.VRID == 51:
					mine = append(mine, a)
				}
			}
			if gap := longest(mine); gap > 200*time.Millisecond+late+machine.worst(mine[0].Time) {
				t.Errorf("the master was silent for %v", gap)
			}
			if last := got[len(got)-1].Time; last.After(released.Add(late)) {
				t.Errorf("a claim %v after the addresses were given up", last.Sub(released))
			}
		})
	}
}

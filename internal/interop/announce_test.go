package interop_test

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// TestAnnouncements checks the frames by which a new master claims its
// addresses, byte by byte, and their order: the advert first, then each address
// in rounds, and a second block after the delay.
func TestAnnouncements(t *testing.T) {
	inputs()
	for _, proto := range []interop.Protocol{interop.Protocols[3], interop.Protocols[4]} {
		t.Run(proto.Name, func(t *testing.T) {
			t.Parallel()
			lan := nettest.NewLANT(t, 2, nettest.Options{})
			c := lan.CaptureT(t)
			conf := interop.Conf{
				Protocol: proto, LAN: lan, Node: 1, Priority: highPriority,
				Inside: "\tgarp_master_delay 1\n\tgarp_master_repeat 3\n",
			}
			d, err := interop.Start(lan.Node(1), ours, t.TempDir(), conf.String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("log:\n%s", d.Log())
				}
			})

			var got []nettest.Packet
			nettest.WaitFor(t, patience, func() bool {
				got = claims(c, lan)
				return len(got) >= 12
			}, "two blocks of three rounds for two addresses")
			first := c.Adverts()[0].Time
			if got[0].Time.Before(first) {
				t.Errorf("the first claim came %v before the first advert", first.Sub(got[0].Time))
			}
			if gap := got[6].Time.Sub(got[5].Time); gap < time.Second-50*time.Millisecond || gap > time.Second+late+machine.worst(first) {
				t.Errorf("the second block came %v after the first, want 1s", gap)
			}
			if gap := got[5].Time.Sub(got[0].Time); gap > late+machine.worst(first) {
				t.Errorf("the first block took %v", gap)
			}
			vips := proto.VIPs()
			for i, p := range got {
				vip := vips[i%2].Addr()
				if d := cmp.Diff(claim(lan, vip), hexed(p.Data)); d != "" {
					t.Errorf("claim %d, of %v (-want +got):\n%s", i, vip, d)
				}
			}
			// No third block.
			if err := d.Stop(); err != nil {
				t.Error(err)
			}
			if n := len(claims(c, lan)); n != 12 {
				t.Errorf("%d claims in all, want 12", n)
			}
		})
	}
}

// claims returns the captured claims for addresses of the instance. Kernels
// make claims of their own for the nodes' addresses.
func claims(c *nettest.Capture, lan *nettest.LAN) []nettest.Packet {
	own := map[netip.Addr]bool{}
	for i := 1; i <= lan.Nodes(); i++ {
		own[lan.Prefix4(i).Addr()], own[lan.Prefix6(i).Addr()], own[lan.LinkLocal(i)] = true, true, true
	}
	var out []nettest.Packet
	for _, p := range c.Packets() {
		if addr, ok := p.Announced(); ok && !own[addr] {
			out = append(out, p)
		}
	}
	return out
}

// claim is the frame by which node 1 claims an address, as hexadecimal words:
// a gratuitous ARP request or an unsolicited neighbour advertisement with the
// override flag, from the address itself.
func claim(lan *nettest.LAN, vip netip.Addr) string {
	mac := hex.EncodeToString(lan.MAC(1))
	ip := hex.EncodeToString(vip.AsSlice())
	if vip.Is4() {
		return strings.Join([]string{
			"ffffffffffff", mac, "0806",
			"0001", "0800", "06", "04", "0001", mac, ip, "ffffffffffff", ip,
		}, "")
	}
	allNodes := "ff020000000000000000000000000001"
	body := "20000000" + ip + "0201" + mac
	sum := checksum(ip + allNodes + "00000020" + "0000003a" + "88000000" + body)
	return strings.Join([]string{
		"333300000001", mac, "86dd",
		"60000000", "0020", "3a", "ff", ip, allNodes,
		"8800", sum, body,
	}, "")
}

// hexed writes a frame as claim does.
func hexed(frame []byte) string { return hex.EncodeToString(frame) }

// checksum is the Internet checksum (RFC 1071) over hexadecimal words.
func checksum(words string) string {
	sum := 0
	for i := 0; i < len(words); i += 4 {
		var w int
		if _, err := fmt.Sscanf(words[i:i+4], "%x", &w); err != nil {
			panic(err)
		}
		sum += w
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return fmt.Sprintf("%04x", ^sum&0xffff)
}

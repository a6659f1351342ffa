package netio

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// patience is how long a real kernel gets for what it does at once.
const patience = 5 * time.Second

// unhex decodes hex with spaces.
func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// openT opens a Conn in the namespace and closes it at the test's end.
func openT(tb testing.TB, ns *nettest.NS, spec Spec) *Conn {
	tb.Helper()
	var c *Conn
	err := ns.Do(func() (err error) {
		c, err = Open(spec)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// heard is a handler that keeps copies.
type heard struct {
	mu   sync.Mutex
	pkts []advert.Packet
}

func (h *heard) handle(p *advert.Packet) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := *p
	kept.Payload = bytes.Clone(p.Payload)
	h.pkts = append(h.pkts, kept)
}

func (h *heard) all() []advert.Packet {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]advert.Packet(nil), h.pkts...)
}

// runT runs the Conn until the test's end and returns what it hears.
func runT(tb testing.TB, c *Conn) *heard {
	tb.Helper()
	h := new(heard)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, h.handle) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, net.ErrClosed) {
			tb.Errorf("Run: %v", err)
		}
	})
	return h
}

// wait waits for n packets and returns them.
func (h *heard) wait(tb testing.TB, n int) []advert.Packet {
	tb.Helper()
	nettest.WaitFor(tb, patience, func() bool { return len(h.all()) >= n }, fmt.Sprintf("%d packets", n))
	return h.all()
}

// equatePackets compares all but the time of arrival, which TestArrival judges.
var equatePackets = cmp.Options{cmpopts.EquateComparable(netip.Addr{}), cmpopts.IgnoreFields(advert.Packet{}, "At")}

func ifIndex(tb testing.TB, ns *nettest.NS, name string) int {
	tb.Helper()
	l, err := ns.Handle().LinkByName(name)
	if err != nil {
		tb.Fatal(err)
	}
	return l.Attrs().Index
}

var (
	addrA = netip.MustParseAddr("192.0.2.1")
	addrB = netip.MustParseAddr("192.0.2.2")
	llA   = netip.MustParseAddr("fe80::ff:fe00:a01")
)

// A VRRPv2 packet for VRID 1 from A, 192.0.2.1.
const (
	v2Header  = "45c0002800010000ff701891c0000201e0000012"
	v2Payload = "2101c80100015432c00002c90000000000000000"
)

// sendT sends adverts for the VRIDs from the Conn's node.
func sendT(tb testing.TB, c *Conn, src netip.Addr, vrids ...uint8) {
	tb.Helper()
	dst := advert.GroupIPv4
	if src.Is6() {
		dst = advert.GroupIPv6
	}
	for _, id := range vrids {
		payload := unhex(tb, v2Payload)
		payload[1] = id
		if err := c.Send(Out{Src: src, Dst: dst, ID: uint16(id), Payload: payload}); err != nil {
			tb.Fatal(err)
		}
	}
}

// vrids returns the VRIDs of the packets, 0 for those too short for one.
func vrids(pkts []advert.Packet) []uint8 {
	var ids []uint8
	for _, p := range pkts {
		if len(p.Payload) < headerLen {
			ids = append(ids, 0)
			continue
		}
		ids = append(ids, p.Payload[1])
	}
	return ids
}

// setVRIDs is SetVRIDs that must not fail.
func setVRIDs(tb testing.TB, c *Conn, passUnknown bool, vrids ...uint8) {
	tb.Helper()
	if err := c.SetVRIDs(vrids, passUnknown); err != nil {
		tb.Fatal(err)
	}
}

// marker is a VRID that tests send last: who hears it has had all before.
const marker = 99

// addAddr adds an address, usable at once, to an interface.
func addAddr(tb testing.TB, ns *nettest.NS, ifname, prefix string) {
	tb.Helper()
	l, err := ns.Handle().LinkByName(ifname)
	if err != nil {
		tb.Fatal(err)
	}
	addr, err := netlink.ParseAddr(prefix)
	if err != nil {
		tb.Fatal(err)
	}
	if addr.IP.To4() == nil {
		addr.Flags = unix.IFA_F_NODAD
	}
	if err := ns.Handle().AddrAdd(l, addr); err != nil {
		tb.Fatal(err)
	}
}

// addVeth adds a cable whose ends, NAME and NAMEp, are in the namespace and up.
// The index is that of NAME; 0 leaves it to the kernel.
func addVeth(tb testing.TB, ns *nettest.NS, name string, index int) *netlink.Veth {
	tb.Helper()
	l := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, Index: index}, PeerName: name + "p"}
	h := ns.Handle()
	err := h.LinkAdd(l)
	if err == nil {
		err = h.LinkSetUp(l)
	}
	if err == nil {
		err = h.LinkSetUp(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: l.PeerName}})
	}
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

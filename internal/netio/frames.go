package netio

import (
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/ndp"
)

// allNodes is the group of unsolicited neighbour advertisements (RFC 4861
// section 7.2.6), and its Ethernet address (RFC 2464 section 7).
var (
	allNodes    = netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x01})
	allNodesMAC = net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}
)

// gratuitousARP returns the ARP packet, without link header, that announces
// the address: a request for it by itself (RFC 5227 section 1.2), asked of
// everybody.
func gratuitousARP(mac net.HardwareAddr, addr netip.Addr) ([]byte, error) {
	p, err := arp.NewPacket(arp.OperationRequest, mac, addr, ethernet.Broadcast, addr)
	if err != nil {
		return nil, err
	}
	return p.MarshalBinary()
}

// unsolicitedNA returns the IPv6 packet that announces the address (RFC 4861
// section 4.4): from the address itself, so that it does not depend on any
// other of the interface, and overriding what neighbours have cached.
func unsolicitedNA(mac net.HardwareAddr, addr netip.Addr, router bool) ([]byte, error) {
	body, err := ndp.MarshalMessageChecksum(&ndp.NeighborAdvertisement{
		Router:        router,
		Override:      true,
		TargetAddress: addr,
		Options:       []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: mac}},
	}, addr, allNodes)
	if err != nil {
		return nil, err
	}

	// IPv6 header (RFC 8200 section 3), traffic class and flow label zero.
	const nextICMPv6 = 58
	src, dst := addr.As16(), allNodes.As16()
	p := make([]byte, 0, ipv6HeaderLen+len(body))
	p = append(p, 0x60, 0, 0, 0, 0, uint8(len(body)), nextICMPv6, ndp.HopLimit)
	p = append(p, src[:]...)
	p = append(p, dst[:]...)
	return append(p, body...), nil
}

package netio

import (
	"encoding/hex"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv6"
)

func TestGratuitousARP(t *testing.T) {
	mac := net.HardwareAddr{0x00, 0x00, 0x5e, 0x00, 0x01, 0x33}
	got, err := gratuitousARP(mac, netip.MustParseAddr("192.0.2.100"))
	if err != nil {
		t.Fatal(err)
	}
	want := unhex(t, ""+
		"0001"+ // hardware: Ethernet
		"0800"+ // protocol: IPv4
		"06 04"+ // address lengths
		"0001"+ // request
		"00005e000133 c0000264"+ // sender: our MAC, the address
		"ffffffffffff c0000264") // target: everybody, the address
	if hex.EncodeToString(got) != hex.EncodeToString(want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	if _, err := gratuitousARP(mac, netip.MustParseAddr("2001:db8::1")); err == nil {
		t.Error("no error for an IPv6 address")
	}
}

func TestUnsolicitedNA(t *testing.T) {
	mac := net.HardwareAddr{0x00, 0x00, 0x5e, 0x00, 0x02, 0x33}
	for _, tt := range []struct {
		name   string
		router bool
		want   string
	}{
		{"host", false, "88 00 96f0 20000000"},
		{"router", true, "88 00 16f0 a0000000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := unsolicitedNA(mac, netip.MustParseAddr("2001:db8::205"), tt.router)
			if err != nil {
				t.Fatal(err)
			}
			const vip, nodes = "20010db8000000000000000000000205", "ff020000000000000000000000000001"
			want := unhex(t, ""+
				"60000000 0020 3a ff"+ // no traffic class, no flow label; 32 bytes, ICMPv6, hop limit 255
				vip+nodes+
				tt.want+ // type 136, code 0, checksum, flags
				vip+ // target
				"02 01 00005e000233") // target link-layer address
			if hex.EncodeToString(got) != hex.EncodeToString(want) {
				t.Errorf("got  %x\nwant %x", got, want)
			}
			// The checksum again, by another road: over a correct message and
			// its pseudo header the sum leaves nothing.
			h, err := ipv6.ParseHeader(got)
			if err != nil {
				t.Fatal(err)
			}
			psh := icmp.IPv6PseudoHeader(h.Src, h.Dst)
			psh[35] = byte(h.PayloadLen) // the library leaves the length to its caller
			if sum := onesSum(append(psh, got[40:]...)); sum != 0xffff {
				t.Errorf("checksum is wrong: the sum is %#x", sum)
			}
		})
	}
	if _, err := unsolicitedNA(mac, netip.MustParseAddr("192.0.2.1"), false); err == nil {
		t.Error("no error for an IPv4 address")
	}
}

// onesSum is the one's complement sum of RFC 1071.
func onesSum(b []byte) uint32 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return sum
}

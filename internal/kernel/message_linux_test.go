package kernel

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// wire joins words of hexadecimal digits into bytes. Words are as on a
// little-endian machine.
func wire(t testing.TB, words ...string) []byte {
	t.Helper()
	if nl.NativeEndian() != binary.LittleEndian {
		t.Skip("the bytes are those of a little-endian machine")
	}
	b, err := hex.DecodeString(strings.ReplaceAll(strings.Join(words, ""), " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// chunks shows bytes as one line for the fixed part and one for each attribute.
func chunks(b []byte) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%x\n", b[:min(8, len(b))])
	for b = b[min(8, len(b)):]; len(b) >= 4; {
		n := min((int(nl.NativeEndian().Uint16(b))+3)&^3, len(b))
		fmt.Fprintf(&out, "%x %x\n", b[:4], b[4:n])
		b = b[max(n, 4):]
	}
	return out.String()
}

func TestAddressRequest(t *testing.T) {
	tests := []struct {
		name  string
		op    Op
		addr  Address
		proto bool
		want  []string
	}{
		{
			name: "plain IPv4", op: OpAdd, proto: true,
			addr: eth0("192.0.2.10/32"),
			want: []string{
				"02 20 00 00 05000000", // AF_INET, /32, no flags, scope global, index 5
				"0800 0200 c000020a",   // IFA_LOCAL
				"0800 0100 c000020a",   // IFA_ADDRESS
				"0500 0b00 12000000",   // IFA_PROTO 18
			},
		},
		{
			name: "IPv4 with all", op: OpAdd, proto: true,
			addr: Address{
				Prefix: netip.MustParsePrefix("192.0.2.10/24"), Link: "eth0",
				Broadcast: netip.MustParseAddr("192.0.2.255"), Label: "eth0:1", Scope: 253,
				Home: true, MngTmpAddr: true, NoPrefixRoute: true, AutoJoin: true, PreferredLft: 7,
			},
			want: []string{
				"02 18 00 fd 05000000",       // /24, scope link
				"0800 0200 c000020a",         // IFA_LOCAL
				"0800 0100 c000020a",         // IFA_ADDRESS
				"0800 0400 c00002ff",         // IFA_BROADCAST
				"0b00 0300 657468303a310000", // IFA_LABEL eth0:1, padded
				"0800 0800 00060000",         // IFA_FLAGS NOPREFIXROUTE MCAUTOJOIN
				"0500 0b00 12000000",         // IFA_PROTO
			},
		},
		{
			name: "IPv4 peer", op: OpAdd,
			addr: eth0("192.0.2.10/24").but(func(a *Address) { a.Peer = netip.MustParsePrefix("198.51.100.1/28") }),
			want: []string{
				"02 1c 00 00 05000000", // the length is the peer's
				"0800 0200 c000020a",
				"0800 0100 c6336401",
			},
		},
		{
			name: "plain IPv6", op: OpAdd, proto: true,
			addr: eth0("2001:db8::10/64").but(func(a *Address) { a.Label = "ignored" }),
			want: []string{
				"0a 40 00 00 05000000",
				"1400 0200 20010db8 00000000 00000000 00000010",
				"1400 0100 20010db8 00000000 00000000 00000010",
				"0800 0800 02000000",                            // IFA_FLAGS NODAD
				"1400 0600 ffffffff ffffffff 00000000 00000000", // IFA_CACHEINFO: preferred, valid
				"0500 0b00 12000000",
			},
		},
		{
			name: "IPv6 with all", op: OpAdd,
			addr: Address{
				Prefix: netip.MustParsePrefix("2001:db8::10/64"), Link: "eth0", Peer: netip.MustParsePrefix("2001:db8::20/128"),
				DAD: true, Home: true, MngTmpAddr: true, NoPrefixRoute: true, AutoJoin: true, PreferredLft: 0,
			},
			want: []string{
				"0a 80 00 00 05000000",
				"1400 0200 20010db8 00000000 00000000 00000010",
				"1400 0100 20010db8 00000000 00000000 00000020",
				"0800 0800 10070000",
				"1400 0600 00000000 ffffffff 00000000 00000000",
			},
		},
		{
			// The label is left out: an adopted address may have another.
			name: "delete IPv4", op: OpDelete, proto: true,
			addr: eth0("192.0.2.10/24").but(func(a *Address) { a.Label = "eth0:1"; a.Scope = 253 }),
			want: []string{
				"02 18 00 00 05000000",
				"0800 0200 c000020a",
				"0800 0100 c000020a",
			},
		},
		{
			name: "delete IPv6", op: OpDelete, proto: true,
			addr: eth0("2001:db8::10/64"),
			want: []string{
				"0a 40 00 00 05000000",
				"1400 0200 20010db8 00000000 00000000 00000010",
				"1400 0100 20010db8 00000000 00000000 00000010",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := addressRequest(tt.op, 5, tt.addr, tt.proto)
			if err != nil {
				t.Fatal(err)
			}
			wantType := uint16(unix.RTM_NEWADDR)
			if tt.op == OpDelete {
				wantType = unix.RTM_DELADDR
			}
			if r.typ != wantType || r.flags != unix.NLM_F_ACK {
				t.Errorf("type %d flags 0x%x, want %d 0x%x", r.typ, r.flags, wantType, unix.NLM_F_ACK)
			}
			var got []byte
			for _, p := range r.parts {
				got = append(got, p.Serialize()...)
			}
			if diff := cmp.Diff(chunks(wire(t, tt.want...)), chunks(got)); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseAddr(t *testing.T) {
	tests := []struct {
		name  string
		body  []string
		index int
		want  string
		err   string
	}{
		{
			name: "IPv4",
			body: []string{
				"02 18 81 00 05000000",
				"0800 0100 c000020a", "0800 0200 c000020a", "0800 0400 c00002ff",
				"0500 0b00 12000000", "0900 0300 6574683000000000", "0800 0800 81000000",
				"1400 0600 ffffffff ffffffff 01020304 01020304",
			},
			index: 5, want: "192.0.2.10/24 brd 192.0.2.255 label eth0 secondary proto 18",
		},
		{
			name:  "IPv4 peer",
			body:  []string{"02 1c 80 00 05000000", "0800 0100 c6336401", "0800 0200 c000020a"},
			index: 5, want: "192.0.2.10 peer 198.51.100.1/28",
		},
		{
			name: "IPv6, old kernel without IFA_FLAGS",
			body: []string{
				"0a 40 40 fd 05000000", "1400 0100 fe800000 00000000 00000000 00000001",
				"1400 0600 00000000 0a000000 00000000 00000000",
			},
			index: 5, want: "fe80::1/64 tentative scope 253 preferred 0 valid 10",
		},
		{
			name: "IPv6 peer, long flags",
			body: []string{
				"0a 80 00 00 05000000", "1400 0100 20010db8 00000000 00000000 00000020",
				"1400 0200 20010db8 00000000 00000000 00000010", "0800 0800 88030000",
			},
			index: 5, want: "2001:db8::10 peer 2001:db8::20/128 dadfailed mngtmpaddr noprefixroute",
		},
		{name: "other family", body: []string{"2d 08 00 00 05000000", "0500 0200 08000000"}},
		{name: "short", body: []string{"02 18 81"}, err: "too short"},
		{name: "no address", body: []string{"02 18 81 00 05000000"}, err: "without an address"},
		{name: "address of the other family", body: []string{"0a 18 81 00 05000000", "0800 0200 c000020a"}, err: "without an address"},
		{name: "impossible length", body: []string{"02 21 81 00 05000000", "0800 0200 c000020a"}, err: "prefix length 33"},
		{name: "attribute cut off", body: []string{"02 18 81 00 05000000", "0800 0200 c000"}, err: "invalid argument"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			index, s, err := parseAddr(wire(t, tt.body...))
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error = %v, want %q", err, tt.err)
			}
			if err != nil || tt.want == "" {
				if index != 0 {
					t.Errorf("index = %d, want 0", index)
				}
				return
			}
			if got := renderState(s); index != tt.index || got != tt.want {
				t.Errorf("parseAddr = %d, %s, want %d, %s", index, got, tt.index, tt.want)
			}
		})
	}
}

func TestParseLink(t *testing.T) {
	tests := []struct {
		name string
		body []string
		want string // empty: not about a link
		err  string
	}{
		{
			name: "Ethernet",
			body: []string{
				"00 00 0100 03000000 43100100 ffffffff", // AF_UNSPEC, ARPHRD_ETHER, index 3, flags, all may have changed
				"0900 0300 6574683000000000",            // IFLA_IFNAME
				"0800 0400 dc050000",                    // IFLA_MTU
				"0a00 0100 020000000001 0000",           // IFLA_ADDRESS
				"0a00 0200 ffffffffffff 0000",           // IFLA_BROADCAST
			},
			want: "3 eth0 flags 0x11043 mtu 1500 mac 02:00:00:00:00:01 up=true hw=1 brd=ff:ff:ff:ff:ff:ff",
		},
		{
			name: "up without carrier",
			body: []string{"00 00 0100 03000000 03100000 00000000", "0900 0300 6574683000000000"},
			want: "3 eth0 flags 0x1003 mtu 0 mac  up=false hw=1 brd=",
		},
		{
			name: "loopback is up",
			body: []string{"00 00 0403 01000000 49000000 00000000", "0700 0300 6c6f0000"},
			want: "1 lo flags 0x49 mtu 0 mac  up=true hw=772 brd=",
		},
		{
			name: "running but not up",
			body: []string{"00 00 0100 03000000 40000000 00000000"},
			want: "3  flags 0x40 mtu 0 mac  up=false hw=1 brd=",
		},
		{
			name: "bridge port",
			body: []string{"07 00 0100 03000000 43100100 00000000", "0900 0300 6574683000000000"},
		},
		{
			name: "wireless event",
			body: []string{"00 00 0100 03000000 43100100 00000000", "0900 0300 6574683000000000", "0800 0b00 00000000"},
		},
		{
			name: "wireless attribute in a change",
			body: []string{"00 00 0100 03000000 43100100 01000000", "0900 0300 6574683000000000", "0800 0b00 00000000"},
			want: "3 eth0 flags 0x11043 mtu 0 mac  up=true hw=1 brd=",
		},
		{name: "short", body: []string{"00 00 0100 03000000"}, err: "too short"},
		{name: "attribute too long", body: []string{"00 00 0100 03000000 43100100 00000000", "1900 0300 65746830"}, err: "invalid argument"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := parseLink(wire(t, tt.body...))
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error = %v, want %q", err, tt.err)
			}
			got := ""
			if l != nil {
				got = fmt.Sprintf("%s up=%v hw=%d brd=%v", describe(l), l.Up, l.HWType, l.HardwareBroadcast)
			}
			if got != tt.want {
				t.Errorf("parseLink = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestExplanation(t *testing.T) {
	text := "0a00 0100 6e6f 7065 0000 0000" // NLMSGERR_ATTR_MSG "nope"
	capped := uint16(unix.NLM_F_ACK_TLVS | unix.NLM_F_CAPPED)
	header := "14000000 14000500 01000000 00000000"
	tests := []struct {
		name  string
		typ   uint16
		flags uint16
		data  []string
		want  string
	}{
		{"request left out", unix.NLMSG_ERROR, capped, []string{"f3ffffff", header, text}, "nope"},
		{"request repeated", unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, []string{"f3ffffff", header, "00000000", text}, "nope"},
		{"end of listing", unix.NLMSG_DONE, unix.NLM_F_ACK_TLVS, []string{"f3ffffff", text}, "nope"},
		{"no attributes", unix.NLMSG_ERROR, 0, []string{"f3ffffff", header}, ""},
		{"another attribute", unix.NLMSG_ERROR, capped, []string{"f3ffffff", header, "0800 0200 00000000"}, ""},
		{"cut off", unix.NLMSG_ERROR, capped, []string{"f3ffffff"}, ""},
		{"longer than the message", unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, []string{"f3ffffff", "ffffffff 14000500 01000000 00000000"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := syscall.NetlinkMessage{Data: wire(t, tt.data...)}
			m.Header.Type, m.Header.Flags = tt.typ, tt.flags
			if got := explanation(m); got != tt.want {
				t.Errorf("explanation = %q, want %q", got, tt.want)
			}
		})
	}
}

// FuzzMessage feeds notifications to the monitor's state.
func FuzzMessage(f *testing.F) {
	for _, seed := range []struct {
		typ  uint16
		body []string
	}{
		{unix.RTM_NEWLINK, []string{"00 00 0100 03000000 43100100 ffffffff", "0900 0300 6574683000000000", "0a00 0100 020000000001 0000"}},
		{unix.RTM_DELLINK, []string{"00 00 0100 03000000 43100100 ffffffff", "0900 0300 6574683000000000"}},
		{unix.RTM_NEWADDR, []string{"02 18 81 00 03000000", "0800 0100 c000020a", "0800 0200 c000020a", "0800 0800 81000000"}},
		{unix.RTM_DELADDR, []string{"0a 40 40 fd 03000000", "1400 0100 fe800000 00000000 00000000 00000001", "0500 0b00 12"}},
		{unix.NLMSG_ERROR, []string{"f3ffffff", "14000000 14000500 01000000 00000000", "0a00 0100 6e6f 7065 0000 0000"}},
	} {
		f.Add(seed.typ, wire(f, seed.body...))
	}
	f.Fuzz(func(t *testing.T, typ uint16, body []byte) {
		s := &state{pic: &Picture{Links: []*Link{newLink(3, "eth0", "192.0.2.10/24")}}}
		m := syscall.NetlinkMessage{Data: body}
		m.Header.Type = typ
		events, err := s.message(m)
		if err != nil && len(events) > 0 {
			t.Errorf("events %v with error %v", events, err)
		}
		_ = text(events)
		m.Header.Flags = unix.NLM_F_ACK_TLVS
		_ = explanation(m)
	})
}

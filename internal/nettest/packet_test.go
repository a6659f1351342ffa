package nettest

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Frames by hand. The decoders ignore checksums.
const (
	frameV2 = "01005e000012 020000000001 0800" +
		"45c0002c0001000 0ff70185c c0000201e0000012" +
		"213364020101929c c0000264c0000265 3131313100000000"
	frameV3 = "33330000 0012 020000000001 86dd" +
		"6c000000001870ff fe80000000000000000000fffe000001 ff020000000000000000000000000012" +
		"3134c80100 0aabcd fe800000000000000000000000000100"
	frameAH = "01005e000012 020000000001 0800" +
		"45c000400001 0000 ff33 18b6 c0000201 e0000012" +
		"7004 0000 c0000201 00000001 c99868773cb560a2dbb16f9f" +
		"2147 6401 0201 b646 c000026f 0000000000000000"
	frameGARP = "ffffffffffff 020000000001 0806" +
		"0001 0800 06 04 0001 020000000001 c0000264 ffffffffffff c0000264"
	frameARP = "ffffffffffff 020000000001 0806" +
		"0001 0800 06 04 0001 020000000001 c0000201 000000000000 c0000264"
	frameNA = "333300000001 020000000001 86dd" +
		"60000000 0020 3aff 20010db8000000000000000000000100 ff020000000000000000000000000001" +
		"8800abcd20000000 20010db8000000000000000000000100 0201020000000001"
)

func frame(t *testing.T, text string) Packet {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return Packet{Data: b}
}

func TestAdvert(t *testing.T) {
	type summary struct {
		Src, Dst, MAC            string
		TTL, TOS                 uint8
		AH                       bool
		Version, VRID, Prio, Len uint8
		Interval                 time.Duration
		Addrs                    string
	}
	tests := []struct {
		name, frame string
		want        summary
	}{
		{"v2 PASS", frameV2, summary{
			"192.0.2.1", "224.0.0.18", "01:00:5e:00:00:12", 255, 0xc0, false,
			2, 0x33, 100, 24, time.Second, "192.0.2.100 192.0.2.101",
		}},
		{"v3 IPv6", frameV3, summary{
			"fe80::ff:fe00:1", "ff02::12", "33:33:00:00:00:12", 255, 0xc0, false,
			3, 0x34, 200, 24, 100 * time.Millisecond, "fe80::100",
		}},
		{"v2 AH", frameAH, summary{
			"192.0.2.1", "224.0.0.18", "01:00:5e:00:00:12", 255, 0xc0, true,
			2, 0x47, 100, 20, time.Second, "192.0.2.111",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := frame(t, test.frame)
			a, ok := p.Advert()
			if !ok {
				t.Fatal("not an advert")
			}
			addrs := make([]string, 0, len(a.Addrs))
			for _, addr := range a.Addrs {
				addrs = append(addrs, addr.String())
			}
			got := summary{
				a.Src.String(), a.Dst.String(), a.DstMAC.String(), a.TTL, a.TOS, a.AH,
				a.Version, a.VRID, a.Priority, uint8(len(a.PDU)), a.Interval, strings.Join(addrs, " "),
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			// Nothing shorter is an advert, and nothing panics.
			for n := range p.Data {
				if _, ok := (Packet{Data: p.Data[:n]}).Advert(); ok {
					t.Errorf("the first %d bytes are an advert", n)
				}
			}
		})
	}
}

func TestAnnounced(t *testing.T) {
	tests := []struct{ name, frame, want string }{
		{"gratuitous ARP", frameGARP, "192.0.2.100"},
		{"ARP question", frameARP, ""},
		{"unsolicited advertisement", frameNA, "2001:db8::100"},
		{"solicited advertisement", strings.Replace(frameNA, "abcd20", "abcd60", 1), ""},
		{"advert", frameV2, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := frame(t, test.frame)
			got, ok := p.Announced()
			want, _ := netip.ParseAddr(test.want)
			if ok != (test.want != "") || got != want {
				t.Errorf("got %v, %v, want %v", got, ok, want)
			}
			for n := range p.Data {
				(Packet{Data: p.Data[:n]}).Announced()
			}
		})
	}
}

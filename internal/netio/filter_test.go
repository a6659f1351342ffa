package netio

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// newVM returns a virtual machine that runs the filter.
func newVM(tb testing.TB, prog []bpf.Instruction) *bpf.VM {
	tb.Helper()
	vm, err := bpf.NewVM(prog)
	if err != nil {
		tb.Fatal(err)
	}
	return vm
}

// passes runs the filter over the packet.
func passes(tb testing.TB, vm *bpf.VM, pkt []byte) bool {
	tb.Helper()
	n, err := vm.Run(pkt)
	if err != nil {
		tb.Fatal(err)
	}
	if n != 0 && n < len(pkt) {
		tb.Fatalf("packet of %d bytes is cut to %d", len(pkt), n)
	}
	return n != 0
}

// ip4 returns an IPv4 header with the given number of words, and the payload.
func ip4(words int, payload ...byte) []byte {
	b := make([]byte, words*4, words*4+len(payload))
	b[0] = 0x40 | byte(words)
	b[9] = advert.ProtoVRRP
	return append(b, payload...)
}

// ah returns an authentication header for the next protocol, and the payload.
func ah(next byte, payload ...byte) []byte {
	b := make([]byte, ahLen, ahLen+len(payload))
	b[0], b[1] = next, 4
	return append(b, payload...)
}

func TestFilter(t *testing.T) {
	vrrp := func(first, vrid byte) []byte { return []byte{first, vrid, 100, 1, 0, 1, 0, 0, 192, 0, 2, 1} }
	tests := []struct {
		name  string
		ipv6  bool
		proto int
		vrids []uint8
		pkt   []byte
		want  bool
	}{
		{"ours", false, advert.ProtoVRRP, []uint8{51}, ip4(5, vrrp(0x21, 51)...), true},
		{"one of ours", false, advert.ProtoVRRP, []uint8{1, 31, 32, 51, 255}, ip4(5, vrrp(0x31, 255)...), true},
		{"another's", false, advert.ProtoVRRP, []uint8{51}, ip4(5, vrrp(0x21, 52)...), false},
		{"same bit in another word", false, advert.ProtoVRRP, []uint8{51}, ip4(5, vrrp(0x21, 51+32)...), false},
		{"nobody's", false, advert.ProtoVRRP, nil, ip4(5, vrrp(0x21, 51)...), false},
		{"ours with IP options", false, advert.ProtoVRRP, []uint8{51}, ip4(15, vrrp(0x21, 51)...), true},
		{"another's with IP options", false, advert.ProtoVRRP, []uint8{51}, ip4(6, vrrp(0x21, 52)...), false},
		{"ours in a wrong version", false, advert.ProtoVRRP, []uint8{51}, ip4(5, vrrp(0xf1, 51)...), true},
		{"ours of a wrong type", false, advert.ProtoVRRP, []uint8{51}, ip4(5, vrrp(0x2f, 51)...), true},
		{"header only", false, advert.ProtoVRRP, []uint8{51}, ip4(5, vrrp(0x21, 52)[:8]...), false},
		{"header without its last byte", false, advert.ProtoVRRP, []uint8{51}, ip4(5, vrrp(0x21, 52)[:7]...), true},
		{"too short for a VRID", false, advert.ProtoVRRP, []uint8{51}, ip4(5, 0x21), true},
		{"nothing but IP", false, advert.ProtoVRRP, []uint8{51}, ip4(5), true},
		{"shorter than its IP header", false, advert.ProtoVRRP, []uint8{51}, ip4(15)[:20], true},

		{"AH, ours", false, advert.ProtoAH, []uint8{51}, ip4(5, ah(112, vrrp(0x21, 51)...)...), true},
		{"AH, another's", false, advert.ProtoAH, []uint8{51}, ip4(5, ah(112, vrrp(0x21, 52)...)...), false},
		{"AH, not VRRP", false, advert.ProtoAH, []uint8{51}, ip4(5, ah(6, vrrp(0x21, 51)...)...), false},
		{"AH, too short", false, advert.ProtoAH, []uint8{51}, ip4(5, ah(6, vrrp(0x21, 51)[:7]...)...), true},

		{"IPv6, ours", true, advert.ProtoVRRP, []uint8{51}, vrrp(0x31, 51), true},
		{"IPv6, another's", true, advert.ProtoVRRP, []uint8{51}, vrrp(0x31, 52), false},
		{"IPv6, too short", true, advert.ProtoVRRP, []uint8{51}, vrrp(0x31, 52)[:7], true},
		{"IPv6, nothing", true, advert.ProtoVRRP, []uint8{51}, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			vm := newVM(t, filterProgram(tt.ipv6, tt.proto, newVRIDSet(tt.vrids)))
			if got := passes(t, vm, tt.pkt); got != tt.want {
				t.Errorf("passes: %t, want %t", got, tt.want)
			}
		})
	}
}

// Every VRID in a set passes and every other does not, whatever words of the
// set are empty.
func TestFilterSets(t *testing.T) {
	var all, odd, last []uint8
	for i := range 256 {
		all = append(all, uint8(i))
		if i%2 == 1 {
			odd = append(odd, uint8(i))
		}
		if i >= 224 {
			last = append(last, uint8(i))
		}
	}
	for _, vrids := range [][]uint8{nil, {0}, {255}, {31, 32}, {1, 100, 200}, odd, last, all} {
		vm := newVM(t, filterProgram(false, advert.ProtoVRRP, newVRIDSet(vrids)))
		member := make(map[uint8]bool)
		for _, id := range vrids {
			member[id] = true
		}
		for i := range 256 {
			pkt := ip4(5, 0x31, byte(i), 100, 0, 0, 100, 0, 0)
			if got, want := passes(t, vm, pkt), member[uint8(i)]; got != want {
				t.Errorf("set %v: VRID %d passes: %t, want %t", vrids, i, got, want)
			}
		}
	}
}

func TestFilterPassesUnknown(t *testing.T) {
	vm := newVM(t, filterProgram(false, advert.ProtoVRRP, allVRIDs()))
	for i := range 256 {
		if !passes(t, vm, ip4(5, 0x31, byte(i), 100, 0, 0, 100, 0, 0)) {
			t.Errorf("VRID %d does not pass", i)
		}
	}
}

// wanted says in Go what filterProgram says in BPF.
func wanted(ipv6 bool, proto int, set vridSet, pkt []byte) bool {
	if !ipv6 {
		if len(pkt) == 0 {
			return false // the filter cannot read the header length
		}
		header := int(pkt[0]&0x0f) * 4
		if header > len(pkt) {
			return true
		}
		pkt = pkt[header:]
	}
	if proto == advert.ProtoAH {
		if len(pkt) < ahLen+headerLen {
			return true
		}
		if pkt[0] != advert.ProtoVRRP {
			return false
		}
		pkt = pkt[ahLen:]
	}
	if len(pkt) < headerLen {
		return true
	}
	id := pkt[1]
	return set[id>>5]>>(id&31)&1 == 1
}

func FuzzFilter(f *testing.F) {
	f.Add(false, false, uint64(1)<<51, uint64(0), uint64(0), uint64(0), ip4(5, unhex(f, v2Payload)...))
	f.Add(false, true, ^uint64(0), uint64(0), uint64(1), uint64(0), ip4(6, ah(112, unhex(f, v2Payload)...)...))
	f.Add(true, false, uint64(0), uint64(0), uint64(0), uint64(1)<<63, unhex(f, v2Payload))
	f.Add(false, false, uint64(0), uint64(0), uint64(0), uint64(0), []byte{0x4f})
	f.Fuzz(func(t *testing.T, ipv6, isAH bool, a, b, c, d uint64, pkt []byte) {
		var set vridSet
		for i, v := range []uint64{a, b, c, d} {
			set[2*i], set[2*i+1] = uint32(v), uint32(v>>32)
		}
		proto := advert.ProtoVRRP
		if isAH {
			proto, ipv6 = advert.ProtoAH, false
		}
		vm := newVM(t, filterProgram(ipv6, proto, set))
		if got, want := passes(t, vm, pkt), wanted(ipv6, proto, set, pkt); got != want {
			t.Errorf("passes: %t, want %t", got, want)
		}
	})
}

// The number of instructions executed is what a packet for somebody else costs.
func TestFilterIsShort(t *testing.T) {
	raw, err := assembleFilter(false, advert.ProtoVRRP, allVRIDs())
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) > 64 {
		t.Errorf("%d instructions, want at most 64", len(raw))
	}
}

func BenchmarkFilter(b *testing.B) {
	for _, bm := range []struct {
		name string
		set  vridSet
	}{{"one", newVRIDSet([]uint8{51})}, {"all", allVRIDs()}} {
		b.Run(bm.name, func(b *testing.B) {
			vm := newVM(b, filterProgram(false, advert.ProtoVRRP, bm.set))
			pkt := ip4(5, unhex(b, v2Payload)...)
			binary.BigEndian.PutUint16(pkt[2:], uint16(len(pkt)))
			for b.Loop() {
				if _, err := vm.Run(pkt); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package bfd

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func bytesOf(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPackets goes through packets both ways. The first was captured from
// keepalived.
func TestPackets(t *testing.T) {
	for _, tt := range []struct {
		wire string
		p    Packet
	}{
		{"20400318 35a3e22a 00000000 000f4240 0000c350 00000000", Packet{
			State: Down, Multiplier: 3, My: 0x35a3e22a, DesiredTx: time.Second, RequiredRx: 50 * time.Millisecond,
		}},
		{"20e00518 00000001 00000002 00002710 00002710 00000000", Packet{
			State: Up, Poll: true, Multiplier: 5, My: 1, Your: 2, DesiredTx: 10 * time.Millisecond, RequiredRx: 10 * time.Millisecond,
		}},
		{"23d20518 00000001 00000002 00002710 00000000 00000001", Packet{
			Diag: DiagNeighborDown, State: Up, Final: true, Demand: true, Multiplier: 5, My: 1, Your: 2,
			DesiredTx: 10 * time.Millisecond, RequiredEchoRx: time.Microsecond,
		}},
		{"27000118 00000001 00000000 00000000 ffffffff 00000000", Packet{
			Diag: DiagAdminDown, State: AdminDown, Multiplier: 1, My: 1, RequiredRx: (1<<32 - 1) * time.Microsecond,
		}},
	} {
		wire := bytesOf(t, tt.wire)
		got, err := Decode(wire)
		if err != nil || got != tt.p {
			t.Errorf("Decode(%s): %v\n%s", tt.wire, err, cmp.Diff(tt.p, got))
		}
		if b := tt.p.AppendTo(nil); !bytes.Equal(b, wire) {
			t.Errorf("got  %x\nwant %x", b, wire)
		}
	}
}

func TestRejects(t *testing.T) {
	good := "20c00318 00000001 00000002 000f4240 0000c350 00000000"
	for _, tt := range []struct {
		at   int
		to   byte
		cut  int
		want error
	}{
		{cut: 1, want: Short},
		{cut: 24, want: Short},
		{at: 3, to: 25, want: BadLength},
		{at: 0, to: 0x00, want: BadVersion},
		{at: 0, to: 0x40, want: BadVersion},
		{at: 2, to: 0, want: ZeroMultiplier},
		{at: 1, to: 0xc1, want: Multipoint},
		{at: 7, to: 0, want: ZeroDiscriminator},
		{at: 11, to: 0, want: NoDiscriminator},
		{at: 1, to: 0xf0, want: PollAndFinal},
		{at: 0, to: 0x29, want: BadDiag},
		{at: 1, to: 0xc4, want: Authenticated},
		{at: 1, to: 0xc8}, // control plane independent: of no interest
		{},
	} {
		b := bytesOf(t, good)
		if tt.at > 0 || tt.to > 0 {
			b[tt.at] = tt.to
		}
		if tt.want == BadVersion && tt.to == 0 {
			b[0] = 0
		}
		if _, err := Decode(b[:len(b)-tt.cut]); !errors.Is(err, tt.want) {
			t.Errorf("byte %d = %#x, %d cut off: %v, want %v", tt.at, tt.to, tt.cut, err, tt.want)
		}
	}
	down := bytesOf(t, "20400318 00000001 00000000 000f4240 0000c350 00000000")
	if _, err := Decode(down); err != nil {
		t.Errorf("Down without our discriminator: %v", err)
	}
	if _, err := Decode(append(down, 0)); !errors.Is(err, BadLength) {
		t.Errorf("a byte too many: %v", err)
	}
}

// FuzzDecode checks that what is taken is written back as it came, but for the
// one bit that is of no interest, and that a session survives it.
func FuzzDecode(f *testing.F) {
	f.Add(bytesOf(f, "20400318 35a3e22a 00000000 000f4240 0000c350 00000000"))
	f.Add(bytesOf(f, "20e00518 00000001 00000002 00002710 00002710 00000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b)
		if err != nil {
			return
		}
		want := bytes.Clone(b[:Length]) // what is behind it is of no interest either
		want[1] &^= bitIndependent
		want[3] = Length
		if got := p.AppendTo(nil); !bytes.Equal(got, want) {
			t.Errorf("got  %x\nwant %x", got, want)
		}
		now := time.Unix(0, 0)
		s := NewSession(now, Config{MinTx: time.Millisecond, MinRx: time.Millisecond, IdleTx: time.Second, Multiplier: 3}, counter())
		for range 3 {
			s.Receive(now, &p)
			now = now.Add(time.Millisecond)
			s.Tick(now)
			if w := s.Wake(); !w.IsZero() && !w.After(now) {
				t.Errorf("wakes at %v, ticked at %v", w, now)
			}
		}
	})
}

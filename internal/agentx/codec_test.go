package agentx

import (
	"bytes"
	"encoding/hex"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func messages() []*PDU {
	context := "blue"
	return []*PDU{
		{Type: Open, Timeout: 5, ID: ParseOID(".1.3.6.1.4.1.9586.100.5"), Description: "a router"},
		{Type: Close, Session: 7, Reason: 5},
		{Type: Register, Session: 7, Packet: 3, Timeout: 2, Priority: 127, Subtree: ParseOID(".1.3.6.1.2.1.68")},
		{Type: Unregister, Session: 7, Priority: 127, Subtree: ParseOID(".1.3.6.1.2.1.68"), Context: &context},
		{Type: Get, Session: math.MaxUint32, Transaction: 2, Packet: 3, Ranges: []Range{{Start: OID{1, 3, 6, 1, 4, 1, 9}}, {Start: OID{2, 5}}}},
		{Type: GetNext, LittleEndian: true, Ranges: []Range{{Start: OID{1, 3, 6, 1, 255, 1}, End: OID{1, 3, 6, 1, 256}, Include: true}}},
		{Type: GetBulk, NonRepeaters: 1, MaxRepetitions: 10, Ranges: []Range{{Start: OID{1}}, {Start: OID{1, 3, 6, 1}}}},
		{Type: TestSet, Varbinds: []Varbind{{Name: OID{1, 3}, Value: Int(-5)}}},
		{Type: CommitSet},
		{Type: UndoSet},
		{Type: CleanupSet},
		{Type: Ping, LittleEndian: true},
		{Type: Notify, Varbinds: []Varbind{{Name: OID{1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0}, Value: Value{Syntax: ObjectID, OID: OID{1, 3, 6, 1, 2}}}}},
		{Type: Response, UpTime: 12, Error: NotWritable, Index: 2, Varbinds: []Varbind{
			{Name: OID{1}, Value: Text("")},
			{Name: OID{2}, Value: Text("12345")},
			{Name: OID{3}, Value: Gauge(math.MaxUint32)},
			{Name: OID{4}, Value: Count(1 << 33)},
			{Name: OID{5}, Value: BigCount(math.MaxUint64)},
			{Name: OID{6}, Value: Ticks(9)},
			{Name: OID{7}, Value: IPv4(netip.MustParseAddr("192.0.2.1"))},
			{Name: OID{8}, Value: Value{Syntax: NoSuchInstance}},
			{Name: OID{9}, Value: Value{Syntax: Null}},
			{Name: OID{10}, Value: Value{Syntax: EndOfMIBView}},
		}},
	}
}

func TestRoundTrip(t *testing.T) {
	for _, want := range messages() {
		b := want.Append(nil)
		got, err := Decode(b)
		if err != nil {
			t.Errorf("type %d: %v", want.Type, err)
			continue
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("type %d (-want +got):\n%s", want.Type, d)
		}
		for n := range len(b) {
			if _, err := Decode(b[:n]); err == nil {
				t.Errorf("type %d: %d of %d bytes are taken for a message", want.Type, n, len(b))
			}
		}
	}
}

// TestBytes has the example of RFC 2741 section 5.1 and 6.2.1: an identifier is
// shortened by what all have in common.
func TestBytes(t *testing.T) {
	open := &PDU{Type: Open, Packet: 1, Timeout: 5, ID: ParseOID("1.3.6.1.4.1.9"), Description: "abc"}
	want := `
		01 01 10 00  00 00 00 00  00 00 00 00  00 00 00 01  00 00 00 18
		05 00 00 00
		02 04 00 00  00 00 00 01  00 00 00 09
		00 00 00 03  61 62 63 00`
	plain, err := hex.DecodeString(strings.Join(strings.Fields(want), ""))
	if err != nil {
		t.Fatal(err)
	}
	if got := open.Append(nil); !bytes.Equal(got, plain) {
		t.Errorf("%x, want %x", got, plain)
	}
}

func TestRefused(t *testing.T) {
	ping := (&PDU{Type: Ping}).Append(nil)
	type change = func(b []byte) []byte
	for what, change := range map[string]change{
		"another version":  func(b []byte) []byte { b[0] = 2; return b },
		"an unknown type":  func(b []byte) []byte { b[1] = 17; return b },
		"an uneven length": func(b []byte) []byte { b[19] = 3; return append(b, 0, 0, 0) },
		"a huge length":    func(b []byte) []byte { b[16] = 255; return b },
		"more than it has": func(b []byte) []byte { return append(b, 0, 0, 0, 0) },
		"more for a Ping":  func(b []byte) []byte { b[19] = 4; return append(b, 0, 0, 0, 0) },
		"an unknown value": func([]byte) []byte {
			return (&PDU{Type: Notify, Varbinds: []Varbind{{Name: OID{1}, Value: Value{Syntax: 3}}}}).Append(nil)
		},
	} {
		if p, err := Decode(change(bytes.Clone(ping))); err == nil {
			t.Errorf("%s is taken: %+v", what, p)
		}
	}
}

func TestOID(t *testing.T) {
	a := ParseOID(".1.3.6.1.4.1.4294967295")
	if s := a.String(); s != ".1.3.6.1.4.1.4294967295" || ParseOID("1.x") != nil || ParseOID("1.4294967296") != nil {
		t.Errorf("%s", s)
	}
	if !a.HasPrefix(internet) || internet.HasPrefix(a) || a.Compare(internet) <= 0 || (OID{1, 2}).Compare(OID{1, 10}) >= 0 {
		t.Error("identifiers are in a wrong order")
	}
}

// FuzzDecode takes anything, and what is taken means the same when it is written
// again.
func FuzzDecode(f *testing.F) {
	for _, p := range messages() {
		f.Add(p.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Decode(p.Append(nil))
		if err != nil {
			t.Fatalf("%+v is not read again: %v", p, err)
		}
		if d := cmp.Diff(p, again, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("(-first +again):\n%s", d)
		}
	})
}

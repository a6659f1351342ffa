package agentx

import (
	"fmt"
	"testing"
)

func testView() *View {
	var binds []Varbind
	for _, n := range []string{"1.9.2.3", "1.9.2.1", "1.9.3.1", "1.10.1.0"} {
		binds = append(binds, Varbind{Name: ParseOID(n), Value: Text(n)})
	}
	return NewView(binds, []OID{{1, 9, 2}, {1, 9, 3}, {1, 10, 1}})
}

func TestGet(t *testing.T) {
	v := testView()
	for name, want := range map[string]Syntax{
		"1.9.2.3": OctetString, "1.10.1.0": OctetString,
		"1.9.2.2": NoSuchInstance, "1.9.2": NoSuchInstance, "1.9.3.1.1": NoSuchInstance,
		"1.9.4.1": NoSuchObject, "1.9": NoSuchObject, "1": NoSuchObject,
	} {
		if got := v.Get(ParseOID(name)).Syntax; got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

func TestNext(t *testing.T) {
	v := testView()
	for _, c := range []struct {
		r    Range
		want string
	}{
		{Range{Start: OID{1}}, ".1.9.2.1"},
		{Range{Start: OID{1, 9, 2, 1}}, ".1.9.2.3"},
		{Range{Start: OID{1, 9, 2, 1}, Include: true}, ".1.9.2.1"},
		{Range{Start: OID{1, 9, 2, 3}}, ".1.9.3.1"},
		{Range{Start: OID{1, 9, 2, 3}, End: OID{1, 9, 3}}, "end"},
		{Range{Start: OID{1, 9, 3, 1}}, ".1.10.1.0"},
		{Range{Start: OID{1, 10, 1, 0}}, "end"},
		{Range{Start: OID{2}}, "end"},
	} {
		got := v.Next(c.r)
		text := got.Name.String()
		if got.Value.Syntax == EndOfMIBView {
			text = "end"
		}
		if text != c.want {
			t.Errorf("after %v: %s, want %s", c.r, text, c.want)
		}
	}
}

func TestBulk(t *testing.T) {
	var to PDU
	testView().answer(&PDU{Type: GetBulk, NonRepeaters: 1, MaxRepetitions: 100, Ranges: []Range{{Start: OID{1, 10}}, {Start: OID{1, 9, 2, 3}}}}, &to)
	got := ""
	for _, b := range to.Varbinds {
		got += fmt.Sprintf("%v=%d ", b.Name, b.Value.Syntax)
	}
	if want := ".1.10.1.0=4 .1.9.3.1=4 .1.10.1.0=4 .1.10.1.0=130 "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	to = PDU{}
	testView().answer(&PDU{Type: GetBulk, MaxRepetitions: 65535, Ranges: make([]Range, 4)}, &to)
	if len(to.Varbinds) > maxAnswer {
		t.Errorf("an answer of %d objects", len(to.Varbinds))
	}
}

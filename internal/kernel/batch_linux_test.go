package kernel

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// Many addresses go to the kernel together, and each has an outcome of its own.
func TestHolderBatches(t *testing.T) {
	_, table := newSpace(t, "eth0")
	var list []Object
	for i := range 100 {
		list = append(list, Address{Link: "eth0", Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 50, 0, byte(1 + i)}), 24)})
	}
	there, missing := list[40].(Address), list[70].(Address)
	missing.Link = "eth9"
	list[70] = missing
	if _, _, err := table.Change(context.Background(), OpAdd, there); err != nil {
		t.Fatal(err)
	}
	h := NewHolder(table)
	told := 0
	h.Set = func(Object) { told++ }
	res, err := h.Apply(context.Background(), list)
	if len(res.Added) != 98 || len(res.Adopted) != 1 || res.Adopted[0] != Object(there) || told != 98 {
		t.Errorf("%d added, %v adopted, %d told", len(res.Added), res.Adopted, told)
	}
	if len(res.Failed) != 1 || res.Failed[0].Object != Object(missing) || !errors.Is(err, unix.ENODEV) {
		t.Errorf("failed: %v", res.Failed)
	}
	if got := len(addressesOf(t, table, "eth0")); got != 99 {
		t.Errorf("%d addresses", got)
	}
	// A primary that goes takes the others with it: they are no failures.
	res, err = h.Release(context.Background())
	if err != nil || len(h.Held()) != 0 {
		t.Errorf("removed %d: %v; still held: %v", len(res.Removed), err, h.Held())
	}
	if got := addressesOf(t, table, "eth0"); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

// Once the time is over nothing more is sent.
func TestBatchAfterTheEnd(t *testing.T) {
	_, table := newSpace(t, "eth0")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	a := Address{Link: "eth0", Prefix: netip.MustParsePrefix("10.50.0.1/24")}
	for _, out := range table.ChangeAll(ctx, OpAdd, []Address{a, a}) {
		if out.changed || !errors.Is(out.err, context.Canceled) {
			t.Errorf("%+v", out)
		}
	}
}

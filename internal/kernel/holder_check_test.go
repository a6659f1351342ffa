package kernel

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHolderCheck(t *testing.T) {
	f := newFakeTable("eth0", "eth1")
	h := NewHolder(f)
	other := eth0("192.0.2.12/32")
	other.Link = "eth1"
	wanted := []Object{eth0("192.0.2.10/32"), eth0("192.0.2.11/32"), other}
	_, _ = h.Apply(t.Context(), wanted)
	change(t, f, OpDelete, wanted[1])
	f.requests = nil

	lost, err := h.Check(t.Context())
	if diff := cmp.Diff([]Loss{{Object: wanted[1]}}, lost, addrCmp); diff != "" || err != nil {
		t.Errorf("Check: error %v (-want +got):\n%s", err, diff)
	}
	requests(t, f, "list addresses of eth0", "list addresses of eth1")
	if diff := cmp.Diff([]Object{wanted[0], other}, h.Held(), addrCmp); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
	res, err := h.Apply(t.Context(), wanted)
	if want := "restored 192.0.2.11/32 dev eth0\n"; err != nil || renderResult(res) != want {
		t.Errorf("Apply = %q, %v, want %q", renderResult(res), err, want)
	}

	// Without a listing nothing is taken for lost.
	f.links["eth0"] = nil
	f.list = errors.New("interrupted")
	lost, err = h.Check(t.Context())
	if len(lost) != 0 || !errors.Is(err, f.list) || len(h.Held()) != 3 {
		t.Errorf("Check = %v, %v, held %v", lost, err, h.Held())
	}
}

func TestCleanStale(t *testing.T) {
	f := newFakeTable("eth0")
	change(t, f, OpAdd, eth0("192.0.2.9/24"))
	change(t, f, OpAdd, eth0("192.0.2.11/32"))
	change(t, f, OpAdd, eth0("192.0.2.12/32"))
	f.fail["delete 192.0.2.11/32 dev eth0"] = errors.New("permission denied")
	gone := eth0("192.0.2.10/32")
	gone.Link = "eth9"

	res := CleanStale(t.Context(), f, []Object{
		gone, eth0("192.0.2.10/32"), eth0("192.0.2.11/32"), eth0("192.0.2.12/32"), eth0("192.0.2.12/32"),
	})
	want := "removed 192.0.2.12/32 dev eth0\nfailed to delete 192.0.2.11/32 dev eth0: permission denied\n"
	if diff := cmp.Diff(want, renderResult(res)); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	want = "eth0 192.0.2.11/32 label eth0 proto 18\neth0 192.0.2.9/24 label eth0 proto 18\n"
	if diff := cmp.Diff(want, f.render()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

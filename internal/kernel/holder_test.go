package kernel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// eth0 is an address on eth0 with the usual properties.
func eth0(prefix string) Address {
	return Address{Prefix: netip.MustParsePrefix(prefix), Link: "eth0", PreferredLft: Forever}
}

// but returns the address with a change.
func (a Address) but(change func(*Address)) Address {
	change(&a)
	return a
}

var addrCmp = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

// step is what happens and what then is to be seen.
type step struct {
	other  func(*testing.T, Table) // what someone else does before
	wanted []Object                // is applied
	result string
	table  string
}

// holderTests are lists of wanted states. They run against the table in memory
// and, with root, against a real one; eth0 and eth1 exist in both.
var holderTests = []struct {
	name    string
	promote bool
	steps   []step
}{
	{
		name: "properties",
		steps: []step{{
			wanted: []Object{
				eth0("192.0.2.10/32"),
				eth0("192.0.2.20/24").but(func(a *Address) {
					a.Broadcast = netip.MustParseAddr("192.0.2.255")
					a.Label = "eth0:vip"
				}),
				eth0("198.51.100.1/24").but(func(a *Address) { a.Scope = 253; a.NoPrefixRoute = true }),
				eth0("198.51.100.2/24").but(func(a *Address) { a.Peer = netip.MustParsePrefix("203.0.113.9/32") }),
				// Without effect on IPv4 addresses.
				eth0("203.0.113.1/24").but(func(a *Address) { a.PreferredLft = 0; a.Home = true; a.MngTmpAddr = true }),
				eth0("2001:db8::10/64"),
				eth0("2001:db8::11/128").but(func(a *Address) { a.PreferredLft = 0 }),
				eth0("2001:db8::12/64").but(func(a *Address) { a.Peer = netip.MustParsePrefix("2001:db8:1::9/128") }),
				eth0("2001:db8::13/64").but(func(a *Address) { a.Label = "none" }),
			},
			result: `
added 192.0.2.10/32 dev eth0
added 192.0.2.20/24 dev eth0 label eth0:vip
added 198.51.100.1/24 dev eth0
added 198.51.100.2 peer 203.0.113.9/32 dev eth0
added 203.0.113.1/24 dev eth0
added 2001:db8::10/64 dev eth0
added 2001:db8::11/128 dev eth0
added 2001:db8::12 peer 2001:db8:1::9/128 dev eth0
added 2001:db8::13/64 dev eth0 label none
`,
			table: `
eth0 192.0.2.10/32 label eth0 proto 18
eth0 192.0.2.20/24 brd 192.0.2.255 label eth0:vip proto 18
eth0 198.51.100.1/24 scope 253 label eth0 noprefixroute proto 18
eth0 198.51.100.2 peer 203.0.113.9/32 label eth0 proto 18
eth0 2001:db8::10/64 nodad proto 18
eth0 2001:db8::11/128 nodad deprecated preferred 0 proto 18
eth0 2001:db8::12 peer 2001:db8:1::9/128 nodad proto 18
eth0 2001:db8::13/64 nodad proto 18
eth0 203.0.113.1/24 label eth0 proto 18
`,
		}, {
			wanted: nil,
			result: `
removed 192.0.2.10/32 dev eth0
removed 192.0.2.20/24 dev eth0 label eth0:vip
removed 198.51.100.1/24 dev eth0
removed 198.51.100.2 peer 203.0.113.9/32 dev eth0
removed 203.0.113.1/24 dev eth0
removed 2001:db8::10/64 dev eth0
removed 2001:db8::11/128 dev eth0
removed 2001:db8::12 peer 2001:db8:1::9/128 dev eth0
removed 2001:db8::13/64 dev eth0 label none
`,
		}},
	},
	{
		name: "difference",
		steps: []step{{
			wanted: []Object{eth0("192.0.2.10/32"), eth0("192.0.2.11/32")},
			result: "added 192.0.2.10/32 dev eth0\nadded 192.0.2.11/32 dev eth0\n",
			table:  "eth0 192.0.2.10/32 label eth0 proto 18\neth0 192.0.2.11/32 label eth0 proto 18\n",
		}, {
			wanted: []Object{eth0("192.0.2.12/32"), eth0("192.0.2.11/32"), eth0("2001:db8::1/64")},
			result: "removed 192.0.2.10/32 dev eth0\nadded 192.0.2.12/32 dev eth0\nadded 2001:db8::1/64 dev eth0\n",
			table: `
eth0 192.0.2.11/32 label eth0 proto 18
eth0 192.0.2.12/32 label eth0 proto 18
eth0 2001:db8::1/64 nodad proto 18
`,
		}, {
			// Another length, label, scope, device: removed and added.
			wanted: []Object{
				eth0("192.0.2.11/24"),
				eth0("192.0.2.12/32").but(func(a *Address) { a.Label = "eth0:1" }),
				eth0("2001:db8::1/64").but(func(a *Address) { a.Link = "eth1" }),
			},
			result: `
removed 192.0.2.12/32 dev eth0
removed 192.0.2.11/32 dev eth0
removed 2001:db8::1/64 dev eth0
added 192.0.2.11/24 dev eth0
added 192.0.2.12/32 dev eth0 label eth0:1
added 2001:db8::1/64 dev eth1
`,
			table: `
eth0 192.0.2.11/24 label eth0 proto 18
eth0 192.0.2.12/32 label eth0:1 proto 18
eth1 2001:db8::1/64 nodad proto 18
`,
		}, {
			wanted: []Object{eth0("192.0.2.11/24").but(func(a *Address) { a.Scope = 254 })},
			result: `
removed 192.0.2.11/24 dev eth0
removed 192.0.2.12/32 dev eth0 label eth0:1
removed 2001:db8::1/64 dev eth1
added 192.0.2.11/24 dev eth0
`,
			table: "eth0 192.0.2.11/24 scope 254 label eth0 proto 18\n",
		}},
	},
	{
		name: "primary goes, secondaries are restored",
		steps: []step{{
			wanted: []Object{
				eth0("192.0.2.10/24"), eth0("192.0.2.11/24"), eth0("192.0.2.12/24"),
				eth0("192.0.2.13/25"), eth0("192.0.2.14/24").but(func(a *Address) { a.Link = "eth1" }),
			},
			result: `
added 192.0.2.10/24 dev eth0
added 192.0.2.11/24 dev eth0
added 192.0.2.12/24 dev eth0
added 192.0.2.13/25 dev eth0
added 192.0.2.14/24 dev eth1
`,
			table: `
eth0 192.0.2.10/24 label eth0 proto 18
eth0 192.0.2.11/24 label eth0 secondary proto 18
eth0 192.0.2.12/24 label eth0 secondary proto 18
eth0 192.0.2.13/25 label eth0 proto 18
eth1 192.0.2.14/24 label eth1 proto 18
`,
		}, {
			wanted: []Object{
				eth0("192.0.2.12/24"), eth0("192.0.2.11/24"),
				eth0("192.0.2.13/25"), eth0("192.0.2.14/24").but(func(a *Address) { a.Link = "eth1" }),
				eth0("192.0.2.15/24"),
			},
			result: `
removed 192.0.2.10/24 dev eth0
added 192.0.2.15/24 dev eth0
restored 192.0.2.12/24 dev eth0
restored 192.0.2.11/24 dev eth0
`,
			table: `
eth0 192.0.2.11/24 label eth0 secondary proto 18
eth0 192.0.2.12/24 label eth0 proto 18
eth0 192.0.2.13/25 label eth0 proto 18
eth0 192.0.2.15/24 label eth0 secondary proto 18
eth1 192.0.2.14/24 label eth1 proto 18
`,
		}, {
			// All go: the secondaries are gone before their turn.
			result: `
removed 192.0.2.12/24 dev eth0
removed 192.0.2.13/25 dev eth0
removed 192.0.2.14/24 dev eth1
`,
		}},
	},
	{
		name:    "primary goes, secondaries are promoted",
		promote: true,
		steps: []step{{
			wanted: []Object{eth0("192.0.2.10/24"), eth0("192.0.2.11/24"), eth0("192.0.2.12/24")},
			result: "added 192.0.2.10/24 dev eth0\nadded 192.0.2.11/24 dev eth0\nadded 192.0.2.12/24 dev eth0\n",
			table: `
eth0 192.0.2.10/24 label eth0 proto 18
eth0 192.0.2.11/24 label eth0 secondary proto 18
eth0 192.0.2.12/24 label eth0 secondary proto 18
`,
		}, {
			wanted: []Object{eth0("192.0.2.11/24"), eth0("192.0.2.12/24")},
			result: "removed 192.0.2.10/24 dev eth0\n",
			table: `
eth0 192.0.2.11/24 label eth0 proto 18
eth0 192.0.2.12/24 label eth0 secondary proto 18
`,
		}},
	},
	{
		name: "adopted addresses are deleted like own ones",
		steps: []step{{
			other: func(t *testing.T, table Table) {
				change(t, table, OpAdd, eth0("192.0.2.10/24").but(func(a *Address) { a.Label = "eth0:x" }))
				change(t, table, OpAdd, eth0("192.0.2.10/32"))
				change(t, table, OpAdd, eth0("2001:db8::1/64"))
			},
			wanted: []Object{eth0("192.0.2.10/24"), eth0("2001:db8::1/64")},
			result: "adopted 192.0.2.10/24 dev eth0\nadopted 2001:db8::1/64 dev eth0\n",
			table: `
eth0 192.0.2.10/24 label eth0:x proto 18
eth0 192.0.2.10/32 label eth0 proto 18
eth0 2001:db8::1/64 nodad proto 18
`,
		}, {
			result: "removed 192.0.2.10/24 dev eth0\nremoved 2001:db8::1/64 dev eth0\n",
			table:  "eth0 192.0.2.10/32 label eth0 proto 18\n",
		}},
	},
	{
		name: "what is gone already is no failure",
		steps: []step{{
			wanted: []Object{eth0("192.0.2.10/24"), eth0("2001:db8::1/64")},
			result: "added 192.0.2.10/24 dev eth0\nadded 2001:db8::1/64 dev eth0\n",
			table:  "eth0 192.0.2.10/24 label eth0 proto 18\neth0 2001:db8::1/64 nodad proto 18\n",
		}, {
			other: func(t *testing.T, table Table) {
				change(t, table, OpDelete, eth0("192.0.2.10/24"))
				change(t, table, OpDelete, eth0("2001:db8::1/64"))
			},
		}},
	},
	{
		name: "one address twice",
		steps: []step{{
			wanted: []Object{eth0("192.0.2.10/24"), eth0("192.0.2.10/24").but(func(a *Address) { a.Label = "eth0:1" })},
			result: "added 192.0.2.10/24 dev eth0\n",
			table:  "eth0 192.0.2.10/24 label eth0 proto 18\n",
		}},
	},
	{
		name: "missing link",
		steps: []step{{
			wanted: []Object{eth0("192.0.2.10/24").but(func(a *Address) { a.Link = "eth9" }), eth0("192.0.2.11/24")},
			result: "added 192.0.2.11/24 dev eth0\nfailed to add 192.0.2.10/24 dev eth9: REASON\n",
			table:  "eth0 192.0.2.11/24 label eth0 proto 18\n",
		}, {
			result: "removed 192.0.2.11/24 dev eth0\n",
		}},
	},
}

// change makes a change as someone else would.
func change(t *testing.T, table Table, op Op, o Object) {
	t.Helper()
	if ok, _, err := table.Change(t.Context(), op, o); err != nil || !ok {
		t.Fatalf("%v %v: done %v, error %v", op, o, ok, err)
	}
}

func TestHolder(t *testing.T) {
	for _, tt := range holderTests {
		t.Run(tt.name, func(t *testing.T) {
			table := newFakeTable("eth0", "eth1")
			table.promote = tt.promote
			runSteps(t, table, table.render, tt.steps)
		})
	}
}

func runSteps(t *testing.T, table Table, show func() string, steps []step) {
	h := NewHolder(table)
	for i, s := range steps {
		if s.other != nil {
			s.other(t, table)
		}
		res, err := h.Apply(t.Context(), s.wanted)
		if (err != nil) != (len(res.Failed) > 0) {
			t.Errorf("step %d: error %v with %d failures", i+1, err, len(res.Failed))
		}
		// The reason is in the kernel's words.
		got := renderResult(res)
		for _, f := range res.Failed {
			got = strings.ReplaceAll(got, f.Err.Error(), "REASON")
		}
		if diff := cmp.Diff(strings.TrimPrefix(s.result, "\n"), got); diff != "" {
			t.Errorf("step %d: result (-want +got):\n%s", i+1, diff)
		}
		if diff := cmp.Diff(strings.TrimPrefix(s.table, "\n"), show()); diff != "" {
			t.Errorf("step %d: table (-want +got):\n%s", i+1, diff)
		}
		if lost, err := h.Check(t.Context()); err != nil || len(lost) > 0 {
			t.Errorf("step %d: Check = %v, %v", i+1, lost, err)
		}
	}
}

// requests checks what a holder asked the table for.
func requests(t *testing.T, f *fakeTable, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, f.requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	f.requests = nil
}

func TestHolderSendsOnlyTheDifference(t *testing.T) {
	f := newFakeTable("eth0")
	h := NewHolder(f)
	wanted := []Object{eth0("192.0.2.10/32"), eth0("192.0.2.20/24"), eth0("2001:db8::1/64")}
	_, _ = h.Apply(t.Context(), wanted)
	requests(t, f, "add 192.0.2.10/32 dev eth0", "add 192.0.2.20/24 dev eth0", "add 2001:db8::1/64 dev eth0")

	_, _ = h.Apply(t.Context(), wanted)
	requests(t, f)

	// Removals come first, and no listing if no secondary can be concerned.
	_, _ = h.Apply(t.Context(), []Object{eth0("192.0.2.30/24"), eth0("192.0.2.10/32")})
	requests(t, f, "delete 192.0.2.20/24 dev eth0", "delete 2001:db8::1/64 dev eth0", "add 192.0.2.30/24 dev eth0")

	_, _ = h.Release(t.Context())
	requests(t, f, "delete 192.0.2.30/24 dev eth0", "delete 192.0.2.10/32 dev eth0")

	_, _ = h.Release(t.Context())
	requests(t, f)
}

func TestHolderRetries(t *testing.T) {
	f := newFakeTable("eth0")
	h := NewHolder(f)
	refused := errors.New("permission denied")
	f.fail["add 192.0.2.10/32 dev eth0"] = refused
	f.fail["delete 192.0.2.11/32 dev eth0"] = refused
	wanted := []Object{eth0("192.0.2.10/32"), eth0("192.0.2.11/32")}

	_, err := h.Apply(t.Context(), wanted)
	if want := "add 192.0.2.10/32 dev eth0: permission denied"; err == nil || err.Error() != want {
		t.Errorf("error = %v, want %v", err, want)
	}
	if !errors.Is(err, refused) {
		t.Errorf("%v does not wrap the reason", err)
	}
	if diff := cmp.Diff([]Object{eth0("192.0.2.11/32")}, h.Held(), addrCmp); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
	requests(t, f, "add 192.0.2.10/32 dev eth0", "add 192.0.2.11/32 dev eth0")

	// The one that is not set is not deleted; the one that stays is tried again.
	_, err = h.Release(t.Context())
	if !errors.Is(err, refused) {
		t.Errorf("Release = %v, want the reason", err)
	}
	requests(t, f, "delete 192.0.2.11/32 dev eth0")
	clear(f.fail)
	res, err := h.Apply(t.Context(), []Object{eth0("192.0.2.10/32")})
	if want := "removed 192.0.2.11/32 dev eth0\nadded 192.0.2.10/32 dev eth0\n"; err != nil || renderResult(res) != want {
		t.Errorf("Apply = %q, %v, want %q", renderResult(res), err, want)
	}
}

// An address whose deletion failed and that is then wanted with other properties
// is found there, and must not be deleted by a later attempt.
func TestHolderStuckAddressWantedAgain(t *testing.T) {
	f := newFakeTable("eth0")
	h := NewHolder(f)
	old := eth0("192.0.2.10/24")
	_, _ = h.Apply(t.Context(), []Object{old})
	f.fail["delete 192.0.2.10/24 dev eth0"] = errors.New("no memory")
	labelled := old
	labelled.Label = "eth0:1"
	_, _ = h.Apply(t.Context(), []Object{labelled})
	clear(f.fail)
	f.requests = nil
	_, _ = h.Apply(t.Context(), []Object{labelled})
	requests(t, f)
	if diff := cmp.Diff([]Object{labelled}, h.Held(), addrCmp); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
}

// What may have been set is deleted, and what may not have been is added.
func TestHolderUnanswered(t *testing.T) {
	f := newFakeTable("eth0")
	h := NewHolder(f)
	add := "add 192.0.2.10/32 dev eth0"
	f.fail[add] = fmt.Errorf("%w: time is over", ErrUnanswered)
	wanted := []Object{eth0("192.0.2.10/32")}
	_, err := h.Apply(t.Context(), wanted)
	if !errors.Is(err, ErrUnanswered) || len(h.Held()) != 0 {
		t.Fatalf("Apply = %v, held %v", err, h.Held())
	}
	requests(t, f, add)

	// A refusal now tells nothing about the first attempt.
	f.fail[add] = errors.New("permission denied")
	_, err = h.Apply(t.Context(), wanted)
	if !errors.Is(err, f.fail[add]) || len(h.Held()) != 0 {
		t.Fatalf("Apply = %v, held %v", err, h.Held())
	}
	requests(t, f, add)

	_, _ = h.Release(t.Context())
	requests(t, f, "delete 192.0.2.10/32 dev eth0")

	f.fail[add] = ErrUnanswered
	_, _ = h.Apply(t.Context(), wanted)
	clear(f.fail)
	res, err := h.Apply(t.Context(), wanted)
	if err != nil || len(res.Failed) != 0 || len(h.Held()) != 1 {
		t.Errorf("Apply = %v, %v, held %v", renderResult(res), err, h.Held())
	}
	requests(t, f, add, add, "list addresses of eth0")
}

// A listing that fails leaves it to adding to find out what is there.
func TestHolderRecheckWithoutListing(t *testing.T) {
	f := newFakeTable("eth0")
	h := NewHolder(f)
	_, _ = h.Apply(t.Context(), []Object{eth0("192.0.2.10/24"), eth0("192.0.2.11/24")})
	f.list = errors.New("interrupted")
	f.requests = nil
	res, err := h.Apply(t.Context(), []Object{eth0("192.0.2.11/24")})
	want := "removed 192.0.2.10/24 dev eth0\nrestored 192.0.2.11/24 dev eth0\n"
	if err != nil || renderResult(res) != want {
		t.Errorf("Apply = %q, %v, want %q", renderResult(res), err, want)
	}
	requests(t, f, "delete 192.0.2.10/24 dev eth0", "list addresses of eth0", "add 192.0.2.11/24 dev eth0")
}

func TestHolderContextOver(t *testing.T) {
	f := newFakeTable("eth0")
	h := NewHolder(f)
	_, _ = h.Apply(t.Context(), []Object{eth0("192.0.2.10/32"), eth0("192.0.2.11/32")})
	f.requests = nil
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	res, err := h.Apply(ctx, []Object{eth0("192.0.2.11/32"), eth0("192.0.2.12/32")})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want %v", err, context.Canceled)
	}
	want := "failed to delete 192.0.2.10/32 dev eth0: context canceled\n" +
		"failed to add 192.0.2.12/32 dev eth0: context canceled\n"
	if diff := cmp.Diff(want, renderResult(res)); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	requests(t, f)

	// Nothing is forgotten.
	_, _ = h.Release(t.Context())
	requests(t, f, "delete 192.0.2.10/32 dev eth0", "delete 192.0.2.11/32 dev eth0")
}

package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// newSpace makes a namespace with the given links, which are up and have no
// addresses, and a handle in it.
func newSpace(tb testing.TB, links ...string) (*nettest.NS, *Handle) {
	tb.Helper()
	ns := nettest.NewT(tb, "kernel")
	// No addresses but those of the test.
	if err := ns.Sysctl("net.ipv6.conf.default.addr_gen_mode", "1"); err != nil {
		tb.Fatal(err)
	}
	for _, name := range links {
		addLink(tb, ns, name)
	}
	return ns, openHandle(tb, ns)
}

func openHandle(tb testing.TB, ns *nettest.NS) *Handle {
	tb.Helper()
	var h *Handle
	err := ns.Do(func() (err error) {
		h, err = Open()
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(h.Close)
	return h
}

// addLink makes a virtual cable, up at both ends, and returns the end with the
// name once the kernel has noticed that it is plugged.
func addLink(tb testing.TB, ns *nettest.NS, name string) netlink.Link {
	tb.Helper()
	link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "to-" + name}
	if err := ns.Handle().LinkAdd(link); err != nil {
		tb.Fatal(err)
	}
	for _, end := range []string{link.PeerName, name} {
		l, err := ns.Handle().LinkByName(end)
		if err != nil {
			tb.Fatal(err)
		}
		if err := ns.Handle().LinkSetUp(l); err != nil {
			tb.Fatal(err)
		}
	}
	for _, end := range []string{link.PeerName, name} {
		nettest.WaitFor(tb, patience, func() bool {
			l, err := ns.Handle().LinkByName(end)
			return err == nil && l.Attrs().OperState == netlink.OperUp
		}, end+" up")
	}
	return link
}

// addressesOf lists the addresses of a link.
func addressesOf(t *testing.T, h *Handle, link string) []AddrState {
	t.Helper()
	list, err := h.List(t.Context(), Shelf{Kind: KindAddress, Link: link})
	if err != nil {
		t.Fatal(err)
	}
	var out []AddrState
	for _, r := range list {
		out = append(out, r.(AddrState))
	}
	return out
}

// showReal renders the tables of links.
func showReal(t *testing.T, h *Handle, links ...string) string {
	t.Helper()
	all := make(map[string][]AddrState)
	for _, l := range links {
		all[l] = addressesOf(t, h, l)
	}
	var routes []Route
	var rules []Rule
	for _, ipv6 := range []bool{false, true} {
		list, err := h.List(t.Context(), Shelf{Kind: KindRoute, IPv6: ipv6, Protocol: Protocol})
		must(t, err)
		for _, r := range list {
			routes = append(routes, r.(Route))
		}
		list, err = h.List(t.Context(), Shelf{Kind: KindRule, IPv6: ipv6, Protocol: Protocol})
		must(t, err)
		for _, r := range list {
			rules = append(rules, r.(Rule))
		}
	}
	return render(all) + renderOthers(routes, rules)
}

func TestHolderReal(t *testing.T) {
	nettest.Require(t)
	for _, tt := range holderTests {
		t.Run(tt.name, func(t *testing.T) {
			ns, h := newSpace(t, "eth0", "eth1")
			value := "0"
			if tt.promote {
				value = "1"
			}
			for _, conf := range []string{"all", "eth0"} {
				if err := ns.Sysctl("net.ipv4.conf."+conf+".promote_secondaries", value); err != nil {
					t.Fatal(err)
				}
			}
			runSteps(t, h, func() string { return showReal(t, h, "eth0", "eth1") }, tt.steps)
		})
	}
}

// The listing is the same as another implementation's.
func TestListAddressesAgreesWithLibrary(t *testing.T) {
	ns, h := newSpace(t, "eth0")
	if _, err := NewHolder(h).Apply(t.Context(), holderTests[0].steps[0].wanted); err != nil {
		t.Fatal(err)
	}
	link, err := ns.Handle().LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	list, err := ns.Handle().AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		peer := ""
		if a.Peer != nil {
			peer = a.Peer.String()
		}
		want = append(want, fmt.Sprint(a.IPNet, " ", peer, " ", a.Label, " ", a.Scope, " ", a.Flags, " ", uint32(a.PreferedLft), " ", uint32(a.ValidLft)))
	}
	ours := addressesOf(t, h, "eth0")
	for _, a := range ours {
		peer := ""
		if a.Peer.IsValid() {
			peer = a.Peer.String()
		}
		got = append(got, fmt.Sprint(a.Prefix, " ", peer, " ", a.Label, " ", a.Scope, " ", int(a.Flags), " ", a.PreferredLft, " ", a.ValidLft))
	}
	if diff := cmp.Diff(strings.Join(want, "\n"), strings.Join(got, "\n")); diff != "" {
		t.Errorf("listing (-library +ours):\n%s", diff)
	}
}

// The table is the same as the tool of the distribution shows it.
func TestAddressesAgreeWithTool(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("the ip program is not installed")
	}
	ns, h := newSpace(t, "eth0")
	if _, err := NewHolder(h).Apply(t.Context(), holderTests[0].steps[0].wanted); err != nil {
		t.Fatal(err)
	}
	var out []byte
	must(t, ns.Do(func() (err error) {
		out, err = exec.Command("ip", "-N", "-j", "address", "show", "dev", "eth0").Output()
		return err
	}))
	var links []struct {
		AddrInfo []struct {
			Local      string
			Address    string // peer
			Prefixlen  int
			Broadcast  string
			Scope      string
			Label      string
			Preferred  uint32 `json:"preferred_life_time"`
			Valid      uint32 `json:"valid_life_time"`
			NoDAD      bool
			Deprecated bool
			NoPrefix   bool `json:"noprefixroute"`
		} `json:"addr_info"`
	}
	if err := json.Unmarshal(out, &links); err != nil || len(links) != 1 {
		t.Fatalf("%v in %s", err, out)
	}
	var want, got []string
	line := func(v ...any) string { return strings.TrimSpace(fmt.Sprintln(v...)) }
	for _, a := range links[0].AddrInfo {
		peer := ""
		if a.Address != "" {
			peer, a.Prefixlen = fmt.Sprintf("%s/%d", a.Address, a.Prefixlen), netip.MustParseAddr(a.Local).BitLen()
		}
		want = append(want, line(a.Local, a.Prefixlen, peer, a.Broadcast, a.Scope, a.Label, a.Preferred, a.Valid, a.NoDAD, a.Deprecated, a.NoPrefix))
	}
	for _, a := range addressesOf(t, h, "eth0") {
		peer, brd := "", ""
		if a.Peer.IsValid() {
			peer = a.Peer.String()
		}
		if a.Broadcast.IsValid() {
			brd = a.Broadcast.String()
		}
		has := func(f AddrFlags) bool { return a.Flags&f != 0 }
		got = append(got, line(a.Prefix.Addr(), a.Prefix.Bits(), peer, brd, a.Scope, a.Label, a.PreferredLft, a.ValidLft,
			has(FlagNoDAD), has(FlagDeprecated), has(FlagNoPrefixRoute)))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("addresses (-ip +ours):\n%s", diff)
	}
}

func TestChangeAddressErrors(t *testing.T) {
	ns, h := newSpace(t, "eth0")
	if err := ns.Sysctl("net.ipv6.conf.eth0.disable_ipv6", "1"); err != nil {
		t.Fatal(err)
	}
	on := func(link, prefix string) Address {
		return Address{Prefix: netip.MustParsePrefix(prefix), Link: link}
	}
	for _, tt := range []struct {
		name string
		op   Op
		addr Address
		want error // nil: done or nothing to do
		text string
	}{
		{"add on missing link", OpAdd, on("eth9", "192.0.2.1/24"), unix.ENODEV, "find interface: no such device"},
		{"delete on missing link", OpDelete, on("eth9", "192.0.2.1/24"), nil, ""},
		{"delete missing", OpDelete, on("eth0", "192.0.2.1/24"), nil, ""},
		{"delete missing IPv6", OpDelete, on("eth0", "2001:db8::1/64"), nil, ""},
		{"IPv6 is off", OpAdd, on("eth0", "2001:db8::1/64"), unix.EACCES, "permission denied: "},
		{"name too long", OpDelete, on("sixteen-letters-", "192.0.2.1/24"), unix.EINVAL, `"sixteen-letters-" is not a name for an interface`},
		{"name empty", OpAdd, on("", "192.0.2.1/24"), unix.ENODEV, "find interface"},
		{"no address", OpAdd, Address{Link: "eth0"}, nil, "not an address"},
		{"label too long", OpAdd, on("eth0", "192.0.2.1/24").but(func(a *Address) { a.Label = "eth0:0123456789012345" }), unix.ERANGE, "numerical result out of range"},
		{"families mixed", OpAdd, on("eth0", "192.0.2.1/24").but(func(a *Address) { a.Peer = netip.MustParsePrefix("2001:db8::1/128") }), nil, "both families"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ok, _, err := h.Change(t.Context(), tt.op, tt.addr)
			if ok || (err == nil) != (tt.want == nil && tt.text == "") || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("Change = %v, %v, want false, %v", ok, err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %q lacks %q", err, tt.text)
			}
			if errors.Is(err, ErrUnanswered) {
				t.Errorf("error %q says that nothing was answered", err)
			}
		})
	}
	var re *RequestError
	_, _, err := h.Change(t.Context(), OpAdd, on("eth0", "2001:db8::1/64"))
	if !errors.As(err, &re) || re.Type != unix.RTM_NEWADDR || re.Seq == 0 || re.Port == 0 || re.Errno != unix.EACCES {
		t.Errorf("error %#v, want a RequestError with all fields", err)
	}
}

func TestTryProto(t *testing.T) {
	other := errors.New("other")
	tests := []struct {
		name    string
		use     bool
		refused bool
		answers map[bool]error // to requests with and without IFA_PROTO
		want    error
		sent    []bool
		after   bool
	}{
		{name: "accepted", use: true, sent: []bool{true}},
		{name: "of no use", sent: []bool{false}},
		{name: "refused", use: true, answers: map[bool]error{true: unix.EINVAL}, sent: []bool{true, false}, after: true},
		{name: "not supported", use: true, answers: map[bool]error{true: unix.EOPNOTSUPP}, sent: []bool{true, false}, after: true},
		{name: "refused before", use: true, refused: true, sent: []bool{false}, after: true},
		{
			name: "not the reason", use: true, answers: map[bool]error{true: unix.EINVAL, false: unix.EINVAL},
			want: unix.EINVAL, sent: []bool{true, false},
		},
		{name: "another error", use: true, answers: map[bool]error{true: other}, want: other, sent: []bool{true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var sent []bool
			err := tryProto(tt.use, &tt.refused, func(proto bool) error {
				sent = append(sent, proto)
				return tt.answers[proto]
			})
			if !errors.Is(err, tt.want) || !slices.Equal(sent, tt.sent) || tt.refused != tt.after {
				t.Errorf("error %v, sent %v, refused %v; want %v, %v, %v", err, sent, tt.refused, tt.want, tt.sent, tt.after)
			}
		})
	}
}

// A listing is whole or fails, however much changes meanwhile. The addresses
// that come and go are the first of the list, so that the others move in it.
func TestListWhileChanging(t *testing.T) {
	ns, h := newSpace(t, "eth0")
	other := func(i int) Address { return eth0(fmt.Sprintf("192.0.2.%d/32", i%250)) }
	for i := range 250 {
		change(t, h, OpAdd, other(i))
	}
	var wanted []Object
	for i := range 1500 {
		wanted = append(wanted, eth0(fmt.Sprintf("198.51.%d.%d/32", i/250, i%250)))
	}
	holder := NewHolder(h)
	if _, err := holder.Apply(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	busy := openHandle(t, ns)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ctx.Err() == nil; i++ {
			_, _, _ = busy.Change(ctx, OpDelete, other(i))
			_, _, _ = busy.Change(ctx, OpAdd, other(i))
		}
	}()
	failed := 0
	for range 20 {
		switch lost, err := holder.Check(t.Context()); {
		case errors.Is(err, errInterrupted):
			failed++
		case err != nil || len(lost) > 0:
			t.Errorf("lost %d addresses, error %v", len(lost), err)
		}
	}
	t.Logf("%d of 20 listings were given up", failed)
	cancel()
	<-ended
}

// The kernel's answers stay matched to the requests when many use a handle.
func TestHandleShared(t *testing.T) {
	_, h := newSpace(t, "eth0", "eth1")
	done := make(chan error)
	const users = 8
	for i := range users {
		go func() {
			done <- func() error {
				holder := NewHolder(h)
				for n := range 20 {
					a := eth0(fmt.Sprintf("192.0.2.%d/32", i*20+n))
					res, err := holder.Apply(context.Background(), []Object{a})
					if err != nil || len(res.Added) != 1 {
						return fmt.Errorf("%v: %q, %w", a, renderResult(res), err)
					}
					if lost, err := holder.Check(context.Background()); len(lost) > 0 || err != nil {
						return fmt.Errorf("%v: lost %v, %w", a, lost, err)
					}
				}
				_, err := holder.Release(context.Background())
				return err
			}()
		}()
	}
	for range users {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := showReal(t, h, "eth0"); got != "" {
		t.Errorf("left behind:\n%s", got)
	}
}

// An answer that nobody waited for is not taken for that to the next request.
func TestHandleSkipsOldAnswers(t *testing.T) {
	_, h := newSpace(t, "eth0")
	r, err := addressRequest(OpAdd, 9999, eth0("192.0.2.1/32"), false)
	must(t, err)
	req := nl.NewNetlinkRequest(int(r.typ), int(r.flags))
	req.Seq, req.Data = 77, r.parts
	must(t, h.conn.send(req.Serialize()))
	if ok, _, err := h.Change(t.Context(), OpAdd, eth0("192.0.2.1/32")); !ok || err != nil {
		t.Errorf("Change = %v, %v", ok, err)
	}
}

func TestHandleTurnHonoursContext(t *testing.T) {
	_, h := newSpace(t, "eth0")
	if err := h.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, _, err := h.Change(ctx, OpAdd, eth0("192.0.2.1/32"))
		failed <- err
	}()
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want %v", err, context.Canceled)
	}
	h.end()
	if ok, _, err := h.Change(t.Context(), OpAdd, eth0("192.0.2.1/32")); !ok || err != nil {
		t.Errorf("Change afterwards = %v, %v", ok, err)
	}
}

func TestHandleReceiveBuffer(t *testing.T) {
	_, h := newSpace(t)
	for _, force := range []bool{false, true} {
		if err := h.SetReceiveBuffer(40000, force); err != nil {
			t.Fatal(err)
		}
		var got int
		_ = h.conn.raw.Control(func(fd uintptr) {
			got, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		})
		if got != 80000 {
			t.Errorf("force %v: receive buffer %d, want 80000", force, got)
		}
	}
}

func BenchmarkHolder1000(b *testing.B) {
	_, h := newSpace(b, "eth0")
	var wanted []Object
	for i := range 1000 {
		wanted = append(wanted, eth0(fmt.Sprintf("192.0.%d.%d/32", 2+i/250, 1+i%250)))
	}
	ctx := context.Background()
	b.Run("add", func(b *testing.B) {
		for range b.N {
			holder := NewHolder(h)
			if _, err := holder.Apply(ctx, wanted); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			_, _ = holder.Release(ctx)
			b.StartTimer()
		}
	})
	b.Run("remove", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			holder := NewHolder(h)
			_, _ = holder.Apply(ctx, wanted)
			b.StartTimer()
			if _, err := holder.Release(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("same", func(b *testing.B) {
		holder := NewHolder(h)
		_, _ = holder.Apply(ctx, wanted)
		for b.Loop() {
			if _, err := holder.Apply(ctx, wanted); err != nil {
				b.Fatal(err)
			}
		}
		_, _ = holder.Release(ctx)
	})
}

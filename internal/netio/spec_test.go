package netio

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

func TestSpecComplete(t *testing.T) {
	addr := netip.MustParseAddr
	tests := []struct {
		name    string
		spec    Spec
		want    Spec
		wantErr string // part of it; empty: none
	}{
		{
			"IPv4 group by default",
			Spec{Interface: "eth0"},
			Spec{Interface: "eth0", Proto: 112, Group: advert.GroupIPv4},
			"",
		},
		{
			"IPv6 group by default",
			Spec{Index: 3, IPv6: true},
			Spec{Index: 3, IPv6: true, Proto: 112, Group: advert.GroupIPv6},
			"",
		},
		{
			"group without its zone",
			Spec{Index: 3, IPv6: true, Group: addr("ff02::99%eth0")},
			Spec{Index: 3, IPv6: true, Proto: 112, Group: addr("ff02::99")},
			"",
		},
		{"AH", Spec{Index: 3, Proto: 51}, Spec{Index: 3, Proto: 51, Group: advert.GroupIPv4}, ""},
		{"unicast anywhere", Spec{Unicast: true, Source: addrA}, Spec{Unicast: true, Source: addrA, Proto: 112}, ""},
		{
			"link-local source",
			Spec{Interface: "eth0", IPv6: true, Unicast: true, Source: addr("fe80::1%eth1")},
			Spec{Interface: "eth0", IPv6: true, Unicast: true, Source: addr("fe80::1"), Proto: 112},
			"",
		},

		{"no interface", Spec{}, Spec{}, "multicast needs an interface"},
		{"AH over IPv6", Spec{Index: 3, IPv6: true, Proto: 51}, Spec{}, "IPv4 only"},
		{"UDP", Spec{Index: 3, Proto: 17}, Spec{}, "protocol 17"},
		{"group of the other family", Spec{Index: 3, Group: advert.GroupIPv6}, Spec{}, "not an IPv4 multicast"},
		{"group that is none", Spec{Index: 3, Group: addrA}, Spec{}, "192.0.2.1 is not an IPv4 multicast"},
		{"no source", Spec{Unicast: true}, Spec{}, "not an IPv4 unicast"},
		{"source of the other family", Spec{Unicast: true, IPv6: true, Source: addrA}, Spec{}, "not an IPv6 unicast"},
		{"multicast source", Spec{Unicast: true, Source: advert.GroupIPv4}, Spec{}, "not an IPv4 unicast"},
		{"link-local source anywhere", Spec{Unicast: true, IPv6: true, Source: llA}, Spec{}, "needs an interface"},
		{"negative buffer", Spec{Index: 3, RcvBuf: -1}, Spec{}, "receive buffer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.spec.complete()
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("error %v, want %q", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, equatePackets); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSpecString(t *testing.T) {
	tests := []struct {
		spec Spec
		want string
	}{
		{Spec{Interface: "eth0", Index: 3, Group: advert.GroupIPv4}, "multicast 224.0.0.18 on eth0"},
		{Spec{Index: 3, IPv6: true, Group: advert.GroupIPv6}, "multicast ff02::12 on interface 3"},
		{Spec{Unicast: true, Source: addrA, Proto: 51}, "unicast 192.0.2.1 (AH)"},
	}
	for _, tt := range tests {
		if got := tt.spec.String(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.spec, got, tt.want)
		}
	}
}

func TestErrors(t *testing.T) {
	open := map[syscall.Errno]error{
		syscall.EPERM: ErrPermission, syscall.EACCES: ErrPermission,
		syscall.ENODEV: ErrNoInterface, syscall.ENXIO: ErrNoInterface,
	}
	io := map[syscall.Errno]error{
		syscall.ENODEV: ErrNoInterface, syscall.ENXIO: ErrNoInterface,
		syscall.EAGAIN: ErrBusy, syscall.ENOBUFS: ErrBusy,
	}
	for _, tt := range []struct {
		name string
		mark func(error) error
		want map[syscall.Errno]error
	}{{"openError", openError, open}, {"ioError", ioError, io}} {
		for errno, want := range tt.want {
			err := tt.mark(os.NewSyscallError("socket", errno))
			if !errors.Is(err, want) || !errors.Is(err, errno) {
				t.Errorf("%s(%v) = %v, want %v and itself", tt.name, errno, err, want)
			}
		}
		if err := tt.mark(nil); err != nil {
			t.Errorf("%s(nil) = %v", tt.name, err)
		}
	}
	if err := ioError(syscall.EPERM); errors.Is(err, ErrPermission) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a firewall's refusal is %v", err)
	}
}

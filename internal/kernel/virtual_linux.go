package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

var _ LinkTable = (*Handle)(nil)

// devconf are the numbers of IPv4 settings of interfaces (linux/ip.h), which can
// be set by netlink also where /proc/sys cannot be written.
var devconf = map[string]uint16{
	rpFilter: 8, arpFilter: 13, arpAnnounce: 18, arpIgnore: 19, promoteSecondary: 20, acceptLocal: 23,
}

// Values of linux/if_link.h: the L2 mode of an ipvlan, and no link-local address
// made by the kernel.
const (
	ipvlanL2    = 0
	addrGenNone = 1
)

// Links implements [LinkTable].
func (h *Handle) Links(ctx context.Context) ([]*Link, error) {
	if err := h.begin(ctx); err != nil {
		return nil, err
	}
	defer h.end()
	return h.conn.links(ctx)
}

func attr16(typ int, v uint32) *nl.RtAttr { return nl.NewRtAttr(typ, nl.Uint16Attr(uint16(v))) }

// linkInfo is the kind of a link and what belongs to it.
func linkInfo(kind string, data ...*nl.RtAttr) *nl.RtAttr {
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(unix.IFLA_INFO_KIND, nl.NonZeroTerminated(kind))
	all := info.AddRtAttr(unix.IFLA_INFO_DATA, nil)
	for _, d := range data {
		all.AddChild(d)
	}
	return info
}

// AddLink implements [LinkTable].
func (h *Handle) AddLink(ctx context.Context, v Virtual, at LinkPlace) (*Link, error) {
	parts := []nl.NetlinkRequestData{
		nl.NewIfInfomsg(unix.AF_UNSPEC),
		nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(v.Name)),
		attr32(unix.IFLA_LINK, uint32(at.Base)),
		attr32(unix.IFLA_GROUP, at.Group),
	}
	if at.Master != 0 {
		parts = append(parts, attr32(unix.IFLA_MASTER, uint32(at.Master)))
	}
	if v.IPVLAN {
		parts = append(parts, linkInfo(kindIPVLAN, attr16(unix.IFLA_IPVLAN_MODE, ipvlanL2), attr16(unix.IFLA_IPVLAN_FLAGS, v.Mode)))
	} else {
		parts = append(parts, nl.NewRtAttr(unix.IFLA_ADDRESS, v.MAC[:]),
			linkInfo(kindMacvlan, attr32(unix.IFLA_MACVLAN_MODE, macvlanPrivate)))
	}
	err := h.request(ctx, request{
		typ: unix.RTM_NEWLINK, flags: unix.NLM_F_ACK | unix.NLM_F_CREATE | unix.NLM_F_EXCL, parts: parts,
	}, nil)
	if err != nil {
		return nil, err
	}
	return h.link(ctx, v.Name)
}

// link asks for one link.
func (h *Handle) link(ctx context.Context, name string) (l *Link, err error) {
	parts := []nl.NetlinkRequestData{nl.NewIfInfomsg(unix.AF_UNSPEC), nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name))}
	var bad error
	err = h.request(ctx, request{typ: unix.RTM_GETLINK, flags: unix.NLM_F_ACK, parts: parts}, func(m syscall.NetlinkMessage) {
		l, bad = parseLink(m.Data)
	})
	if err = firstOf(err, bad); err == nil && l == nil {
		err = ErrNoLink
	}
	return l, err
}

// request sends a request in the caller's turn.
func (h *Handle) request(ctx context.Context, r request, each func(syscall.NetlinkMessage)) error {
	if err := h.begin(ctx); err != nil {
		return err
	}
	defer h.end()
	return h.conn.execute(ctx, r, each)
}

// ChangeLink implements [LinkTable].
func (h *Handle) ChangeLink(ctx context.Context, index int, c LinkChange) error {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	parts := []nl.NetlinkRequestData{msg}
	if c.Up {
		msg.Flags, msg.Change = unix.IFF_UP, unix.IFF_UP
	}
	if c.MAC != nil {
		parts = append(parts, nl.NewRtAttr(unix.IFLA_ADDRESS, c.MAC[:]))
	}
	if c.MTU != nil {
		parts = append(parts, attr32(unix.IFLA_MTU, uint32(*c.MTU)))
	}
	if c.Group != nil {
		parts = append(parts, attr32(unix.IFLA_GROUP, *c.Group))
	}
	if c.Master != nil {
		parts = append(parts, attr32(unix.IFLA_MASTER, uint32(*c.Master)))
	}
	if c.Mode != nil {
		parts = append(parts, linkInfo(kindIPVLAN, attr16(unix.IFLA_IPVLAN_MODE, ipvlanL2), attr16(unix.IFLA_IPVLAN_FLAGS, *c.Mode)))
	}
	if c.NoAutoL {
		spec := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
		spec.AddRtAttr(unix.AF_INET6, nil).AddRtAttr(unix.IFLA_INET6_ADDR_GEN_MODE, []byte{addrGenNone})
		parts = append(parts, spec)
	}
	return h.request(ctx, request{typ: unix.RTM_NEWLINK, flags: unix.NLM_F_ACK, parts: parts}, nil)
}

// DeleteLink implements [LinkTable].
func (h *Handle) DeleteLink(ctx context.Context, index int) error {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	err := h.request(ctx, request{typ: unix.RTM_DELLINK, flags: unix.NLM_F_ACK, parts: []nl.NetlinkRequestData{msg}}, nil)
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// parts are the family and the key of a setting.
func (s Setting) parts() (family, key string) {
	family, key, _ = strings.Cut(s.Name, "/")
	return family, key
}

// path is where the setting is in /proc, which is that of the calling thread's
// network namespace.
func (s Setting) path() string {
	family, key := s.parts()
	if s.Link == "" {
		return filepath.Join("/proc/sys/net", family, key)
	}
	return filepath.Join("/proc/sys/net", family, "conf", s.Link, key)
}

// present looks whether the interface is the one that is meant.
func (h *Handle) present(s Setting) error {
	if s.Index == 0 {
		return nil
	}
	h.turn <- struct{}{}
	defer h.end()
	if i, err := h.conn.linkIndex(s.Link); err != nil || i != s.Index {
		return fmt.Errorf("%w: %s", ErrNoLink, s.Link)
	}
	return nil
}

// Setting implements [SettingTable].
func (h *Handle) Setting(s Setting) (int, error) {
	if err := h.present(s); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(s.path())
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.Index != 0 && h.present(s) != nil:
		return 0, fmt.Errorf("%w: %s", ErrNoLink, s.Link)
	case err != nil:
		return 0, fmt.Errorf("read %v: %w", s, err)
	}
	v, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("read %v: %w", s, err)
	}
	return v, nil
}

// SetSetting implements [SettingTable].
func (h *Handle) SetSetting(ctx context.Context, s Setting, value int) error {
	if err := h.present(s); err != nil {
		return err
	}
	if number := devconf[s.Name]; number != 0 && s.Index != 0 {
		msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
		msg.Index = int32(s.Index)
		spec := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
		conf := spec.AddRtAttr(unix.AF_INET, nil).AddRtAttr(unix.IFLA_INET_CONF, nil)
		conf.AddRtAttr(int(number), nl.Uint32Attr(uint32(value)))
		err := h.request(ctx, request{typ: unix.RTM_NEWLINK, flags: unix.NLM_F_ACK, parts: []nl.NetlinkRequestData{msg, spec}}, nil)
		if err != nil {
			return fmt.Errorf("set %v: %w", s, err)
		}
		return nil
	}
	if err := os.WriteFile(s.path(), []byte(strconv.Itoa(value)), 0); err != nil {
		return fmt.Errorf("set %v: %w", s, err)
	}
	return nil
}

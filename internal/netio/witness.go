package netio

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	// witnessBuffer in bytes has room for some dozens of claims: more are not
	// needed to know that there are some.
	witnessBuffer = 64 << 10

	// After so many packets a Witness pauses: a flood of them is dropped by the
	// kernel, where that costs least.
	witnessBurst = 16
	witnessPause = 10 * time.Millisecond

	// witnessFilter is the largest number of addresses that the kernel looks
	// for; of more, everything passes.
	witnessFilter = 1000
)

// Witness hears on one interface who claims addresses, and asks. It never
// answers and changes nobody's cache. The kernel drops the ARP packets that are
// not about the addresses that it watches. All methods but Run may be called at
// any time.
type Witness struct {
	index int
	ipv6  bool
	mac   [6]byte

	arp *packet.Conn // nil for IPv6
	nd  *net.IPConn  // nil for IPv4

	mu    sync.Mutex
	addrs []netip.Addr
}

// OpenWitness opens a Witness of one family on an interface that has a hardware
// address ([ErrLinkType] if it has none). It hears nothing before Watch.
func OpenWitness(index int, name string, mac net.HardwareAddr, ipv6 bool) (*Witness, error) {
	if len(mac) != 6 {
		return nil, fmt.Errorf("listening for claims on %s: %w", name, ErrLinkType)
	}
	w := &Witness{index: index, ipv6: ipv6, mac: [6]byte(mac)}
	var err error
	if ipv6 {
		w.nd, err = listenND(index, name)
	} else {
		w.arp, err = listenARP(index)
	}
	if err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("listening for claims on %s: %w", name, openError(err))
	}
	return w, nil
}

// listenARP opens a packet socket that hears nothing until it has a filter.
func listenARP(index int) (*packet.Conn, error) {
	conn, err := packet.Listen(&net.Interface{Index: index}, packet.Datagram, unix.ETH_P_ARP, &packet.Config{Filter: dropAll})
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err == nil {
		err = control(raw, func(fd int) error {
			return os.NewSyscallError("SO_RCVBUF", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, witnessBuffer))
		})
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// listenND opens a raw socket that hears neighbour advertisements only.
func listenND(index int, name string) (*net.IPConn, error) {
	spec := Spec{IPv6: true, Index: index, Interface: name}
	var pass unix.ICMPv6Filter
	for i := range pass.Data {
		pass.Data[i] = ^uint32(0) // a bit that is set blocks
	}
	pass.Data[naType/32] &^= 1 << (naType % 32)
	return listen(spec, unix.IPPROTO_ICMPV6, netip.Addr{}, []option{
		bindToDevice(spec),
		{"SO_RCVBUF", func(fd int) error {
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, witnessBuffer)
		}},
		{"ICMP6_FILTER", func(fd int) error {
			return unix.SetsockoptICMPv6Filter(fd, unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, &pass)
		}},
		intOption("IPV6_RECVHOPLIMIT", unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1),
		intOption("IPV6_MULTICAST_HOPS", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255),
		intOption("IPV6_MULTICAST_LOOP", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, 0),
		{"SO_DETACH_FILTER", func(fd int) error {
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
		}},
	})
}

// Watch says which addresses are of interest.
func (w *Witness) Watch(addrs []netip.Addr) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.Equal(w.addrs, addrs) {
		return nil
	}
	if w.arp != nil {
		filter, err := bpf.Assemble(senderProgram(addrs))
		if err != nil {
			return fmt.Errorf("assemble the filter: %w", err)
		}
		if err := w.arp.SetBPF(filter); err != nil {
			return fmt.Errorf("filter of claims: %w", err)
		}
	}
	w.addrs = slices.Clone(addrs)
	return nil
}

// senderProgram passes ARP packets, without link header, whose sender has one of
// the addresses.
func senderProgram(addrs []netip.Addr) []bpf.Instruction {
	if len(addrs) > witnessFilter {
		return []bpf.Instruction{bpf.RetConstant{Val: acceptAll}}
	}
	prog := []bpf.Instruction{bpf.LoadAbsolute{Off: 14, Size: 4}}
	for _, a := range addrs {
		a4 := a.As4()
		prog = append(prog,
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(a4[0])<<24 | uint32(a4[1])<<16 | uint32(a4[2])<<8 | uint32(a4[3]), SkipFalse: 1},
			bpf.RetConstant{Val: acceptAll})
	}
	return append(prog, bpf.RetConstant{Val: 0})
}

// Ask sends one question for an address. For IPv6 it comes from src, a
// link-local address of the interface.
func (w *Witness) Ask(addr, src netip.Addr) error {
	if w.ipv6 {
		b, group := solicitation(w.mac, addr)
		return w.askND(b, group, src)
	}
	if !addr.Is4() {
		return errors.New("not an IPv4 address")
	}
	_, err := w.arp.WriteTo(arpProbe(w.mac, addr), &packet.Addr{HardwareAddr: ethernet.Broadcast})
	return ioError(err)
}

// askND sends without waiting, from src.
func (w *Witness) askND(b []byte, group, src netip.Addr) error {
	raw, err := w.nd.SyscallConn()
	if err != nil {
		return err
	}
	info := unix.Inet6Pktinfo{Ifindex: uint32(w.index)}
	if src.IsValid() {
		info.Addr = src.As16()
	}
	oob := unix.PktInfo6(&info)
	to := unix.SockaddrInet6{Addr: group.As16(), ZoneId: uint32(w.index)}
	return control(raw, func(fd int) error {
		return ioError(os.NewSyscallError("sendmsg", unix.Sendmsg(fd, b, oob, &to, unix.MSG_DONTWAIT)))
	})
}

// Run hands claims of watched addresses by others to the handler, until ctx is
// done, the Witness is closed or breaks. The handler must not block.
func (w *Witness) Run(ctx context.Context, handle func(Claim)) error {
	stop := context.AfterFunc(ctx, func() { _ = w.Close() })
	defer stop()
	pause := time.NewTimer(time.Hour)
	defer pause.Stop()
	buf, oob := make([]byte, 1500), make([]byte, controlLen)
	for n := 1; ; n++ {
		c, ok, err := w.next(buf, oob)
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed):
			return nil
		case errors.Is(err, unix.ENETDOWN):
			continue // said once when the interface goes down, and it comes up again
		case err != nil:
			return ioError(err)
		}
		if ok && c.MAC != w.mac && w.watches(c.Addr) {
			handle(c)
		}
		if n%witnessBurst == 0 {
			pause.Reset(witnessPause)
			select {
			case <-pause.C:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// next reads one packet.
func (w *Witness) next(buf, oob []byte) (Claim, bool, error) {
	if w.arp != nil {
		n, _, err := w.arp.ReadFrom(buf)
		if err != nil {
			return Claim{}, false, err
		}
		c, ok := parseARP(buf[:n])
		return c, ok, nil
	}
	n, oobn, _, _, err := w.nd.ReadMsgIP(buf, oob)
	if err != nil {
		return Claim{}, false, err
	}
	if hopLimit(oob[:oobn]) != 255 { // RFC 4861 section 7.1.2: nobody beyond the link
		return Claim{}, false, nil
	}
	c, ok := parseNA(buf[:n])
	return c, ok, nil
}

// hopLimit reads the hop limit among the control messages; -1: there is none.
func hopLimit(oob []byte) int {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return -1
	}
	for _, m := range msgs {
		if m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_HOPLIMIT && len(m.Data) >= 4 {
			return int(int32(binary.NativeEndian.Uint32(m.Data)))
		}
	}
	return -1
}

func (w *Witness) watches(a netip.Addr) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Contains(w.addrs, a)
}

// Close ends Run.
func (w *Witness) Close() error {
	var err error
	if w.arp != nil {
		err = w.arp.Close()
	}
	if w.nd != nil {
		err = errors.Join(err, w.nd.Close())
	}
	if errors.Is(err, syscall.EBADF) {
		return nil
	}
	return err
}

package nettest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// floodBatch is how many frames one system call sends.
const floodBatch = 64

// Flood sends the frames, from the Ethernet header on, one after the other and
// over again from a node until the time is over, rate of them a second as far as
// the machine is able to. It returns how many were sent.
func (l *LAN) Flood(node int, frames [][]byte, rate int, limit time.Duration) (sent int, err error) {
	if len(frames) == 0 || rate <= 0 {
		return 0, errors.New("flood: nothing to send")
	}
	fd, err := l.floodSocket(node)
	if err != nil {
		return 0, fmt.Errorf("flood: %w", err)
	}
	defer unix.Close(fd)
	hdrs := make([]mmsghdr, len(frames)+floodBatch)
	iovs := make([]unix.Iovec, len(hdrs))
	for i := range hdrs { // a batch may begin at the last frame
		f := frames[i%len(frames)]
		iovs[i].Base = &f[0]
		iovs[i].SetLen(len(f))
		hdrs[i].hdr.Iov = &iovs[i]
		hdrs[i].hdr.SetIovlen(1)
	}
	for begun := time.Now(); ; {
		past := time.Since(begun)
		if past >= limit {
			return sent, nil
		}
		due := int(past.Seconds()*float64(rate)) - sent
		if due < floodBatch {
			time.Sleep(time.Millisecond / 4)
			continue
		}
		for ; due >= floodBatch; due -= floodBatch {
			n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd),
				uintptr(unsafe.Pointer(&hdrs[sent%len(frames)])), floodBatch, 0, 0, 0)
			switch errno {
			case 0:
				sent += int(n)
			case unix.ENOBUFS, unix.EAGAIN, unix.EINTR:
			default:
				return sent, fmt.Errorf("flood: %w", os.NewSyscallError("sendmmsg", errno))
			}
		}
	}
}

// mmsghdr is struct mmsghdr of sendmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// floodSocket opens a packet socket on the node's interface that hears nothing.
func (l *LAN) floodSocket(node int) (fd int, err error) {
	err = l.Node(node).Do(func() error {
		ifi, err := net.InterfaceByName(l.Iface())
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: ifi.Index})
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1)
		}
		if err != nil {
			return errors.Join(err, unix.Close(fd))
		}
		return nil
	})
	return fd, err
}

package kernel

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CarrierProbe asks the drivers of the network namespace in which it was opened.
type CarrierProbe struct {
	file *os.File
	raw  syscall.RawConn
}

var _ Prober = (*CarrierProbe)(nil)

// OpenCarrierProbe opens the socket to ask with.
func OpenCarrierProbe() (*CarrierProbe, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open socket for link polling: %w", err)
	}
	p := &CarrierProbe{file: os.NewFile(uintptr(fd), "linkbeat")}
	p.raw, err = p.file.SyscallConn()
	return p, err
}

// Close closes the socket.
func (p *CarrierProbe) Close() { _ = p.file.Close() }

// The forms of struct ifreq (netdevice(7)) that are needed. Each is longer than
// what the kernel copies.
type (
	ifreqMII struct {
		name               [unix.IFNAMSIZ]byte
		phy, reg, in, read uint16 // struct mii_ioctl_data
		_                  [32]byte
	}
	ifreqData struct {
		name [unix.IFNAMSIZ]byte
		data *ethtoolValue
		_    [32]byte
	}
	ethtoolValue struct{ cmd, data uint32 }
)

const (
	ethtoolGetLink = 0x0a // ETHTOOL_GLINK
	miiStatus      = 1    // register MII_BMSR
	miiLink        = 0x4  // BMSR_LSTATUS
)

// Carrier implements [Prober].
func (p *CarrierProbe) Carrier(link string, how LinkMethod) (bool, error) {
	var up bool
	var err error
	if cerr := p.raw.Control(func(fd uintptr) { up, err = carrier(int(fd), link, how) }); cerr != nil {
		return false, cerr
	}
	if errors.Is(err, unix.ENODEV) {
		err = ErrNoLink
	}
	return up, err
}

func carrier(fd int, link string, how LinkMethod) (bool, error) {
	ifr, err := unix.NewIfreq(link)
	if err != nil {
		return false, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, ifr); err != nil {
		return false, err
	}
	flags := uint32(ifr.Uint16())
	switch how {
	case MII:
		req := ifreqMII{reg: miiStatus}
		copy(req.name[:], link)
		if err := ioctl(fd, unix.SIOCGMIIPHY, unsafe.Pointer(&req)); err != nil {
			return false, err
		}
		// The bit says whether there was a carrier all the time since it was last
		// read: the second reading is about now.
		for range 2 {
			req.reg = miiStatus
			if err := ioctl(fd, unix.SIOCGMIIREG, unsafe.Pointer(&req)); err != nil {
				return false, err
			}
		}
		return flags&flagUp != 0 && req.read&miiLink != 0, nil
	case Ethtool:
		value := ethtoolValue{cmd: ethtoolGetLink}
		req := ifreqData{data: &value}
		copy(req.name[:], link)
		if err := ioctl(fd, unix.SIOCETHTOOL, unsafe.Pointer(&req)); err != nil {
			return false, err
		}
		return flags&flagUp != 0 && value.data != 0, nil
	}
	return flags&flagUp != 0 && flags&flagRunning != 0, nil
}

func ioctl(fd int, req uint, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(req), uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

package daemon

import (
	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/config"
)

// receiveBuffer has room for ten thousand packets, a tenth of a second of a flood:
// while bad ones come faster than they are read, the good ones must not be those
// that are dropped.
const receiveBuffer = 4 << 20

// defaultMTU is that of a unicast instance without an interface.
const defaultMTU = 1500

// sizeBuffer gives a socket the receive buffer that its instances ask for
// together (kernel_rx_buf_size, vrrp_rx_bufs_policy), or else the usual one.
func (d *Daemon) sizeBuffer(s *socket) {
	asked := 0
	for i := range s.routes {
		if r := s.routes[i].Load(); r != nil {
			asked += d.rxBuffer(r.m.set.Load())
		}
	}
	if asked == s.asked {
		return
	}
	size := asked
	if asked == 0 {
		size = receiveBuffer
	}
	if err := s.conn.SetReceiveBuffer(size); err != nil {
		d.log.infof("%v", err)
		return
	}
	s.asked = asked
}

// rxBuffer is what an instance asks for, in bytes; 0: nothing.
func (d *Daemon) rxBuffer(set *settings) int {
	b := &d.cfg.Global.More.ReceiveBuffers
	switch {
	case set.cfg.More.KernelRxBuf > 0:
		return int(set.cfg.More.KernelRxBuf)
	case b.Policy == config.PolicySize:
		return int(b.Size)
	case b.Policy == config.PolicyMTU:
		mtu := defaultMTU
		if l := d.links[set.cfg.Interface]; l != nil {
			mtu = l.MTU
		}
		return mtu * int(b.Multiplier)
	case b.Policy == config.PolicyAdvert:
		return advertSize(set.expect) * int(b.Multiplier)
	}
	return 0
}

// advertSize is the length of the instance's packets as keepalived counts it: with
// the header of IPv4 and without that of IPv6.
func advertSize(e *advert.Expect) int {
	n := 20 + 8 + 4*len(e.Addresses)
	if e.IPv6 {
		n = 8 + 16*len(e.Addresses)
	} else if e.Version == 2 {
		n += 8
	}
	if e.Auth == advert.AuthAH {
		n += advert.AHLen
	}
	if e.HMAC != nil {
		n += advert.TrailerLen
	}
	return n
}

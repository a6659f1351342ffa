package daemon

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/journal"
	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/netio"
)

// settings is what the configuration says of an instance, in the forms that
// the rooms want it. It is immutable: a reload makes a new one.
type settings struct {
	cfg     *config.Instance
	group   *config.SyncGroup // nil: none
	seat    *seat
	spec    *fsm.Spec
	expect  *advert.Expect
	objects []kernel.Object // what a Master holds: addresses, excluded ones, routes, rules
	vips    map[netip.Addr]bool
	extra   []string     // interfaces for garp_extra_if: with addresses and without adverts
	dests   []netip.Addr // where adverts go
	ttl     int          // of adverts; -1: the kernel's default
}

// member is an instance at run time: what of it outlives a reload.
type member struct {
	set    atomic.Pointer[settings]
	runner *runner // set by the manager while the runner does not run
	id     fsm.ID

	// Of the hands' goroutine.
	holder  *kernel.Holder
	holding bool
	failed  complaint           // of what could not be set
	greeted map[netip.Addr]bool // have had the first round of the announcement that comes next

	looking atomic.Bool // the hands have been asked to look whether all is there

	// sock is where adverts leave; nil while the interface is not there.
	sock atomic.Pointer[socket]

	guard guard // has a lock of its own

	// Of the runner's goroutine.
	priority uint8 // last reported
	packet   []byte
	seal     seal
	ipID     uint16
	lost     losses
	sendErr  string
	sendWhen time.Time
	journal  journal.Journal
	rivals   uint8 // kinds of a suspected split brain, a bit each

	epoch     atomic.Uint64 // counts releases of addresses
	published atomic.Uint32 // the fsm.State last reported
	lastSent  atomic.Int64  // Unix microseconds of the last advert
	linkDown  atomic.Bool   // its interface does not count as up
	// overflow counts rejected packets that the state machine was too busy to
	// take; they are added when statistics are asked for.
	overflow [advert.Reasons]atomic.Uint64

	refusals  gate          // of rejected packets on their way to the runner
	sightings sightings     // of other routers; has a lock of its own
	suspected atomic.Uint64 // how often a split brain was

	// Of the manager's goroutine.
	source  netip.Addr // the source address that the state machine knows
	link    linkState  // and what it knows of the interface
	rewatch bool       // its trackers have changed since they were told of
}

// losses is how many packets a socket had lost when an advert was heard.
type losses struct {
	sock  *socket
	count uint32
}

// newLosses tells whether packets have been lost since the last advert, or the
// last call. It belongs to the runner's goroutine.
func (m *member) newLosses() bool {
	old := m.lost
	m.markLosses()
	return m.lost.sock != nil && m.lost.sock == old.sock && m.lost.count != old.count
}

func (m *member) markLosses() {
	m.lost = losses{sock: m.sock.Load()}
	if m.lost.sock != nil {
		m.lost.count = m.lost.sock.conn.Lost()
	}
}

func (m *member) name() string { return m.set.Load().cfg.Name }

// state is the state last reported.
func (m *member) state() fsm.State { return fsm.State(m.published.Load()) }

// sendPause is the time between two log lines about the same failure to send.
const sendPause = time.Minute

// send sends one advert to the group or to each peer. It runs on the runner's
// goroutine and never waits.
func (m *member) send(a *fsm.SendAdvert) {
	set, sock := m.set.Load(), m.sock.Load()
	if sock == nil {
		return // the interface is gone: the state machine hears of it as a fault
	}
	m.ipID++
	if m.ipID == 0 {
		m.ipID = 1
	}
	msg := advert.Message{
		Version: set.expect.Version, VRID: set.expect.VRID, Priority: a.Priority,
		Interval: set.spec.AdvertInterval, Auth: set.expect.Auth, Password: set.expect.Password,
		Src: a.Source, Addresses: set.expect.Addresses, ChecksumAsV2: set.expect.ChecksumAsV2,
	}
	m.seal.begin(&m.guard, set.expect, time.Now())
	for _, dst := range set.dests {
		msg.Dst = dst
		if set.expect.OldUnicast {
			msg.Dst = set.expect.Group
		}
		m.packet = m.seal.payload(m.packet[:0], set.expect, &msg, advert.IPv4{Src: a.Source, Dst: dst, ID: m.ipID, TTL: uint8(set.ttl)})
		err := sock.conn.Send(netio.Out{Src: a.Source, Dst: dst, TTL: set.ttl, ID: m.ipID, Payload: m.packet})
		if err != nil {
			m.sendFailed(set, dst, err)
		}
	}
	m.lastSent.Store(time.Now().UnixMicro())
}

// sendFailed logs a failure once a minute, or at once when it is another.
func (m *member) sendFailed(set *settings, dst netip.Addr, err error) {
	if (errors.Is(err, unix.ENETUNREACH) || errors.Is(err, netio.ErrNoInterface)) && m.linkDown.Load() {
		return // that goes without saying
	}
	now := time.Now()
	if err.Error() == m.sendErr && now.Sub(m.sendWhen) < sendPause {
		return
	}
	m.sendErr, m.sendWhen = err.Error(), now
	if set.cfg.Unicast {
		m.runner.log.infof("(%s) Cant send advert to %s (%v)", set.cfg.Name, dst, err)
		return
	}
	m.runner.log.infof("(%s): send advert error (%v)", set.cfg.Name, err)
}

// saySynced tells that our adverts go on after the number of one that was of lower
// priority: its sender would not hear us otherwise. The guard has seen to that.
func (m *member) saySynced() {
	if set := m.set.Load(); set.expect.Auth == advert.AuthAH {
		m.runner.log.infof("(%s) IPSEC-AH : Syncing seq_num - Increment seq", set.cfg.Name)
	}
}

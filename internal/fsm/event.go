package fsm

import (
	"net/netip"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// ID is the place of an instance within its group, from 0.
type ID int

// All as the ID of an event means every instance of the group.
const All ID = -1

// Event is what can happen to an instance: the set is closed.
type Event interface{ event() }

type (
	// Start brings the instances to life. Link, source and tracker events
	// before it only tell the facts that the first state depends on.
	Start struct {
		// Delay is vrrp_startup_delay: until it has passed nothing is sent,
		// what is heard is dropped, and timers have not begun to run.
		Delay time.Duration
	}

	// Delayed changes what is left of a start delay that is under way, for the
	// whole group; zero or less ends it. Otherwise it changes nothing.
	Delayed struct{ Left time.Duration }

	// Stop ends an instance. A Master sends priority 0 and releases its
	// addresses unless Keep is set. To stop one member of a sync group says
	// nothing to the others, not even when it was the one that kept them in
	// FAULT: their next event or their next group does.
	Stop struct {
		Keep bool
		// As is the state that is reported: Stopped at the end of the daemon;
		// Deleted or Fault for an instance that a reload removed.
		As State
	}

	// Tick says that time has passed. One that comes long after Wake asked for
	// it says that the group was away.
	Tick struct{}

	// Slept says that the clock by which the group is given its times has not
	// counted a while that has passed: the machine was suspended. It is for the
	// whole group and comes before anything that happened after it.
	Slept struct{ For time.Duration }

	// Overrun says, before a Tick, that packets for the instance have been lost
	// since the last advert, for want of room: that none came proves nothing.
	Overrun struct{}

	// AdvertReceived is an advert that passed every check of package advert.
	// It is an event by its pointer, so that offering one allocates nothing.
	AdvertReceived struct {
		Advert advert.Advert
		// Missing is the first of our addresses that the advert lacks, when
		// Advert.Notes has NoteAddresses.
		Missing netip.Addr
		// Count is how many addresses it carries.
		Count int
	}

	// AdvertRejected is a packet for this instance that failed a check.
	AdvertRejected struct {
		From   netip.Addr
		Reject advert.Reject
	}

	// LinkChanged tells whether the instance's interface is up and running.
	LinkChanged struct {
		Up   bool
		Name string
	}

	// SourceChanged tells the address that adverts are sent from; the zero
	// Addr: there is none.
	SourceChanged struct{ Addr netip.Addr }

	// TrackChanged tells what a tracker found. Index counts Spec.Trackers.
	TrackChanged struct {
		Index   int
		Verdict Verdict
		Value   int    // of a tracked file
		Why     string // in words, for the cause of what follows
	}

	// PeerSilent says that a neighbour does not answer any more to a protocol
	// that is faster than this one (BFD, RFC 5880). It matters if it is the
	// Master.
	PeerSilent struct {
		Addr netip.Addr
		Why  string // in words, for the cause of what follows
	}

	// AddressLost says that something a Master holds is no longer there, or not
	// as it was set: an address, or a route or rule that goes with the addresses.
	AddressLost struct {
		What Held
		Addr string // as it is to be printed; of a route or rule the whole of it
		Link string // of an address
		Why  string // "was removed by another program" and the like
		More int    // how many others went with it
		// Unset says that nobody took it, but that it could not be set: it is
		// tried again a little later.
		Unset bool
	}

	// Reconfigured replaces the specification of a running instance.
	Reconfigured struct {
		Spec *Spec
		// AddressesAdded says that the new specification has addresses that
		// the old one had not: they need announcing.
		AddressesAdded bool
	}
)

func (Start) event()           {}
func (Delayed) event()         {}
func (Stop) event()            {}
func (Tick) event()            {}
func (Slept) event()           {}
func (Overrun) event()         {}
func (*AdvertReceived) event() {}
func (AdvertRejected) event()  {}
func (LinkChanged) event()     {}
func (SourceChanged) event()   {}
func (TrackChanged) event()    {}
func (PeerSilent) event()      {}
func (AddressLost) event()     {}
func (Reconfigured) event()    {}

// Held is a kind of things that a Master holds.
type Held uint8

// Kinds of what is held. Only addresses are announced.
const (
	HeldAddress Held = iota
	HeldRoute
	HeldRule
)

var heldNames = [...]string{"address", "route", "rule"}

func (h Held) String() string { return heldNames[h] }

// Out is one action of one instance.
type Out struct {
	ID     ID
	Action Action
}

// Action is what is to be done: the set is closed.
type Action interface{ action() }

type (
	// SendAdvert sends one advert, to the group or to every peer.
	SendAdvert struct {
		Priority uint8
		Source   netip.Addr
	}

	// AddAddresses brings the instance's addresses, as now configured, to its
	// interfaces, with their routes and rules; what of them is there already
	// stays untouched.
	AddAddresses struct{}

	// RemoveAddresses takes them away.
	RemoveAddresses struct{}

	// Announce sends gratuitous ARP or neighbour advertisements for every
	// address, Rounds times over.
	Announce struct {
		Rounds int
		Why    AnnounceWhy
	}

	// AnnounceSource announces the source address itself: a unicast instance
	// that leaves FAULT refreshes what its peers know of it.
	AnnounceSource struct{ Addr netip.Addr }

	// StateChanged reports a transition. The first state of an instance comes
	// from Init.
	StateChanged struct {
		From, To State
		Priority uint8
		Cause    string
		Reason   MasterReason // of a transition to Master
	}

	// GroupChanged reports a transition of the sync group itself.
	GroupChanged struct{ From, To State }

	// PriorityChanged reports a new effective priority.
	PriorityChanged struct {
		From, To uint8
		Cause    string
	}

	// LowerPriorityHeard reports an advert of lower priority while Master
	// (notify_master_rx_lower_pri).
	LowerPriorityHeard struct{ From netip.Addr }

	// Log is a line for the log, in keepalived's wording where it has one.
	Log struct {
		Detail bool // only wanted with detailed logging
		Text   string
	}
)

func (*SendAdvert) action()        {}
func (AddAddresses) action()       {}
func (RemoveAddresses) action()    {}
func (Announce) action()           {}
func (AnnounceSource) action()     {}
func (StateChanged) action()       {}
func (GroupChanged) action()       {}
func (PriorityChanged) action()    {}
func (LowerPriorityHeard) action() {}
func (Log) action()                {}

// Causes that need no telling. All others are phrases that fit after "because".
const (
	CauseStart = "start"
	CauseStop  = "stop"
)

// MasterReason is why an instance has become Master, as far as RFC 6527 tells
// occasions apart (vrrpv3StatisticsNewMasterReason). Its numbers are the MIB's.
type MasterReason uint8

// Reasons.
const (
	ReasonNone       MasterReason = iota // it has not
	ReasonPriority                       // it is the address owner, or the Master gave up
	ReasonPreempted                      // the Master has a lower priority
	ReasonNoResponse                     // nobody is heard
)

var reasonNames = [...]string{"none", "priority", "preempted", "no-response"}

func (r MasterReason) String() string { return reasonNames[r] }

// AnnounceWhy is the occasion of an announcement.
type AnnounceWhy uint8

// Occasions.
const (
	AnnounceMaster   AnnounceWhy = iota // became Master, or addresses were added
	AnnounceDelayed                     // the second block, garp_master_delay later
	AnnounceRefresh                     // garp_master_refresh
	AnnounceLower                       // somebody of lower priority advertises
	AnnounceRestored                    // an address was put back
	AnnounceExtra                       // garp_extra_if: one address on each interface without adverts
)

var announceNames = [...]string{"master", "delayed", "refresh", "lower-priority", "restored", "extra"}

func (w AnnounceWhy) String() string { return announceNames[w] }

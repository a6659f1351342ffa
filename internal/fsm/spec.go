package fsm

import "time"

// State is the state of an instance. Stopped and Deleted are never entered:
// they are what [StateChanged] reports at the end of an instance.
type State uint8

// States. RFC 9568 section 6.4 has Initialize, Backup and Active.
const (
	Init State = iota
	Backup
	Master
	Fault
	Stopped
	Deleted
)

var stateNames = [...]string{"INIT", "BACKUP", "MASTER", "FAULT", "STOP", "DELETED"}

func (s State) String() string { return stateNames[s] }

// Owner is the priority of the router that owns the addresses (RFC 9568
// section 5.2.4).
const Owner = 255

// Spec is the configuration of an instance, checked and with every default
// filled in. The package never changes it.
type Spec struct {
	Name    string
	Version uint8 // 2 or 3
	VRID    uint8
	IPv6    bool
	Unicast bool

	Addresses int // how many addresses are advertised

	Priority    uint8 // 1 to 255
	StartMaster bool  // state MASTER: with priority 255, Master at once

	AdvertInterval       time.Duration // v2: whole seconds; v3: multiples of 10 ms
	DownTimerAdverts     int           // intervals of silence until the Master is down, 3 by default
	NoPreempt            bool
	PreemptDelay         time.Duration
	LowerPrioNoAdvert    bool // do not answer adverts of lower priority
	HigherPrioSendAdvert bool // send once more before yielding
	SkipAddressCheck     bool // do not compare addresses while Backup with an unchanged Master
	DontTrackPrimary     bool // the state of the interface does not matter

	// LatePriority is the highest priority of any other router. A Master that
	// did not run for longer than such a one waits becomes Backup before it does
	// anything else. 0: it listens first, and goes on if it is alone.
	LatePriority uint8

	GARP     GARP
	Trackers []Tracker

	// ConfigFault, when not empty, keeps the instance in FAULT: it says why.
	ConfigFault string

	// StrictCompat makes a lost address, route or rule a hand-over, as in
	// keepalived.
	StrictCompat bool
}

// GARP says how often addresses are announced.
type GARP struct {
	Repeat        int           // rounds when becoming Master
	Delay         time.Duration // until the second block; 0: no second block
	Refresh       time.Duration // 0: never
	RefreshRepeat int
	LowerRepeat   int // rounds after an advert of lower priority
	LowerDelay    time.Duration
	// Extra is how often interfaces that carry addresses and no adverts are to be
	// kept in the memory of switches; 0: never.
	Extra time.Duration
}

// TrackKind is the kind of a tracker.
type TrackKind uint8

// Kinds of trackers.
const (
	TrackInterface TrackKind = iota
	TrackScript
	TrackProcess
	TrackFile
	TrackBFD
	TrackStatic // a static address, route or rule of a track_group
)

var trackNames = [...]string{"interface", "script", "process", "file", "bfd", "static"}

func (k TrackKind) String() string { return trackNames[k] }

// Tracker is something outside the protocol that an instance depends on.
// Weight 0: it decides between running and FAULT. Otherwise it adds to or
// takes from the priority.
type Tracker struct {
	Kind    TrackKind
	Name    string
	Weight  int
	Reverse bool
}

// Verdict is what a tracker found.
type Verdict uint8

// Verdicts.
const (
	Unknown Verdict = iota
	Good
	Bad
)

var verdictNames = [...]string{"unknown", "good", "bad"}

func (v Verdict) String() string { return verdictNames[v] }

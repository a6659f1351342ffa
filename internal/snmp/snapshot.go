package snmp

import (
	"time"

	"github.com/holdfast-ha/holdfast/internal/dump"
)

// Snapshot is everything that is shown. It is not changed once it was handed over.
type Snapshot struct {
	*dump.Data
	Version string // of the program
	Traps   bool   // enable_traps
	DBus    bool   // enable_dbus
	// More has for each of Data.Instances what the files do not tell.
	More []More
	// Routes and Rules are first those that are static, and then those of each of
	// Data.Instances.
	Routes [][]Route
	Rules  [][]Rule
	// Packets for all instances that were damaged or of another version.
	ChecksumErrors, VersionErrors uint64
	// Taken is when, and UpTime for how long the daemon had been there then.
	Taken  time.Time
	UpTime time.Duration
}

// More is what the MIBs tell of an instance beside what the files do.
type More struct {
	StartsMaster bool      // state MASTER, or the owner
	Began        time.Time // when it left INIT or FAULT; zero: it is there
	Reason       Reason    // why it became MASTER, if it is
	Protocol     Fault     // of the last packet that was no advert
}

// Reason is vrrpv3StatisticsNewMasterReason.
type Reason int

// Reasons.
const (
	NotMaster Reason = iota
	HigherPriority
	Preempted
	NoResponse
)

// Fault is vrrpv3StatisticsProtoErrReason.
type Fault int

// Faults.
const (
	NoFault Fault = iota
	TTLFault
	VersionFault
	ChecksumFault
	VRIDFault
)

// Settings are what a service cannot change while it runs.
type Settings struct {
	Socket             string // of the master agent; "": the usual one
	VRRP, RFCv2, RFCv3 bool   // which MIBs there are
	Traps              bool
	RouterID           string // told with notifications
	Version            string
}

// Wanted tells whether there is anything to be shown.
func (s Settings) Wanted() bool { return s.VRRP || s.RFCv2 || s.RFCv3 }

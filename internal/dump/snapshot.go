package dump

import (
	"net/netip"
	"time"
)

// Data is everything that the data file tells.
type Data struct {
	Global Global
	Static []Address // static_ipaddress
	// StaticRoutes and StaticRules are lines of static_routes and static_rules as
	// they are shown.
	StaticRoutes, StaticRules []string
	TrackGroups               []TrackGroup
	Instances                 []Instance
	Sockets                   []Socket
	Groups                    []Group
	Scripts                   []Script
	Files                     []TrackFile
	Processes                 []Process
	BFDs                      []BFD
	Interfaces                []Interface
	Timers                    []Timers
	Past                      bool // print what keepalived does not know: journals and timers
}

// State is the state of an instance or a sync group. An instance that waits for
// the first result of a script is shown in FAULT.
type State uint8

// States, with the numbers that the JSON file has.
const (
	Init State = iota
	Backup
	Master
	Fault
)

var stateNames = [...]string{"INIT", "BACKUP", "MASTER", "FAULT"}

func (s State) String() string { return stateNames[s] }

// GARP says how addresses are announced.
type GARP struct {
	Delay         time.Duration
	Repeat        int
	Refresh       time.Duration
	RefreshRepeat int
	LowerDelay    time.Duration
	LowerRepeat   int
}

// Instance is a vrrp_instance.
type Instance struct {
	Name    string
	Version int
	Group   string // its sync group; "": none
	IPv6    bool
	State   State
	Wants   State

	// Of the Master last heard; while in BACKUP.
	Master         netip.Addr
	MasterPriority uint8
	MasterInterval time.Duration

	Unicast         bool // peers are configured
	UnicastFallback bool // configured for unicast, but without peers
	UnicastFault    bool // unicast_fault_no_peer

	ConfigFaults    int // reasons in the configuration for which it cannot run
	TrackerFaults   int // trackers without weight that are down
	InterfaceFaults InterfaceFault
	ScriptsInit     int // scripts whose first result is awaited

	LastTransition time.Time     // printed in its location; zero: never
	ReadTimeout    time.Time     // the next deadline; zero: none
	MasterDown     time.Duration // silence after which the Master is down

	Interface          string   // "": not configured
	Virtual            *Virtual // its own virtual link; nil: none
	VirtualAddresses   bool     // use_vmac_addr
	VRF                string   // of unicast without an interface
	DontTrackPrimary   bool
	SkipCheckAdvAddr   bool
	NoVirtualIPAddress bool // no_virtual_ipaddress
	Strict             bool

	Source           netip.Addr
	SourceConfigured bool
	Multicast        netip.Addr // not printed for unicast
	MulticastIndex   int        // IPv6: of the interface

	GARP                 GARP
	GARPExtra            time.Duration // vrrp_garp_extra_if; 0: no line
	GARPExtraAll         bool
	DownTimerAdverts     int
	LowerPrioNoAdvert    bool
	HigherPrioSendAdvert bool
	OwnerIgnoreAdverts   bool

	VRID              uint8
	Priority          uint8 // configured
	EffectivePriority uint8
	TotalPriority     int   // before it is kept within 1 to 254
	HighestOther      uint8 // seen with nopreempt

	AdvertInterval     time.Duration
	LastAdvert         time.Time // sent; zero: none
	Accept             bool
	NoPreempt          bool
	PreemptDelay       time.Duration
	PromoteSecondaries bool
	Auth               Auth // version 2
	Extension          *Extension
	V3ChecksumAsV2     bool
	ReceiveBuffer      int // 0: no line
	Debug              int

	Addresses []Address
	Excluded  []Address

	UnicastTTL      int // -1: the kernel's default
	CheckUnicastSrc bool
	Peers           []Peer
	ChecksumCompat  string // no, never, config or auto; "": no

	HasSockets  bool
	FDIn, FDOut int
	// Routes and Rules are those of virtual_routes and virtual_rules as they are
	// shown.
	Routes, Rules []string
	Tracked       Tracked
	// ScriptCommands are the commands of Tracked.Scripts: the JSON file has them
	// in the place of the names.
	ScriptCommands []Command

	SMTPAlert    bool
	NotifyDelete bool // notify_deleted
	Notify       Notify

	PriorityChanges bool // notify_priority_changes

	Stats   Stats
	Journal []Entry // in the order of time
}

// InterfaceFault is a set of reasons for FAULT that have to do with interfaces.
type InterfaceFault uint8

// Reasons, in the order of their lines.
const (
	FaultUnspecified InterfaceFault = 1 << iota
	FaultInterfaceDown
	FaultBaseDown
	FaultDuplicateVRID
	FaultNoSource
	FaultConfig
)

var interfaceFaultNames = [...]string{
	"unspecified", "i/f down", "base i/f down", "duplicate VRID", "no source IP address", "config error",
}

// Names are the reasons in words.
func (f InterfaceFault) Names() (names []string) {
	for i, name := range interfaceFaultNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// Extension is auth_hmac; nil: none.
type Extension struct {
	Keys   int
	Active uint8
	Mode   string
	Window time.Duration // 0: anti_replay monotonic
}

// Auth is auth_type, with the numbers that the JSON file has.
type Auth uint8

// Values of auth_type.
const (
	AuthNone Auth = iota
	AuthPass
	AuthAH
)

// Peer is a line of unicast_peer.
type Peer struct {
	Addr           netip.Addr
	MinTTL, MaxTTL uint8
}

// Tracked are the track_* blocks of an instance or a group.
type Tracked struct {
	Interfaces, Scripts, Files, Processes, BFDs []Track
}

// Track is one line of a track_* block, or of the list of those who track.
type Track struct {
	Name    string
	Weight  int
	Reverse bool
}

// Command is a script with its arguments and the user it runs as.
type Command struct {
	Argv     []string
	Path     string // what is executed where that is not Argv[0]; "": Argv[0]
	FileTest string // the "<FILE" form, as configured
	UID, GID uint32
}

// Notify are the notify scripts of an instance or a group; nil: none.
type Notify struct {
	Backup, Master, Fault, Stop, Deleted, Any, RxLowerPri *Command
}

// Socket is a socket that instances share.
type Socket struct {
	FDIn, FDOut   int
	Interface     string
	IPv6          bool
	AH            bool
	Unicast       bool
	Address       netip.Addr // unicast: where it is bound
	ReceiveBuffer int
	Instances     []VRID
}

// VRID is an instance of a socket.
type VRID struct {
	Name string
	VRID uint8
}

// Group is a vrrp_sync_group.
type Group struct {
	Name            string
	State           State
	Faults          int // members in FAULT
	Inits           int // members that have not begun
	Members         []string
	TrackingWeight  bool
	SMTPAlert       bool
	PriorityChanges *bool // nil: not configured
	Tracked         Tracked
	Notify          Notify
}

// TrackGroup is a track_group: instances that depend on what is static.
type TrackGroup struct {
	Name    string
	Members []string
}

// Script is a vrrp_script.
type Script struct {
	Name              string
	Command           Command
	Interval, Timeout time.Duration
	Weight            int
	Reverse           bool
	Rise, Fall        int
	Result            int // the counter between 0 and Rise+Fall-1
	Insecure          bool
	Init              string // INIT, INIT/FAILED, INIT/RELOAD; "": it has reported
	Good              bool
	TrackedBy         []Track
	State             string // idle, running, requested termination, forcing termination
}

// TrackFile is a track_file.
type TrackFile struct {
	Name, Path string
	Status     int64
	Weight     int
	Reverse    bool
	TrackedBy  []Track
}

// Process is a vrrp_track_process.
type Process struct {
	Name, Process             string
	Params                    []string
	ParamMatch                string // exact, initial or partial; "": parameters do not count
	Min                       int
	Max                       int // 0: any number
	Current                   int
	HaveQuorum                bool
	Weight                    int
	Reverse                   bool
	TerminateDelay, ForkDelay time.Duration
	ForkTimer, TerminateTimer bool // a delay is running
	FullCommand               bool
	TrackedBy                 []Track
}

// BFD is a bfd_instance that is there for VRRP.
type BFD struct {
	Name      string
	Weight    int
	Reverse   bool
	Up        bool
	TrackedBy []Track
}

// Interface is a network interface.
type Interface struct {
	Name               string
	Index              int // 0: gone
	IPv4, IPv6         []netip.Addr
	MAC                []byte
	Broadcast          []byte
	Up, Running        bool
	SeenUp             bool // it was up at some time
	BroadcastCapable   bool
	Loopback           bool
	PointToPoint       bool
	NoARP              bool
	Multicast          bool
	MasterDown         bool
	Virtual            *VirtualLink // nil: it is none
	ARPResets          int          // virtual MACs for IPv4 on top of it
	UpDelay, DownDelay time.Duration
	DelayRunning       bool
	Group              uint32
	MTU                int
	HardwareType       int    // ARPHRD_*
	Linkbeat           string // how the carrier is polled: MII, ETHTOOL or IOCTL; "": it is not
	GARPInterval       time.Duration
	RPFilter           *int // nil: no line
	ArpIgnore          int
	ArpFilter          int
	PromoteSecondaries int
	PromoteResets      int
	TrackedBy          []Track
}

// Address is an address of an instance, or a static one.
type Address struct {
	Prefix        netip.Prefix
	Broadcast     netip.Addr
	Interface     string
	Base          string // of a virtual interface
	UseVMAC       bool
	Scope         uint8
	Label         string
	Peer          netip.Prefix
	Home          bool
	DAD           bool // -nodad
	MngTmpAddr    bool
	NoPrefixRoute bool
	AutoJoin      bool
	NoTrack       bool
	TrackGroup    string
	PreferredLft  uint32 // IPv6, seconds: 0 deprecated, 4294967295 forever
	Set           bool
}

// Stats are the counters of an instance.
type Stats struct {
	AdvertsReceived, AdvertsSent uint64
	BecameMaster, ReleasedMaster uint64

	PacketLength, TTL, InvalidType, AdvertInterval, AddressList uint64

	AuthInvalidType, AuthTypeMismatch, AuthFailure uint64

	ExtMissing, ExtMalformed, ExtUnknownKey, ExtInvalidHMAC, ExtStale, ExtReplay uint64

	ZeroReceived, ZeroSent uint64

	// Restored counts how often addresses, routes or rules that somebody else had
	// taken away were put back. keepalived has no such thing: it is shown only if
	// it happened.
	Restored uint64

	// SplitBrain counts how often a second master was suspected; the same holds.
	SplitBrain uint64
}

// Virtual is the virtual link of an instance.
type Virtual struct {
	IPVLAN       bool
	Name         string
	Up           bool
	TransmitBase bool   // vmac_xmit_base
	MAC          []byte // of the configuration; nil: that of the virtual router
	MACWithVRID  bool   // its last octet is the VRID
	Group        *uint32
}

// VirtualLink is a virtual link among the interfaces.
type VirtualLink struct {
	Mode                string // private and the like
	IPVLAN              bool
	Base                string
	BaseUp, BaseRunning bool
	Ours                bool // made by the daemon
}

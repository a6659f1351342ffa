package config

import (
	"net/netip"
	"time"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// Config is a whole configuration with every default filled in and every
// range checked: what the daemon runs, not what the file says.
type Config struct {
	Global    Global
	Instances []*Instance
	Groups    []*SyncGroup
	Scripts   []*Script
	Processes []*Process
	Static    []Address // static_ipaddress, in file order

	StaticRoutes []Route
	StaticRules  []Rule
	TrackFiles   []*TrackFile
	BFDs         []*BFD
	TrackGroups  []*TrackGroup
	GARPGroups   []*GARPGroup

	// Files are the configuration files read, in the order of reading.
	Files []string
	// Copy is what they say as one file, passwords too: see [syntax.Options.Copy].
	// It is there only for config_save_dir.
	Copy []byte
}

// Global holds global_defs and the top-level settings.
type Global struct {
	RouterID          string
	Version           int // vrrp_version, 2 or 3: default for IPv4 instances
	ScriptSecurity    bool
	ScriptUser        *User // nil: keepalived_script when it exists, else the daemon's user
	DynamicInterfaces bool
	AllowIfChanges    bool
	DefaultInterface  string
	McastGroup4       netip.Addr
	McastGroup6       netip.Addr
	GARP              GARP // vrrp_garp_*
	DownTimerAdverts  int
	LogUnknownVRIDs   bool
	StartupDelay      time.Duration
	Strict            bool

	ChildWaitTime time.Duration
	UsePidDir     bool
	InstanceName  string
	Umask         *int // nil: unset

	More GlobalMore
}

// GARP says how gratuitous ARP and unsolicited neighbour advertisements are sent.
type GARP struct {
	MasterDelay     time.Duration
	MasterRepeat    int
	Refresh         time.Duration // 0: never
	RefreshRepeat   int
	LowerPrioDelay  time.Duration
	LowerPrioRepeat int
}

// Instance is a vrrp_instance.
type Instance struct {
	Name             string
	Pos              Pos // of the keyword
	Version          int
	IPv6             bool // family of the adverts
	StateMaster      bool // state MASTER
	Interface        string
	VRID             uint8
	Priority         uint8
	AdvertInt        time.Duration
	NoPreempt        bool
	PreemptDelay     time.Duration
	DownTimerAdverts int
	Accept           bool
	Strict           bool

	Auth     AuthType
	AuthPass string // at most 8 bytes

	Addresses []Address // advertised
	Excluded  []Address

	SourceIP        netip.Addr // mcast_src_ip or unicast_src_ip; invalid: the interface's
	Group           netip.Addr // multicast destination
	Unicast         bool       // peers are configured: adverts go to them
	Peers           []Peer
	UnicastTTL      int // -1: default
	CheckUnicastSrc bool

	GARP                 GARP
	LowerPrioNoAdvert    bool
	HigherPrioSendAdvert bool
	OwnerIgnoreAdverts   bool
	SkipCheckAdvAddr     bool
	DontTrackPrimary     bool
	TrackSrcIP           bool
	OldUnicastChecksum   bool
	V3ChecksumAsV2       bool
	NoVirtualIPAddress   bool
	PromoteSecondaries   bool

	UseVMAC      bool
	VMACName     string
	VMACXmitBase bool

	TrackInterfaces []Track
	TrackScripts    []Track
	TrackProcesses  []Track

	Notify    Notify
	Debug     int
	SMTPAlert bool
	Faults    []string // reasons for which the instance may never run; empty: none

	More InstanceMore
}

// AuthType is auth_type.
type AuthType uint8

// Values of auth_type.
const (
	AuthNone AuthType = iota
	AuthPass
	AuthAH
)

// Peer is a line of unicast_peer.
type Peer struct {
	Addr           netip.Addr
	MinTTL, MaxTTL uint8
	CheckTTL       bool
}

// Address is a line of virtual_ipaddress, virtual_ipaddress_excluded or static_ipaddress.
type Address struct {
	Prefix        netip.Prefix // with the host bits: the address and its length
	Dev           string       // interface to put it on; never empty after loading
	DevSet        bool         // dev was written in the file
	Broadcast     netip.Addr   // invalid: none
	Label         string
	Scope         uint8        // rtnetlink scope, 0 global
	Peer          netip.Prefix // invalid: none
	DAD           bool         // -nodad written: let the kernel do duplicate address detection
	Home          bool
	MngTmpAddr    bool
	NoPrefixRoute bool
	AutoJoin      bool
	NoTrack       bool
	PreferredLft  uint32 // seconds; 4294967295 forever (IPv6)
	UseVMAC       bool
	TrackGroup    string
	Pos           Pos
}

// Track is a line of a track_* block.
type Track struct {
	Name    string
	Weight  int
	Reverse bool
	Pos     Pos
}

// SyncGroup is a vrrp_sync_group.
type SyncGroup struct {
	Name            string
	Pos             Pos
	Members         []string
	TrackingWeight  bool // sync_group_tracking_weight
	TrackInterfaces []Track
	TrackScripts    []Track
	TrackProcesses  []Track
	TrackFiles      []Track
	TrackBFD        []Track
	Notify          Notify
	SMTPAlert       bool
	PriorityChanges bool // notify_priority_changes
}

// Notify holds the notify scripts of an instance or a group; nil: none.
type Notify struct {
	Master, Backup, Fault, Stop, Deleted, MasterRxLowerPri, Any *Command
	DeletedSet                                                  bool // notify_deleted is present
}

// Command is a program with its arguments and the user it runs as.
type Command struct {
	Argv     []string // split as the sheet says; Argv[0] is the path as configured
	Path     string   // what is executed, after PATH search and checks
	Raw      string   // the command as written, for a shell when it asks for one
	Shell    bool     // the words hold an unquoted |, &&, || or ;: /bin/sh -c Raw
	FileTest bool     // the "<FILE" form: success when FILE can be opened
	User     User
	UserSet  bool // the line names the user
	Pos      Pos

	secure *secure // how it is looked at before it is run; nil: not at all
}

// User is a user and group to run scripts as.
type User struct {
	Name     string
	UID, GID uint32
}

// Script is a vrrp_script.
type Script struct {
	Name       string
	Command    Command
	Interval   time.Duration
	Timeout    time.Duration
	Weight     int
	Reverse    bool
	Rise, Fall int
	InitFail   bool
	Insecure   bool
	Pos        Pos
}

// Process is a vrrp_track_process.
type Process struct {
	Name              string
	Process           string // what to look for
	Params            []string
	Weight            int
	Reverse           bool
	Quorum, QuorumMax int
	FullCommand       bool
	ParamMatch        ParamMatch
	TerminateDelay    time.Duration // before a quorum that is lost counts
	ForkDelay         time.Duration // before a quorum that is gained counts
	Pos               Pos
}

// ParamMatch is param_match: how the parameters of a process are compared.
type ParamMatch uint8

// Values of param_match.
const (
	ParamsIgnored ParamMatch = iota // none were given
	ParamsExact
	ParamsInitial // as partial, but the last one may be longer in the process
	ParamsPartial // the first ones are the same; the process may have more
)

// Pos is a place in a configuration file.
type Pos = syntax.Pos

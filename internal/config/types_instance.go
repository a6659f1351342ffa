package config

import (
	"fmt"
	"net"
	"net/netip"
	"time"
)

// InstanceMore is the part of an instance that is less often used.
type InstanceMore struct {
	Owner              bool             // priority 255: the addresses are the machine's own
	VMACMAC            net.HardwareAddr // nil: the one of the VRID; 5 octets: the VRID is appended
	VMACGroup          *uint32          // interface group of the VMAC; nil: that of its base
	VMACNetlinkNotify  bool
	VMACAddr           bool // use_vmac_addr
	IPVLAN             bool
	IPVLANName         string
	IPVLANAddr         netip.Prefix // invalid: none
	IPVLANMode         string       // bridge, private or vepa
	IPVLANGroup        *uint32      // nil: that of its base
	VRF                string
	Routes             []Route
	Rules              []Rule
	TrackFiles         []Track
	TrackBFD           []Track
	HMAC               *HMAC // auth_hmac; nil: none
	NoKey              bool  // auth_hmac without a key to sign with, which is one of the faults
	TimerExpiredBackup int   // priority below which a late timer makes a backup; 0: off
	GARPExtra          time.Duration
	GARPExtraAll       bool
	KernelRxBuf        uint32 // bytes; 0: unset
	PriorityChanges    bool   // notify_priority_changes
	LinkbeatPolling    bool
}

// HMAC is auth_hmac: an authentication trailer on every advert.
type HMAC struct {
	Keys       []HMACKey
	ActiveKey  uint8
	TimeWindow time.Duration
	Monotonic  bool // anti_replay monotonic
	Mode       HMACMode
}

// HMACKey is a key with its number.
type HMACKey struct {
	ID    uint8
	Value Secret
}

// Secret is not to be seen: it prints as stars with every verb, also inside of
// other values.
type Secret []byte

// Format implements [fmt.Formatter].
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, "********") }

// MarshalText implements [encoding.TextMarshaler], for JSON.
func (Secret) MarshalText() ([]byte, error) { return []byte("********"), nil }

// HMACMode is the mode of auth_hmac.
type HMACMode uint8

// Modes of auth_hmac.
const (
	HMACEnforce HMACMode = iota
	HMACPermissive
	HMACReceiveOnly
)

// Route is a line of virtual_routes or static_routes.
type Route struct {
	Text       string // as written
	IPv6       bool
	Type       uint8        // rtnetlink route type; 1 unicast
	Dest       netip.Prefix // of length 0: the default route
	Via        netip.Addr
	Source     netip.Addr
	From       netip.Prefix
	Dev        string
	Table      uint32 // 0: main
	Protocol   uint8
	Scope      *uint8
	TOS        *uint8
	Metric     *uint32
	Metrics    []RouteMetric // in the order written
	Realms     string        // R or R/R in numbers; empty: none
	ECN        bool
	Congestion string
	CCLock     bool
	Pref       *uint8
	Expires    *uint32
	TTLProp    *bool
	OnLink     bool
	Encap      []string // words as written, with numbers in the place of names
	NextHops   []NextHop
	Mode       RouteMode
	NoTrack    bool
	TrackGroup string
	Pos        Pos
}

// RouteMetric is one of the numeric metrics of a route.
type RouteMetric struct {
	Name  string
	Value uint32
	Lock  bool
}

// NextHop is a nexthop of a route.
type NextHop struct {
	Via       netip.Addr
	Dev       string
	Weight    int  // 1 to 256
	WeightSet bool // it was written, for dumps
	OnLink    bool
	Realms    string
	Encap     []string
}

// RouteMode says how a route is added beside others.
type RouteMode uint8

// Ways to add a route.
const (
	RouteReplace RouteMode = iota
	RouteAdd
	RouteAppend
	RoutePrepend
)

// Rule is a line of virtual_rules or static_rules.
type Rule struct {
	Text           string // as written
	IPv6           bool
	From, To       netip.Prefix
	Invert         bool
	Priority       uint32
	TOS            *uint8
	Mark           *uint32
	MarkMask       *uint32
	Realms         string
	Table          uint32 // 0: none
	Action         RuleAction
	Goto           uint32
	SuppressPrefix *int32
	SuppressGroup  *uint32
	In, Out        string // interfaces
	TunnelID       *uint64
	UIDRange       *[2]uint32
	L3MDev         bool
	Protocol       uint8 // 0: none
	IPProto        *uint8
	SourcePorts    *[2]uint16
	DestPorts      *[2]uint16
	NoTrack        bool
	TrackGroup     string
	Pos            Pos
}

// RuleAction is what a rule does.
type RuleAction uint8

// Actions of a rule.
const (
	RuleNone RuleAction = iota
	RuleTable
	RuleBlackhole
	RuleProhibit
	RuleUnreachable
	RuleNop
	RuleGoto
)

// TrackFile is a track_file.
type TrackFile struct {
	Name      string
	Path      string
	Weight    int
	Reverse   bool
	Init      *int // value written at start when the file is missing
	Overwrite bool
	Pos       Pos
}

// BFD is a bfd_instance.
type BFD struct {
	Name        string
	Neighbor    netip.Addr
	Source      netip.Addr
	MinRx       time.Duration
	MinTx       time.Duration
	IdleTx      time.Duration
	Multiplier  int
	Passive     bool
	TTL         int
	TTLSet      bool // false: TTL is keepalived's default for the family
	MaxHops     int
	Multihop    bool
	Weight      int
	Reverse     bool
	ForVRRP     bool
	ForCheckers bool
	Pos         Pos
}

// TrackGroup is a track_group.
type TrackGroup struct {
	Name    string
	Members []string
	Pos     Pos
}

// GARPGroup is a garp_group: interfaces that share a rate of announcements.
type GARPGroup struct {
	GARPInterval time.Duration
	GNAInterval  time.Duration
	Interfaces   []string
	Pos          Pos
}

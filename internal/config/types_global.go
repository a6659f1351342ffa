package config

import "time"

// GlobalMore is the rest of global_defs and the top-level settings.
type GlobalMore struct {
	Mail    Mail
	SNMP    SNMP
	DBus    DBus
	Startup GlobalScript // startup_script
	Finish  GlobalScript // shutdown_script

	NotifyFIFO             FIFO // notify_fifo
	VRRPFIFO               FIFO // vrrp_notify_fifo
	FIFOStatesOnReload     bool // fifo_write_vrrp_states_on_reload
	PriorityChanges        bool // vrrp_notify_priority_changes
	SymlinkPaths           bool // use_symlink_paths
	DelayAfterBoot         time.Duration
	MaxAutoPriority        int // -1: not even when asked for; 0: unset
	MinAutoPriorityDelay   time.Duration
	DisableLocalIGMP       bool
	V3ChecksumAsV2         bool
	GARPInterval           time.Duration // vrrp_garp_interval
	GNAInterval            time.Duration // vrrp_gna_interval
	GARPExtra              time.Duration // vrrp_garp_extra_if
	GARPExtraAll           bool
	LowerPrioNoAdvert      bool
	HigherPrioSendAdvert   bool
	OwnerIgnoreAdverts     bool
	CheckUnicastSrc        bool
	SkipCheckAdvAddr       bool
	IPTables               bool // vrrp_iptables
	IPTablesIn             string
	IPTablesOut            string
	IPSets                 []string
	NFTables               bool
	NFTablesName           string
	NFTablesPriority       int
	NFTablesIfindex        bool
	NFTablesCounters       bool
	VMACPrefix             string // vmac_prefix
	VMACAddrPrefix         string // vmac_addr_prefix; empty: as VMACPrefix
	NetNS                  string // net_namespace
	NetNSIPVS              string // net_namespace_ipvs, for dumps; "(default)": without a name
	ReloadCheckConfig      string // reload_check_config: where its messages go; "": off
	ReloadTimeFile         string
	ReloadRepeat           bool
	ReloadFile             string
	ReloadFileSet          bool
	ConfigSaveDir          string
	TmpConfigDir           string
	DataUseInstance        bool
	JSONVersion            int
	StateDumpFile          string
	StatsDumpFile          string
	JSONDumpFile           string
	IPRouteUsrDir          string
	IPRouteEtcDir          string
	LinkbeatPolling        bool // linkbeat_use_polling
	Linkbeat               []Linkbeat
	Debounce               []Debounce // interface_up_down_delays
	ReceiveBuffers         ReceiveBuffers
	ProcessNames           bool
	ParentProcess          ProcessSettings
	VRRPProcess            ProcessSettings
	BFDProcess             ProcessSettings
	ProcessMonitorRcvBufs  uint32
	ProcessMonitorRcvForce bool
}

// Mail says how state changes are mailed.
type Mail struct {
	From           string
	To             []string
	Server         string
	Port           uint16
	Helo           string
	ConnectTimeout time.Duration
	Alert          *bool // smtp_alert; nil: unset
	AlertVRRP      *bool // smtp_alert_vrrp; nil: unset
	NoFaults       bool  // no_email_faults
}

// SNMP holds the snmp keywords.
type SNMP struct {
	Socket                         string
	Traps, VRRP, RFC, RFCv2, RFCv3 bool
}

// DBus holds the dbus keywords.
type DBus struct {
	Enabled     bool
	Service     string
	NoInterface string // dbus_no_interface_name
}

// GlobalScript is a script run when the daemon starts or has stopped.
type GlobalScript struct {
	Command *Command // nil: none
	Timeout time.Duration
}

// FIFO is a pipe that state changes are written to.
type FIFO struct {
	Path   string // "": none
	User   *User  // whom it belongs to; set when Path is
	Script *Command
}

// ProcessSettings says how one of the processes runs.
type ProcessSettings struct {
	Name             string
	Priority         int // nice value
	RealtimePriority int // 0: not real time
	NoSwap           bool
	CPUs             []int
	RealtimeLimit    time.Duration // 0: unset
}

// Linkbeat is a line of linkbeat_interfaces.
type Linkbeat struct {
	Interface string
	Method    string // MII, ETHTOOL, IOCTL or "": any
}

// Debounce is a line of interface_up_down_delays.
type Debounce struct {
	Interface string
	Down, Up  time.Duration
}

// ReceiveBuffers sizes the receive buffers of the sockets.
type ReceiveBuffers struct {
	Command      uint32 // vrrp_netlink_cmd_rcv_bufs, bytes; 0: unset
	CommandForce bool
	Monitor      uint32 // vrrp_netlink_monitor_rcv_bufs
	MonitorForce bool
	Policy       BufferPolicy // vrrp_rx_bufs_policy
	Size         uint32       // with PolicySize
	Multiplier   uint32       // vrrp_rx_bufs_multiplier
}

// BufferPolicy is the policy of vrrp_rx_bufs_policy.
type BufferPolicy uint8

// Policies for the receive buffers.
const (
	PolicyNone BufferPolicy = iota
	PolicyMTU
	PolicyAdvert
	PolicySize
)

// newConfig is a configuration with the defaults that do not depend on anything.
func newConfig() *Config {
	const never = 0
	return &Config{Global: Global{
		Version:          2,
		DefaultInterface: "eth0",
		McastGroup4:      defaultGroup4,
		McastGroup6:      defaultGroup6,
		GARP: GARP{
			MasterDelay: 5 * time.Second, MasterRepeat: 5,
			Refresh: never, RefreshRepeat: 1,
			LowerPrioDelay: unset, LowerPrioRepeat: unset,
		},
		DownTimerAdverts: 3,
		ChildWaitTime:    5 * time.Second,
		More: GlobalMore{
			Mail:                 Mail{Port: 25, ConnectTimeout: 30 * time.Second},
			Startup:              GlobalScript{Timeout: 10 * time.Second},
			Finish:               GlobalScript{Timeout: 10 * time.Second},
			MinAutoPriorityDelay: time.Second,
			NFTablesName:         "keepalived",
			NFTablesPriority:     -1,
			VMACPrefix:           "vrrp",
			JSONVersion:          1,
			ReceiveBuffers:       ReceiveBuffers{Multiplier: 3},
		},
	}}
}

// unset marks a setting that takes its value from another one.
const unset = -1

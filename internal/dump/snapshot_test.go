package dump

import (
	"net/netip"
	"time"
)

// captured is the snapshot of what keepalived 2.2.7 ran when it wrote the files
// testdata/keepalived-2.2.7.*, with the configuration that lies beside them.
func captured() *Data {
	d := &Data{
		Global: capturedGlobal(),
		Static: []Address{
			addr("198.51.100.7/24", "eth0", nil),
			addr("2001:db8:5::1/64", "eth0", nil),
		},
		Instances: []Instance{capturedV4(), capturedV6(), capturedUnicast(), capturedTracking(), capturedMissing()},
		Sockets: []Socket{
			{FDIn: 15, FDOut: 16, Interface: "eth0", Instances: []VRID{{"V4", 51}, {"TRK", 54}}},
			{FDIn: 17, FDOut: 18, Interface: "eth0", IPv6: true, Instances: []VRID{{"V6", 52}}},
			{FDIn: 19, FDOut: 20, Interface: "eth0", Unicast: true, Address: ip("192.0.2.1"), Instances: []VRID{{"UNI", 53}}},
			{FDIn: -1, FDOut: -1, Interface: "eth9", Instances: []VRID{{"NIX", 55}}},
		},
		Groups: []Group{{
			Name: "G1", State: Master, Members: []string{"V4", "V6"}, SMTPAlert: true,
			Tracked: Tracked{Interfaces: []Track{{Name: "lo"}}, Scripts: []Track{{Name: "chk0"}}},
			Notify:  Notify{Any: command("/usr/bin/true")},
		}},
		Files: []TrackFile{{Name: "tf", Path: "/dev/shm/tf", Status: 3, Weight: 2, TrackedBy: []Track{{Name: "TRK", Weight: 1}}}},
		Processes: []Process{
			{
				Name: "tp", Process: "sleep", Min: 2, Max: 5, Weight: 5, TerminateDelay: time.Second, ForkDelay: time.Second,
				TrackedBy: []Track{{Name: "TRK", Weight: 5}},
			},
			{
				Name: "tq", Process: "sleep", Params: []string{"3"}, ParamMatch: "initial", Min: 1, FullCommand: true,
				TrackedBy: []Track{{Name: "TRK", Weight: 9, Reverse: true}},
			},
		},
	}
	d.Scripts = capturedScripts()
	d.Interfaces = capturedInterfaces()
	return d
}

func capturedGlobal() Global {
	return Global{
		RouterID: "R1",
		Mail: Mail{
			Server: "192.0.2.9", Port: 25, Helo: "r1.example.com", Timeout: 10 * time.Second, From: "ka@example.com",
			To: []string{"a@example.com", "b@example.com"},
		},
		Dynamic: true, DefaultInterface: "eth0", Group4: ip("224.0.0.18"), Group6: ip("ff02::12"),
		GARP: garp(), DownTimerAdverts: 3, Version: 2, MaxAutoPriority: 10, MinAutoPriorityDelay: time.Second,
		Process: ProcessSettings{RealtimeLimit: 10 * time.Millisecond}, ScriptSecurity: true,
		RxBufsMultiples: 3, Umask: 0o177, StartupDelay: 500 * time.Millisecond,
	}
}

func garp() GARP {
	return GARP{Delay: 5 * time.Second, Repeat: 5, RefreshRepeat: 1, LowerDelay: 5 * time.Second, LowerRepeat: 5}
}

func base(name string, vrid, priority uint8) Instance {
	return Instance{
		Name: name, Version: 2, VRID: vrid, Interface: "eth0", State: Master, Wants: Master, Source: ip("192.0.2.1"),
		Multicast: ip("224.0.0.18"), GARP: garp(), DownTimerAdverts: 3, AdvertInterval: time.Second, MasterInterval: time.Second,
		Priority: priority, EffectivePriority: priority, TotalPriority: int(priority), Accept: true, UnicastTTL: -1,
		HasSockets: true, FDIn: 15, FDOut: 16,
	}
}

func capturedV4() Instance {
	v := base("V4", 51, 100)
	v.Group, v.DontTrackPrimary, v.SkipCheckAdvAddr, v.PromoteSecondaries, v.Debug = "G1", true, true, true, 2
	v.LastTransition, v.ReadTimeout, v.MasterDown = at(1795232702, 580063), at(1795232707, 471680), 3609375*time.Microsecond
	v.GARP.Refresh, v.PreemptDelay, v.Auth, v.NotifyDelete = time.Minute, 2*time.Second, AuthPass, true
	v.Addresses = []Address{
		addr("192.0.2.100/24", "eth0", func(a *Address) { a.Label = "eth0:vip" }),
		addr("192.0.2.101/32", "eth1", func(a *Address) { a.Scope, a.Broadcast = 253, ip("192.0.2.255") }),
		addr("192.0.2.102/32", "eth0", func(a *Address) { a.Peer, a.NoTrack = netip.MustParsePrefix("192.0.2.103/32"), true }),
	}
	v.Excluded = []Address{
		addr("2001:db8::100/64", "eth0", nil),
		addr("2001:db8::101/128", "eth0", func(a *Address) { a.PreferredLft = 0 }),
		addr("2001:db8::102/64", "eth0", func(a *Address) { a.PreferredLft, a.MngTmpAddr = 300, true }),
		addr("2001:db8::103/64", "eth0", func(a *Address) { a.DAD, a.Home, a.NoPrefixRoute = true, true, true }),
	}
	v.Notify = Notify{
		Backup: command("/usr/bin/true", "B"), Master: command("/usr/bin/true", "M", "a b"), Fault: command("/usr/bin/true", "F"),
		Stop: command("/usr/bin/true", "S"), Deleted: command("/usr/bin/true", "D"), Any: command("/usr/bin/true"),
		RxLowerPri: command("/usr/bin/true", "L"),
	}
	v.Stats = Stats{AdvertsSent: 4, BecameMaster: 1}
	return v
}

func capturedV6() Instance {
	v := base("V6", 52, 120)
	v.Version, v.Group, v.IPv6, v.NoPreempt = 3, "G1", true, true
	v.AdvertInterval, v.MasterInterval = 500*time.Millisecond, 500*time.Millisecond
	v.LastTransition, v.ReadTimeout, v.MasterDown = at(1795232702, 580233), at(1795232706, 971722), 1765625*time.Microsecond
	v.Source, v.Multicast, v.MulticastIndex = ip("fe80::ff:fe00:1%eth0"), ip("ff02::12"), 3
	v.FDIn, v.FDOut = 17, 18
	v.Addresses = []Address{addr("fe80::100/64", "eth0", nil), addr("2001:db8::200/64", "eth0", nil)}
	v.Stats = Stats{AdvertsSent: 7, BecameMaster: 1}
	return v
}

func capturedUnicast() Instance {
	v := base("UNI", 53, 255)
	v.Version, v.Unicast, v.UnicastTTL, v.CheckUnicastSrc, v.SourceConfigured, v.SMTPAlert = 3, true, 3, true, true, true
	v.LastTransition, v.ReadTimeout, v.MasterDown = at(1795232698, 969899), at(1795232707, 471760), time.Microsecond
	v.FDIn, v.FDOut = 19, 20
	v.Peers = []Peer{{ip("192.0.2.2"), 0, 255}, {ip("192.0.2.3"), 2, 10}}
	v.Addresses = []Address{addr("192.0.2.110/24", "eth0", nil)}
	v.Stats = Stats{AdvertsSent: 8, BecameMaster: 1}
	return v
}

func capturedTracking() Instance {
	v := base("TRK", 54, 100)
	v.EffectivePriority, v.TotalPriority, v.SourceConfigured = 106, 106, true
	v.LastTransition, v.ReadTimeout, v.MasterDown = at(1795232702, 555530), at(1795232707, 732276), 3585937*time.Microsecond
	v.Addresses = []Address{addr("192.0.2.120/24", "eth0", nil)}
	v.Tracked = Tracked{
		Interfaces: []Track{{Name: "eth1", Weight: 3}},
		Scripts:    []Track{{Name: "chk", Weight: -7, Reverse: true}, {Name: "file"}},
		Files:      []Track{{Name: "tf", Weight: 1}},
		Processes:  []Track{{Name: "tp", Weight: 5}, {Name: "tq", Weight: 9, Reverse: true}},
	}
	v.ScriptCommands = []Command{*command("/usr/bin/test", "-f", "/etc/passwd"), {FileTest: "</etc/passwd"}}
	v.Stats = Stats{AdvertsSent: 5, BecameMaster: 1}
	return v
}

func capturedMissing() Instance {
	v := base("NIX", 55, 90)
	v.State, v.Wants, v.Interface, v.Source = Fault, Fault, "eth9", netip.Addr{}
	v.LastTransition, v.MasterDown = at(1795232698, 468819), 3648437*time.Microsecond
	v.InterfaceFaults = FaultInterfaceDown | FaultNoSource
	v.FDIn, v.FDOut = -1, -1
	v.Addresses = []Address{addr("192.0.2.160/24", "eth9", func(a *Address) { a.Set = false })}
	return v
}

func capturedScripts() []Script {
	file := Command{FileTest: "</etc/passwd", UID: 65534, GID: 65534}
	return []Script{
		{
			Name: "chk", Command: *command("/usr/bin/test", "-f", "/etc/passwd"), Interval: 2 * time.Second, Timeout: 2 * time.Second,
			Weight: -7, Reverse: true, Rise: 2, Fall: 3, Result: 4, Good: true, State: "running",
			TrackedBy: []Track{{Name: "TRK", Weight: -7, Reverse: true}},
		},
		{
			Name: "chk0", Command: *command("/usr/bin/true"), Interval: time.Second, Rise: 1, Fall: 1, Result: 1, Good: true,
			TrackedBy: []Track{{Name: "V4"}, {Name: "V6"}},
		},
		{
			Name: "file", Command: file, Interval: time.Second, Rise: 1, Fall: 1, Result: 1, Good: true,
			TrackedBy: []Track{{Name: "TRK"}},
		},
	}
}

func capturedInterfaces() []Interface {
	link := func(name string, index int, mac byte) Interface {
		return Interface{
			Name: name, Index: index, IPv6: []netip.Addr{netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 11: 0xff, 12: 0xfe, 15: mac})},
			MAC: []byte{2, 0, 0, 0, 0, mac}, Broadcast: []byte{255, 255, 255, 255, 255, 255},
			Up: true, Running: true, SeenUp: true, BroadcastCapable: true, Multicast: true, MTU: 1500, HardwareType: 1,
		}
	}
	eth0, eth1 := link("eth0", 3, 1), link("eth1", 5, 3)
	eth0.IPv4 = []netip.Addr{ip("192.0.2.1"), ip("192.0.2.7"), ip("192.0.2.8")}
	eth0.PromoteSecondaries, eth0.PromoteResets = 1, 1
	eth0.TrackedBy = []Track{{Name: "V4", Weight: 255}, {Name: "V6"}, {Name: "UNI"}, {Name: "TRK"}}
	eth1.TrackedBy = []Track{{Name: "V4"}, {Name: "TRK", Weight: 3}}
	return []Interface{
		{
			Name: "lo", Index: 1, IPv4: []netip.Addr{ip("127.0.0.1")}, Up: true, Running: true, SeenUp: true, Loopback: true,
			MTU: 65536, HardwareType: 772, TrackedBy: []Track{{Name: "V4"}, {Name: "V6"}},
		},
		link("p0", 2, 2), eth0, link("p1", 4, 4), eth1,
		{Name: "eth9", TrackedBy: []Track{{Name: "NIX"}}},
	}
}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func at(sec, usec int64) time.Time { return time.Unix(sec, usec*1000).UTC() }

func command(argv ...string) *Command { return &Command{Argv: argv} }

func addr(prefix, dev string, change func(*Address)) Address {
	a := Address{Prefix: netip.MustParsePrefix(prefix), Interface: dev, PreferredLft: 1<<32 - 1, Set: true}
	if change != nil {
		change(&a)
	}
	return a
}

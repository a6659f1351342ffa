package dump

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file in testdata, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// without drops lines, by what they contain behind their blanks.
func without(text string, prefixes ...string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(strings.TrimLeft(line, " "), p) }) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// The data file of keepalived 2.2.7 is ours, line by line and blank by blank, but
// for the lines that came later and those of features that we do not have.
func TestDataAsKeepalived(t *testing.T) {
	theirs := without(read(t, "keepalived-2.2.7.data"),
		"Default smtp_alert_checker", "Checkers log all failures", "LVS ", "nftables ", "libnftnl ", "Checker ", "BFD ",
		"lvs_netlink", "rs_init_notifies", "no_checker_emails", // features
		"rp_filter", "Not IPv6 forwarding", // what it changed on an interface
		"Number of interface and track script faults", // became other lines
	)
	theirs = strings.ReplaceAll(theirs, "Password = 1111", "Password = ********")
	theirs = regexp.MustCompile(`(?m)^   Flags:\n   (\S)`).ReplaceAllString(theirs, "   Flags: none\n   $1")
	ours := without(string(captured().Text(true)),
		"Replace symlinks in script paths", "keep script symlinks", "Use VRRPv2 checksum for VRRPv3 IPv4", "json_version",
		"Number of tracker faults", "Flags of interface faults", "i/f down", "no source IP address", "Last advert sent",
		"Rogue master counter", "Roger timer thread", "Address owner ignores received adverts", "Highest other priority",
		"VRRPv3 uses VRRPv2 checksum", "Group = 0",
	)
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("(-keepalived +ours):\n%s", diff)
	}
}

func TestStatsAsKeepalived(t *testing.T) {
	ours := without(string(StatsText(captured().Instances)),
		"Authentication Extension Errors:", "Missing:", "Malformed:", "Unknown Key:", "Invalid HMAC:", "Stale:", "Replay:")
	if diff := cmp.Diff(read(t, "keepalived-2.2.7.stats"), ours); diff != "" {
		t.Errorf("(-keepalived +ours):\n%s", diff)
	}
}

func TestJSONAsKeepalived(t *testing.T) {
	theirs := strings.ReplaceAll(read(t, "keepalived-2.2.7.json"), `"auth_data":"1111"`, `"auth_data":"********"`)
	later := regexp.MustCompile(`"auth_ext_\w+":0,|"track_process":\[.*?\],`)
	ours := later.ReplaceAllString(string(captured().JSON(1)), "")
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("(-keepalived +ours):\n%s", diff)
	}
}

// rare is a snapshot with everything that captured does not have.
func rare() *Data {
	on, off := true, false
	v := base("V4", 51, 100)
	v.State, v.Wants, v.Master, v.MasterPriority, v.MasterInterval = Backup, Backup, ip("192.0.2.2"), 150, time.Second
	v.LastTransition, v.ReadTimeout = at(1795223441, 270751), at(1795223460, 295607)
	v.Auth, v.ReceiveBuffer, v.GARPExtra, v.UnicastFallback, v.UnicastFault = AuthAH, 4096, 3*time.Second, true, true
	v.LowerPrioNoAdvert, v.HigherPrioSendAdvert, v.NoVirtualIPAddress, v.Strict, v.Accept = true, true, true, true, false
	v.LastAdvert, v.NoPreempt, v.HighestOther, v.PreemptDelay = at(1795223459, 295565), true, 120, 2500*time.Millisecond
	v.PriorityChanges, v.TrackerFaults, v.ConfigFaults, v.ScriptsInit = true, 1, 2, 3
	v.InterfaceFaults = 1<<len(interfaceFaultNames) - 1
	v.Addresses = []Address{
		addr("192.0.2.100/24", "vrrp.51", func(a *Address) { a.Base, a.UseVMAC, a.AutoJoin = "eth0", true, true }),
		addr("192.0.2.101/24", "eth0", func(a *Address) { a.Scope, a.TrackGroup, a.Set = 254, "tg", false }),
		addr("192.0.2.102/24", "eth0", func(a *Address) { a.Scope = 9 }),
	}
	v.Notify = Notify{Master: &Command{Argv: []string{"n.sh", "M"}, Path: "/usr/local/bin/n.sh", UID: 5, GID: 6}}
	v6 := base("V6", 52, 255)
	v6.Version, v6.IPv6, v6.State, v6.Unicast, v6.ChecksumCompat = 3, true, Backup, true, "auto"
	v6.HasSockets, v6.Interface, v6.MasterInterval = false, "", 250*time.Millisecond
	v6.OwnerIgnoreAdverts, v6.LastTransition = true, time.Time{}
	return &Data{
		Global: Global{
			Namespace: "blue", InstanceName: "inst1", ParentProcess: "p", VRRPProcess: "v", RouterID: "R1", SymlinkPaths: true,
			Mail:        Mail{Alert: &on, AlertVRRP: &off, NoFaultMail: true},
			CheckReload: "/run/check.log", ReloadTimeFile: "/run/reload", ReloadRepeat: true, ReloadAt: at(1795223441, 0),
			ReloadFile: "/run/keepalived.reload", ConfigSaveDir: "/run/save", DataUseInstance: true,
			Startup: command("/usr/bin/true", "start"), StartupTimeout: 4 * time.Second,
			Shutdown: command("/usr/bin/true"), Dynamic: true, AllowIfChanges: true, DefaultInterface: "eth0",
			DisableLocalIGMP: true, V3ChecksumAsV2: true, NotifyFIFO: &FIFO{Name: "/run/all", UID: 1, GID: 2},
			VRRPFIFO:           &FIFO{Name: "/run/vrrp", Script: command("/usr/bin/cat")},
			FIFOStatesOnReload: true, PriorityChanges: true, Group4: ip("224.0.0.18"), Group6: ip("ff02::12"), GARP: garp(),
			DownTimerAdverts: 3, GARPExtra: 2 * time.Second, GARPExtraAll: true, LowerPrioNoAdvert: true, HigherPrioSendAdvert: true,
			GARPInterval: time.Millisecond, GNAInterval: 1500 * time.Microsecond, Version: 3, CheckUnicastSrc: true,
			SkipCheckAdvAddr: true, Strict: true, MaxAutoPriority: -1,
			Process:    ProcessSettings{Priority: -10, NoSwap: true, Realtime: 50, CPUAffinity: "0 1"},
			CmdRcvBufs: 1, CmdRcvForce: true, MonitorRcvBufs: 2, MonitorRcvForce: true, ProcMonRcvBufs: 3, ProcMonRcvForce: true,
			RxBufsPolicy: "MTU", LogUnknownVRIDs: true, OwnerIgnoreAdverts: true, VMACPrefix: "vrrp.", VMACAddrPrefix: "02:00",
			JSONVersion: 2, IPRouteUsr: "/usr/share/iproute2", IPRouteEtc: "/etc/iproute2",
			StateDumpFile: "a", StatsDumpFile: "b", JSONDumpFile: "c", Umask: 0o22,
		},
		Instances: []Instance{v, v6},
		Sockets:   []Socket{{FDIn: 7, FDOut: 8, Interface: "eth0", AH: true, ReceiveBuffer: 9, Instances: []VRID{{"V4", 51}}}},
		Groups: []Group{{
			Name: "G2", State: Fault, Faults: 1, Inits: 2, Members: []string{"V4"}, TrackingWeight: true, PriorityChanges: &on,
			Tracked: Tracked{Processes: []Track{{Name: "tp", Weight: 2}}, Files: []Track{{Name: "tf"}}},
			Notify: Notify{
				Backup: command("/b"), Master: command("/m"), Fault: command("/f"), Stop: command("/s"),
			},
		}},
		Scripts: []Script{{
			Name: "s", Command: Command{Argv: []string{"chk"}, Path: "/usr/bin/chk"}, Interval: 1500 * time.Millisecond,
			Timeout: 2001 * time.Millisecond, Rise: 1, Fall: 1, Insecure: true, Init: "INIT/FAILED", State: "requested termination",
		}},
		Processes: []Process{
			{Name: "a", Process: "x", Params: []string{"1", "2"}, ParamMatch: "exact", Min: 1, ForkTimer: true, TerminateTimer: true, HaveQuorum: true, Current: 4},
		},
		Interfaces: []Interface{
			{
				Name: "tun0", Index: 9, HardwareType: 65534, PointToPoint: true, NoARP: true, MasterDown: true, Up: true, Group: 5,
				UpDelay: time.Second, DownDelay: time.Millisecond, DelayRunning: true, GARPInterval: time.Millisecond,
				IPv6: []netip.Addr{ip("fe80::1"), ip("2001:db8::1")}, ArpIgnore: 1, ArpFilter: 2,
			},
		},
	}
}

func TestGolden(t *testing.T) {
	d := rare()
	golden(t, "rare.data", d.Text(true))
	golden(t, "rare-logged.data", d.Text(false))
	golden(t, "rare-parent.data", d.Global.ParentText())
	golden(t, "rare.json", d.JSON(2))
	c := captured()
	golden(t, "captured.data", c.Text(true))
	golden(t, "captured.stats", StatsText(c.Instances))
	golden(t, "captured.json", c.JSON(1))
}

// What is logged at the start lacks the lines that change all the time, and
// nothing else.
func TestTransientLines(t *testing.T) {
	transient := []string{
		"State = BACKUP", "Master router", "Master priority", "Master advert interval", "Number of tracker faults",
		"Flags of interface faults", "Number of track scripts init", "Last transition", "Read timeout", "Master down timer",
		"Effective priority", "Total priority", "Fork delay timer", "Terminate delay timer",
		"unspecified", "i/f down", "base i/f down", "duplicate VRID", "no source IP address", "config error",
	}
	d := rare()
	want := without(string(d.Text(true)), transient...)
	if diff := cmp.Diff(want, string(d.Text(false))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The part of the data file that an example of keepalived 2.4.3 shows.
func TestInstanceOfKeepalived243(t *testing.T) {
	v := base("V4", 51, 100)
	v.Group = "G1"
	v.LastTransition, v.ReadTimeout, v.MasterDown = at(1795223441, 270751), at(1795223460, 295607), 3609375*time.Microsecond
	v.LastAdvert, v.Auth = at(1795223459, 295565), AuthPass
	v.FDIn, v.FDOut = 17, 18
	v.Addresses = []Address{
		addr("192.0.2.100/24", "eth0", func(a *Address) { a.Label = "eth0:vip" }), addr("192.0.2.101/24", "eth0", nil),
	}
	v.Excluded = []Address{addr("2001:db8::100/64", "eth0", nil)}
	v.Tracked = Tracked{Interfaces: []Track{{Name: "lo"}}, Files: []Track{{Name: "tf"}}}
	v.Notify = Notify{Backup: command("/usr/local/bin/n.sh", "B"), Any: command("/usr/local/bin/n.sh")}
	p := &printer{transient: true}
	p.instance(&v)
	if diff := cmp.Diff(read(t, "keepalived-2.4.3-instance.data"), string(p.b)); diff != "" {
		t.Errorf("(-keepalived +ours):\n%s", diff)
	}
}

func TestJSONIsJSON(t *testing.T) {
	d := rare()
	d.Instances[0].Name = "a\"b\\c/d\x01\xff<é>"
	for version, parts := range map[int]int{1: 2, 2: 2} {
		var got any
		b := d.JSON(version)
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("version %d: %v\n%s", version, err, b)
		}
		if version == 2 {
			top := got.(map[string]any)
			if len(top) != parts || len(top["track_process"].([]any)) != 1 {
				t.Errorf("version 2 has %d parts", len(top))
			}
			got = top["vrrp"]
		}
		list := got.([]any)
		name := list[0].(map[string]any)["data"].(map[string]any)["iname"]
		if len(list) != parts || name != "a\"b\\c/d\x01\ufffd<é>" {
			t.Errorf("version %d: %d instances, the first is %q", version, len(list), name)
		}
		if bytes.Count(b, []byte("\n")) != 1 {
			t.Errorf("version %d is not one line", version)
		}
	}
	if got := (&Data{}).JSON(1); got != nil {
		t.Errorf("without instances: %q, want no file", got)
	}
	d.Processes = nil
	if b := d.JSON(2); bytes.Contains(b, []byte("track_process\":[")) {
		t.Errorf("a list of processes although there are none: %s", b)
	}
}

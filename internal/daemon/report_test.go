package daemon

import (
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/dump"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/track"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file in testdata, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

// loadText reads a configuration as on a machine with the links eth0 and eth1,
// on which every script exists and of users only checker and root.
func loadText(t testing.TB, text string) *config.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "conf")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	h := config.System()
	h.NodeName = func() string { return "router.example.com" }
	h.Self = func() config.User { return config.User{Name: "root"} }
	h.User = func(name string) (config.User, error) {
		switch name {
		case "checker":
			return config.User{UID: 998, GID: 997}, nil
		case "root":
			return config.User{}, nil
		}
		return config.User{}, os.ErrNotExist
	}
	h.Links = func() ([]config.Link, error) {
		return []config.Link{
			{Name: "eth0", Index: 2, MTU: 1500, Multicast: true, Ethernet: true},
			{Name: "eth1", Index: 3, MTU: 1500, Multicast: true, Ethernet: true},
		}, nil
	}
	h.Lstat = func(path string) (config.FileStat, error) {
		s := config.FileStat{Kind: config.Directory, Mode: 0o755}
		if strings.HasSuffix(path, ".sh") {
			s.Kind = config.RegularFile
		}
		return s, nil
	}
	cfg, diags := config.Load(file, config.Options{Host: h, ConfigID: "test"})
	if diags.Fatal() {
		t.Fatalf("the configuration cannot be run: %v", diags)
	}
	return cfg
}

// standIn is a daemon with instances and without anything that they touch: no
// sockets, no kernel, nothing that is slow. Tests make it in a bubble.
func standIn(t testing.TB, text string) *Daemon {
	t.Helper()
	d := New(loadText(t, text), Options{Umask: 0o177, Log: slog.New(slog.DiscardHandler)})
	a := &arrangement{d: d, wanted: wantedGroups(d.cfg, plan(d.cfg, &kernel.Picture{}, nil, false), false)}
	for _, w := range a.wanted {
		for _, s := range w.sets {
			for ip := range s.vips {
				d.vips[ip] = true
			}
		}
	}
	a.rebuild(nil)
	d.rewire()
	for _, r := range d.runners {
		r.nap = time.Sleep // by the bubble's clock
		go r.run()
	}
	t.Cleanup(func() {
		for _, r := range d.runners {
			close(r.quit)
			<-r.done
		}
	})
	return d
}

// beginStandIn starts all instances, with their interfaces up but for eth1.
func beginStandIn(d *Daemon) {
	for _, m := range d.members {
		c, src := m.set.Load().cfg, "192.0.2.1"
		if c.IPv6 {
			src = "fe80::1"
		}
		m.runner.post(m.id, fsm.SourceChanged{Addr: netip.MustParseAddr(src)})
		m.runner.post(m.id, fsm.LinkChanged{Up: c.Interface != "eth1", Name: c.Interface})
	}
	for _, r := range d.runners {
		r.post(fsm.All, fsm.Start{})
	}
}

func named(d *Daemon, name string) *member {
	for _, m := range d.members {
		if m.name() == name {
			return m
		}
	}
	return nil
}

func testLink(name string, index int, flags uint32, addrs ...string) *kernel.Link {
	l := &kernel.Link{
		Name: name, Index: index, MTU: 1500, HWType: 1, Flags: flags,
		AdminUp: flags&1 != 0, Running: flags&0x40 != 0, Up: flags&0x41 == 0x41, Multicast: flags&0x1000 != 0, Loopback: flags&8 != 0,
		HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, byte(index)}, HardwareBroadcast: net.HardwareAddr{255, 255, 255, 255, 255, 255},
	}
	if l.Loopback {
		l.HardwareAddr, l.HWType, l.MTU = make(net.HardwareAddr, 6), 772, 65536
	}
	for _, a := range addrs {
		l.Addrs = append(l.Addrs, kernel.AddrState{Prefix: netip.MustParsePrefix(a)})
	}
	return l
}

const reportConf = `
global_defs {
	router_id R1
	script_user checker
	enable_script_security
	vrrp_version 3
	smtp_server 192.0.2.25
	smtp_helo_name mx.example.com
	notification_email { ops@example.com }
	notification_email_from vrrp@example.com
	vrrp_notify_fifo /run/vrrp.fifo
	vrrp_notify_fifo_script /etc/fifo.sh
	vrrp_rx_bufs_policy 4096
	json_version 2
	state_dump_file /var/lib/vrrp/state.txt
}
static_ipaddress {
	192.0.2.200 dev eth0
	192.0.2.201 dev eth0
}
vrrp_script check {
	script "/etc/check.sh now"
	interval 1.5
	weight -10
	rise 2
	fall 3
}
vrrp_script vital {
	script "/etc/vital.sh"
	user root
	init_fail
}
vrrp_script slow {
	script "/etc/slow.sh"
	weight 5
}
vrrp_script unused {
	script "/etc/unused.sh"
}
vrrp_track_process bird {
	process bird -f
	weight 5 reverse
	quorum 2
	delay 0.5
}
vrrp_sync_group G1 {
	group {
		VI_1
		VI_6
	}
	track_script {
		check
	}
	sync_group_tracking_weight
	notify_master "/etc/group.sh master"
}
vrrp_sync_group G2 {
	group {
		VI_D
		VI_W
	}
}
vrrp_sync_group G3 {
	group {
		VI_V
		VI_X
	}
}
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	priority 150
	nopreempt
	virtual_ipaddress {
		192.0.2.100/24 label eth0:vip
		192.0.2.101 brd 192.0.2.255 scope link
	}
	virtual_ipaddress_excluded {
		2001:db8::100/64 preferred_lft 0
	}
	track_interface {
		eth1 weight 7
	}
	track_process {
		bird
	}
	notify "/etc/notify.sh"
	notify_deleted
}
vrrp_instance VI_U {
	version 2
	interface eth0
	virtual_router_id 52
	priority 90
	unicast_src_ip 192.0.2.1
	unicast_ttl 64
	dont_track_primary
	unicast_peer {
		192.0.2.2
		192.0.2.3 min_ttl 10 max_ttl 20
	}
	authentication {
		auth_type PASS
		auth_pass s3cr3t
	}
	virtual_ipaddress {
		192.0.2.102
	}
}
vrrp_instance VI_6 {
	interface eth0
	virtual_router_id 53
	virtual_ipaddress {
		fe80::100/64
	}
}
vrrp_instance VI_D {
	interface eth1
	virtual_router_id 54
	state MASTER
	virtual_ipaddress {
		192.0.2.104
	}
}
vrrp_instance VI_W {
	interface eth0
	virtual_router_id 55
	virtual_ipaddress {
		192.0.2.105
	}
}
vrrp_instance VI_V {
	interface eth0
	virtual_router_id 56
	virtual_ipaddress {
		192.0.2.106
	}
	track_script {
		vital
		check
		slow
	}
}
vrrp_instance VI_X {
	interface eth0
	virtual_router_id 57
	virtual_ipaddress {
		192.0.2.107
	}
}
`

// inWords is a time as people read it: it depends on the time zone.
var inWords = regexp.MustCompile(`\([A-Z][a-z]{2} [A-Z][a-z]{2} .*\)`)

// TestReport compares whole files, of instances in every state, five seconds after
// their start.
func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := standIn(t, reportConf)
		d.links["eth1"] = testLink("eth1", 3, 0x1002)
		d.links["eth0"] = testLink("eth0", 2, 0x1043, "192.0.2.1/24", "198.51.100.1/24", "2001:db8::1/64", "fe80::1/64",
			"192.0.2.100/24", "192.0.2.101/24", "192.0.2.102/32", "2001:db8::100/64", "192.0.2.200/32", "fe80::100/64")
		d.links["lo"] = testLink("lo", 1, 0x49, "127.0.0.1/8", "::1/128")
		for name, state := range map[string]*track.ScriptState{
			"check": {Known: true, Good: true, Count: 4, Rise: 2, Fall: 3},
			"vital": nil,
			"slow":  nil,
		} {
			for _, c := range d.cfg.Scripts {
				if c.Name == name {
					d.scripts[name] = &scriptTracker{cfg: c, script: track.NewScript(track.ScriptConfig{
						Name: name, Rise: c.Rise, Fall: c.Fall, Restore: state,
					})}
				}
			}
		}
		bird := processConfig(d.cfg.Processes[0])
		d.processes = &processTracker{set: track.NewProcessSet([]track.ProcessConfig{bird}, track.ProcessOptions{})}
		d.report(trackKey{fsm.TrackScript, "check"}, verdictOf(true, "check is good"))
		d.report(trackKey{fsm.TrackInterface, "eth1"}, verdictOf(false, "eth1 is down"))
		beginStandIn(d)
		synctest.Wait()

		u := named(d, "VI_U")
		time.Sleep(3 * time.Second)
		u.runner.offerAdvert(heard{at: time.Now(), ev: fsm.AdvertReceived{Advert: advert.Advert{
			Src: netip.MustParseAddr("192.0.2.2"), Version: 2, VRID: 52, Priority: 120, Interval: time.Second,
		}}})
		u.runner.offerRefusal(u.id, &advert.Packet{Src: netip.MustParseAddr("192.0.2.9")}, advert.Reject{Reason: advert.ReasonSource})
		u.overflow[advert.ReasonTTL].Store(7)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		named(d, "VI_1").lastSent.Store(time.Now().Add(-time.Second / 2).UnixMicro())

		sv := d.survey(question{past: true})
		data := sv.data()
		golden(t, "report.data", inWords.ReplaceAll(data.Text(true), []byte("(in words)")))
		golden(t, "report-parent.data", data.Global.ParentText())
		golden(t, "report.stats", dump.StatsText(sv.instances()))
		golden(t, "report.json", data.JSON(2))
	})
}

func TestStatsOf(t *testing.T) {
	at := func(r advert.Reason) fsm.Stats {
		var s fsm.Stats
		s.Rejected[r] = 3
		return s
	}
	want := map[advert.Reason]dump.Stats{
		advert.ReasonLength: {PacketLength: 3}, advert.ReasonTotalLength: {PacketLength: 3},
		advert.ReasonTTL: {TTL: 3}, advert.ReasonPeerTTL: {TTL: 3}, advert.ReasonType: {InvalidType: 3},
		advert.ReasonCast: {AddressList: 3}, advert.ReasonAuthUnknown: {AuthInvalidType: 3},
		advert.ReasonAuthType: {AuthTypeMismatch: 3}, advert.ReasonUnwantedAH: {AuthTypeMismatch: 3},
		advert.ReasonMissingAH: {AuthTypeMismatch: 3}, advert.ReasonPassword: {AuthFailure: 3}, advert.ReasonAH: {AuthFailure: 3},
		advert.ReasonAHSPI: {AuthFailure: 3}, advert.ReasonAHSequence: {AuthFailure: 3},
		advert.ReasonHMACMissing: {ExtMissing: 3}, advert.ReasonHMACMalformed: {ExtMalformed: 3}, advert.ReasonHMACKey: {ExtUnknownKey: 3},
		advert.ReasonHMAC: {ExtInvalidHMAC: 3}, advert.ReasonHMACStale: {ExtStale: 3}, advert.ReasonHMACReplay: {ExtReplay: 3},
	}
	for r := range advert.Reasons {
		s := at(advert.Reason(r))
		if d := cmp.Diff(want[advert.Reason(r)], statsOf(&s)); d != "" {
			t.Errorf("%v (-want +got):\n%s", advert.Reason(r), d)
		}
	}
	s := at(advert.ReasonCast)
	s.AdvertsReceived, s.AdvertsSent, s.BecameMaster, s.ReleasedMaster = 1, 2, 4, 5
	s.AddressList, s.ZeroReceived, s.ZeroSent = 6, 7, 8
	all := dump.Stats{
		AdvertsReceived: 1, AdvertsSent: 2, BecameMaster: 4, ReleasedMaster: 5, AddressList: 9, ZeroReceived: 7, ZeroSent: 8,
	}
	if d := cmp.Diff(all, statsOf(&s)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestClearLosesNothing: what is counted while statistics are cleared again and
// again is reported once, whichever way it took.
func TestClearLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := standIn(t, reportConf)
		beginStandIn(d)
		m := named(d, "VI_U")
		const each, senders = 200, 4
		var wait sync.WaitGroup
		for range senders {
			wait.Go(func() {
				for range each {
					m.runner.offerRefusal(m.id, &advert.Packet{Src: netip.MustParseAddr("192.0.2.9")}, advert.Reject{Reason: advert.ReasonTTL})
				}
			})
		}
		var sum uint64
		for range 50 {
			sum += viewsOf(d, question{clearAfter: true})[m].Stats.Rejected[advert.ReasonTTL]
		}
		wait.Wait()
		synctest.Wait()
		sum += viewsOf(d, question{clearAfter: true})[m].Stats.Rejected[advert.ReasonTTL]
		if sum != each*senders {
			t.Errorf("%d packets were reported, want %d", sum, each*senders)
		}
		if again := viewsOf(d, question{})[m].Stats.Rejected[advert.ReasonTTL]; again != 0 {
			t.Errorf("%d packets are left after clearing", again)
		}
	})
}

// viewsOf are the answers alone.
func viewsOf(d *Daemon, q question) map[*member]*view {
	views, _ := d.views(q)
	return views
}

// TestViewsOfAStuckRunner: one that does not answer delays the dump by no more
// than the limit and takes nothing from the others.
func TestViewsOfAStuckRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := standIn(t, reportConf)
		beginStandIn(d)
		synctest.Wait()
		stuck := named(d, "VI_U").runner
		stuck.ctl.push(errand{do: func(time.Time, *fsm.Group) { time.Sleep(time.Minute) }})
		synctest.Wait()
		begun := time.Now()
		views := viewsOf(d, question{})
		if took := time.Since(begun); took != viewTimeout {
			t.Errorf("took %v, want %v", took, viewTimeout)
		}
		if _, there := views[named(d, "VI_U")]; there || len(views) != len(d.members)-1 {
			t.Errorf("%d views, the stuck one among them: %t", len(views), there)
		}
		time.Sleep(time.Minute)
	})
}

func TestScriptUser(t *testing.T) {
	const tracked = "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 192.0.2.9\n }\n track_script {\n s\n }\n}\n"
	for name, c := range map[string]struct {
		conf string
		want config.User
	}{
		"named": {"global_defs {\n script_user checker\n}\n", config.User{Name: "checker", UID: 998, GID: 997}},
		"of a script": {
			"vrrp_script s {\n script /etc/s.sh\n}\n" + tracked, config.User{Name: "root"},
		},
		"nobody says": {
			"vrrp_script s {\n script /etc/s.sh\n user checker\n}\n" + tracked, config.User{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, scriptUser(loadText(t, c.conf))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// BenchmarkSurvey is what a dump costs the manager, with as many instances as
// one interface can have and twenty addresses each.
func BenchmarkSurvey(b *testing.B) {
	var conf strings.Builder
	var addrs []string
	for i := 1; i <= 255; i++ {
		fmt.Fprintf(&conf, "vrrp_instance VI_%d {\ninterface eth0\nvirtual_router_id %d\nvirtual_ipaddress {\n", i, i)
		for j := 1; j <= 20; j++ {
			addrs = append(addrs, fmt.Sprintf("2001:db8::%x:%x/128", i, j))
			fmt.Fprintf(&conf, "2001:db8::%x:%x\n", i, j)
		}
		conf.WriteString("}\n}\n")
	}
	d := standIn(b, conf.String())
	d.links["eth0"] = testLink("eth0", 2, 0x1043, append(addrs, "192.0.2.1/24")...)
	beginStandIn(d)
	b.ReportAllocs()
	for b.Loop() {
		d.survey(question{past: true}).data()
	}
}

package main

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// hmacPair is two daemons, the first of which becomes MASTER, with the lines in
// each instance.
func hmacPair(t *testing.T, first, second string) (*nettest.LAN, *node, *node) {
	t.Helper()
	nettest.Require(t)
	lan := nettest.NewLANT(t, 3, nettest.Options{})
	a := newNode(t, lan.Node(1), fast("VI_1", hmacVRID, 200, first, vip), "-D").start()
	a.waitAddr(vip, true)
	b := newNode(t, lan.Node(2), fast("VI_1", hmacVRID, 100, second, vip), "-D").start()
	b.waitLog("Entering BACKUP STATE")
	return lan, a, b
}

// heardMaster waits until the node has said who the master is.
func heardMaster(n *node, addr string) { n.waitLog("master set to " + addr) }

// TestHMACPair takes pairs in every form through election, stop and return.
func TestHMACPair(t *testing.T) {
	nettest.Require(t)
	for _, form := range []struct{ name, lines, vip string }{
		{"v3", "version 3\n advert_int 0.1", vip},
		{"v2", "version 2\n advert_int 1", vip},
		{"v3ipv6", "version 3\n advert_int 0.1", "fe80::100"},
		{"v3unicast", "version 3\n advert_int 0.1\n unicast_src_ip 192.0.2.%d\n unicast_peer { 192.0.2.%d }", vip},
		{"monotonic", "version 3\n advert_int 0.1", vip},
	} {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			lan := nettest.NewLANT(t, 2, nettest.Options{})
			var nodes [3]*node
			for i := 1; i <= 2; i++ {
				lines := form.lines
				if strings.Contains(lines, "%d") {
					lines = fmt.Sprintf(lines, i, 3-i)
				}
				replay := "time"
				if form.name == "monotonic" {
					replay = form.name
				}
				nodes[i] = newNode(t, lan.Node(i), fmt.Sprintf("vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n priority %d\n %s\n virtual_ipaddress { %s }\n %s\n}\n",
					300-100*i, lines, form.vip, hmacBlock("anti_replay "+replay)), "-D")
			}
			a, b := nodes[1].start(), nodes[2].start()
			a.waitAddr(form.vip, true)
			heardMaster(b, a.sourceFor(form.vip))
			a.stop()
			b.waitAddr(form.vip, true)
			a.start()
			a.waitAddr(form.vip, true)
			b.waitAddr(form.vip, false)
			for _, n := range []*node{a, b} {
				if n.out.count("authentication") != 0 {
					t.Errorf("complaints:\n%s", n.out)
				}
			}
		})
	}
}

// sourceFor is where the node's adverts for the address come from.
func (n *node) sourceFor(addr string) string {
	if netip.MustParseAddr(addr).Is4() {
		return "192.0.2.1"
	}
	return "fe80::"
}

// TestHMACRefusals shows what each mistake looks like: two masters, and a log that
// says why.
func TestHMACRefusals(t *testing.T) {
	for _, test := range []struct{ name, first, second, want string }{
		{"no-trailer", "", hmacBlock(), "missing authentication trailer from 192.0.2.1"},
		{"unknown-trailer", hmacBlock(), "", "vrrp packet from 192.0.2.1 too long, length 60 and expect 32"},
		{"other-key", hmacBlock(), strings.Replace(hmacBlock(), "012", "999", 1), "invalid authentication HMAC from 192.0.2.1"},
		{"other-number", hmacBlock(), strings.NewReplacer("key 1", "key 2", "active_key 1", "active_key 2").Replace(hmacBlock()), "unknown authentication key id 1 from 192.0.2.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, a, b := hmacPair(t, test.first, test.second)
			b.waitLog("(VI_1) " + test.want)
			b.waitAddr(vip, true)
			a.waitAddr(vip, true)
		})
	}
}

// TestHMACRollOver changes the key of a pair by reloads, without a hand-over.
func TestHMACRollOver(t *testing.T) {
	two := " key 2 hex:" + strings.Repeat("a5", 32) + "\n"
	with := func(priority int, block string) string { return fast("VI_1", hmacVRID, priority, block, vip) }
	both1 := strings.Replace(hmacBlock(), "active_key", two+" active_key", 1)
	both2 := strings.Replace(both1, "active_key 1", "active_key 2", 1)
	only2 := "auth_hmac {\n" + two + " active_key 2\n }"
	_, a, b := hmacPair(t, hmacBlock(), hmacBlock())
	heardMaster(b, "192.0.2.1")
	before := a.out.count(" STATE") + b.out.count(" STATE")
	for _, block := range []string{both1, both2, only2} {
		a.reload(with(200, block))
		b.reload(with(100, block))
	}
	if n := a.out.count(" STATE") + b.out.count(" STATE") - before; n != 0 {
		t.Errorf("%d changes of state", n)
	}
	// It is the new key that counts.
	b.reload(with(100, hmacBlock()))
	b.waitLog("unknown authentication key id 2 from 192.0.2.1")
}

// TestHMACClock: a clock that is wrong is called by its name.
func TestHMACClock(t *testing.T) {
	lan, a, b := hmacPair(t, hmacBlock(), hmacBlock())
	f := newForger(t, lan, 3)
	src := lan.Prefix4(3).Addr()
	f.send(signed(src, 255, time.Now().Add(-12*time.Second), hmacKey))
	for _, n := range []*node{a, b} {
		n.waitLog("(VI_1) stale authentication trailer from 192.0.2.3, clock skew 12 sec exceeds window 5 sec - the key is right: the peer's clock differs by 12 s, it is behind ours")
	}
	f.send(signed(src, 1, time.Now().Add(4*time.Second+time.Second/2), hmacKey))
	b.waitLog(" sec from 192.0.2.3 approaching window 5 sec")
	// In whole seconds, so that it depends on where in a second that was.
	if b.out.count("(VI_1) authentication clock skew -4 sec")+b.out.count("(VI_1) authentication clock skew -5 sec") != 1 {
		t.Error("the skew is not what it was")
	}
	n := statistic(t, a, "Stale")
	if n != "1" {
		t.Errorf("Stale: %s", n)
	}
}

// statistic reads a line of the statistics file.
func statistic(t *testing.T, n *node, name string) string {
	t.Helper()
	_ = os.Remove(n.path("keepalived.stats"))
	n.signal(syscall.SIGUSR2)
	value := ""
	nettest.WaitFor(t, 5*time.Second, func() bool {
		text, _ := os.ReadFile(n.path("keepalived.stats"))
		for line := range strings.Lines(string(text)) {
			if v, ok := strings.CutPrefix(strings.TrimSpace(line), name+": "); ok {
				value = v
			}
		}
		return value != "" && strings.Contains(string(text), "Priority Zero")
	}, "statistics")
	return value
}

// TestReplayAfterRestart: adverts that were recorded before a restart are worth
// nothing after it, however the daemon ended.
func TestReplayAfterRestart(t *testing.T) {
	monotonic := hmacBlock("anti_replay monotonic")
	for _, how := range []string{"stop", "kill", "damaged"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			lan, a, b := hmacPair(t, monotonic, monotonic)
			f := newForger(t, lan, 3)
			nettest.WaitFor(t, 5*time.Second, func() bool { return len(f.cap.Adverts()) > 0 }, "an advert")
			old, _ := f.heard(false)
			saved := func() int64 {
				if st, err := os.Stat(b.path("pid.replay")); err == nil {
					return st.ModTime().UnixNano()
				}
				return 0
			}
			first := saved()
			nettest.WaitFor(t, 5*time.Second, func() bool { now := saved(); return now != 0 && (first == 0 || now > first) }, "the marks to be saved")
			a.stop()
			b.waitAddr(vip, true)
			if how == "kill" {
				b.signal(syscall.SIGKILL)
				b.ended(time.Now())
				_ = os.Remove(b.path("pid"))
				_ = os.Remove(b.path("vrrp.pid"))
			} else {
				b.stop()
			}
			if how == "damaged" {
				if err := os.Truncate(b.path("pid.replay"), 30); err != nil {
					t.Fatal(err)
				}
			}
			seen := b.out.count("Entering MASTER")
			b.start()
			b.waitLogs("Entering MASTER", seen+1)
			old.body = append([]byte(nil), old.body...)
			f.send(old)
			if how == "damaged" {
				b.waitLog("is damaged - adverts from before the restart are not recognised")
				b.waitLog("Master received advert from 192.0.2.1 with higher priority 200")
				return
			}
			b.waitLog("(VI_1) replayed authentication trailer from 192.0.2.1")
			if b.out.count("with higher priority") != 0 {
				t.Error("a recorded advert was believed")
			}
		})
	}
}

// TestUndefinedKey: one instance without a key to sign with is refused, the others
// run, and a reload into that is refused as a whole.
func TestUndefinedKey(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	bad := strings.Replace(hmacBlock(), "active_key 1", "active_key 7", 1)
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, bad, vip)+fast("VI_2", 52, 100, hmacBlock(), "192.0.2.101")).start()
	n.waitLog("(VI_1) auth_hmac active_key 7 is not defined - entering fault state")
	n.waitLog("(VI_1) cause: auth_hmac has no usable key 7, which active_key names")
	n.waitAddr("192.0.2.101", true)
	n.waitAddr(vip, false)

	n.reload(fast("VI_1", 51, 100, hmacBlock(), vip) + fast("VI_2", 52, 100, hmacBlock(), "192.0.2.101"))
	n.waitAddr(vip, true)
	n.reload(fast("VI_1", 51, 100, bad, vip) + fast("VI_2", 52, 100, hmacBlock(), "192.0.2.101"))
	n.waitLog("(VI_1) would have no key to sign its adverts with: keeping the one that runs")
	mustHold(t, n, vip)
}

// TestKeyFiles: keys out of files, a systemd credential among them, and what is
// said of a file that others can read.
func TestKeyFiles(t *testing.T) {
	nettest.Require(t)
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("vrrp", hmacKey+"\r\n", 0o400)
	open := write("open", "hex:"+hex.EncodeToString([]byte(hmacKey))+"\n", 0o644)
	link := filepath.Join(dir, "link")
	if err := os.Symlink("open", link); err != nil {
		t.Fatal(err)
	}
	file := func(path string) string {
		return strings.Replace(hmacBlock(), hmacKey, "file:"+path, 1)
	}
	lan := nettest.NewLANT(t, 3, nettest.Options{})
	a := newNode(t, lan.Node(1), fast("VI_1", 51, 200, hmacBlock(), vip), "-D").start()
	a.waitAddr(vip, true)
	b := newNode(t, lan.Node(2), fast("VI_1", 51, 100, file("${_ENV CREDENTIALS_DIRECTORY}/vrrp"), vip), "-D")
	b.env = []string{"CREDENTIALS_DIRECTORY=" + dir}
	c := newNode(t, lan.Node(3), fast("VI_1", 51, 90, file(link), vip), "-D")
	b.start()
	c.start()
	heardMaster(b, "192.0.2.1")
	heardMaster(c, "192.0.2.1")
	c.waitLog("(VI_1) auth_hmac key file " + open + " is accessible to others (mode 0644, owner 0)")
	c.waitLog("chmod 600 " + open)
	if b.out.count("accessible") != 0 {
		t.Errorf("complaint about a file of mode 0400:\n%s", b.out)
	}
	c.args = append([]string{"-t"}, c.args...)
	c.start()
	if _, status := c.ended(time.Now()); status != 6 {
		t.Errorf("the configuration test ends with %d, want 6", status)
	}
}

// TestAHWrongPassword: each is master, as with keepalived, and the log says why.
func TestAHWrongPassword(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	ah := func(priority int, pass string) string {
		return fmt.Sprintf("vrrp_instance VI_1 {\n version 2\n interface eth0\n virtual_router_id 51\n priority %d\n advert_int 1\n"+
			" authentication {\n auth_type AH\n auth_pass %s\n }\n virtual_ipaddress { %s }\n}\n", priority, pass, vip)
	}
	a := newNode(t, lan.Node(1), ah(200, "one"), "-D").start()
	b := newNode(t, lan.Node(2), ah(100, "two"), "-D").start()
	a.waitAddr(vip, true)
	b.waitAddr(vip, true)
	for _, n := range []*node{a, b} {
		n.waitLog("(VI_1) IPSEC-AH : invalid IPSEC HMAC-MD5 value. Due to fields mutation or bad password !")
	}
	if n := statistic(t, a, "Failure"); n == "0" {
		t.Error("not counted")
	}
}

// TestNoSecrets looks for passwords and keys in everything that a daemon and a
// configuration test put out.
func TestNoSecrets(t *testing.T) {
	nettest.Require(t)
	const pass, text, other = "pAsSw0rd", "tHiS-iS-a-KeY-oF-fOuRtY-bYtEs-ToBeHiDdEn", "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f"
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	conf := func(priority int) string {
		return fmt.Sprintf("vrrp_instance VI_1 {\n version 2\n interface eth0\n virtual_router_id 51\n priority %d\n advert_int 1\n"+
			" authentication {\n auth_type AH\n auth_pass %s\n }\n virtual_ipaddress { %s }\n}\n", priority, pass, vip) +
			fast("VI_2", 52, priority, fmt.Sprintf("auth_hmac {\n key 1 %s\n key 2 hex:%s\n active_key 1\n }", text, other), "192.0.2.101") +
			fmt.Sprintf("vrrp_instance VI_3 {\n version 2\n interface eth0\n virtual_router_id 53\n priority %d\n advert_int 1\n"+
				" authentication {\n auth_type PASS\n auth_pass %s\n }\n virtual_ipaddress { 192.0.2.102 }\n}\n", priority, pass)
	}
	mistakes := fmt.Sprintf("vrrp_instance VI_4 {\n interface eth0\n virtual_router_id 54\n virtual_ipaddress { 192.0.2.103 }\n"+
		" authentication {\n auth_type PASS\n auth_pass %sX\n auth_pass \"%s\n }\n"+
		" auth_hmac {\n key %s\n key %s x\n key 3 %s%s\n key 4 hex:%sx\n key 1 \"%s\n active_key 1\n }\n}\n",
		pass, pass, text, text, text, text, other, text)
	a := newNode(t, lan.Node(1), conf(200), "-D", "-d").start()
	b := newNode(t, lan.Node(2), strings.NewReplacer(pass, "another", text, strings.ToUpper(text)).Replace(conf(100)), "-D").start()
	for _, n := range []*node{a, b} {
		n.waitLog("IPSEC-AH : invalid")
		n.waitLog("invalid authentication HMAC")
		n.waitLog("invalid passwd")
	}
	a.reload(conf(200) + mistakes)
	for sig, name := range map[syscall.Signal]string{syscall.SIGUSR1: "keepalived.data", syscall.SIGUSR2: "keepalived.stats", 36: "keepalived.json"} {
		a.signal(sig)
		nettest.WaitFor(t, 5*time.Second, func() bool { st, err := os.Stat(a.path(name)); return err == nil && st.Size() > 0 }, name)
	}
	nettest.WaitFor(t, 5*time.Second, func() bool { _, err := os.Stat(a.path("pid.replay")); return err == nil }, "the marks")
	for _, format := range []string{"plain", "pretty", "json", "sarif"} {
		x := newNode(t, lan.Node(2), conf(200)+mistakes, "-t", "--config-test-format="+format)
		x.out = a.out
		x.start()
		if _, status := x.ended(time.Now()); status == 0 {
			t.Errorf("%s: no mistakes found", format)
		}
	}
	a.signal(syscall.SIGABRT) // the runtime prints all goroutines, as after a panic
	a.ended(time.Now())
	a.waitLog("goroutine ")

	outputs := map[string]string{"log": a.out.String(), "log of the other": b.out.String()}
	names, err := exec.Command("find", a.dir, "-type", "f", "!", "-name", "*.conf").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(string(names)) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		outputs[name] = string(data)
	}
	if len(outputs) < 5 {
		t.Errorf("only %d outputs", len(outputs))
	}
	for name, out := range outputs {
		for _, secret := range []string{pass, text, text[:16], other, other[:16], hex.EncodeToString([]byte(text))[:16], hex.EncodeToString([]byte(pass))} {
			if i := strings.Index(strings.ToLower(out), strings.ToLower(secret)); i >= 0 {
				t.Errorf("%s: %q", name, out[max(0, i-80):min(len(out), i+80)])
			}
		}
	}
	for _, want := range []string{"Authentication extension = HMAC-SHA256-128", "Keys = 2, active key id = 1", "Mode = enforce", "Anti replay = time, window = 5 sec", "Protocol = AH"} {
		if !strings.Contains(outputs[a.path("keepalived.data")], want) {
			t.Errorf("no %q in the data", want)
		}
	}
}

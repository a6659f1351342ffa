package findings

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-ha/holdfast/internal/config"
)

// example is the description in docs/config-test.md.
func example(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("../../docs/config-test.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(data, []byte("```json\n"))
	text, _, ok := bytes.Cut(rest, []byte("```\n"))
	if !ok {
		t.Fatal("no example")
	}
	return text
}

func TestExampleOfTheDocs(t *testing.T) {
	d, err := ParseHost(example(t))
	if err != nil {
		t.Fatal(err)
	}
	h := d.Host("testdata/golden/clean.conf", config.Options{})
	links, err := h.Links()
	if err != nil {
		t.Fatal(err)
	}
	want := []config.Link{
		{Name: "lo", Index: 1, MTU: 1500, Loopback: true},
		{Name: "eth0", Index: 2, MTU: 9000, Multicast: true, Ethernet: true, Addresses: d.Interfaces[1].Addresses},
		{Name: "tun0", Index: 3, MTU: 1400, NoARP: true},
		{Name: "vrrp.51", Index: 4, MTU: 1500, Multicast: true, Ethernet: true, Kind: "macvlan", Base: "eth0", Private: true},
	}
	if diff := cmp.Diff(want, links, cmpopts.EquateComparable(d.Interfaces[1].Addresses[0])); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	if u, err := h.User("keepalived_script"); err != nil || u.UID != 990 {
		t.Errorf("user: %v %v", u, err)
	}
	if _, err := h.User("nobody"); err == nil {
		t.Error("a user that is not listed")
	}
	if g, err := h.Group("haproxy"); err != nil || g != 991 {
		t.Errorf("group: %v %v", g, err)
	}
	if _, err := h.Lstat("/etc/keepalived/other.sh"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not listed: %v", err)
	}
	for p, want := range map[string]config.FileKind{"/": config.Directory, "/etc": config.Directory, "/etc/keepalived/check.sh": config.RegularFile, "/bin": config.Symlink} {
		if st, err := h.Lstat(p); err != nil || st.Kind != want {
			t.Errorf("%s: %+v %v", p, st, err)
		}
	}
	if target, err := h.Readlink("/bin"); target != "usr/bin" || err != nil {
		t.Errorf("symlink: %s %v", target, err)
	}
	if data, err := h.ReadFile("/etc/iproute2/rt_tables"); string(data) != "200\tuplink\n" || err != nil {
		t.Errorf("names: %q %v", data, err)
	}
	if h.NodeName() != "lb1.example.com" || h.CPUs() != 4 || h.Getenv("PATH") != defaultPath {
		t.Error("name, processors or path")
	}
}

func TestParseHostErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "is empty"},
		{"{", "line 1: the text ends before"},
		{"{\n\"cpus\": x}", "line 2: invalid character 'x'"},
		{"[]", "a description is an object {...} and not of type array"},
		{"{}\n{}", "line 2: there is something after"},
		{"{\"interface\": []}", `unknown field "interface"`},
		{"{\n\n\"cpus\": \"4\"}", "line 3: cpus cannot be of type string"},
		{`{"cpus": -1}`, "must be at least 1"},
		{`{"version": 2}`, "this program reads version 1"},
		{`{"interfaces": [{"mtu": 1500}]}`, "interface without a name"},
		{`{"interfaces": [{"name": "a"}, {"name": "a"}]}`, "interface a is there twice"},
		{`{"interfaces": [{"name": "a23456789012345x"}]}`, "at most 15"},
		{`{"interfaces": [{"name": "a", "flags": ["up"]}]}`, "unknown flag 'up': use loopback"},
		{`{"interfaces": [{"name": "a", "mtu": -1}]}`, "the MTU is -1"},
		{`{"interfaces": [{"name": "a", "addresses": ["192.0.2.1/24"]}]}`, "line 1"},
		{`{"users": [{"name": "a"}, {"name": "a"}]}`, "user a is there twice"},
		{`{"users": [{"name": "a", "uid": -1}]}`, "users.uid cannot be of type number -1"},
		{`{"groups": [{}]}`, "group without a name"},
		{`{"files": [{"path": "x"}]}`, "must be absolute"},
		{`{"files": [{"path": "/x/"}]}`, "must be absolute"},
		{`{"files": [{"path": "/x", "mode": "rwx"}]}`, "not an octal number"},
		{`{"files": [{"path": "/x", "mode": "17777"}]}`, "not an octal number"},
		{`{"files": [{"path": "/x", "kind": "fifo"}]}`, "unknown kind 'fifo': use file"},
		{`{"files": [{"path": "/x", "kind": "symlink"}]}`, "needs one"},
		{`{"files": [{"path": "/x", "target": "y"}]}`, "belongs to a symlink"},
		{`{"names": {"tables": {}}}`, "unknown table 'tables': use rt_tables"},
	} {
		_, err := ParseHost([]byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.text, err, tt.want)
		}
	}
}

func TestReadHost(t *testing.T) {
	if d, err := ReadHost("none"); err != nil || d.Interfaces != nil {
		t.Errorf("none: %+v %v", d, err)
	}
	name := filepath.Join(t.TempDir(), "h.json")
	if _, err := ReadHost(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(name, []byte(`{"cpus": 0.5}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadHost(name); err == nil || !strings.Contains(err.Error(), name+": line 1: cpus cannot be of type") {
		t.Errorf("bad file: %v", err)
	}
}

// load tests a text with a description.
func load(t *testing.T, d *Description, text string) config.Diagnostics {
	t.Helper()
	name := filepath.Join(t.TempDir(), "k.conf")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	opt := config.Options{Test: true, Seed: 1}
	opt.Host = d.Host(name, opt)
	_, diags := config.Load(name, opt)
	return diags
}

// everything names each kind of thing that a host may have or not.
const everything = `
$NIC=bond
global_defs {
    enable_script_security
    script_user keeper wheel
    smtp_server mail.example.com
    vrrp_cpu_affinity 3
    config_save_dir /srv/tmp/conf
}
static_routes {
    198.51.100.0/24 via 192.0.2.254 dev ${NIC}7 table uplink
    198.51.100.0/24 via 192.0.2.254 vrf blue
}
static_rules { from 192.0.2.0/24 table uplink ipproto tcp preference 100 }
garp_group {
    garp_interval 0.1
    interfaces { ens1 ens2 }
}
vrrp_script a { script "/opt/my-app_2/bin/check.sh --port 80 /var/x/y" }
vrrp_script b { script "killall -0 haproxy" }
vrrp_script c {
    script "/usr/bin/test -f '/tmp/a b'"
    user other
}
vrrp_script d { script "'/opt/two words=/x.sh' /y" }
track_file f { file /run/x/weight }
vrrp_instance VI_1 {
    interface ${NIC}7
    virtual_router_id 51
    use_vmac vrrp.51
    track_interface { ens3 }
    track_script {
        a
        b
        c
        d
    }
    track_file { f }
    virtual_ipaddress {
        192.0.2.10/24 dev vrrp.51
    }
    notify_master /opt/my=app/n.sh
    notify "/opt/n.sh a" other wheel
}
`

func TestNoneHasEverything(t *testing.T) {
	for _, d := range load(t, &Description{}, everything) {
		if d.Code != 0 && !strings.Contains(d.Text, "path search") {
			t.Errorf("%s: %s", d.Code, d)
		}
	}
}

// TestEmptyHasNothing takes one kind of thing away at a time.
func TestEmptyHasNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		d    Description
		want string
	}{
		"interfaces": {Description{Interfaces: []Interface{}}, "interface bond7 for vrrp_instance VI_1 doesn't exist"},
		"users":      {Description{Users: []User{}}, "Error setting global script uid/gid"},
		"groups":     {Description{Groups: []Group{}}, "Error setting global script uid/gid"},
		"files":      {Description{Files: []File{}}, "Disabling track script a since not found"},
		"names":      {Description{Names: map[string]map[string]uint{}}, "uplink"},
		"cpus":       {Description{CPUs: 2}, "Invalid cpu_id:3"},
	} {
		var all strings.Builder
		for _, d := range load(t, &tt.d, everything) {
			all.WriteString(d.String() + "\n")
		}
		if !strings.Contains(all.String(), tt.want) {
			t.Errorf("without %s: no %q in:\n%s", name, tt.want, all.String())
		}
	}
}

func TestInsecureScriptIsSeen(t *testing.T) {
	d, err := ParseHost([]byte(`{"files": [{"path": "/opt/app", "kind": "directory", "mode": "0777"}, {"path": "/opt/app/check.sh"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	const text = "global_defs {\nenable_script_security\nscript_user root\n}\nvrrp_script a { script /opt/app/check.sh }\n" +
		"vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\ntrack_script { a }\nvirtual_ipaddress { 192.0.2.1 }\n}\n"
	diags := load(t, d, text)
	if len(diags) != 1 || !strings.Contains(diags[0].Text, "insecure") || !strings.Contains(diags[0].Hint, "/opt/app could be changed by others") {
		t.Errorf("got %v", diags)
	}
}

func TestKeyFile(t *testing.T) {
	const text = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nauth_hmac {\nkey 1 file:/etc/keys/vrrp\nactive_key 1\n}\nvirtual_ipaddress { 192.0.2.1 }\n}\n"
	if got := load(t, &Description{}, text).ExitStatus(); got != 0 {
		t.Errorf("assumed: status %d", got)
	}
	open := &Description{Files: []File{{Path: "/etc/keys/vrrp", Mode: "0644"}}}
	if got := load(t, open, text).ExitStatus(); got != config.ExitSecurity {
		t.Errorf("readable by others: status %d", got)
	}
	if got := load(t, &Description{Files: []File{}}, text).ExitStatus(); got != config.ExitErrors {
		t.Errorf("absent: status %d", got)
	}
}

// TestRecord describes a host by what a configuration asks of it; with the
// description the test must find what it finds on that host.
func TestRecord(t *testing.T) {
	first, err := ParseHost([]byte(`{
		"node_name": "lb1", "cpus": 2, "path": "/sbin:/usr/bin",
		"interfaces": [{"name": "lo"}, {"name": "bond7", "mtu": 1400, "addresses": ["2001:db8::1"]}, {"name": "ens1", "flags": []}],
		"users": [{"name": "keeper", "uid": 7, "gid": 8}],
		"groups": [{"name": "wheel", "gid": 9}, {"name": "unasked", "gid": 10}],
		"files": [
			{"path": "/opt", "kind": "symlink", "target": "srv/opt"},
			{"path": "/srv/opt/my-app_2", "kind": "directory", "mode": "0775", "gid": 5},
			{"path": "/srv/opt/my-app_2/bin/check.sh"},
			{"path": "/srv/opt/n.sh", "mode": "0644", "uid": 1},
			{"path": "/usr/bin/killall"}, {"path": "/unasked"}
		],
		"names": {"rt_tables": {"uplink": 200}}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"broken": everything,
		"sound":  strings.NewReplacer("ens2", "", "ens3", "ens1", "user other", "", " other wheel", "", " dev vrrp.51", "").Replace(everything),
	} {
		t.Run(name, func(t *testing.T) {
			main := filepath.Join(t.TempDir(), "k.conf")
			if err := os.WriteFile(main, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			opt := config.Options{Test: true, Seed: 1}
			opt.Host = first.Host(main, opt)
			_, want := config.Load(main, opt)
			var b bytes.Buffer
			if err := WriteHost(&b, main, opt); err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/golden/record-"+name+".json", b.Bytes())
			second, err := ParseHost(b.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			opt.Host = nil
			opt.Host = second.Host(main, opt)
			_, got := config.Load(main, opt)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-host +description):\n%s", diff)
			}
		})
	}
}

// TestThisMachine writes the description of the machine that the test runs on.
func TestThisMachine(t *testing.T) {
	var b bytes.Buffer
	if err := WriteHost(&b, "testdata/golden/mistakes.conf", config.Options{Test: true}); err != nil {
		t.Skip(err)
	}
	d, err := ParseHost(b.Bytes())
	if err != nil {
		t.Fatalf("%v\n%s", err, b.Bytes())
	}
	if d.Interfaces == nil || d.Users == nil || d.Groups == nil || d.Files == nil || d.Names == nil {
		t.Errorf("a list of the description is left out:\n%s", b.Bytes())
	}
}

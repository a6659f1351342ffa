package interop_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// SeedsEnv names a folder with configurations from documents that our users
// read, in a folder examples below it.
const SeedsEnv = "HOLDFAST_SEEDS"

// TestFilesFromDocuments runs every example and every file in configs alone on
// a node: it is checked like keepalived checks it, and holds its addresses on
// the interface that it names.
func TestFilesFromDocuments(t *testing.T) {
	nettest.Require(t)
	files := examples(t)
	if len(files) == 0 {
		t.Skip("no example files: name their folder in " + SeedsEnv)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "vrrp_script") {
				needScripts(t)
			}
			newExample(t, string(text)).run()
		})
	}
}

// examples lists the files.
func examples(t *testing.T) []string {
	t.Helper()
	seeds := os.Getenv(SeedsEnv)
	if seeds == "" {
		seeds = "../../../shared/seeds"
	}
	if _, err := os.Stat(seeds); err != nil {
		t.Logf("examples from documents are not tried, name their folder in %s: %v", SeedsEnv, err)
	}
	var files []string
	for _, dir := range []string{filepath.Join(seeds, "examples"), "../../configs"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && d.IsDir() && (d.Name() == "dbus" || d.Name() == "packages") { // for other programs
				return fs.SkipDir
			}
			if err == nil && !d.IsDir() && (filepath.Ext(path) == ".conf" || filepath.Ext(path) == ".cfg") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// example is a file and a node that has what the file takes for granted.
type example struct {
	t     *testing.T
	text  string // for the daemon
	plain string // without comments
	lan   *nettest.LAN
	dir   string
}

var (
	reInterface = regexp.MustCompile(`(?m)^\s*interface\s+(\S+)`)
	reSource    = regexp.MustCompile(`(?m)^\s*(?:unicast|mcast)_src_ip\s+(\S+)`)
	reTracked   = regexp.MustCompile(`(?s)track_interface\s*\{([^}]*)\}`)
	// Scripts of the administrator, and checks for programs that do not run.
	reScript  = regexp.MustCompile(`/usr/local/[\w./-]+|/usr/bin/pgrep -x \w+`)
	reBlock   = regexp.MustCompile(`(?s)virtual_ipaddress(?:_excluded)?\s*\{([^}]*)\}`)
	reComment = regexp.MustCompile(`(?m)[#!].*$`)
)

func newExample(t *testing.T, text string) *example {
	t.Helper()
	inputs()
	e := &example{t: t, text: text, lan: nettest.NewLANT(t, 1, nettest.Options{}), dir: t.TempDir()}
	e.scripts()
	e.plain = reComment.ReplaceAllString(e.text, "")
	e.links()
	return e
}

// scripts puts a script that succeeds in the place of those that the file names.
func (e *example) scripts() {
	path := filepath.Join(e.dir, "script")
	if err := nettest.WriteProgram(path, []byte("#!/bin/sh\nexit 0\n")); err != nil {
		e.t.Fatal(err)
	}
	e.text = reScript.ReplaceAllString(e.text, path)
}

// links gives the node the interfaces that the file names, the first one as its
// place on the segment, and addresses that no file wants to hold.
func (e *example) links() {
	e.t.Helper()
	h := e.lan.Node(1).Handle()
	check := func(err error) {
		e.t.Helper()
		if err != nil {
			e.t.Fatal(err)
		}
	}
	eth, err := h.LinkByName(e.lan.Iface())
	check(err)
	have := e.lan.Iface()
	for i, name := range e.interfaces() {
		if i > 0 && name != have {
			further := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: fmt.Sprint("peer", i)}
			check(h.LinkAdd(further))
			check(h.LinkSetUp(further))
			peer, err := h.LinkByName(further.PeerName)
			check(err)
			check(h.LinkSetUp(peer))
			check(h.AddrAdd(further, addrOf(netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 24))))
			continue
		}
		if name != have {
			check(h.LinkSetDown(eth))
			check(h.LinkSetName(eth, name))
			check(h.LinkSetUp(eth))
			have = name
		}
	}
	own := e.lan.Prefix4(1)
	check(h.AddrDel(eth, addrOf(own)))
	want := []netip.Prefix{netip.MustParsePrefix("192.0.2.250/24")}
	for _, m := range reSource.FindAllStringSubmatch(e.plain, -1) {
		want = append(want, netip.PrefixFrom(netip.MustParseAddr(m[1]), 24))
	}
	for _, p := range want {
		check(h.AddrAdd(eth, addrOf(p)))
	}
}

// addrOf converts an address for netlink.
func addrOf(p netip.Prefix) *netlink.Addr {
	a, err := netlink.ParseAddr(p.String())
	if err != nil {
		panic(err) // not from a valid prefix
	}
	return a
}

// interfaces returns the interfaces that the file names, those of instances
// first, in its order.
func (e *example) interfaces() []string {
	var names []string
	for _, m := range reInterface.FindAllStringSubmatch(e.plain, -1) {
		names = append(names, m[1])
	}
	for _, m := range reTracked.FindAllStringSubmatch(e.plain, -1) {
		for line := range strings.Lines(m[1]) {
			if words := strings.Fields(line); len(words) > 0 {
				names = append(names, words[0])
			}
		}
	}
	var out []string
	for _, name := range names {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// addresses returns what the file wants to hold, and where.
func (e *example) addresses() map[netip.Addr]string {
	out := map[netip.Addr]string{}
	for instance := range strings.SplitSeq(e.plain, "vrrp_instance") {
		iface := reInterface.FindStringSubmatch(instance)
		for _, block := range reBlock.FindAllStringSubmatch(instance, -1) {
			for line := range strings.Lines(block[1]) {
				words := strings.Fields(line)
				if len(words) == 0 {
					continue
				}
				ip, _, _ := strings.Cut(words[0], "/")
				dev := ""
				if iface != nil {
					dev = iface[1]
				}
				if i := slices.Index(words, "dev"); i >= 0 && i+1 < len(words) {
					dev = words[i+1]
				}
				if strings.Contains(instance, "use_vmac") {
					dev = "" // an interface of the daemon's own
				}
				out[netip.MustParseAddr(ip)] = dev
			}
		}
	}
	return out
}

func (e *example) run() {
	e.t.Helper()
	got, text := e.check(ours)
	want := got
	if _, err := os.Stat(interop.Keepalived); err == nil {
		want, _ = e.check(interop.Keepalived)
	}
	// 6 is what keepalived says of scripts without script security.
	if got != want || got != 0 && got != 6 {
		e.t.Errorf("configuration check: status %d, want %d:\n%s", got, want, text)
	}

	addrs := e.addresses()
	if len(addrs) == 0 {
		e.t.Fatal("no addresses found in the file")
	}
	d, err := interop.Start(e.lan.Node(1), ours, e.dir, e.text)
	if err != nil {
		e.t.Fatal(err)
	}
	defer func() {
		if e.t.Failed() {
			e.t.Logf("log:\n%s", d.Log())
		}
	}()
	nettest.WaitFor(e.t, patience, func() bool { return e.held(addrs) == len(addrs) }, "all addresses to be held")
	if err := d.Stop(); err != nil {
		e.t.Error(err)
	}
	if n := e.held(addrs); n != 0 {
		e.t.Errorf("%d addresses are still held after the stop", n)
	}
}

// held counts the addresses that are where they should be.
func (e *example) held(addrs map[netip.Addr]string) int {
	n := 0
	for addr, dev := range addrs {
		if dev == "" {
			if e.lan.Node(1).HasAddr(addr) {
				n++
			}
			continue
		}
		on, err := e.lan.Node(1).Addrs(dev)
		if err == nil && slices.ContainsFunc(on, func(p netip.Prefix) bool { return p.Addr() == addr }) {
			n++
		}
	}
	return n
}

// check runs the configuration check of a daemon.
func (e *example) check(program string) (status int, text string) {
	e.t.Helper()
	file := filepath.Join(e.dir, "check.conf")
	if err := os.WriteFile(file, []byte(e.text), 0o644); err != nil {
		e.t.Fatal(err)
	}
	var out strings.Builder
	cmd := exec.Command(program, "-t", "-f", file)
	cmd.Stdout, cmd.Stderr = &out, &out
	p, err := e.lan.Node(1).Start(cmd)
	if err != nil {
		e.t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			e.t.Fatal(err)
		}
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

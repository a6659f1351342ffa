// Package snmptest runs a master agent, and somebody who hears its notifications,
// for tests.
package snmptest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// Master is snmpd with snmptrapd, in a namespace.
type Master struct {
	Socket string // for sub-agents

	tb   testing.TB
	ns   *nettest.NS
	dir  string
	proc *nettest.Process
}

const (
	address     = "127.0.0.1:1161"
	trapAddress = "127.0.0.1:1162"
	patience    = 20 * time.Second
)

// Start runs both until the test ends. The test is skipped where they are missing.
func Start(tb testing.TB, ns *nettest.NS) *Master {
	tb.Helper()
	for _, program := range []string{"snmpd", "snmptrapd", "snmpwalk"} {
		if _, err := exec.LookPath(program); err != nil {
			tb.Skip(program + " is not installed")
		}
	}
	dir := tb.TempDir()
	m := &Master{Socket: filepath.Join(dir, "agentx"), tb: tb, ns: ns, dir: dir}
	m.write("snmpd.conf", fmt.Sprintf("agentaddress udp:%s\nmaster agentx\nagentXSocket %s\nrwcommunity test\ntrap2sink %s test\n",
		address, m.Socket, trapAddress))
	m.write("snmptrapd.conf", "authCommunity log test\ndisableAuthorization yes\n")
	traps := m.command("snmptrapd", "-f", "-Lf", m.path("traps"), "-C", "-c", m.path("snmptrapd.conf"), "-On", "-OQ",
		"-F", "%v\n", "-p", m.path("snmptrapd.pid"), "udp:"+trapAddress)
	if _, err := ns.Start(traps); err != nil {
		tb.Fatal(err)
	}
	nettest.WaitFor(tb, patience, func() bool { return strings.Contains(m.read("traps"), "NET-SNMP") }, "snmptrapd")
	m.Run()
	return m
}

func (m *Master) path(name string) string { return filepath.Join(m.dir, name) }

func (m *Master) read(name string) string {
	text, err := os.ReadFile(m.path(name))
	if err != nil && !os.IsNotExist(err) {
		m.tb.Fatal(err)
	}
	return string(text)
}

func (m *Master) write(name, text string) {
	if err := os.WriteFile(m.path(name), []byte(text), 0o600); err != nil {
		m.tb.Fatal(err)
	}
}

func (m *Master) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "SNMP_PERSISTENT_DIR="+m.path("state"), "SNMPCONFPATH="+m.dir, "MIBS=")
	return c
}

// Run starts the master agent again after Kill, and waits until it answers.
func (m *Master) Run() {
	m.tb.Helper()
	p, err := m.ns.Start(m.command("snmpd", "-f", "-Lf", m.path("snmpd.log"), "-C", "-c", m.path("snmpd.conf"),
		"-I", "-smux", "-p", m.path("snmpd.pid")))
	if err != nil {
		m.tb.Fatal(err)
	}
	m.proc = p
	nettest.WaitFor(m.tb, patience, func() bool { return len(m.Walk(".1.3.6.1.2.1.1.3")) > 0 }, "snmpd to answer")
}

// Kill ends the master agent at once.
func (m *Master) Kill() {
	m.proc.Kill()
	<-m.proc.Done()
}

// Signal sends a signal to the master agent.
func (m *Master) Signal(s syscall.Signal) {
	m.tb.Helper()
	if err := m.proc.Signal(s); err != nil {
		m.tb.Fatal(err)
	}
}

// Walk returns the objects below a root as snmpwalk writes them, with identifiers
// in numbers. What is not there is left out.
func (m *Master) Walk(root string) []string {
	out := m.ask("snmpwalk", root)
	var lines []string
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, ".") && !strings.Contains(line, "No Such") && !strings.Contains(line, "No more variables") {
			lines = append(lines, line)
		}
	}
	return lines
}

// Get returns an object as snmpget writes it.
func (m *Master) Get(name string) string { return strings.TrimSpace(m.ask("snmpget", name)) }

// Set sets an object to a number, and returns what snmpset says.
func (m *Master) Set(name, value string) string { return m.ask("snmpset", name, "i", value) }

func (m *Master) ask(program string, args ...string) string {
	m.tb.Helper()
	c := m.command(program, append([]string{"-v2c", "-c", "test", "-On", "-Ob", "-t", "3", "-r", "2", address}, args...)...)
	out := &strings.Builder{}
	c.Stdout, c.Stderr = out, out
	p, err := m.ns.Start(c)
	if err != nil {
		m.tb.Fatal(err)
	}
	<-p.Done()
	return out.String()
}

// Traps returns the notifications heard so far, those of the master agent itself left
// out: their objects but for the time.
func (m *Master) Traps() []string {
	var list []string
	for line := range strings.Lines(m.read("traps")) {
		_, rest, ok := strings.Cut(line, ".1.3.6.1.6.3.1.1.4.1.0 = ")
		if ok && !strings.HasPrefix(rest, ".1.3.6.1.6.3") && !strings.HasPrefix(rest, ".1.3.6.1.4.1.8072") {
			list = append(list, strings.TrimSpace(rest))
		}
	}
	return list
}

// AwaitTrap waits for a notification that has a text in it.
func (m *Master) AwaitTrap(text string) {
	m.tb.Helper()
	nettest.WaitFor(m.tb, patience, func() bool {
		for _, t := range m.Traps() {
			if strings.Contains(t, text) {
				return true
			}
		}
		return false
	}, "a notification with "+text)
}

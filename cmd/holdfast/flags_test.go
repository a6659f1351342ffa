package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/holdfast-ha/holdfast/internal/logs"
)

func defaults(change func(*options)) options {
	o := options{configFile: "/etc/keepalived/keepalived.conf", umask: 0o177, configFD: -1, facility: logs.Daemon}
	if change != nil {
		change(&o)
	}
	return o
}

func TestParseFlags(t *testing.T) {
	for _, tt := range []struct {
		args string
		want func(*options)
	}{
		{"", nil},
		{"-n -l -D", func(o *options) { o.dontFork, o.logConsole, o.detail = true, true, 1 }},
		{"-nlDD", func(o *options) { o.dontFork, o.logConsole, o.detail = true, true, 2 }},
		{"-D --log-detail", func(o *options) { o.detail = 2 }},
		{"-f /x -p/y --vrrp_pid /z -r=z", func(o *options) { o.configFile, o.pidFile, o.vrrpPID = "/x", "/y", "=z" }},
		{"-nf/x", func(o *options) { o.dontFork, o.configFile = true, "/x" }},
		{"-f -n", func(o *options) { o.configFile = "-n" }},
		{"--use-file=/x=y --pid --", func(o *options) { o.configFile, o.pidFile = "/x=y", "--" }},
		{"--use /x --dont-f --log-c --vrrp --vrrp_ /p", func(o *options) {
			o.configFile, o.dontFork, o.logConsole, o.vrrp, o.vrrpPID = "/x", true, true, true, "/p"
		}},
		{"-S 3", func(o *options) { o.facility = logs.Local0 + 3 }},
		{"--log-facility=user", func(o *options) { o.facility = logs.User }},
		{"-u 027", func(o *options) { o.umask, o.umaskSet = 0o027, true }},
		{"-u 0x3f", func(o *options) { o.umask, o.umaskSet = 0x3f, true }},
		{"-u 18", func(o *options) { o.umask, o.umaskSet = 18, true }},
		{"-PBIR --all", func(o *options) { o.vrrp, o.noBFD, o.keepIPVS, o.dontRespawn, o.all = true, true, true, true, true }},
		{"-XVGade", func(o *options) {
			o.releaseVIPs, o.keepVRRP, o.noSyslog, o.addressMonitoring, o.dumpConf, o.allConfig = true, true, true, true, true, true
			o.notes = []string{
				"-X: virtual addresses that others set are removed at the start, and only then",
			}
		}},
		{"-i node1 --ignore-sigint --config-fd 5 --strict", func(o *options) {
			o.configID, o.ignoreSigint, o.configFD, o.strictCompat = "node1", true, 5, true
		}},
		{"-t", func(o *options) { o.configTest, o.dontFork, o.dontRespawn, o.noSyslog = true, true, true, true }},
		{"-t/log", func(o *options) {
			o.configTest, o.configTestLog, o.dontFork, o.dontRespawn, o.noSyslog = true, "/log", true, true, true
		}},
		{"--config-t=/log", func(o *options) {
			o.configTest, o.configTestLog, o.dontFork, o.dontRespawn, o.noSyslog = true, "/log", true, true, true
		}},
		{"-tC", func(o *options) {
			o.configTest, o.configTestLog, o.dontFork, o.dontRespawn, o.noSyslog = true, "C", true, true, true
		}},
		{"-C -t", func(o *options) {
			o.check, o.configTest, o.dontFork, o.dontRespawn, o.noSyslog = true, true, true, true, true
			o.notes = []string{"-C: health checking is not served, only VRRP runs"}
		}},
		{"-C -P", func(o *options) {
			o.check, o.vrrp = true, true
			o.notes = []string{"-C: health checking is not served, only VRRP runs"}
		}},
		{"-c /c -b /b -x -A /a", func(o *options) {
			o.checkersPID, o.bfdPID, o.snmp, o.snmpSocket = "/c", "/b", true, "/a"
			o.notes = []string{
				"-c: there is no health checking process, its pid file is not written",
				"-b: there is no BFD process, its pid file is not written",
			}
		}},
		{"-m", func(o *options) {
			o.coreDump = true
		}},
		{"-M", func(o *options) {
			o.coreDump, o.corePattern = true, "core"
		}},
		{"-Mcore.%p", func(o *options) {
			o.coreDump, o.corePattern = true, "core.%p"
		}},
	} {
		var stdout, stderr bytes.Buffer
		got, exit, done := parseFlags(append([]string{"holdfast"}, strings.Fields(tt.args)...), &stdout, &stderr)
		if exit != 0 || done {
			t.Errorf("%q: exit %d, done %v", tt.args, exit, done)
		}
		if diff := cmp.Diff(defaults(tt.want), got, cmp.AllowUnexported(options{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.args, diff)
		}
		if stdout.Len()+stderr.Len() > 0 {
			t.Errorf("%q prints %q and %q", tt.args, stdout.String(), stderr.String())
		}
	}
}

// What is said about a command line, and the exit status; done is false where
// the program goes on.
func TestParseFlagsMessages(t *testing.T) {
	const (
		usage   = "Usage:"
		version = "Keepalived v2.4.3 (Holdfast "
	)
	for _, tt := range []struct {
		args           []string
		stdout, stderr string // stderr: that it begins with
		exit           int
		done           bool
	}{
		{args: []string{"-Z"}, stderr: "Unknown option -Z\n", exit: 1, done: true},
		{args: []string{"--bogus"}, stderr: "Unknown option --bogus\n", exit: 1, done: true},
		{args: []string{"--log"}, stderr: "Unknown option --log\n", exit: 1, done: true},
		{args: []string{"--log-f"}, stderr: "Unknown option --log-f\n", exit: 1, done: true},
		{args: []string{"--version=3"}, stderr: "Unknown option --version=3\n", exit: 1, done: true},
		{args: []string{"-Zn", "--bogus=1", "-Y"}, stderr: "Unknown option -Z\nUnknown option --bogus=1\nUnknown option -Y\n", exit: 1, done: true},
		{args: []string{"-f"}, stderr: "Missing parameter for option -f\n", exit: 1, done: true},
		{args: []string{"-nf"}, stderr: "Missing parameter for option -f\n", exit: 1, done: true},
		{args: []string{"-f", ""}, stderr: "Missing parameter for option -f\n", exit: 1, done: true},
		{args: []string{"--use-file"}, stderr: "Missing parameter for option --use-file\n", exit: 1, done: true},
		{args: []string{"--pid="}, stderr: "Missing parameter for option --pid\n", exit: 1, done: true},
		{args: []string{"-S", "bad"}, stderr: "Invalid log facility 'bad'\n"},
		{args: []string{"-u", "1000"}, stderr: "Invalid --umask option 1000\n"},
		{args: []string{"-u", "0o17"}, stderr: "Invalid --umask option 0o17\n"},
		{args: []string{"-u", "1_0"}, stderr: "Invalid --umask option 1_0\n"},
		{args: []string{"a", "-n", "b"}, stdout: "Unexpected argument(s): a b \n"},
		{args: []string{"--", "-v"}, stdout: "Unexpected argument(s): -v \n"},
		{args: []string{"-", "-v"}, stderr: version, done: true},
		{args: []string{"-v"}, stderr: version, done: true},
		{args: []string{"--ver"}, stderr: version, done: true},
		{args: []string{"-nv", "-Z"}, stderr: version, done: true},
		{args: []string{"-Z", "-v"}, stderr: "Unknown option -Z\n" + version, done: true},
		{args: []string{"-hv"}, stderr: usage, done: true},
		{args: []string{"-vh"}, stderr: version, done: true},
		{args: []string{"--signum", "RELOAD", "-v"}, stdout: "1\n", done: true},
		{args: []string{"--signum=STATS_CLEAR"}, stdout: "63\n", done: true},
		{args: []string{"--signum=JSON"}, stdout: "36\n", done: true},
		{args: []string{"--signum", "FOO"}, stderr: "Unknown sigfunc FOO\n", exit: 1, done: true},
		{args: []string{"--signum"}, stderr: "Missing parameter for option --signum\n", exit: 1, done: true},
		{args: []string{"-g"}, stderr: "-g requires configure option --enable-log-file", exit: 1, done: true},
		{args: []string{"-T", "-v"}, stderr: "genhash is not part", exit: 1, done: true},
		{args: []string{"-C"}, stderr: "-C asks for health checking alone", exit: 1, done: true},
		{args: []string{"-C", "-h"}, stderr: usage, done: true},
		{args: []string{"--config-test-format=xml"}, stderr: "unknown format 'xml'", exit: 1, done: true},
	} {
		var stdout, stderr bytes.Buffer
		_, exit, done := parseFlags(append([]string{"holdfast"}, tt.args...), &stdout, &stderr)
		if exit != tt.exit || done != tt.done {
			t.Errorf("%q: exit %d, done %v; want %d, %v", tt.args, exit, done, tt.exit, tt.done)
		}
		if stdout.String() != tt.stdout {
			t.Errorf("%q: stdout %q, want %q", tt.args, stdout.String(), tt.stdout)
		}
		if !strings.HasPrefix(stderr.String(), tt.stderr) || tt.stderr == "" && stderr.Len() > 0 {
			t.Errorf("%q: stderr %q, want %q", tt.args, stderr.String(), tt.stderr)
		}
		if strings.HasSuffix(tt.stderr, "\n") && stderr.String() != tt.stderr {
			t.Errorf("%q: stderr %q, want only %q", tt.args, stderr.String(), tt.stderr)
		}
	}
}

func TestNameOfProgram(t *testing.T) {
	var out bytes.Buffer
	if _, exit, done := parseFlags([]string{"/usr/bin/genhash", "-v"}, &out, &out); exit != 1 || !done {
		t.Errorf("genhash: exit %d, done %v", exit, done)
	}
	out.Reset()
	parseFlags([]string{"/usr/sbin/hapee-vrrp", "-h"}, &out, &out)
	if !strings.HasPrefix(out.String(), "Usage: /usr/sbin/hapee-vrrp [OPTION...]\n") {
		t.Errorf("help begins %.40q", out.String())
	}
}

// The help names every option, and nothing else, in lines that fit a terminal.
func TestHelpIsComplete(t *testing.T) {
	c := commandLine{opts: new(options)}
	c.define()
	want := map[string]bool{}
	c.flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "config-fd" {
			return // internal
		}
		want["--"+f.Name] = true
		if f.Shorthand != "" {
			want["-"+f.Shorthand+", --"+f.Name] = true
			delete(want, "--"+f.Name)
		}
	})
	got := map[string]bool{}
	row := regexp.MustCompile(`(?m)^  (?:(-\w, )|    )(--[\w-]+)`)
	for _, m := range row.FindAllStringSubmatch(helpText, -1) {
		got[m[1]+m[2]] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("options in the help (-want +got):\n%s", diff)
	}
	for line := range strings.Lines(helpText) {
		if len(line) > 81 {
			t.Errorf("wider than 80 columns: %s", line)
		}
	}
}

func FuzzParseFlags(f *testing.F) {
	f.Add("-nlD -f /x --log-f user -t/y")
	f.Add("--config-test= --pid -- --use-file -M -u 0x")
	f.Fuzz(func(t *testing.T, line string) {
		var out bytes.Buffer
		args := strings.Split(line, " ")
		o, exit, done := parseFlags(append([]string{"holdfast"}, args...), &out, &out)
		if !done && exit != 0 {
			t.Errorf("%q: goes on with status %d", args, exit)
		}
		if o.umask < 0 || o.umask > 0o777 {
			t.Errorf("%q: umask %o", args, o.umask)
		}
	})
}

package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/holdfast-ha/holdfast/internal/findings"
	"github.com/holdfast-ha/holdfast/internal/logs"
	"github.com/holdfast-ha/holdfast/internal/process"
	"github.com/holdfast-ha/holdfast/internal/reference"
)

// defaultConfig is read when -f is not given.
const defaultConfig = "/etc/keepalived/keepalived.conf"

// defaultUmask makes dump files readable by root alone.
const defaultUmask = 0o177

// options are what the command line says. Empty strings mean: not given.
type options struct {
	configFile string // -f
	allConfig  bool   // -e: missing include files are errors
	namespace  string // -s: network namespace, over the one in the file
	configID   string // -i: selects @ID lines; empty: the host's name

	vrrp, check bool // -P, -C: only that part; both or none: everything
	noBFD       bool // -B
	all         bool // --all

	logConsole bool // -l
	detail     int  // how often -D was given
	facility   logs.Facility
	noSyslog   bool // -G

	dontFork    bool // -n, also by -t
	dontRespawn bool // -R
	releaseVIPs bool // -X
	keepVRRP    bool // -V
	keepIPVS    bool // -I

	pidFile, vrrpPID, checkersPID, bfdPID string // -p -r -c -b

	umask    int  // -u
	umaskSet bool // -u was given and wins over the file

	addressMonitoring bool   // -a
	dumpConf          bool   // -d
	snmp              bool   // -x
	snmpSocket        string // -A
	coreDump          bool   // -m, also by -M
	corePattern       string // -M; "core" when it had no argument
	ignoreSigint      bool   // --ignore-sigint

	configTest    bool            // -t
	configTestLog string          // -tFILE
	testFormat    findings.Format // --config-test-format, ours
	testHost      string          // --config-test-host, ours; "": this machine
	testHostDump  bool            // --config-test-host-dump, ours
	diffOld       string          // --config-diff, ours: compare this file ...
	diffNew       string          // ... with this one; "": do not
	configFD      int             // --config-fd; -1: none

	strictCompat    bool   // --strict-compat, ours
	logScriptOutput bool   // --log-script-output, ours
	leastPrivilege  bool   // --least-privilege, ours
	rehearse        bool   // --rehearse, ours: only try whether it would come up in place of another
	record          string // --record, ours: where everything that happens is written

	// notes tell that something given is not served here; main logs them.
	notes []string
}

// runVRRP tells whether the part that this program has is wanted.
func (o *options) runVRRP() bool { return o.vrrp || !o.check }

// optionalArg is the NoOptDefVal of options whose argument must be attached
// (-tFILE, --config-test=FILE); it cannot be typed.
const optionalArg = "\x00"

// Options that act as soon as they are met.
const (
	flagHelp    = "help"
	flagVersion = "version"
	flagSignum  = "signum"
	flagGenhash = "genhash"
	flagExplain = "explain" // ours
)

// Options of the configuration test that keepalived has not. They imply it, and
// no abbreviation stands for them: --config-te is keepalived's --config-test.
const (
	testPrefix     = "config-test-"
	flagTestFormat = testPrefix + "format"
	flagTestHost   = testPrefix + "host"
)

// flagDiff takes two words, as diff(1) does. No abbreviation stands for it.
const flagDiff = "config-diff"

// flagRecord is not abbreviated either: --re is keepalived's --release-vips.
const flagRecord = "record"

// parseFlags reads a command line, args[0] being the name of the program, as
// keepalived reads its own: by the rules of GNU getopt_long, from left to right.
// When done is true the program is to end with the status exit.
func parseFlags(args []string, stdout, stderr io.Writer) (opts options, exit int, done bool) {
	name := "holdfast"
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	if filepath.Base(name) == flagGenhash {
		fmt.Fprintln(stderr, noGenhash)
		return opts, 1, true
	}
	c := &commandLine{name: name, opts: &opts, stdout: stdout, stderr: stderr}
	c.define()
	if exit, done = c.scan(args); done {
		return opts, exit, true
	}
	c.takeDiff()
	if len(c.words) > 0 {
		fmt.Fprintf(stdout, "Unexpected argument(s): %s \n", strings.Join(c.words, " "))
	}
	if c.bad {
		return opts, 1, true
	}
	if opts.configTest {
		opts.dontFork, opts.dontRespawn, opts.noSyslog = true, true, true
	}
	if opts.corePattern == optionalArg {
		opts.corePattern = "core"
	}
	opts.notes = c.notes()
	if !opts.runVRRP() && !opts.configTest {
		// Idling would look like working health checks; VRRP was not asked for.
		fmt.Fprintln(stderr, "-C asks for health checking alone, which Holdfast has not: run keepalived -C beside it")
		return opts, 1, true
	}
	return opts, 0, false
}

const noGenhash = "genhash is not part of Holdfast: use the one of keepalived"

// commandLine is one run of parseFlags.
type commandLine struct {
	name           string
	flags          *pflag.FlagSet
	opts           *options
	stdout, stderr io.Writer
	words          []string // those that are not options
	bad            bool     // an error was reported: exit 1 after the last argument
}

// define fills the table of options. The table, the values and the lookup are
// pflag's; scan replaces its parser, which stops at the first unknown option and
// knows no abbreviations.
func (c *commandLine) define() {
	o, f := c.opts, pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	c.flags = f
	*o = options{configFile: defaultConfig, umask: defaultUmask, configFD: -1, facility: logs.Daemon}
	attached := func(p *string, long, short string) {
		f.StringVarP(p, long, short, "", "")
		f.Lookup(long).NoOptDefVal = optionalArg
	}
	f.StringVarP(&o.configFile, "use-file", "f", o.configFile, "")
	f.BoolVarP(&o.vrrp, "vrrp", "P", false, "")
	f.BoolVarP(&o.check, "check", "C", false, "")
	f.BoolVarP(&o.noBFD, "no_bfd", "B", false, "")
	f.BoolVar(&o.all, "all", false, "")
	f.BoolVarP(&o.logConsole, "log-console", "l", false, "")
	f.CountVarP(&o.detail, "log-detail", "D", "")
	f.VarP(&facilityValue{&o.facility}, "log-facility", "S", "")
	f.BoolVarP(&o.noSyslog, "no-syslog", "G", false, "")
	attached(new(string), "log-file", "g")
	f.VarP(&umaskValue{o}, "umask", "u", "")
	f.BoolVarP(&o.releaseVIPs, "release-vips", "X", false, "")
	f.BoolVarP(&o.keepVRRP, "dont-release-vrrp", "V", false, "")
	f.BoolVarP(&o.keepIPVS, "dont-release-ipvs", "I", false, "")
	f.BoolVarP(&o.dontRespawn, "dont-respawn", "R", false, "")
	f.BoolVarP(&o.dontFork, "dont-fork", "n", false, "")
	f.BoolVarP(&o.dumpConf, "dump-conf", "d", false, "")
	f.StringVarP(&o.pidFile, "pid", "p", "", "")
	f.StringVarP(&o.vrrpPID, "vrrp_pid", "r", "", "")
	f.StringVarP(&o.checkersPID, "checkers_pid", "c", "", "")
	f.StringVarP(&o.bfdPID, "bfd_pid", "b", "", "")
	f.BoolVarP(&o.addressMonitoring, "address-monitoring", "a", false, "")
	f.BoolP(flagGenhash, "T", false, "")
	f.BoolVarP(&o.snmp, "snmp", "x", false, "")
	f.StringVarP(&o.snmpSocket, "snmp-agent-socket", "A", "", "")
	f.StringVarP(&o.namespace, "namespace", "s", "", "")
	f.BoolVarP(&o.coreDump, "core-dump", "m", false, "")
	attached(&o.corePattern, "core-dump-pattern", "M")
	f.BoolVarP(&o.allConfig, "all-config", "e", false, "")
	f.StringVarP(&o.configID, "config-id", "i", "", "")
	f.BoolVar(&o.ignoreSigint, "ignore-sigint", false, "")
	f.String(flagSignum, "", "")
	attached(&o.configTestLog, "config-test", "t")
	f.IntVar(&o.configFD, "config-fd", -1, "")
	f.BoolP(flagVersion, "v", false, "")
	f.BoolP(flagHelp, "h", false, "")
	f.BoolVar(&o.strictCompat, "strict-compat", false, "")
	f.BoolVar(&o.logScriptOutput, "log-script-output", false, "")
	f.BoolVar(&o.leastPrivilege, "least-privilege", false, "")
	f.StringVar(&o.record, flagRecord, "", "")
	f.BoolVar(&o.rehearse, process.RehearseFlag, false, "")
	f.String(flagTestFormat, "", "")
	f.StringVar(&o.diffOld, flagDiff, "", "")
	f.StringVar(&o.testHost, flagTestHost, "", "")
	f.BoolVar(&o.testHostDump, "config-test-host-dump", false, "")
	attached(new(string), flagExplain, "")
}

// notes tells of the given options that have no effect here.
func (c *commandLine) notes() []string {
	var notes []string
	for _, n := range []struct{ flag, text string }{
		{"check", "-C: health checking is not served, only VRRP runs"},
		{"checkers_pid", "-c: there is no health checking process, its pid file is not written"},
		{"bfd_pid", "-b: there is no BFD process, its pid file is not written"},
		{"release-vips", "-X: virtual addresses that others set are removed at the start, and only then"},
	} {
		if c.flags.Changed(n.flag) {
			notes = append(notes, n.text)
		}
	}
	return notes
}

// act does what an option does besides storing its value.
func (c *commandLine) act(flag, value string) (exit int, done bool) {
	switch flag {
	case flagHelp:
		printHelp(c.stderr, c.name)
		return 0, true
	case flagVersion:
		printVersion(c.stderr)
		return 0, true
	case flagGenhash:
		fmt.Fprintln(c.stderr, noGenhash)
		return 1, true
	case flagSignum:
		n, ok := process.SignalNumber(value)
		if !ok {
			fmt.Fprintf(c.stderr, "Unknown sigfunc %s\n", value)
			return 1, true
		}
		fmt.Fprintln(c.stdout, n)
		return 0, true
	case flagExplain:
		return c.explain(strings.TrimPrefix(value, optionalArg)), true
	case "log-file":
		c.fail("-g requires configure option --enable-log-file: Holdfast logs to syslog, and with -n -l to standard error")
	case "config-test":
		c.opts.configTest = true
		c.opts.configTestLog = strings.TrimPrefix(c.opts.configTestLog, optionalArg)
	case flagTestFormat:
		c.opts.configTest = true
		var err error
		if c.opts.testFormat, err = findings.ParseFormat(value); err != nil {
			c.fail("%v", err)
		}
	case flagTestHost:
		c.opts.configTest = true
	case "core-dump-pattern":
		c.opts.coreDump = true
	}
	return 0, false
}

// takeDiff takes the second file of --config-diff from the words that are no
// options.
func (c *commandLine) takeDiff() {
	switch {
	case c.opts.diffOld == "":
	case len(c.words) == 0:
		c.fail("--%s wants two files, the old and the new one", flagDiff)
	default:
		c.opts.diffNew, c.words = c.words[0], c.words[1:]
	}
}

// explain tells of a word of the configuration.
func (c *commandLine) explain(word string) (exit int) {
	var text strings.Builder
	if !reference.Explain(&text, word) {
		fmt.Fprint(c.stderr, text.String())
		return 1
	}
	fmt.Fprint(c.stdout, text.String())
	return 0
}

// facilityValue is the argument of --log-facility.
type facilityValue struct{ f *logs.Facility }

func (v *facilityValue) String() string { return "" }
func (v *facilityValue) Type() string   { return "string" }

func (v *facilityValue) Set(s string) error {
	f, ok := logs.ParseFacility(s)
	if !ok {
		//lint:ignore ST1005 these are keepalived's words
		return fmt.Errorf("Invalid log facility '%s'", s)
	}
	*v.f = f
	return nil
}

// umaskValue is the argument of --umask, a number as C writes it.
type umaskValue struct{ o *options }

func (v *umaskValue) String() string { return "" }
func (v *umaskValue) Type() string   { return "string" }

func (v *umaskValue) Set(s string) error {
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil || n > 0o777 || strings.ContainsAny(s, "_oObB") && !strings.HasPrefix(strings.ToLower(s), "0x") {
		//lint:ignore ST1005 these are keepalived's words
		return fmt.Errorf("Invalid --umask option %s", s)
	}
	v.o.umask, v.o.umaskSet = int(n), true
	return nil
}

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// compatVersion is the version of keepalived whose behaviour is kept.
const compatVersion = "2.4.3"

// version is set by the linker.
var version = "unknown"

// printVersion begins with the line that scripts look for in the output of
// keepalived --version, and then says plainly what this is.
func printVersion(w io.Writer) {
	fmt.Fprintf(w, "Keepalived v%s (Holdfast %s)\n\n", compatVersion, version)
	fmt.Fprintf(w, "This is Holdfast %s, which takes the place of keepalived %s for VRRP.\n", version, compatVersion)
	fmt.Fprintln(w, "It is a program of its own and holds no code of keepalived.")
	fmt.Fprintf(w, "\nBuilt with %s for %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		fmt.Fprintf(w, "Running on %s %s %s\n", unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Version[:]))
	}
	if distro := prettyName("/etc/os-release"); distro != "" {
		fmt.Fprintf(w, "Distro: %s\n", distro)
	}
	fmt.Fprintln(w, "\nConfig options:  VRRP VRRP_AUTH JSON INIT=systemd SYSTEMD_NOTIFY")
}

// prettyName reads the name of the distribution from an os-release file.
func prettyName(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if value, ok := strings.CutPrefix(s.Text(), "PRETTY_NAME="); ok {
			return strings.Trim(value, `"'`)
		}
	}
	return ""
}

// printHelp writes the options in groups; a test keeps it complete.
func printHelp(w io.Writer, name string) {
	fmt.Fprintf(w, "Usage: %s [OPTION...]\n", name)
	fmt.Fprint(w, helpText)
}

const helpText = `
Holdfast keeps a service reachable by moving virtual addresses between machines
(VRRP). Options, files, signals and log lines are those of keepalived.

Configuration:
  -f, --use-file=FILE          read FILE
                                 (` + defaultConfig + `)
  -i, --config-id=ID           use the lines that begin with @ID
                                 (default: the host's name up to the first dot)
  -e, --all-config             a missing include file is an error
  -t, --config-test[=FILE]     check the configuration, tell what is wrong on
                                 standard error or in FILE, and end with status
                                 0 (good), 4, 5 or 6 (insecure script)

Running:
  -n, --dont-fork              stay in the foreground
  -P, --vrrp                   only VRRP (always so)
  -p, --pid=FILE               pid file (/run/keepalived.pid)
  -r, --vrrp_pid=FILE          second pid file (/run/vrrp.pid)
  -u, --umask=MASK             for dump files, octal with a leading 0 (0177)
  -s, --namespace=NAME         run in the network namespace NAME
      --ignore-sigint          do not end on SIGINT (Ctrl-C)
      --all                    run even when nothing is configured
  -m, --core-dump              leave a core dump when a defect ends it
  -M, --core-dump-pattern[=PATTERN]
                               the same, and have the kernel name core dumps of
                                 all processes PATTERN (core) until the end

Addresses:
  -V, --dont-release-vrrp      keep addresses and send nothing when stopping
  -a, --address-monitoring     log every change of an address on this machine

Monitoring:
  -x, --snmp                   serve all MIBs, by a master agent
  -A, --snmp-agent-socket=FILE where the master agent listens

Logging:
  -D, --log-detail             say more; given twice, say still more
  -d, --dump-conf              log what the configuration means
  -l, --log-console            with -n, log to standard error too
  -G, --no-syslog              do not log to syslog
  -S, --log-facility=NAME      0-7, local0-local7, user or daemon (daemon)

Information:
  -v, --version                print the version
  -h, --help                   print this
      --signum=FUNCTION        print the number of the signal that asks a
                                 running daemon to RELOAD, STOP, UPGRADE, or
                                 write DATA, STATS, STATS_CLEAR or JSON

Only in Holdfast:
      --strict-compat          do as keepalived does wherever that is safe, also
                                 where Holdfast knows a better way
      --log-script-output      log the end of what a failing script prints
      --least-privilege        keep only the capabilities that the configuration
                                 needs, for good; a reload that needs more is
                                 refused
      --rehearse               try whether this program could take the place of
                                 the daemon that starts it, and change nothing
      --record=FILE            write all that happens to FILE, to be replayed in
                                 a test: no passwords, at most 64 MiB
      --config-test-format=F   with -t: text, pretty, json or sarif
      --config-test-host=FILE  with -t: the host is as FILE describes; with
                                 "none", all that is named is there
      --config-test-host-dump  describe this machine for --config-test-host
      --config-diff=OLD        with a second file: tell what a reload from OLD
                                 to that would change, and end with status 0
                                 (nothing), 1 (something) or 2 (cannot be run)
      --explain[=KEYWORD]      tell of a keyword or block of the configuration;
                                 without KEYWORD list the blocks

Accepted so that command lines need no change, without effect here:
  -X, --release-vips           virtual addresses are removed at the start
  -B, --no_bfd                 there is no BFD process
  -I, --dont-release-ipvs      there are no virtual servers
  -R, --dont-respawn           there is no child process to start again
  -c, --checkers_pid=FILE      there is no health checker
  -b, --bfd_pid=FILE           there is no BFD process

Known, but not served; the program ends with status 1:
  -C, --check                  health checking alone: use keepalived -C
  -g, --log-file[=FILE]        logging to a file
  -T, --genhash                the genhash tool
`

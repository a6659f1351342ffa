package conftest

import (
	"regexp"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/config"
)

// exceptions are differences between keepalived 2.2.7, which is the reference
// here, and what is wanted: mostly what later releases changed.
var exceptions = []exception{
	{
		name: "duplicate address", why: "a virtual address or a peer given twice is reported by later releases",
		ours:    regexp.MustCompile(`VIP duplicates an? e?VIP|duplicate unicast peer`),
		example: instanceWith("virtual_ipaddress {\n192.0.2.77\n192.0.2.77\n}"),
	},
	{
		name: "tracked route", why: "later releases track a route without interface",
		theirs:  regexp.MustCompile(`cannot track route .* with no interface specified`),
		example: "static_routes {\n198.51.100.0/24 via 192.0.2.1\n}\n",
	},
	{
		name: "fraction of a script", why: "interval and timeout of a script may be fractions in later releases",
		theirs:  regexp.MustCompile(`invalid number '[0-9]*\.[0-9]*'|number '[0-9]+\.[0-9]*' outside|vrrp script (interval|timeout) '[0-9]*\.[0-9]*'`),
		example: "vrrp_script c {\nscript /usr/bin/true\ninterval 0.5\n}\n",
	},
	{
		name: "track_file folder", why: "the folder and the file system of a track_file are checked by later releases",
		ours:    regexp.MustCompile(`^track_file .*(directory of|file system|regular file)`),
		example: "track_file t {\nfile /no/such/folder/file\n}\n",
	},
	{
		name: "words after a sender", why: "later releases report what follows the address",
		ours:    regexp.MustCompile(`notification_email_from has extra parameters`),
		example: "global_defs {\nnotification_email_from root@example.org x\n}\n",
	},
	{
		name: "strict unicast", why: "strict mode forbids unicast on an interface capable of multicast in later releases",
		ours:    regexp.MustCompile(`Strict mode does not support unicast peers`),
		example: instanceWith("strict_mode\nunicast_peer {\n192.0.2.8\n}\nvirtual_ipaddress {\n192.0.2.77\n}"),
	},
	{
		name: "empty track_group", why: "a track_group without members is reported by later releases",
		ours:    regexp.MustCompile(`^track group .* has no members`),
		example: "track_group g {\n}\n",
	},
	{
		name: "scripts of an empty group", why: "2.2.7 removes a group without members later, when its scripts have been looked at",
		text:    regexp.MustCompile(`vrrp_sync_group`),
		said:    regexp.MustCompile(`SECURITY VIOLATION`),
		when:    func(theirs, ours int) bool { return theirs == config.ExitSecurity && ours == config.ExitErrors },
		example: "vrrp_sync_group G {\nnotify_backup /usr/bin/true\n}\n" + instanceWith("virtual_ipaddress {\n192.0.2.77\n}"),
	},
	{
		name: "virtual servers", why: "what serves LVS alone is recognised and left out",
		lvs:     true,
		example: "virtual_server 192.0.2.1 80 {\nno_such_word\n}\n",
	},
	{
		name: "bounds of a random number", why: "more than two bounds, or a lower one above the upper, are reported by later releases",
		text:    regexp.MustCompile(`\$\{_RANDOM( [0-9]+){3,}\}|\$\{_RANDOM( [0-9]+)?\}`),
		example: "$X=${_RANDOM 1 2 3}\nglobal_defs {\nrouter_id $X\n}\n",
	},
	{
		name: "built without the RFC MIBs", why: "keywords of the RFC MIBs exist where keepalived is built with them",
		ours:    regexp.MustCompile(`Unknown keyword 'enable_snmp_rfc`),
		example: "global_defs {\nenable_snmp_rfc\n}\n",
	},
	{
		name: "built without iptables", why: "a keepalived without iptables says that it takes nftables in its place",
		theirs:  regexp.MustCompile(`iptables not supported, using nftables instead|nftables already specified`),
		example: "global_defs {\nvrrp_iptables\n}\n",
	},
	{
		name: "symbolic link in a path", why: "later releases check the path of a script as it is written, and refuse symbolic links in it",
		ours:    regexp.MustCompile(`^Disabling track script .* due to insecure`),
		example: "global_defs {\nenable_script_security\nscript_user root\n}\nvrrp_script c {\nscript /bin/true\n}\n" + instanceWith("virtual_ipaddress {\n192.0.2.77\n}"),
	},
}

// instanceWith is a configuration of one instance.
func instanceWith(more string) string {
	return "vrrp_instance VI1 {\ninterface eth0\nvirtual_router_id 4\n" + more + "\n}\n"
}

// TestExceptions shows each exception and each known disagreement by its
// example. One that is no longer a difference has to leave its table.
func TestExceptions(t *testing.T) {
	w := newBench(t).worker(t, 0)
	for _, table := range []struct {
		list []exception
		want outcome
	}{{exceptions, explained}, {knownDisagreements, known}} {
		for _, e := range table.list {
			t.Run(e.name, func(t *testing.T) {
				c := conf{mainFile: e.example}
				theirs, ours, err := w.both(c)
				if err != nil {
					t.Fatal(err)
				}
				if got, name := compare(c, theirs, ours); got != table.want || name != e.name {
					t.Errorf("exit: keepalived %d, ours %d: outcome %d by %q, want %d: take it out of the table, or mend the example\n%q\n%q",
						theirs.exit, ours.exit, got, name, table.want, theirs.messages, ours.messages)
				}
			})
		}
	}
}

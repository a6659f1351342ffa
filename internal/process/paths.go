package process

// runDir has the files of daemons that are not the only one on a machine.
const runDir = "/run/keepalived"

// Paths are the files that a daemon keeps while it runs.
type Paths struct {
	PID     string // of the program
	VRRPPID string // of the part that runs VRRP, the same process here
	Reload  string // exists while a configuration is being read, if so configured
}

// DefaultPaths gives the paths where nothing else is configured. With
// use_pid_dir, an instance name or a network namespace the files have a
// directory of their own; private says that one of the three is set.
func DefaultPaths(private bool, instance string) Paths {
	dir, suffix := "/run/", ""
	if private || instance != "" {
		dir = runDir + "/"
	}
	if instance != "" {
		suffix = "_" + instance
	}
	return Paths{
		PID:     dir + "keepalived" + suffix + ".pid",
		VRRPPID: dir + "vrrp" + suffix + ".pid",
		Reload:  dir + "keepalived" + suffix + ".reload",
	}
}

// Ident gives the name under which the daemon logs to syslog; namespace and
// instance may be empty.
func Ident(namespace, instance string) string {
	ident := "Keepalived_vrrp"
	for _, s := range []string{namespace, instance} {
		if s != "" {
			ident += "_" + s
		}
	}
	return ident
}

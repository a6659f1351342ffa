package daemon

import (
	"fmt"
	"os"
	"slices"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/privilege"
)

// What the daemon does with capabilities.
const (
	// Network is what speaking VRRP and holding addresses takes.
	Network = privilege.NetAdmin | privilege.NetRaw | privilege.NetBroadcast
	// Base is effective in every thread: the network; to stay in memory, which
	// the kernel asks for with each page; and, for root, the files of others that
	// a configuration may name.
	Base = Network | privilege.IPCLock | files
	// Raised is what is needed at moments: to start, and to end, a script of
	// another user, to give a FIFO to its owner, to set priorities, to hear of
	// processes from within a network namespace, to see who has removed an address.
	Raised = otherUser | privilege.Chown | privilege.SysNice | elsewhere

	files     = privilege.DACOverride | privilege.DACReadSearch | privilege.FOwner | privilege.Lease
	otherUser = privilege.SetUID | privilege.SetGID | privilege.Kill
	elsewhere = privilege.SysAdmin | privilege.SysPtrace
)

// Need is something that takes capabilities.
type Need struct {
	Set privilege.Set
	For string
	// Optional: there is another way, or it is only less good without.
	Optional bool
}

// String says what is needed, and for what.
func (n Need) String() string { return fmt.Sprintf("%v (%s)", n.Set, n.For) }

// Needs lists what a configuration takes, for a daemon of this process's user.
func Needs(cfg *config.Config) []Need {
	idle := len(cfg.Instances) == 0
	needs := []Need{
		{Set: privilege.NetRaw, For: "adverts are sent and received through raw sockets", Optional: idle},
		{Set: privilege.NetAdmin, For: "addresses, routes and rules are set", Optional: idle},
		{Set: privilege.NetBroadcast, For: "announcements", Optional: true},
	}
	uid, gid := os.Geteuid(), os.Getegid()
	seen := map[config.User]bool{}
	for _, c := range Commands(cfg) {
		if u := c.User; (int(u.UID) != uid || int(u.GID) != gid) && !seen[u] {
			seen[u] = true
			needs = append(needs, Need{Set: otherUser, For: fmt.Sprintf("script %s runs as %v", c.Raw, u)})
		}
	}
	more := &cfg.Global.More
	for _, f := range []*config.FIFO{&more.NotifyFIFO, &more.VRRPFIFO} {
		if f.User != nil && (int(f.User.UID) != uid || int(f.User.GID) != gid) {
			needs = append(needs, Need{Set: privilege.Chown, For: fmt.Sprintf("the FIFO %s belongs to %v", f.Path, f.User)})
		}
	}
	if p := &more.VRRPProcess; p.RealtimePriority > 0 || p.Priority < 0 || more.MaxAutoPriority > 0 {
		needs = append(needs, Need{Set: privilege.SysNice, For: "a raised priority is configured", Optional: true})
	}
	if more.NetNS != "" {
		needs = append(needs, Need{Set: privilege.SysAdmin, For: "net_namespace is entered, and its directory given up at the end", Optional: true})
	}
	if more.VRRPProcess.NoSwap {
		needs = append(needs, Need{Set: privilege.IPCLock, For: "vrrp_no_swap", Optional: true})
	}
	if len(cfg.Processes) > 0 {
		needs = append(needs, Need{Set: elsewhere, For: "processes are tracked, perhaps from another network namespace", Optional: true})
	}
	return needs
}

// Missing lists what a configuration must have and the process has not.
func Missing(cfg *config.Config) []Need {
	has, err := privilege.Permitted()
	if err != nil {
		return nil
	}
	var missing []Need
	for _, n := range Needs(cfg) {
		if n.Set &^= has; n.Set != 0 && !n.Optional {
			missing = append(missing, n)
		}
	}
	return missing
}

// Least is the least that a configuration can do with: Base and Raised, less what
// it does not need. root tells that one of its scripts runs as root and could not
// do what it is there for with less than root has.
func Least(cfg *config.Config) (base, raise privilege.Set, root bool) {
	all := privilege.Set(0)
	for _, n := range Needs(cfg) {
		all |= n.Set
	}
	root = slices.ContainsFunc(Commands(cfg), func(c *config.Command) bool { return c.User.UID == 0 })
	base = all & Base
	if os.Geteuid() == 0 {
		base |= files
	}
	return base, all & Raised, root
}

// Commands lists everything that a configuration runs.
func Commands(cfg *config.Config) []*config.Command {
	var all []*config.Command
	for _, s := range cfg.Scripts {
		all = append(all, &s.Command)
	}
	more := &cfg.Global.More
	all = append(all, more.NotifyFIFO.Script, more.VRRPFIFO.Script, more.Startup.Command, more.Finish.Command)
	of := func(n *config.Notify) {
		all = append(all, n.Master, n.Backup, n.Fault, n.Stop, n.Deleted, n.MasterRxLowerPri, n.Any)
	}
	for _, g := range cfg.Groups {
		of(&g.Notify)
	}
	for _, c := range cfg.Instances {
		of(&c.Notify)
	}
	return slices.DeleteFunc(all, func(c *config.Command) bool { return c == nil })
}

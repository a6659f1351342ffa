package privilege

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Set is a set of capabilities, by their numbers.
type Set uint64

// Capabilities that something here uses.
const (
	Chown         Set = 1 << unix.CAP_CHOWN
	DACOverride   Set = 1 << unix.CAP_DAC_OVERRIDE
	DACReadSearch Set = 1 << unix.CAP_DAC_READ_SEARCH
	FOwner        Set = 1 << unix.CAP_FOWNER
	Kill          Set = 1 << unix.CAP_KILL
	SetGID        Set = 1 << unix.CAP_SETGID
	SetUID        Set = 1 << unix.CAP_SETUID
	SetPCap       Set = 1 << unix.CAP_SETPCAP
	NetBroadcast  Set = 1 << unix.CAP_NET_BROADCAST
	NetAdmin      Set = 1 << unix.CAP_NET_ADMIN
	NetRaw        Set = 1 << unix.CAP_NET_RAW
	IPCLock       Set = 1 << unix.CAP_IPC_LOCK
	SysPtrace     Set = 1 << unix.CAP_SYS_PTRACE
	SysAdmin      Set = 1 << unix.CAP_SYS_ADMIN
	SysNice       Set = 1 << unix.CAP_SYS_NICE
	Lease         Set = 1 << unix.CAP_LEASE
)

// names are those of linux/capability.h, by number.
var names = strings.Fields(`chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap
	linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio
	sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease
	audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon
	bpf checkpoint_restore`)

// String lists the names, as systemd writes them: "CAP_NET_ADMIN CAP_NET_RAW".
func (s Set) String() string {
	if s == 0 {
		return "none"
	}
	var list []string
	for i := range 64 {
		switch {
		case s&(1<<i) == 0:
		case i < len(names):
			list = append(list, "CAP_"+strings.ToUpper(names[i]))
		default:
			list = append(list, fmt.Sprintf("CAP_%d", i))
		}
	}
	return strings.Join(list, " ")
}

// Len is the number of capabilities.
func (s Set) Len() int {
	n := 0
	for ; s != 0; s &= s - 1 {
		n++
	}
	return n
}

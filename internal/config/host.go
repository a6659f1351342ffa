package config

import (
	"net/netip"
)

// Host is what Load needs to know of a machine. All functions are set;
// [System] gives those of the machine the program runs on.
type Host struct {
	// Links lists the network interfaces. It is called once per Load.
	Links func() ([]Link, error)
	// LinksIn is Links for a named network namespace; nil: Links serves for all.
	LinksIn func(netns string) ([]Link, error)
	// User looks a user up by name; the group of the result is the user's own.
	User func(name string) (User, error)
	// Group looks a group up by name.
	Group func(name string) (gid uint32, err error)
	// Self is the user the daemon runs as.
	Self func() User
	// NodeName is the host name as the kernel has it.
	NodeName func() string
	// CPUs is the number of processors on line.
	CPUs func() int
	// Getenv gives an environment variable; "": unset.
	Getenv func(name string) string
	// Getwd is the working directory; nil: not known.
	Getwd func() (string, error)
	// Resolve says whether a mail server's name and port stand for something.
	Resolve func(host, port string) error
	// Lstat describes a file without following a symbolic link.
	Lstat func(path string) (FileStat, error)
	// Readlink gives the target of a symbolic link.
	Readlink func(path string) (string, error)
	// FileSystem names the kind of the file system a path is on, as in
	// /proc/mounts, with ",ro" appended when it is read-only.
	FileSystem func(path string) (string, error)
	// Glob lists the paths matching a pattern of *, ? and [], sorted.
	Glob func(pattern string) []string
	// GlobStopped says that Glob gave up, once that happened: what it gave is not all; nil: it never does.
	GlobStopped func() bool
	// ReadFile gives the content of a configuration file or a name table. It
	// fails with the errors of package syntax for what is not a plain file, and
	// never waits for one.
	ReadFile func(path string) ([]byte, error)
	// NetNS says whether a named network namespace exists.
	NetNS func(name string) bool
	// Protocol looks an IP protocol up by name.
	Protocol func(name string) (uint8, bool)
}

// Link is a network interface.
type Link struct {
	Name      string
	Index     int
	MTU       int
	Loopback  bool
	Multicast bool
	NoARP     bool
	Ethernet  bool
	Kind      string // "macvlan", "ipvlan", "vrf", …; "" for a plain device
	Base      string // of a macvlan or ipvlan: the interface it sits on
	Private   bool   // of a macvlan: private mode
	Table     uint32 // of a VRF: its routing table
	Master    string // of a member of a VRF or bridge: its master
	Addresses []netip.Addr
}

// FileStat is what the script checks look at.
type FileStat struct {
	Kind     FileKind
	Mode     uint32 // permission bits with set-user-id (04000), set-group-id (02000) and sticky (01000)
	UID, GID uint32
}

// FileKind is the type of a file.
type FileKind uint8

// Types of files.
const (
	RegularFile FileKind = iota
	Directory
	Symlink
	OtherFile
)

// machine is a Host with what is read once per Load.
type machine struct {
	*Host
	links map[string]*Link
	names []string
}

// readLinks takes the interfaces of a network namespace; "": the one the
// program is in.
func (m *machine) readLinks(netns string) error {
	read := m.Links
	if netns != "" && m.LinksIn != nil {
		read = func() ([]Link, error) { return m.LinksIn(netns) }
	}
	list, err := read()
	for i := range list {
		m.links[list[i].Name] = &list[i]
		m.names = append(m.names, list[i].Name)
	}
	return err
}

// link finds an interface; nil: there is none of that name.
func (m *machine) link(name string) *Link { return m.links[name] }

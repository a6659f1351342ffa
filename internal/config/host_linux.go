package config

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/user"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/privilege"
	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// System is the machine the program runs on.
func System() *Host {
	g := newGlobber()
	return &Host{
		Links:       systemLinks,
		LinksIn:     systemLinksIn,
		User:        systemUser,
		Group:       systemGroup,
		Self:        systemSelf,
		NodeName:    systemNodeName,
		CPUs:        runtime.NumCPU,
		Getenv:      os.Getenv,
		Getwd:       os.Getwd,
		Resolve:     systemResolve,
		Lstat:       systemLstat,
		Readlink:    os.Readlink,
		FileSystem:  systemFileSystem,
		Glob:        g.glob,
		GlobStopped: func() bool { return g.stopped },
		ReadFile:    systemReadFile,
		NetNS:       systemNetNS,
		Protocol:    systemProtocol,
	}
}

func systemLinks() ([]Link, error) { return linksOf(&netlink.Handle{}) }

func systemLinksIn(name string) ([]Link, error) {
	ns, err := netns.GetFromName(name)
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	if here, err := netns.Get(); err == nil {
		defer here.Close()
		if here.Equal(ns) { // entering it would take a privilege that a rehearsal has not got
			return systemLinks()
		}
	}
	var h *netlink.Handle
	err = privilege.With(privilege.SysAdmin, func() error {
		h, err = netlink.NewHandleAt(ns)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer h.Close()
	return linksOf(h)
}

// linksOf lists the interfaces that a netlink handle sees.
func linksOf(h *netlink.Handle) ([]Link, error) {
	list, err := h.LinkList()
	// A dump that changed while it was read is still the best answer there is.
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, err
	}
	names := make(map[int]string, len(list))
	for _, l := range list {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	addresses := map[int][]int{}
	all, err := h.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, err
	}
	for i, a := range all {
		addresses[a.LinkIndex] = append(addresses[a.LinkIndex], i)
	}
	links := make([]Link, 0, len(list))
	for _, l := range list {
		a := l.Attrs()
		link := Link{
			Name: a.Name, Index: a.Index, MTU: a.MTU,
			Loopback:  a.RawFlags&unix.IFF_LOOPBACK != 0,
			Multicast: a.RawFlags&unix.IFF_MULTICAST != 0,
			NoARP:     a.RawFlags&unix.IFF_NOARP != 0,
			Ethernet:  a.EncapType == "ether",
			Master:    names[a.MasterIndex],
		}
		if kind := l.Type(); kind != "device" {
			link.Kind = kind
		}
		if m, ok := l.(*netlink.Macvlan); ok {
			link.Private = m.Mode == netlink.MACVLAN_MODE_PRIVATE
		}
		if v, ok := l.(*netlink.Vrf); ok {
			link.Table = v.Table
		}
		if link.Kind == "macvlan" || link.Kind == "ipvlan" {
			link.Base = names[a.ParentIndex]
		}
		for _, i := range addresses[a.Index] {
			if ip, ok := netip.AddrFromSlice(all[i].IP); ok {
				link.Addresses = append(link.Addresses, ip.Unmap())
			}
		}
		links = append(links, link)
	}
	return links, nil
}

func systemUser(name string) (User, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return User{}, err
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return User{Name: name, UID: uint32(uid), GID: uint32(gid)}, errors.Join(err1, err2)
}

func systemGroup(name string) (uint32, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, err
	}
	gid, err := strconv.ParseUint(g.Gid, 10, 32)
	return uint32(gid), err
}

func systemSelf() User {
	self := User{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	if u, err := user.LookupId(strconv.Itoa(os.Geteuid())); err == nil {
		self.Name = u.Username
	}
	return self
}

func systemNodeName() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

// resolveTimeout keeps a dead name server from holding up a reload.
const resolveTimeout = 5 * time.Second

func systemResolve(host, _ string) error {
	if oldAddress(host) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
	defer cancel()
	_, err := net.DefaultResolver.LookupHost(ctx, host)
	return err
}

// oldAddress says whether the C library takes a host name for an IPv4 address
// in one of the forms of inet_aton: one to four numbers, decimal, octal or
// hexadecimal, the last of which fills the octets that are left.
func oldAddress(host string) bool {
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return false
	}
	for i, p := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (5 - len(parts))
		}
		// ParseUint knows more forms of numbers than the C library.
		if strings.ContainsAny(p, "_oObB") {
			return false
		}
		if _, err := strconv.ParseUint(p, 0, bits); err != nil {
			return false
		}
	}
	return true
}

func systemLstat(path string) (FileStat, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return FileStat{}, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	f := FileStat{Kind: OtherFile, Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		f.Kind = RegularFile
	case unix.S_IFDIR:
		f.Kind = Directory
	case unix.S_IFLNK:
		f.Kind = Symlink
	}
	return f, nil
}

// systemReadFile reads a plain file, and no more of it than a scanner takes:
// what was checked may be something else by the time it is opened, and some
// files of the kernel have no end, or wait for somebody to write. So the file
// is opened without waiting, and not by package os, which would wait for it.
func systemReadFile(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, cause(err)
	}
	if err := plainFile(st); err != nil {
		return nil, err
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var opened unix.Stat_t
	if err := unix.Fstat(fd, &opened); err != nil {
		return nil, err
	}
	if opened.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, syntax.ErrNotRegular
	}
	data, err := readAll(fd, int(st.Size()))
	if err == nil && opened.Mode&0o111 != 0 {
		err = syntax.ErrExecutable
	}
	return data, err
}

// plainFile says why a file is not read.
func plainFile(st fs.FileInfo) error {
	switch {
	case st.IsDir():
		return syntax.ErrDirectory
	case !st.Mode().IsRegular():
		return syntax.ErrNotRegular
	case st.Size() > syntax.MaxBytes:
		return syntax.ErrTooLarge
	}
	return nil
}

// readAll reads to the end, which may be elsewhere than the size says.
func readAll(fd, size int) ([]byte, error) {
	data := make([]byte, 0, max(size, 4096)+1)
	for {
		n, err := unix.Read(fd, data[len(data):cap(data)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return data, nil
		}
		if data = data[:len(data)+n]; len(data) > syntax.MaxBytes {
			return nil, syntax.ErrTooLarge
		}
		data = slices.Grow(data, 1)
	}
}

// cause is the system's reason without operation and path, which the message has already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func systemNetNS(name string) bool {
	_, err := os.Stat("/run/netns/" + name)
	return err == nil
}

func systemProtocol(name string) (uint8, bool) {
	data, err := os.ReadFile("/etc/protocols")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		if n, err := strconv.ParseUint(fields[1], 10, 8); err == nil && slices.Contains(append(fields[2:], fields[0]), name) {
			return uint8(n), true
		}
	}
	return 0, false
}

func systemFileSystem(path string) (string, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return "", err
	}
	kind := "other"
	if name, ok := pseudoFileSystems[int64(st.Type)]; ok {
		kind = name
	}
	if st.Flags&unix.ST_RDONLY != 0 {
		kind += ",ro"
	}
	return kind, nil
}

// pseudoFileSystems are those whose files cannot be watched, or not reliably.
var pseudoFileSystems = map[int64]string{
	unix.PROC_SUPER_MAGIC:      "proc",
	unix.SYSFS_MAGIC:           "sysfs",
	unix.CGROUP_SUPER_MAGIC:    "cgroup",
	unix.CGROUP2_SUPER_MAGIC:   "cgroup2",
	unix.DEBUGFS_MAGIC:         "debugfs",
	unix.TRACEFS_MAGIC:         "tracefs",
	unix.SECURITYFS_MAGIC:      "securityfs",
	unix.BPF_FS_MAGIC:          "bpf",
	unix.DEVPTS_SUPER_MAGIC:    "devpts",
	unix.NFS_SUPER_MAGIC:       "nfs",
	unix.SMB_SUPER_MAGIC:       "smb",
	unix.SMB2_SUPER_MAGIC:      "smb2",
	unix.CIFS_SUPER_MAGIC:      "cifs",
	unix.FUSE_SUPER_MAGIC:      "fuse",
	unix.HUGETLBFS_MAGIC:       "hugetlbfs",
	unix.EFIVARFS_MAGIC:        "efivarfs",
	unix.SELINUX_MAGIC:         "selinux",
	unix.PSTOREFS_MAGIC:        "pstore",
	unix.NSFS_MAGIC:            "nsfs",
	unix.BINFMTFS_MAGIC:        "binfmt_misc",
	unix.BINDERFS_SUPER_MAGIC:  "binder",
	unix.AUTOFS_SUPER_MAGIC:    "autofs",
	unix.ISOFS_SUPER_MAGIC:     "iso9660",
	unix.SQUASHFS_MAGIC:        "squashfs",
	unix.USBDEVICE_SUPER_MAGIC: "usbfs",
}

package findings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// hostVersion goes up when a field of a description changes its meaning.
const hostVersion = 1

// Description is a machine as a configuration test sees it. A list that is
// nil stands for "whatever the configuration names is there"; an empty one for
// "nothing is there".
type Description struct {
	Version    int                        `json:"version,omitempty"`
	NodeName   string                     `json:"node_name,omitempty"`
	CPUs       int                        `json:"cpus,omitempty"`
	Path       string                     `json:"path,omitempty"` // where programs without a path are looked for
	Interfaces []Interface                `json:"interfaces"`
	Users      []User                     `json:"users"`
	Groups     []Group                    `json:"groups"`
	Files      []File                     `json:"files"`
	Names      map[string]map[string]uint `json:"names"` // iproute2's tables of names: file, name, number
}

// Interface is a network interface.
type Interface struct {
	Name string `json:"name"`
	// Flags are some of those in interfaceFlags. nil: multicast and ethernet;
	// for lo: loopback.
	Flags     []string     `json:"flags"`
	MTU       int          `json:"mtu,omitempty"`     // bytes; 0: 1500
	Kind      string       `json:"kind,omitempty"`    // macvlan, ipvlan, vrf, …; "": a plain device
	Base      string       `json:"base,omitempty"`    // of a macvlan or ipvlan
	Private   bool         `json:"private,omitempty"` // of a macvlan
	Master    string       `json:"master,omitempty"`  // VRF or bridge
	Addresses []netip.Addr `json:"addresses,omitempty"`
}

// User is a user; its group is the one a script runs as when it names none.
type User struct {
	Name string `json:"name"`
	UID  uint32 `json:"uid"`
	GID  uint32 `json:"gid"`
}

// Group is a group of users.
type Group struct {
	Name string `json:"name"`
	GID  uint32 `json:"gid"`
}

// File is a script, or anything else the script checks look at. Directories
// above it that are not listed are root's with mode 0755.
type File struct {
	Path   string `json:"path"`
	Kind   string `json:"kind,omitempty"`   // one of fileKinds; "": file
	Mode   string `json:"mode,omitempty"`   // octal; "": 0755
	Target string `json:"target,omitempty"` // of a symlink
	UID    uint32 `json:"uid"`
	GID    uint32 `json:"gid"`
}

// interfaceFlags are the flags, in the order in which they are written.
var interfaceFlags = []string{"loopback", "multicast", "noarp", "ethernet"}

// fileKinds are the kinds of files, by config.FileKind.
var fileKinds = []string{"file", "directory", "symlink", "other"}

// maxDescription bounds what is read as a description.
const maxDescription = 16 << 20

// ReadHost reads the argument of --config-test-host: a file with a
// description, or "none" for the machine on which everything is there.
func ReadHost(arg string) (*Description, error) {
	if arg == "none" {
		return &Description{}, nil
	}
	data, err := config.System().ReadFile(arg)
	if errors.Is(err, syntax.ErrExecutable) {
		err = nil // which does not matter here
	}
	if err == nil && len(data) > maxDescription {
		err = errors.New("is larger than 16 MiB")
	}
	var d *Description
	if err == nil {
		d, err = ParseHost(data)
	}
	if err != nil {
		return nil, fmt.Errorf("description of the host: %s: %w", arg, err)
	}
	return d, nil
}

// ParseHost reads a description. Errors name the line or the entry.
func ParseHost(data []byte) (*Description, error) {
	d := &Description{}
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	if err := in.Decode(d); err != nil {
		return nil, placed(err, data, in.InputOffset())
	}
	if _, err := in.Token(); err != io.EOF {
		return nil, fmt.Errorf("line %d: there is something after the description", lineAt(data, in.InputOffset()))
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	return d, nil
}

// placed gives an error of the decoder its line and plain words.
func placed(err error, data []byte, at int64) error {
	var (
		bad   *json.SyntaxError
		wrong *json.UnmarshalTypeError
	)
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("is empty; write {} for a host on which everything is there")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("line %d: the text ends before the description does", lineAt(data, int64(len(data))))
	case errors.As(err, &bad):
		return fmt.Errorf("line %d: %w", lineAt(data, bad.Offset), err)
	case errors.As(err, &wrong):
		if wrong.Field == "" {
			return fmt.Errorf("line %d: a description is an object {...} and not of type %s", lineAt(data, wrong.Offset), wrong.Value)
		}
		return fmt.Errorf("line %d: %s cannot be of type %s", lineAt(data, wrong.Offset), wrong.Field, wrong.Value)
	}
	return fmt.Errorf("line %d: %s", lineAt(data, at), strings.TrimPrefix(err.Error(), "json: "))
}

func lineAt(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(max(0, offset), int64(len(data)))], []byte{'\n'})
}

// check looks for what the notation allows and the meaning does not.
func (d *Description) check() error {
	if d.Version != 0 && d.Version != hostVersion {
		return fmt.Errorf("version is %d, this program reads version %d", d.Version, hostVersion)
	}
	if d.CPUs < 0 {
		return fmt.Errorf("cpus is %d, it must be at least 1", d.CPUs)
	}
	names := map[string]bool{}
	once := func(kind, name string) error {
		switch key := kind + " " + name; {
		case name == "":
			return fmt.Errorf("%s without a name", kind)
		case names[key]:
			return fmt.Errorf("%s is there twice", key)
		default:
			names[key] = true
			return nil
		}
	}
	for _, i := range d.Interfaces {
		if err := once("interface", i.Name); err != nil {
			return err
		}
		if len(i.Name) > maxInterfaceName {
			return fmt.Errorf("interface %s: a name has at most %d characters", i.Name, maxInterfaceName)
		}
		if i.MTU < 0 {
			return fmt.Errorf("interface %s: the MTU is %d", i.Name, i.MTU)
		}
		for _, f := range i.Flags {
			if !slices.Contains(interfaceFlags, f) {
				return fmt.Errorf("interface %s: unknown flag '%s': use %s", i.Name, f, strings.Join(interfaceFlags, ", "))
			}
		}
	}
	for _, u := range d.Users {
		if err := once("user", u.Name); err != nil {
			return err
		}
	}
	for _, g := range d.Groups {
		if err := once("group", g.Name); err != nil {
			return err
		}
	}
	for _, table := range slices.Sorted(maps.Keys(d.Names)) {
		if !slices.Contains(nameTables, table) {
			return fmt.Errorf("names: unknown table '%s': use %s", table, strings.Join(nameTables, ", "))
		}
	}
	for _, f := range d.Files {
		if err := once("file", f.Path); err != nil {
			return err
		}
		if err := f.check(); err != nil {
			return fmt.Errorf("file %s: %w", f.Path, err)
		}
	}
	return nil
}

// maxInterfaceName is what the kernel allows.
const maxInterfaceName = 15

func (f File) check() error {
	_, err := f.mode()
	switch {
	case !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path:
		return errors.New("the path must be absolute, without '.', '..' and a slash at the end")
	case f.Kind != "" && !slices.Contains(fileKinds, f.Kind):
		return fmt.Errorf("unknown kind '%s': use %s", f.Kind, strings.Join(fileKinds, ", "))
	case err != nil:
		return err
	case (f.Kind == "symlink") != (f.Target != ""):
		return errors.New("target belongs to a symlink, and a symlink needs one")
	}
	return nil
}

func (f File) mode() (uint32, error) {
	if f.Mode == "" {
		return 0o755, nil
	}
	m, err := strconv.ParseUint(f.Mode, 8, 32)
	if err != nil || m > 0o7777 {
		return 0, fmt.Errorf("mode '%s' is not an octal number up to 7777", f.Mode)
	}
	return uint32(m), nil
}

func (f File) stat() config.FileStat {
	m, _ := f.mode()
	return config.FileStat{Kind: config.FileKind(max(0, slices.Index(fileKinds, f.Kind))), Mode: m, UID: f.UID, GID: f.GID}
}

// link is the interface as package config has it.
func (i Interface) link(index int) config.Link {
	flags := i.Flags
	if flags == nil {
		flags = []string{"multicast", "ethernet"}
		if i.Name == "lo" {
			flags = []string{"loopback"}
		}
	}
	mtu := i.MTU
	if mtu == 0 {
		mtu = 1500
	}
	return config.Link{
		Name: i.Name, Index: index, MTU: mtu, Kind: i.Kind, Base: i.Base, Private: i.Private, Master: i.Master,
		Loopback: slices.Contains(flags, "loopback"), Multicast: slices.Contains(flags, "multicast"),
		NoARP: slices.Contains(flags, "noarp"), Ethernet: slices.Contains(flags, "ethernet"),
		Addresses: i.Addresses,
	}
}

package kernel

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
)

// fakeLinks is a kernel's links, their settings and addresses in memory.
type fakeLinks struct {
	*fakeTable
	pic      Picture
	settings map[string]int // "eth0 ipv4/arp_ignore"; "all ...", "default ..."
	next     int
	fail     map[string]error
	calls    int // changes
}

func newFakeLinks(names ...string) *fakeLinks {
	f := &fakeLinks{fakeTable: newFakeTable(), settings: map[string]int{}, next: 1, fail: map[string]error{}}
	f.settings["all "+rpFilter] = 1
	for i, n := range names {
		f.add(&Link{Name: n, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, byte(i + 1)}, MTU: 1500})
	}
	return f
}

func (f *fakeLinks) add(l *Link) {
	f.next++
	l.Index = f.next
	f.pic = *f.pic.set(l)
	f.links[l.Name] = nil
	f.settings[l.Name+" "+rpFilter] = f.settings["default "+rpFilter]
}

func (f *fakeLinks) did(what string) error {
	f.calls++
	return f.fail[what]
}

func (f *fakeLinks) Links(context.Context) ([]*Link, error) { return slices.Clone(f.pic.Links), nil }

func (f *fakeLinks) AddLink(_ context.Context, v Virtual, at LinkPlace) (*Link, error) {
	if err := f.did("add " + v.Name); err != nil {
		return nil, err
	}
	if f.pic.LinkByName(v.Name) != nil {
		return nil, errors.New("file exists")
	}
	l := &Link{Name: v.Name, Kind: v.kind(), Mode: macvlanPrivate, Lower: at.Base, Master: at.Master, Group: at.Group, MTU: f.pic.Link(at.Base).MTU}
	l.HardwareAddr = slices.Clone(v.MAC[:])
	if v.IPVLAN {
		l.Mode, l.HardwareAddr = v.Mode, f.pic.Link(at.Base).HardwareAddr
	}
	f.add(l)
	return l, nil
}

func (f *fakeLinks) ChangeLink(_ context.Context, index int, c LinkChange) error {
	l := *f.pic.Link(index)
	if err := f.did("change " + l.Name); err != nil {
		return err
	}
	if c.MAC != nil {
		l.HardwareAddr = slices.Clone(c.MAC[:])
	}
	if c.MTU != nil {
		l.MTU = *c.MTU
	}
	if c.Group != nil {
		l.Group = *c.Group
	}
	if c.Master != nil {
		l.Master = *c.Master
	}
	if c.Mode != nil {
		l.Mode = *c.Mode
	}
	if c.NoAutoL {
		f.settings[l.Name+" "+noLinkLocalBySelf] = 1
	}
	if c.Up {
		l.setFlags(l.Flags | flagUp)
	}
	f.pic = *f.pic.set(&l)
	return nil
}

func (f *fakeLinks) DeleteLink(_ context.Context, index int) error {
	l := f.pic.Link(index)
	if l == nil {
		return nil
	}
	err := f.did("delete " + l.Name)
	if err == nil {
		f.remove(l.Name)
	}
	return err
}

// remove removes a link and those on top of it.
func (f *fakeLinks) remove(name string) {
	l := f.pic.LinkByName(name)
	f.pic = *f.pic.remove(l.Index)
	delete(f.links, name)
	maps.DeleteFunc(f.settings, func(k string, _ int) bool { return strings.HasPrefix(k, name+" ") })
	for _, o := range f.pic.Links {
		if o.Lower == l.Index {
			f.remove(o.Name)
		}
	}
}

func (f *fakeLinks) rename(name, to string) {
	l := *f.pic.LinkByName(name)
	l.Name = to
	f.pic = *f.pic.set(&l)
	f.links[to] = f.links[name]
	delete(f.links, name)
	for k, v := range maps.Clone(f.settings) {
		if rest, ok := strings.CutPrefix(k, name+" "); ok {
			delete(f.settings, k)
			f.settings[to+" "+rest] = v
		}
	}
}

func (f *fakeLinks) Setting(s Setting) (int, error) {
	if l := f.pic.LinkByName(s.Link); s.Index != 0 && (l == nil || l.Index != s.Index) {
		return 0, ErrNoLink
	}
	return f.settings[s.Link+" "+s.Name], nil
}

func (f *fakeLinks) SetSetting(_ context.Context, s Setting, v int) error {
	err := f.did("set " + s.Link + " " + s.Name)
	if err == nil {
		f.settings[s.Link+" "+s.Name] = v
	}
	return err
}

// text is the state in words. Plain links are there only with what is not usual.
func (f *fakeLinks) text() string {
	return stackText(f.pic.Links, func(s Setting) int { v, _ := f.Setting(s); return v }, func(name string) []AddrState { return f.links[name] })
}

package kernel

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Setting names a network parameter of the kernel (sysctl).
type Setting struct {
	// Link is the interface it belongs to, "all" or "default"; empty: it belongs
	// to none.
	Link string `json:"link,omitempty"`
	// Index of the interface: one that was made anew has other settings.
	Index int `json:"index,omitempty"`
	// Name has the family: ipv4/arp_ignore.
	Name string `json:"name"`
}

// Names that stand for no interface of their own.
const (
	allLinks    = "all"
	defaultLink = "default"
)

// LinkLocalIGMP is the setting by which the kernel reports memberships of
// link-local IPv4 groups.
var LinkLocalIGMP = Setting{Name: "ipv4/igmp_link_local_mcast_reports"}

// PromoteSecondaries is the setting by which the other IPv4 addresses of a network
// on a link stay when the first one is removed.
func PromoteSecondaries(link string) Setting { return Setting{Link: link, Name: promoteSecondary} }

// String returns the name that sysctl has for it, with the dots of an interface's
// name as they are.
func (s Setting) String() string {
	family, key := s.parts()
	if s.Link == "" {
		return fmt.Sprintf("net.%s.%s", family, key)
	}
	return fmt.Sprintf("net.%s.conf.%s.%s", family, s.Link, key)
}

// SettingValue is a value that is wanted.
type SettingValue struct {
	Setting
	Value int
}

// Kept is a setting that has been changed, and what is to be put back.
type Kept struct {
	Setting
	Before int `json:"before"`
	Set    int `json:"set"`
}

// SettingTable is the kernel's parameters; [Handle] is the real one.
type SettingTable interface {
	// Setting reads a parameter. The error wraps [ErrNoLink] when there is no such
	// interface, or none with that index.
	Setting(s Setting) (int, error)
	// SetSetting writes it.
	SetSetting(ctx context.Context, s Setting, value int) error
}

// Settings keeps parameters at what is wanted, and puts back what was there
// before when that is over. It belongs to one goroutine.
type Settings struct {
	table SettingTable
	save  func([]Kept)
	kept  []Kept // in the order in which they were set
}

// NewSettings returns settings that keep nothing. Save is told of what is to be
// put back before anything is changed, and after it has been put back.
func NewSettings(table SettingTable, save func([]Kept)) *Settings {
	return &Settings{table: table, save: save}
}

// Recall takes over what an earlier run has changed and could not put back. What
// is not any more as that run has set it belongs to somebody else by now.
func (s *Settings) Recall(kept []Kept) {
	for _, k := range kept {
		if now, err := s.table.Setting(k.Setting); err == nil && now == k.Set && s.find(k.Setting) < 0 {
			s.kept = append(s.kept, k)
		}
	}
}

func (s *Settings) find(x Setting) int {
	return slices.IndexFunc(s.kept, func(k Kept) bool { return k.Setting == x })
}

// named returns those that are kept and have the name.
func (s *Settings) named(name string) []SettingValue {
	var all []SettingValue
	for _, k := range s.kept {
		if k.Name == name {
			all = append(all, SettingValue{k.Setting, k.Set})
		}
	}
	return all
}

// Moved is a parameter that was changed.
type Moved struct {
	Setting
	From, To int
	Back     bool // it is what it was before
}

// Apply sets what is wanted, in that order, after it has put back what is wanted
// no more, in the opposite order. What is kept already is left alone, whatever
// others have made of it. The error is that of the first that failed.
func (s *Settings) Apply(ctx context.Context, wanted []SettingValue) ([]Moved, error) {
	moved, err := s.giveUp(ctx, wanted)
	var todo []Kept
	kept := slices.Clone(s.kept)
	for _, w := range wanted {
		if slices.ContainsFunc(kept, func(k Kept) bool { return k.Setting == w.Setting && k.Set == w.Value }) {
			continue
		}
		before, rerr := s.table.Setting(w.Setting)
		if rerr != nil {
			err = firstOf(err, rerr)
			continue
		}
		k := Kept{w.Setting, before, w.Value}
		if i := slices.IndexFunc(kept, func(k Kept) bool { return k.Setting == w.Setting }); i >= 0 {
			k.Before = kept[i].Before
			kept = slices.Delete(kept, i, i+1)
		}
		kept, todo = append(kept, k), append(todo, Kept{w.Setting, before, w.Value})
	}
	if !slices.Equal(kept, s.kept) || len(moved) > 0 {
		s.kept = kept
		s.save(kept)
	}
	for _, k := range todo {
		if k.Before == k.Set {
			continue
		}
		if werr := s.table.SetSetting(ctx, k.Setting, k.Set); werr != nil {
			err = firstOf(err, werr)
			continue
		}
		moved = append(moved, Moved{Setting: k.Setting, From: k.Before, To: k.Set})
	}
	return moved, err
}

// giveUp puts back what is wanted no more, if nobody else has changed it since.
func (s *Settings) giveUp(ctx context.Context, wanted []SettingValue) (moved []Moved, err error) {
	var stay []Kept
	for i := len(s.kept) - 1; i >= 0; i-- {
		k := s.kept[i]
		if slices.ContainsFunc(wanted, func(w SettingValue) bool { return w.Setting == k.Setting }) {
			stay = append(stay, k)
			continue
		}
		now, rerr := s.table.Setting(k.Setting)
		switch {
		case errors.Is(rerr, ErrNoLink):
		case rerr != nil:
			err = firstOf(err, rerr)
		case now == k.Set && now != k.Before:
			if werr := s.table.SetSetting(ctx, k.Setting, k.Before); werr != nil {
				err = firstOf(err, werr)
				stay = append(stay, k)
				continue
			}
			moved = append(moved, Moved{k.Setting, k.Set, k.Before, true})
		}
	}
	slices.Reverse(stay)
	if len(stay) != len(s.kept) && len(moved) == 0 {
		defer func() { s.save(s.kept) }()
	}
	s.kept = stay
	return moved, err
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

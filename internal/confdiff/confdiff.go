package confdiff

import (
	"cmp"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/holdfast-ha/holdfast/internal/config"
)

// Values lists what differs between two values of one type, a part of a
// configuration each: "priority 100 -> 150", "+192.0.2.7/24".
func Values[T any](old, now T) []string {
	var w walker
	w.walk("", reflect.ValueOf(old), reflect.ValueOf(now))
	return w.found
}

type walker struct{ found []string }

func (w *walker) add(name, text string) {
	if name != "" {
		text = name + " " + text
	}
	w.found = append(w.found, text)
}

// walk compares two values of the type that is called name in the file.
func (w *walker) walk(name string, a, b reflect.Value) {
	if secret(name, a) {
		if !reflect.DeepEqual(a.Interface(), b.Interface()) {
			w.add(name, "is another one")
		}
		return
	}
	if text, ok := textOf(a); ok {
		if other, _ := textOf(b); text != other {
			w.add(name, cmp.Or(text, "nothing")+" -> "+cmp.Or(other, "nothing"))
		}
		return
	}
	switch a.Kind() {
	case reflect.Struct:
		w.fields(name, a, b)
	case reflect.Pointer:
		if !a.IsNil() && !b.IsNil() {
			w.walk(name, a.Elem(), b.Elem())
		} else if a.IsNil() != b.IsNil() {
			w.add(name, present(a)+" -> "+present(b))
		}
	case reflect.Slice:
		w.list(name, a, b)
	default:
		if !reflect.DeepEqual(a.Interface(), b.Interface()) {
			w.add(name, fmt.Sprintf("%v -> %v", a, b))
		}
	}
}

func present(v reflect.Value) string {
	if v.IsNil() {
		return "nothing"
	}
	if text, ok := textOf(v.Elem()); ok {
		return cmp.Or(text, "nothing")
	}
	return item(v.Elem())
}

// fields compares structures. Parts of one that are not a block of the file have
// no name of their own.
func (w *walker) fields(name string, a, b reflect.Value) {
	for i := range a.NumField() {
		f := a.Type().Field(i)
		if f.Type == reflect.TypeFor[config.Pos]() || left[f.Name] {
			continue
		}
		word := keyword(f.Name)
		switch {
		case f.Name == "More":
			word = name
		case name == "garp":
			word = "garp_" + word
		case name != "" && f.Name != "DeletedSet":
			word = name + " " + word
		}
		w.walk(word, a.Field(i), b.Field(i))
	}
}

// list compares lists: what is gone, what is new, and the order if that is all.
func (w *walker) list(name string, a, b reflect.Value) {
	old, now := items(a), items(b)
	label := name
	if name == "virtual_ipaddress" {
		label = "" // what it is all about
	}
	n := len(w.found)
	for _, x := range without(old, now) {
		w.add(label, "-"+x)
	}
	for _, x := range without(now, old) {
		w.add(label, "+"+x)
	}
	if len(w.found) == n && !slices.Equal(old, now) {
		w.add(name, "in another order")
	}
}

// without lists what is in all and not in these, as often as it is more there.
func without(all, these []string) []string {
	these = slices.Clone(these)
	var out []string
	for _, x := range all {
		if i := slices.Index(these, x); i >= 0 {
			these = slices.Delete(these, i, i+1)
		} else {
			out = append(out, x)
		}
	}
	return out
}

func items(v reflect.Value) []string {
	var out []string
	for i := range v.Len() {
		out = append(out, item(v.Index(i)))
	}
	return out
}

// item is one line of a list.
func item(v reflect.Value) string {
	if text, ok := textOf(v); ok {
		return text
	}
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return fmt.Sprint(v)
	}
	var words []string
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Type == reflect.TypeFor[config.Pos]() || left[f.Name] || v.Field(i).IsZero() {
			continue
		}
		text := item(v.Field(i))
		switch {
		case f.Type.Kind() == reflect.Bool:
			words = append(words, keyword(f.Name))
		case len(words) == 0:
			words = append(words, text)
		default:
			words = append(words, keyword(f.Name)+" "+text)
		}
	}
	return strings.Join(words, " ")
}

// textOf is the text of values that have one.
func textOf(v reflect.Value) (string, bool) {
	switch x := v.Interface().(type) {
	case string:
		return x, true
	case netip.Addr:
		if !x.IsValid() {
			return "", true
		}
		return x.String(), true
	case netip.Prefix:
		switch {
		case !x.IsValid():
			return "", true
		case x.IsSingleIP():
			return x.Addr().String(), true
		}
		return x.String(), true
	case time.Duration:
		return x.String(), true
	case config.Command:
		return strings.Join(x.Argv, " ") + fmt.Sprintf(" as %d:%d", x.User.UID, x.User.GID), true
	case config.Address:
		return address(&x), true
	case config.Track:
		text := fmt.Sprintf("%s weight %d", x.Name, x.Weight)
		if x.Reverse {
			text += " reverse"
		}
		return text, true
	case config.Route:
		return x.Text, true
	case config.Rule:
		return x.Text, true
	}
	return "", false
}

// address leaves out what is usual.
func address(a *config.Address) string {
	text, _ := textOf(reflect.ValueOf(a.Prefix))
	add := func(is bool, more string) {
		if is {
			text += " " + more
		}
	}
	add(a.Broadcast.IsValid(), "brd "+a.Broadcast.String())
	add(a.DevSet, "dev "+a.Dev)
	add(a.Scope != 0, fmt.Sprintf("scope %d", a.Scope))
	add(a.Label != "", "label "+a.Label)
	add(a.Peer.IsValid(), "peer "+a.Peer.String())
	add(a.Home, "home")
	add(a.DAD, "-nodad")
	add(a.MngTmpAddr, "mngtmpaddr")
	add(a.NoPrefixRoute, "noprefixroute")
	add(a.AutoJoin, "autojoin")
	add(a.UseVMAC, "use_vmac")
	add(a.NoTrack, "no_track")
	add(a.TrackGroup != "", "track_group "+a.TrackGroup)
	add(a.Prefix.Addr().Is6() && a.PreferredLft != 1<<32-1, fmt.Sprintf("preferred_lft %d", a.PreferredLft))
	return text
}

// secret tells what is not to be shown: passwords and keys.
func secret(name string, v reflect.Value) bool {
	return name == "auth_pass" || v.Type() == reflect.TypeFor[[]config.HMACKey]()
}

// left are fields that say nothing of their own.
var left = map[string]bool{"Raw": true, "Owner": true, "DevSet": true, "WeightSet": true, "Files": true}

// words are the keywords of the fields that are called otherwise.
var words = map[string]string{
	"VRID": "virtual_router_id", "StateMaster": "state MASTER", "NoPreempt": "nopreempt", "Addresses": "virtual_ipaddress",
	"Excluded": "virtual_ipaddress_excluded", "Routes": "virtual_routes", "Rules": "virtual_rules", "Peers": "unicast_peer",
	"Auth": "auth_type", "HMAC": "auth_hmac", "SourceIP": "source address", "Group": "multicast group", "TrackInterfaces": "track_interface",
	"TrackScripts": "track_script", "TrackProcesses": "track_process", "TrackFiles": "track_file", "TrackBFD": "track_bfd",
	"Any": "notify", "Master": "notify_master", "Backup": "notify_backup", "Fault": "notify_fault", "Stop": "notify_stop",
	"Deleted": "notify_deleted", "DeletedSet": "notify_deleted", "MasterRxLowerPri": "notify_master_rx_lower_pri",
	"SMTPAlert": "smtp_alert", "IPv6": "IPv6", "KernelRxBuf": "kernel_rx_buf_size", "NetNS": "net_namespace", "InstanceName": "instance",
	"RouterID": "router_id", "Members": "group", "LowerPrio": "lower_prio", "UseVMAC": "use_vmac", "Static": "static_ipaddress",
	"V3ChecksumAsV2": "v3_checksum_as_v2", "Version": "version", "PriorityChanges": "notify_priority_changes",
}

// plain are parts that the file does not name: their fields have names enough.
var plain = map[string]bool{"Notify": true, "Command": true}

// keyword is the word of the file for a field: AdvertInt is advert_int.
func keyword(field string) string {
	if word, ok := words[field]; ok {
		return word
	}
	if plain[field] {
		return ""
	}
	var b strings.Builder
	runes := []rune(field)
	for i, r := range runes {
		lower := i > 0 && unicode.IsLower(runes[i-1])
		last := i > 0 && unicode.IsUpper(runes[i-1]) && i+1 < len(runes) && unicode.IsLower(runes[i+1])
		if unicode.IsUpper(r) && (lower || last) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

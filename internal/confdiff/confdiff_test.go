package confdiff

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/config"
)

func addresses(list ...string) []config.Address {
	var all []config.Address
	for _, x := range list {
		p, err := netip.ParsePrefix(x)
		if err != nil {
			p = netip.PrefixFrom(netip.MustParseAddr(x), netip.MustParseAddr(x).BitLen())
		}
		all = append(all, config.Address{Prefix: p, PreferredLft: 1<<32 - 1, Dev: "eth0", Pos: config.Pos{Line: len(all) + 1}})
	}
	return all
}

func TestValues(t *testing.T) {
	type edit func(c *config.Instance)
	for name, tt := range map[string]struct {
		old, now edit
		want     []string
	}{
		"nothing":  {},
		"places":   {now: func(c *config.Instance) { c.Pos.Line = 9 }},
		"addition": {now: func(c *config.Instance) { c.Addresses = addresses("192.0.2.7/24") }, want: []string{"+192.0.2.7/24"}},
		"exchange": {
			old:  func(c *config.Instance) { c.Addresses = addresses("192.0.2.1", "192.0.2.2", "2001:db8::1/64") },
			now:  func(c *config.Instance) { c.Addresses = addresses("192.0.2.2", "2001:db8::1/64", "192.0.2.3") },
			want: []string{"-192.0.2.1", "+192.0.2.3"},
		},
		"order": {
			old:  func(c *config.Instance) { c.Addresses = addresses("192.0.2.1", "192.0.2.2") },
			now:  func(c *config.Instance) { c.Addresses = addresses("192.0.2.2", "192.0.2.1") },
			want: []string{"virtual_ipaddress in another order"},
		},
		"numbers": {
			now: func(c *config.Instance) {
				c.Priority, c.AdvertInt, c.NoPreempt, c.GARP.Refresh = 150, time.Second/10, true, time.Minute
			},
			want: []string{"priority 0 -> 150", "advert_int 0s -> 100ms", "nopreempt false -> true", "garp_refresh 0s -> 1m0s"},
		},
		"secrets": {
			old: func(c *config.Instance) {
				c.AuthPass = "old"
				c.More.HMAC = &config.HMAC{Keys: []config.HMACKey{{ID: 1, Value: config.Secret("old")}}}
			},
			now: func(c *config.Instance) {
				c.AuthPass = "new"
				c.More.HMAC = &config.HMAC{Keys: []config.HMACKey{{ID: 1, Value: config.Secret("new")}}, ActiveKey: 1}
			},
			want: []string{"auth_pass is another one", "auth_hmac keys is another one", "auth_hmac active_key 0 -> 1"},
		},
		"scripts": {
			old: func(c *config.Instance) { c.Notify.Master = &config.Command{Argv: []string{"/bin/a"}} },
			now: func(c *config.Instance) {
				c.Notify.Master = &config.Command{Argv: []string{"/bin/a", "x"}}
				c.Notify.Any = &config.Command{Argv: []string{"/bin/b"}, User: config.User{UID: 7, GID: 8}}
				c.TrackScripts = []config.Track{{Name: "chk", Weight: -5, Reverse: true}}
			},
			want: []string{
				"track_script +chk weight -5 reverse",
				"notify_master /bin/a as 0:0 -> /bin/a x as 0:0", "notify nothing -> /bin/b as 7:8",
			},
		},
	} {
		var old, now config.Instance
		if tt.old != nil {
			tt.old(&old)
		}
		if tt.now != nil {
			tt.now(&now)
		}
		if d := cmp.Diff(tt.want, Values(old, now)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// fill makes every field of a value another one than the zero value, one after the
// other, and calls check for each.
func fill(v reflect.Value, path string, check func(path string)) {
	set := func(x any) {
		was := reflect.ValueOf(v.Interface())
		v.Set(reflect.ValueOf(x).Convert(v.Type()))
		check(path)
		v.Set(was)
	}
	switch v.Interface().(type) {
	case netip.Addr:
		set(netip.MustParseAddr("192.0.2.1"))
		return
	case netip.Prefix:
		set(netip.MustParsePrefix("192.0.2.1/24"))
		return
	case config.Pos:
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); !left[f.Name] {
				fill(v.Field(i), path+"."+f.Name, check)
			}
		}
	case reflect.Pointer:
		set(reflect.New(v.Type().Elem()).Interface())
	case reflect.Slice:
		set(reflect.MakeSlice(v.Type(), 1, 1).Interface())
	case reflect.Bool:
		set(true)
	case reflect.String:
		set("x")
	default:
		set(7)
	}
}

// TestEveryFieldCounts: whatever the daemon acts on, a difference in it is found.
func TestEveryFieldCounts(t *testing.T) {
	var i config.Instance
	fill(reflect.ValueOf(&i).Elem(), "Instance", func(path string) {
		if len(Values(config.Instance{}, i)) == 0 {
			t.Errorf("%s is not compared", path)
		}
	})
	var g config.Global
	fill(reflect.ValueOf(&g).Elem(), "Global", func(path string) {
		if len(Values(config.Global{}, g)) == 0 {
			t.Errorf("%s is not compared", path)
		}
	})
}

func TestParts(t *testing.T) {
	old := &config.Config{Scripts: []*config.Script{{Name: "a"}, {Name: "b", Weight: 2}}, Static: addresses("192.0.2.1")}
	now := &config.Config{Scripts: []*config.Script{{Name: "b", Weight: 5}, {Name: "c"}}, Groups: []*config.SyncGroup{{Name: "G"}}}
	now.Global.RouterID = "x"
	var got []string
	for _, p := range Parts(old, now) {
		got = append(got, p.String())
	}
	want := []string{
		"global: router_id nothing -> x", "static_ipaddress: -192.0.2.1", "+ vrrp_sync_group G",
		"- vrrp_script a", "vrrp_script b: weight 2 -> 5", "+ vrrp_script c",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if same := Parts(now, now); len(same) > 0 {
		t.Errorf("a configuration differs from itself: %v", same)
	}
}

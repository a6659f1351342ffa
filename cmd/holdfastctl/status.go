package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/holdfast-ha/holdfast/internal/control"
)

// status prints how the instances are: all of them in a table, those that are named
// in full, or everything as JSON.
func status(ctx context.Context, c *call) error {
	st, err := control.GetStatus(ctx, c.socket)
	if err != nil {
		return err
	}
	if st.Instances, err = named(st.Instances, c.args); err != nil {
		return err
	}
	if c.json {
		e := json.NewEncoder(c.out)
		e.SetIndent("", "  ")
		return e.Encode(st)
	}
	now := time.Now()
	if len(c.args) > 0 {
		for i := range st.Instances {
			inFull(c.out, &st.Instances[i], now)
		}
		return nil
	}
	overview(c.out, st, now)
	return nil
}

// named picks instances by name, in the order of the names; none: all.
func named(all []control.Instance, names []string) ([]control.Instance, error) {
	if len(names) == 0 {
		return all, nil
	}
	picked := make([]control.Instance, 0, len(names))
	for _, name := range names {
		before := len(picked)
		for i := range all {
			if all[i].Name == name {
				picked = append(picked, all[i])
			}
		}
		if len(picked) == before {
			return nil, fmt.Errorf("there is no instance %q", name)
		}
	}
	return picked, nil
}

func overview(w io.Writer, st *control.Status, now time.Time) {
	fmt.Fprintf(w, "Holdfast %s, process %d, started %s (%s ago), %s\n", plain(st.Version), st.PID, when(st.Started), ago(st.Started, now), plain(st.Config))
	fmt.Fprintln(w, plain(st.Summary))
	for _, o := range []*control.Outcome{st.LastReload, st.LastUpgrade} {
		if o != nil {
			fmt.Fprintf(w, "%s  %s\n", when(o.At), plain(o.Text))
		}
	}
	if len(st.Instances) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "INSTANCE\tSTATE\tFOR\tPRIORITY\tINTERFACE\tVRID\tMASTER\tADDRESSES\tWHY")
	for i := range st.Instances {
		x := &st.Instances[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", plain(x.Name), plain(x.State), ago(x.Since, now), priority(x),
			plain(cmp.Or(x.Interface, "-")), x.VRID, master(x), addresses(x), plain(why(x)))
	}
	t.Flush()
}

// inFull prints everything of an instance.
func inFull(w io.Writer, x *control.Instance, now time.Time) {
	family := "IPv4"
	if x.IPv6 {
		family = "IPv6"
	}
	field := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s %s\n", name, plain(fmt.Sprintf(format, args...)))
	}
	fmt.Fprintln(w, plain(x.Name))
	if x.Since.IsZero() {
		field("State", "%s", x.State)
	} else {
		field("State", "%s for %s, since %s", x.State, ago(x.Since, now), when(x.Since))
	}
	if x.Cause != "" {
		field("Why", "%s", x.Cause)
	}
	for _, f := range x.Faults {
		field("Fault", "%s", f)
	}
	field("Priority", "%d, configured %d", x.Effective, x.Priority)
	field("Router", "VRID %d on %s, VRRPv%d, %s, adverts every %v", x.VRID, cmp.Or(x.Interface, "no interface"), x.Protocol, family,
		time.Duration(x.Interval*float64(time.Second)).Round(time.Millisecond))
	if x.Group != "" {
		field("Group", "%s", x.Group)
	}
	field("Master", "%s", master(x))
	if x.Suspected > 0 {
		field("Suspected", "a second Master, %d times", x.Suspected)
	}
	for _, a := range x.Addresses {
		text := a.Address.String()
		if a.Interface != "" {
			text += " on " + a.Interface
		}
		field("Address", "%s%s", text, missing(x, a))
	}
}

// master is who holds the addresses, as far as the instance knows.
func master(x *control.Instance) string {
	switch {
	case x.State == masterState:
		return "this one"
	case x.Master.IsValid():
		return fmt.Sprintf("%v (%d)", x.Master, x.MasterPriority)
	}
	return "-"
}

const masterState = "MASTER"

func priority(x *control.Instance) string {
	if x.Effective == x.Priority {
		return fmt.Sprint(x.Priority)
	}
	return fmt.Sprintf("%d (%d)", x.Effective, x.Priority)
}

// addresses are the first one, with how many more there are, and those that a Master
// should have and has not.
func addresses(x *control.Instance) string {
	if len(x.Addresses) == 0 {
		return "-"
	}
	text := x.Addresses[0].Address.String()
	if n := len(x.Addresses) - 1; n > 0 {
		text += fmt.Sprintf(" +%d", n)
	}
	gone := 0
	for _, a := range x.Addresses {
		if missing(x, a) != "" {
			gone++
		}
	}
	if gone > 0 {
		text += fmt.Sprintf(" (%d not set)", gone)
	}
	return text
}

func missing(x *control.Instance, a control.Address) string {
	if x.State == masterState && !a.Set {
		return ", not set"
	}
	return ""
}

// why is why the instance is in its state.
func why(x *control.Instance) string {
	if len(x.Faults) > 0 {
		return strings.Join(x.Faults, "; ")
	}
	return cmp.Or(x.Cause, "-")
}

func when(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// ago is how long something has been, in its two largest units.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := max(now.Sub(t), 0).Truncate(time.Second)
	days, hours := d/(24*time.Hour), d%(24*time.Hour)/time.Hour
	switch {
	case days > 0:
		return fmt.Sprintf("%dd %dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh %dm", hours, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm %ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

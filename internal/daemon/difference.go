package daemon

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/confdiff"
	"github.com/holdfast-ha/holdfast/internal/config"
)

// Difference is what a reload from one configuration to another changes.
type Difference struct {
	Unchanged int             // instances
	Instances []confdiff.Part // the others, in the order of the configurations
	Parts     []confdiff.Part // all that is no instance
	Restart   []string        // what a reload cannot change
}

// Compare finds out what a reload would change. Instances are matched as it
// matches them: one that is only called otherwise is the same.
func Compare(old, now *config.Config) *Difference {
	d := &Difference{Parts: confdiff.Parts(old, now), Restart: fixedChanges(old, now)}
	was, stays := map[identity]*config.Instance{}, map[identity]bool{}
	for _, c := range old.Instances {
		was[identityOf(c)] = c
	}
	for _, c := range now.Instances {
		stays[identityOf(c)] = true
	}
	for _, c := range old.Instances {
		if !stays[identityOf(c)] {
			d.Instances = append(d.Instances, instancePart(c, confdiff.Removed, nil))
		}
	}
	for _, c := range now.Instances {
		o := was[identityOf(c)]
		if o == nil {
			d.Instances = append(d.Instances, instancePart(c, confdiff.Added, nil))
		} else if details := confdiff.Values(*o, *c); len(details) > 0 {
			d.Instances = append(d.Instances, instancePart(c, confdiff.Changed, details))
		} else {
			d.Unchanged++
		}
	}
	return d
}

const instanceWord = "vrrp_instance "

func instancePart(c *config.Instance, change confdiff.Change, details []string) confdiff.Part {
	return confdiff.Part{Name: instanceWord + c.Name, Change: change, Details: details}
}

// Same tells whether there is no difference.
func (d *Difference) Same() bool { return len(d.Instances)+len(d.Parts)+len(d.Restart) == 0 }

// removes tells whether an instance goes.
func (d *Difference) removes() bool {
	return slices.ContainsFunc(d.Instances, func(p confdiff.Part) bool { return p.Change == confdiff.Removed })
}

// Summary is a line for the log. It counts all instances, and names few.
func (d *Difference) Summary() string {
	text := fmt.Sprintf("%d instances unchanged, %s, %s, %s", d.Unchanged,
		d.counted(confdiff.Changed, "changed"), d.counted(confdiff.Added, "added"), d.counted(confdiff.Removed, "removed"))
	const few = 5
	for i, p := range d.Parts {
		if i == few {
			return text + fmt.Sprintf("; and %d other blocks", len(d.Parts)-few)
		}
		text += "; " + p.String()
	}
	return text
}

// counted is a number of instances, what has become of them, and the first of
// them: "1 changed (VI_1: +192.0.2.7/24)".
func (d *Difference) counted(what confdiff.Change, word string) string {
	const few = 3
	var names []string
	n := 0
	for _, p := range d.Instances {
		if p.Change != what {
			continue
		}
		if n++; n > few {
			continue
		}
		name := strings.TrimPrefix(p.Name, instanceWord)
		if len(p.Details) > 0 {
			name += ": " + brief(p.Details)
		}
		names = append(names, name)
	}
	text := fmt.Sprintf("%d %s", n, word)
	switch {
	case n > few:
		text += " (" + strings.Join(names, "; ") + "; ...)"
	case n > 0:
		text += " (" + strings.Join(names, "; ") + ")"
	}
	return text
}

// brief joins the first of many.
func brief(list []string) string {
	const enough = 8
	if len(list) > enough {
		return strings.Join(list[:enough], ", ") + fmt.Sprintf(" and %d more", len(list)-enough)
	}
	return strings.Join(list, ", ")
}

// Write writes all differences, one on each line, and a count of the instances at
// the end; nothing when there are none.
func (d *Difference) Write(w io.Writer) error {
	if d.Same() {
		return nil
	}
	var b strings.Builder
	for _, what := range d.Restart {
		fmt.Fprintf(&b, "! %s: a reload cannot change it, the daemon has to be restarted\n", what)
	}
	n := map[confdiff.Change]int{}
	for _, p := range d.Parts {
		fmt.Fprintln(&b, p)
	}
	for _, p := range d.Instances {
		fmt.Fprintln(&b, p)
		n[p.Change]++
	}
	fmt.Fprintf(&b, "%d instances unchanged, %d changed, %d added, %d removed\n",
		d.Unchanged, n[confdiff.Changed], n[confdiff.Added], n[confdiff.Removed])
	_, err := io.WriteString(w, b.String())
	return err
}

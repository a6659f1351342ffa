package config

import (
	"fmt"
	"slices"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// trackKind is one of the blocks that refer to a tracked object by name.
type trackKind struct {
	word    string // in messages
	keyword string
	limit   int64 // of the weight, both ways
	// capped: a weight of 254 is too much by one.
	capped bool
	// lenient: a wrong word after the weight is reported and the object tracked all the same.
	lenient bool
	find    func(l *loader, name string) (weight int, reverse, ok bool)
	names   func(l *loader) []string
}

var (
	trackScript = trackKind{
		word: "script", keyword: "track_script", limit: 254, capped: true, lenient: true,
		find: func(l *loader, name string) (int, bool, bool) {
			if s := l.draft.scripts[name]; s != nil {
				return s.Weight, s.Reverse, true
			}
			return 0, false, false
		},
		names: func(l *loader) []string { return namesOf(l.cfg.Scripts, func(s *Script) string { return s.Name }) },
	}
	trackProcess = trackKind{
		word: "process", keyword: "track_process", limit: 254, lenient: true,
		find: func(l *loader, name string) (int, bool, bool) {
			if p := l.draft.processes[name]; p != nil {
				return p.Weight, p.Reverse, true
			}
			return 0, false, false
		},
		names: func(l *loader) []string { return namesOf(l.cfg.Processes, func(p *Process) string { return p.Name }) },
	}
	trackFile = trackKind{
		word: "file", keyword: "track_file", limit: 254,
		find: func(l *loader, name string) (int, bool, bool) {
			if f := l.draft.trackFiles[name]; f != nil {
				return f.Weight, f.Reverse, true
			}
			return 0, false, false
		},
		names: func(l *loader) []string {
			return namesOf(l.cfg.TrackFiles, func(f *TrackFile) string { return f.Name })
		},
	}
	trackBFD = trackKind{
		word: "bfd", keyword: "track_bfd", limit: 253,
		find: func(l *loader, name string) (int, bool, bool) {
			if b := l.draft.bfdByName[name]; b != nil && b.ForVRRP {
				return b.Weight, b.Reverse, true
			}
			return 0, false, false
		},
		names: func(l *loader) []string { return namesOf(l.draft.bfds, func(b *BFD) string { return b.Name }) },
	}
)

func namesOf[T any](list []*T, name func(*T) string) []string {
	names := make([]string, 0, len(list))
	for _, x := range list {
		names = append(names, name(x))
	}
	return names
}

// trackObject reads NAME [weight N [reverse|noreverse]].
func (l *loader) trackObject(a *syntax.Args, owner string, kind trackKind, list *[]Track) {
	name, _ := a.Next()
	weight, reverse, ok := kind.find(l, name)
	if !ok {
		d := Diagnostic{Code: syntax.General, Text: fmt.Sprintf("(%s) track %s %s not found, ignoring...", owner, kind.word, name)}
		if near := l.nearest(name, func() []string { return kind.names(l) }); near != "" {
			d.Hint = fmt.Sprintf("Did you mean '%s'?", near)
		} else {
			d.Hint = "It must be defined above the place that refers to it."
		}
		a.Send(d)
		return
	}
	t := Track{Name: name, Weight: weight, Reverse: reverse, Pos: a.Line.Pos}
	if l.draft.tracked[trackedName{list, name}] {
		a.Report(syntax.General, "(%s) duplicate %s %s - ignoring", owner, kind.keyword, name)
		return
	}
	option, given := a.Next()
	if given {
		if option != "weight" {
			a.Report(syntax.General, "(%s) unknown track %s option %s - ignoring", owner, kind.word, option)
			return
		}
		if a.Left() == 0 {
			a.Report(syntax.General, "(%s) weight without value specified for track %s %s - ignoring", owner, kind.word, name)
			return
		}
		l.trackWeight(a, owner, name, kind.limit, kind.capped, &t.Weight)
		switch w, more := a.Next(); {
		case !more: // the reversal of the object stays
		case w == "reverse":
			t.Reverse = true
		case w == "noreverse":
			t.Reverse = false
		default:
			a.Report(syntax.General, "(%s) unknown track %s %s weight option %s - ignoring", owner, kind.word, name, w)
			if !kind.lenient {
				return
			}
		}
	}
	l.draft.tracked[trackedName{list, name}] = true
	*list = append(*list, t)
}

func tracks(list []Track, name string) bool {
	return slices.ContainsFunc(list, func(t Track) bool { return t.Name == name })
}

// trackWeight reads a weight; a wrong one leaves the value as it is.
func (l *loader) trackWeight(a *syntax.Args, owner, name string, limit int64, capped bool, weight *int) {
	v, ok := l.int(a, rule{low: -limit, high: limit, bad: "(" + owner + ") weight %s for " + name + " must be between [-253..253] inclusive. Ignoring..."})
	if !ok {
		return
	}
	if capped && (v == 254 || v == -254) {
		a.Report(syntax.General, "(%s) weight for %s cannot be +/-254. Setting to +/-253", owner, name)
		v -= v / 254
	}
	*weight = int(v)
}

// trackInterface reads INTERFACE [weight N [reverse]].
func (l *loader) trackInterface(a *syntax.Args, owner string, list *[]Track) {
	name, _ := a.Next()
	if !l.exists(a, name, fmt.Sprintf("(%s) tracked interface %s doesn't exist", owner, name)) {
		return
	}
	if l.draft.tracked[trackedName{list, name}] {
		a.Report(syntax.General, "(%s) duplicate track_interface %s - ignoring", owner, name)
		return
	}
	t := Track{Name: name, Pos: a.Line.Pos}
	if option, given := a.Next(); given {
		if option != "weight" {
			a.Report(syntax.General, "(%s) unknown track_interface %s option %s - ignoring", owner, name, option)
			return
		}
		if a.Left() == 0 {
			a.Report(syntax.General, "(%s) weight without value specified for track_interface %s - ignoring", owner, name)
			return
		}
		l.trackWeight(a, owner, name, 254, true, &t.Weight)
		switch w, more := a.Next(); {
		case !more:
		case w == "reverse":
			t.Reverse = true
		default:
			a.Report(syntax.General, "(%s) unknown track_interface %s weight option %s - ignoring", owner, name, w)
		}
	}
	l.draft.tracked[trackedName{list, name}] = true
	*list = append(*list, t)
}

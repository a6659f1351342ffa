package config

import (
	"slices"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// keyword is a row: one keyword of a block with values of type T. What else
// there is to say about it stands in the directory manual.
type keyword[T any] struct {
	name    string
	aliases []string
	args    string // what may follow, as in a manual page; empty: nothing
	since   string // release of keepalived that brought it; empty: 2.2.7 or before
	status  status
	// optional marks what keepalived knows only when built for it. The build
	// that StrictCompat follows is not.
	optional bool
	doc      string // one line
	example  string
	shape    shape
	// set reads the arguments. For a block of values it is called per value,
	// for a block of keywords once, before the block.
	set func(l *loader, v T, a *syntax.Args)
	// begin reads what stands between the keyword of a value block and its
	// brace; false leaves the values out.
	begin func(l *loader, v T, a *syntax.Args) bool
	// end is called after a block.
	end func(l *loader, v T)
	// sub lists the keywords of a block of keywords, for the documentation.
	sub func() []Keyword
}

// status says what Holdfast does with a keyword.
type status uint8

const (
	served  status = iota
	pending        // understood and checked; the daemon does not act on it yet
	ignored        // understood; there is nothing to act on
)

// shape says what follows a keyword.
type shape uint8

const (
	scalar shape = iota // arguments only
	values              // a block with one value a line
	block               // a block of keywords, read by set itself
)

// table is the keywords of one kind of block.
type table[T any] struct {
	name string // of the block, for the documentation
	rows []keyword[T]
}

func (t *table[T]) find(name string) *keyword[T] {
	for i := range t.rows {
		if k := &t.rows[i]; k.name == name || slices.Contains(k.aliases, name) {
			return k
		}
	}
	return nil
}

func (t *table[T]) names() []string {
	var names []string
	for i := range t.rows {
		names = append(names, t.rows[i].name)
		names = append(names, t.rows[i].aliases...)
	}
	return names
}

// parse reads the keywords of an open block.
func parse[T any](l *loader, t *table[T], v T) {
	for line := range l.cur.Block {
		l.statement(line, func(name string, a *syntax.Args) bool { return apply(l, t, v, a, name) }, t.names)
		if l.stopped || l.blockEnded {
			l.blockEnded = false
			return
		}
	}
}

// parseOne reads the block of a keyword: brace, keywords, closing brace.
func parseOne[T any](l *loader, t *table[T], v T) {
	l.cur.Open()
	parse(l, t, v)
}

// apply runs the row of a keyword; false when the block has none.
func apply[T any](l *loader, t *table[T], v T, a *syntax.Args, name string) bool {
	k := t.find(name)
	if k == nil || (k.optional && l.opt.StrictCompat) {
		return false
	}
	if k.status == pending {
		l.notServed(k.name, a.Line.Pos)
	}
	if p, ok := any(v).(interface{ place(string, *syntax.Args) }); ok {
		p.place(k.name, a)
	}
	switch k.shape {
	case values:
		readValues(l, k, v, a)
	default:
		k.set(l, v, a)
		if k.end != nil {
			k.end(l, v)
		}
	}
	return true
}

// readValues reads a block of values.
func readValues[T any](l *loader, k *keyword[T], v T, a *syntax.Args) {
	use := true
	if k.begin != nil {
		use = k.begin(l, v, a)
	} else {
		l.noMore(a)
	}
	l.cur.OpenValues(a.Keyword())
	if !use && l.opt.StrictCompat {
		// keepalived takes the closing brace of the values for that of the block around them.
		l.blockEnded = true
	}
	for line := range l.cur.Values {
		if !use {
			continue
		}
		l.openQuote(line)
		if len(line.Words) > 0 {
			k.set(l, v, syntax.NewValues(line, l.reporter(line)))
		}
		if l.stopped {
			return
		}
	}
	if use && k.end != nil {
		k.end(l, v)
	}
}

package agentx

import "slices"

// View is what a sub-agent shows at a moment. It does not change.
type View struct {
	binds   []Varbind
	columns map[string]bool
	depths  []int // of columns
}

// NewView makes a view of objects, which it takes and sorts. Columns are the
// identifiers of tables' columns and of scalars, without their indexes: of what
// stands below one of them and is not there it is said that the instance does not
// exist, of anything else that the object does not.
func NewView(binds []Varbind, columns []OID) *View {
	slices.SortFunc(binds, func(a, b Varbind) int { return a.Name.Compare(b.Name) })
	binds = slices.CompactFunc(binds, func(a, b Varbind) bool { return slices.Equal(a.Name, b.Name) })
	v := &View{binds: binds, columns: map[string]bool{}}
	for _, c := range columns {
		v.columns[c.String()] = true
		if !slices.Contains(v.depths, len(c)) {
			v.depths = append(v.depths, len(c))
		}
	}
	return v
}

// Objects returns all objects in their order; they are not to be changed.
func (v *View) Objects() []Varbind { return v.binds }

func (v *View) find(name OID) (int, bool) {
	return slices.BinarySearchFunc(v.binds, name, func(b Varbind, n OID) int { return b.Name.Compare(n) })
}

// Get returns the value of an object, or why there is none.
func (v *View) Get(name OID) Value {
	if i, ok := v.find(name); ok {
		return v.binds[i].Value
	}
	for _, n := range v.depths {
		if len(name) >= n && v.columns[name[:n].String()] {
			return Value{Syntax: NoSuchInstance}
		}
	}
	return Value{Syntax: NoSuchObject}
}

// Next returns the first object of a range, or that there is none.
func (v *View) Next(r Range) Varbind {
	i, found := v.find(r.Start)
	if found && !r.Include {
		i++
	}
	if i < len(v.binds) && (len(r.End) == 0 || v.binds[i].Name.Compare(r.End) < 0) {
		return v.binds[i]
	}
	return Varbind{Name: r.Start, Value: Value{Syntax: EndOfMIBView}}
}

// maxAnswer bounds the objects of one answer.
const maxAnswer = 1000

// answer fills in the answer to a request.
func (v *View) answer(p, to *PDU) {
	switch p.Type {
	case Get:
		for _, r := range p.Ranges {
			to.Varbinds = append(to.Varbinds, Varbind{Name: r.Start, Value: v.Get(r.Start)})
		}
	case GetNext:
		for _, r := range p.Ranges {
			to.Varbinds = append(to.Varbinds, v.Next(r))
		}
	case GetBulk:
		v.bulk(p, to)
	}
}

func (v *View) bulk(p, to *PDU) {
	single := min(int(p.NonRepeaters), len(p.Ranges))
	for _, r := range p.Ranges[:single] {
		to.Varbinds = append(to.Varbinds, v.Next(r))
	}
	repeated := slices.Clone(p.Ranges[single:])
	for range p.MaxRepetitions {
		more := false
		for i := range repeated {
			if len(to.Varbinds) >= maxAnswer {
				return
			}
			next := v.Next(repeated[i])
			to.Varbinds = append(to.Varbinds, next)
			repeated[i].Start, repeated[i].Include = next.Name, false
			more = more || next.Value.Syntax != EndOfMIBView
		}
		if !more {
			return
		}
	}
}

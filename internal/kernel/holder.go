package kernel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// Op is a change of one of the kernel's tables.
type Op uint8

// Changes. OpReplace is OpAdd that takes the place of what is there.
const (
	OpAdd Op = iota
	OpDelete
	OpReplace
)

// String returns the verb.
func (o Op) String() string { return [...]string{"add", "delete", "replace"}[o] }

// Errors of a [Table].
var (
	// ErrUnanswered marks a change that was sent to the kernel and whose outcome
	// is not known.
	ErrUnanswered = errors.New("no answer from the kernel")
	// ErrOccupied is the reason when something else is where a route or rule is
	// wanted.
	ErrOccupied = errors.New("somebody else's is in its place")
)

// Table is the kernel's tables of addresses, routes and rules; [Handle] is the
// real one.
type Table interface {
	// Change adds, deletes or replaces an object. It returns false without an
	// error when there was nothing to do: the object to add, or something in its
	// place, was there, the one to delete, or its link, was not. The error wraps
	// [ErrUnanswered] if the change may have been made nevertheless; with any
	// other it was not. The report is what the kernel made of an object that was
	// added, nil if it did not say.
	Change(ctx context.Context, op Op, o Object) (changed bool, now Report, err error)
	// List returns what is on a shelf: nothing for a link that does not exist.
	List(ctx context.Context, s Shelf) ([]Report, error)
}

// Failure is a change that was not made.
type Failure struct {
	Op     Op
	Object Object
	Err    error
}

func (f Failure) Error() string {
	if f.Object == nil {
		return f.Err.Error()
	}
	if f.Object.Kind() == KindAddress {
		return fmt.Sprintf("%v %v: %v", f.Op, f.Object, f.Err)
	}
	return fmt.Sprintf("%v %v %v: %v", f.Op, f.Object.Kind(), f.Object, f.Err)
}

// Unwrap returns the reason.
func (f Failure) Unwrap() error { return f.Err }

// Result tells what was done, each list in the order of doing.
type Result struct {
	Removed  []Object // deleted; one that was gone already is not listed
	Added    []Object
	Adopted  []Object // were there already; held, and so deleted later, as if added
	Restored []Object // were held and gone or changed; set again
	Failed   []Failure
}

// err returns the first failure and how many there were, nil if none.
func (r *Result) err() error {
	if len(r.Failed) == 0 {
		return nil
	}
	if len(r.Failed) == 1 {
		return r.Failed[0]
	}
	return fmt.Errorf("%w (and %d more failures)", r.Failed[0], len(r.Failed)-1)
}

// Holder holds the addresses, routes and rules of one owner: a VRRP instance, or
// all that is static. It remembers what it set, and touches nothing else. It
// belongs to one goroutine.
type Holder struct {
	// Set, if it is not nil, is told of each object as soon as Apply has set it.
	Set func(Object)

	table Table
	held  []holding // in the order of the list that was last applied
}

// holding is an object that was set.
type holding struct {
	Object
	standing
	set Report // as the kernel showed it then; nil: not known
}

// standing is how an object stands in the kernel's tables.
type standing uint8

const (
	absent  standing = iota // never set
	sure                    // there
	unsure                  // perhaps there
	lost                    // taken away by somebody else
	changed                 // there, but changed by somebody else
)

// NewHolder returns a holder that holds nothing.
func NewHolder(table Table) *Holder { return &Holder{table: table} }

// Held returns the objects that are set, in the order of the list that was last
// applied.
func (h *Holder) Held() []Object {
	var out []Object
	for _, x := range h.held {
		if x.standing == sure || x.standing == changed {
			out = append(out, x.Object)
		}
	}
	return out
}

// Assume makes a holder that holds nothing hold objects that the holder of another
// program has set, without a look at the kernel: Check tells whether they are there.
func (h *Holder) Assume(objects []Object) {
	for _, o := range distinct(objects) {
		h.held = append(h.held, holding{Object: o, standing: sure})
	}
	slices.SortStableFunc(h.held, func(x, y holding) int { return int(x.Kind()) - int(y.Kind()) })
}

// Addresses returns the addresses among what is held.
func (h *Holder) Addresses() []Address {
	var out []Address
	for _, o := range h.Held() {
		if a, ok := o.(Address); ok {
			out = append(out, a)
		}
	}
	return out
}

// Apply makes wanted what is held: it deletes what is held and not wanted, then
// adds what is wanted and not held. It adds addresses, then routes, then rules,
// and deletes rules, then routes, then addresses, each in list order. A change
// in any field of an object is a deletion and an addition. Of several that the
// kernel cannot tell apart, the first is taken. Applying a list that is held
// sends nothing.
//
// A failure does not stop the rest. What could not be added is not held, what
// could not be deleted still is; applying again tries again. The error is not
// nil if anything failed, with [Result.Failed] telling what. Once ctx is over no
// more requests are sent and all that is left fails with its error; a request
// that is being served by the kernel cannot be interrupted.
func (h *Holder) Apply(ctx context.Context, wanted []Object) (Result, error) {
	a := &application{h: h, ctx: ctx, wanted: distinct(wanted), was: map[any]holding{}, lists: map[Shelf][]Report{}}
	slices.SortStableFunc(a.wanted, func(x, y Object) int { return int(x.Kind()) - int(y.Kind()) })
	a.remove()
	a.recheck()
	for i, o := range a.wanted {
		a.begin(OpAdd, a.wanted[i:], a.absent)
		a.provide(o)
	}
	return a.res, a.res.err()
}

// Release deletes all that is held. The error is as for Apply.
func (h *Holder) Release(ctx context.Context) (Result, error) { return h.Apply(ctx, nil) }

// Loss is an object that is not as it was set.
type Loss struct {
	Object
	Changed bool // it is there, with other properties
}

// Check asks the kernel whether all that is held and guarded is still set, as it
// was set, and returns what since the last Check or Apply no longer is. The next
// Apply sets it again. Of what cannot be listed nothing is returned, but an error.
//
// It is meant for the moment when an event of the [Monitor] names something that
// may be held: the event may be an old one, about a removal by this holder
// before it set the object again.
func (h *Holder) Check(ctx context.Context) ([]Loss, error) {
	var suspects []holding
	for _, x := range h.held {
		if x.Guarded() {
			suspects = append(suspects, x)
		}
	}
	found, err := inspect(ctx, h.table, suspects, map[Shelf][]Report{})
	var losses []Loss
	for i := range h.held {
		x := &h.held[i]
		f, ok := found[x.key()]
		if !ok {
			continue // not guarded, or not to be listed
		}
		switch f.likeness {
		case alike:
			x.standing, x.set = sure, f.report
		case altered:
			if x.standing != changed {
				losses = append(losses, Loss{Object: x.Object, Changed: true})
			}
			x.standing = changed
		default:
			// What never was sure to be set is not lost, and what is lost already
			// is no news.
			if x.standing == sure || x.standing == changed {
				losses = append(losses, Loss{Object: x.Object})
			}
			x.standing = lost
		}
	}
	return losses, err
}

// Complete tells whether everything that is held and guarded is set, as far as
// was known when last looked.
func (h *Holder) Complete() bool {
	return !slices.ContainsFunc(h.held, func(x holding) bool { return x.Guarded() && x.standing != sure })
}

// finding is what the kernel shows of an object.
type finding struct {
	likeness
	report Report
}

// inspect looks for objects in the kernel's tables, listing each shelf once. An
// object whose shelf cannot be listed has no finding.
func inspect(ctx context.Context, table Table, suspects []holding, lists map[Shelf][]Report) (found map[any]finding, err error) {
	found = make(map[any]finding, len(suspects))
	indexes := map[Shelf]map[any][]Report{}
	for _, x := range suspects {
		s := x.shelf()
		list, listed := lists[s]
		if !listed {
			var lerr error
			if list, lerr = table.List(ctx, s); lerr != nil {
				if err == nil {
					err = fmt.Errorf("list %v: %w", s, lerr)
				}
				continue
			}
			lists[s] = list
		}
		index, ok := indexes[s]
		if !ok {
			index = indexed(list)
			indexes[s] = index
		}
		found[x.key()] = look(index[spot(x.Object)], x)
	}
	return found, err
}

// spot is part of what identifies an object, and the same for it and its report.
func spot(o any) any {
	switch o := o.(type) {
	case Address:
		return o.Prefix.Addr()
	case AddrState:
		return o.Prefix.Addr()
	case Route:
		return o.Dest.Masked()
	case Rule:
		return o.Priority
	}
	return nil
}

// indexed makes reports quick to find.
func indexed(list []Report) map[any][]Report {
	index := make(map[any][]Report, len(list))
	for _, r := range list {
		index[spot(r)] = append(index[spot(r)], r)
	}
	return index
}

// look finds the report that is most like the object.
func look(list []Report, x holding) finding {
	var best finding
	for _, r := range list {
		if l := x.compare(r, x.set); l > best.likeness {
			best = finding{l, r}
		}
	}
	return best
}

// distinct returns the list without objects that the kernel would take for an
// earlier one of the list.
func distinct(list []Object) []Object {
	seen := make(map[any]bool, len(list))
	out := make([]Object, 0, len(list))
	for _, o := range list {
		if at := o.place(); !seen[at] {
			seen[at] = true
			out = append(out, o)
		}
	}
	return out
}

// onLink is the identity of an address in the whole table.
type onLink struct {
	link string
	id   identity
}

// network is where IPv4 addresses of a link go together.
type network struct {
	link string
	net  netip.Prefix
}

// CleanStale deletes objects that a crashed run may have left behind: rules, then
// routes, then addresses. One that does not exist is no failure, and a failure
// does not stop the rest.
func CleanStale(ctx context.Context, table Table, list []Object) Result {
	var res Result
	list = distinct(list)
	slices.SortStableFunc(list, func(x, y Object) int { return int(y.Kind()) - int(x.Kind()) })
	for _, o := range list {
		changed, _, err := table.Change(ctx, OpDelete, o)
		switch {
		case err != nil:
			res.Failed = append(res.Failed, Failure{Op: OpDelete, Object: o, Err: err})
		case changed:
			res.Removed = append(res.Removed, o)
		}
	}
	return res
}

package kernel

import (
	"context"
	"errors"
	"slices"
)

// application is one run of [Holder.Apply].
type application struct {
	h      *Holder
	ctx    context.Context
	wanted []Object
	was    map[any]holding // wanted objects that are held, by key
	lists  map[Shelf][]Report
	ahead  ahead
	res    Result
}

// standing is how a wanted object stands.
func (a *application) standing(o Object) holding {
	if len(a.was) == 0 {
		return holding{} // without its key, which costs more than all else here
	}
	return a.was[o.key()]
}

func (a *application) failed(op Op, o Object, err error) {
	a.res.Failed = append(a.res.Failed, Failure{Op: op, Object: o, Err: err})
}

// remove deletes what is held and not wanted, and tries again to delete what
// could not be deleted before. It leaves in h.held what is not wanted and still
// there.
func (a *application) remove() {
	if len(a.h.held) == 0 {
		return // a takeover: there is no time to lose
	}
	want := make(map[any]bool, len(a.wanted))
	place := make(map[any]bool, len(a.wanted))
	for _, o := range a.wanted {
		want[o.key()] = true
		place[o.place()] = true
	}
	held := slices.Clone(a.h.held)
	slices.SortStableFunc(held, func(x, y holding) int { return int(y.Kind()) - int(x.Kind()) })
	var stuck []holding
	var doomed []holding
	var objects []Object
	for _, x := range held {
		switch {
		case want[x.key()]:
			a.was[x.key()] = x
		case x.standing != lost:
			doomed, objects = append(doomed, x), append(objects, x.Object)
		}
	}
	for i, x := range doomed {
		a.begin(OpDelete, objects[i:], func(Object) bool { return true })
		done, _, err := a.change(OpDelete, x.Object)
		switch {
		case err != nil:
			a.failed(OpDelete, x.Object, err)
			// If the same is wanted with other properties, adding will find this
			// one and adopt it; deleting it later would be wrong.
			if !place[x.place()] {
				if errors.Is(err, ErrUnanswered) {
					x.standing = unsure
				}
				stuck = append(stuck, x)
			}
		case done:
			a.res.Removed = append(a.res.Removed, x.Object)
		}
	}
	a.h.held = stuck
}

// recheck looks whether the kernel has dropped wanted objects together with
// those that were removed, and corrects how they stand. Unless
// promote_secondaries is set, a deleted primary IPv4 address takes all others of
// its network on the link with it, and an address of either family the routes
// that have it as their source.
func (a *application) recheck() {
	touched := make(map[network]bool)
	gone := false
	for _, o := range a.res.Removed {
		if x, ok := o.(Address); ok {
			gone = true
			if id := x.identity(); id.net.IsValid() {
				touched[network{x.Link, id.net}] = true
			}
		}
	}
	if !gone {
		return
	}
	var suspects []holding
	for _, o := range a.wanted {
		x := a.standing(o)
		if x.standing != sure {
			continue
		}
		switch o := o.(type) {
		case Address:
			if touched[network{o.Link, o.identity().net}] {
				suspects = append(suspects, x)
			}
		case Route:
			suspects = append(suspects, x)
		}
	}
	found, _ := inspect(a.ctx, a.h.table, suspects, map[Shelf][]Report{})
	for _, x := range suspects {
		switch f, ok := found[x.key()]; {
		case !ok:
			// Without a listing, adding tells whether it is still there.
			x.standing = unsure
		case f.likeness == another:
			x.standing = lost
		case f.likeness == altered:
			x.standing = changed // an IPv6 route without its source stays
		}
		a.was[x.key()] = x
	}
}

// provide sets one wanted object, unless it is set.
func (a *application) provide(o Object) {
	x := a.standing(o)
	x.Object = o
	switch x.standing {
	case sure:
		a.hold(x)
		return
	case changed:
		if !a.repair(x) {
			return
		}
	}
	op := OpAdd
	if x.standing == lost && alone(x) {
		op = OpReplace
	}
	done, report, err := a.change(op, o)
	if err != nil {
		a.refused(x, err)
		return
	}
	if report != nil || done {
		x.set = report
	}
	if !done && !a.adopt(&x) {
		return
	}
	switch {
	case x.standing == absent && done:
		a.res.Added = append(a.res.Added, o)
	case x.standing == absent:
		a.res.Adopted = append(a.res.Adopted, o)
	case done:
		a.res.Restored = append(a.res.Restored, o)
	}
	x.standing = sure
	a.hold(x)
	if done && a.h.Set != nil {
		a.h.Set(o)
	}
}

func (a *application) hold(x holding) { a.h.held = append(a.h.held, x) }

// refused notes that an object could not be set.
func (a *application) refused(x holding, err error) {
	a.failed(OpAdd, x.Object, err)
	switch {
	case errors.Is(err, ErrUnanswered), x.standing == unsure:
		x.standing = unsure
		a.hold(x)
	case x.standing == lost, x.standing == changed:
		x.standing = lost
		a.hold(x)
	}
}

// repair makes room for an object that somebody has changed, by taking it away.
// It returns false if there is nothing more to be done.
func (a *application) repair(x holding) bool {
	if _, ok := x.Object.(Address); ok {
		// Its connections live on if it can be set right in place.
		if _, _, err := a.h.table.Change(a.ctx, OpReplace, x.Object); err == nil {
			found, _ := inspect(a.ctx, a.h.table, []holding{x}, map[Shelf][]Report{})
			if f, ok := found[x.key()]; ok && f.likeness == alike {
				x.standing, x.set = sure, f.report
				a.res.Restored = append(a.res.Restored, x.Object)
				a.hold(x)
				return false
			}
		}
	}
	if _, _, err := a.h.table.Change(a.ctx, OpDelete, x.Object); err != nil {
		a.failed(OpDelete, x.Object, err)
		a.hold(x)
		return false
	}
	return true
}

// alone tells whether an IPv6 route had no others beside it that differ only in
// where they lead: what is there now has then replaced it, and adding would make
// the two share the packets.
func alone(x holding) bool {
	r, ok := x.Object.(Route)
	s, known := x.set.(Route)
	return ok && known && r.IPv6 && len(r.ways()) == len(s.ways())
}

// adopt looks at what is in the place of an object that was to be added. It
// returns false when that is not the object.
func (a *application) adopt(x *holding) bool {
	for fresh := false; ; fresh = true {
		if fresh {
			delete(a.lists, x.shelf())
		}
		was := x.set
		x.set = nil // whatever it was, it is what stands there now
		found, err := inspect(a.ctx, a.h.table, []holding{*x}, a.lists)
		f, listed := found[x.key()]
		switch {
		case err != nil || !listed:
			x.set = was
			return true // what the kernel says must do
		case f.likeness != another:
			x.set = f.report
			return true
		case !fresh:
			continue // what was listed before may be old
		}
		// Addresses have no double: it has gone in this moment.
		if x.Kind() == KindAddress {
			x.set = was
			return true
		}
		if r, ok := x.Object.(Route); ok && r.Mode == RouteAdd && x.standing != absent {
			return a.squeeze(x, r)
		}
		a.failed(OpAdd, x.Object, ErrOccupied)
		if x.standing != absent {
			x.standing = lost
			a.hold(*x)
		}
		return false
	}
}

// squeeze puts a route that was held, and replaced by somebody, before the one
// that is in its place.
func (a *application) squeeze(x *holding, r Route) bool {
	r.Mode = RoutePrepend
	_, report, err := a.h.table.Change(a.ctx, OpAdd, r)
	if err != nil {
		a.refused(*x, err)
		return false
	}
	x.set = report
	a.res.Restored = append(a.res.Restored, x.Object)
	return true
}

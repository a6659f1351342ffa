package kernel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// Op is a change of the table of addresses.
type Op uint8

// Changes of the table of addresses.
const (
	OpAdd Op = iota
	OpDelete
)

// String returns the verb.
func (o Op) String() string {
	if o == OpDelete {
		return "delete"
	}
	return "add"
}

// ErrUnanswered marks a change that was sent to the kernel and whose outcome is
// not known.
var ErrUnanswered = errors.New("no answer from the kernel")

// AddressTable is the kernel's table of addresses; [Handle] is the real one.
type AddressTable interface {
	// ChangeAddress adds or deletes an address. It returns false without an
	// error when there was nothing to do: the address to add was there, the
	// one to delete, or its link, was not. The error wraps [ErrUnanswered] if
	// the change may have been made nevertheless; with any other it was not.
	ChangeAddress(ctx context.Context, op Op, a Address) (bool, error)
	// ListAddresses returns the addresses of a link, none for a link that does
	// not exist.
	ListAddresses(ctx context.Context, link string) ([]AddrState, error)
}

// Failure is a change that was not made.
type Failure struct {
	Op      Op
	Address Address
	Err     error
}

func (f Failure) Error() string { return fmt.Sprintf("%v %v: %v", f.Op, f.Address, f.Err) }

// Unwrap returns the reason.
func (f Failure) Unwrap() error { return f.Err }

// Result tells what was done, each list in the order of doing.
type Result struct {
	Removed  []Address // deleted; one that was gone already is not listed
	Added    []Address
	Adopted  []Address // were there already; held, and so deleted later, as if added
	Restored []Address // the kernel had dropped them together with a removed one; added again
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

// Holder holds the addresses of one VRRP instance. It remembers what it set,
// and touches nothing else. It belongs to one goroutine.
type Holder struct {
	table AddressTable
	held  []holding // in the order of the list that was last applied
}

// holding is an address that is set, or, if it is not sure, may be.
type holding struct {
	Address
	sure bool
}

// NewHolder returns a holder that holds nothing.
func NewHolder(table AddressTable) *Holder { return &Holder{table: table} }

// Held returns the addresses that are set, in the order of the list that was
// last applied.
func (h *Holder) Held() []Address {
	var out []Address
	for _, x := range h.held {
		if x.sure {
			out = append(out, x.Address)
		}
	}
	return out
}

// Holds reports whether an address of a link is one that is set.
func (h *Holder) Holds(link string, s AddrState) bool {
	return slices.ContainsFunc(h.held, func(x holding) bool { return x.sure && x.Link == link && x.Is(s) })
}

// Apply makes wanted the addresses that are held: it deletes what is held and
// not wanted, then adds what is wanted and not held, both in list order. A
// change in any field of an address is a deletion and an addition. Of several
// that the kernel cannot tell apart, the first is taken. Applying a list that
// is held sends nothing.
//
// A failure does not stop the rest. An address that could not be added is not
// held, one that could not be deleted still is; applying again tries again. The
// error is not nil if anything failed, with [Result.Failed] telling what. Once
// ctx is over no more requests are sent and all that is left fails with its
// error; a request that is being served by the kernel cannot be interrupted.
func (h *Holder) Apply(ctx context.Context, wanted []Address) (Result, error) {
	var res Result
	wanted = distinct(wanted)
	state := h.remove(ctx, wanted, &res)
	h.recheck(ctx, wanted, state, res.Removed)

	for _, a := range wanted {
		was := state[a]
		if was == standing {
			h.held = append(h.held, holding{Address: a, sure: true})
			continue
		}
		changed, err := h.table.ChangeAddress(ctx, OpAdd, a)
		switch {
		case err != nil:
			res.Failed = append(res.Failed, Failure{Op: OpAdd, Address: a, Err: err})
			if was == unsure || errors.Is(err, ErrUnanswered) {
				h.held = append(h.held, holding{Address: a})
			}
			continue
		case !changed && was == absent:
			res.Adopted = append(res.Adopted, a)
		case changed && was == absent:
			res.Added = append(res.Added, a)
		case changed:
			res.Restored = append(res.Restored, a)
		}
		h.held = append(h.held, holding{Address: a, sure: true})
	}
	return res, res.err()
}

// standings of a wanted address before it is added.
type standings uint8

const (
	absent   standings = iota // not held
	standing                  // held and there
	unsure                    // held, and perhaps there
	dropped                   // held, and not there any more
)

// Release deletes all that is held, in list order. The error is as for Apply.
func (h *Holder) Release(ctx context.Context) (Result, error) { return h.Apply(ctx, nil) }

// Check asks the kernel whether all held addresses are still set, and returns
// those that are not. They are no longer held: the next Apply adds them again.
// Of links that cannot be listed nothing is returned, but an error.
//
// It is meant for the moment when an [AddressRemoved] names an address that
// [Holder.Holds]: the event may be an old one, about a removal by this holder
// before it added the address again.
func (h *Holder) Check(ctx context.Context) ([]Address, error) {
	suspects := make([]Address, 0, len(h.held))
	for _, x := range h.held {
		suspects = append(suspects, x.Address)
	}
	missing, unknown, err := missing(ctx, h.table, suspects)
	lost := make(map[Address]bool, len(missing))
	for _, a := range missing {
		lost[a] = true
	}
	known := h.held[:0]
	for _, x := range h.held {
		if !lost[x.Address] {
			// What was listed is certain now.
			x.sure = x.sure || !unknown[x.Link]
			known = append(known, x)
		}
	}
	h.held = known
	return missing, err
}

// remove deletes what is held and not wanted, and tries again to delete what
// could not be deleted before. It leaves in h.held what is not wanted and still
// there, and returns how the wanted addresses that are held stand.
func (h *Holder) remove(ctx context.Context, wanted []Address, res *Result) map[Address]standings {
	want := make(map[Address]bool, len(wanted))
	place := make(map[onLink]bool, len(wanted))
	for _, a := range wanted {
		want[a] = true
		place[onLink{a.Link, a.identity()}] = true
	}
	state := make(map[Address]standings, len(h.held))
	var stuck []holding
	for _, x := range h.held {
		if want[x.Address] {
			state[x.Address] = unsure
			if x.sure {
				state[x.Address] = standing
			}
			continue
		}
		changed, err := h.table.ChangeAddress(ctx, OpDelete, x.Address)
		switch {
		case err != nil:
			res.Failed = append(res.Failed, Failure{Op: OpDelete, Address: x.Address, Err: err})
			// If the same address is wanted with other properties, adding will
			// find this one and adopt it; deleting it later would be wrong.
			if !place[onLink{x.Link, x.identity()}] {
				stuck = append(stuck, holding{Address: x.Address, sure: x.sure && !errors.Is(err, ErrUnanswered)})
			}
		case changed:
			res.Removed = append(res.Removed, x.Address)
		}
	}
	h.held = stuck
	return state
}

// recheck looks whether the kernel has dropped wanted addresses together with
// those that were removed, and corrects their state: unless promote_secondaries
// is set, a deleted primary IPv4 address takes all others of its network on the
// link with it.
func (h *Holder) recheck(ctx context.Context, wanted []Address, state map[Address]standings, removed []Address) {
	type network struct {
		link string
		net  netip.Prefix
	}
	touched := make(map[network]bool)
	for _, a := range removed {
		if id := a.identity(); id.net.IsValid() {
			touched[network{a.Link, id.net}] = true
		}
	}
	if len(touched) == 0 {
		return
	}
	var suspects []Address
	for _, a := range wanted {
		if state[a] == standing && touched[network{a.Link, a.identity().net}] {
			suspects = append(suspects, a)
		}
	}
	lost, unknown, _ := missing(ctx, h.table, suspects)
	for _, a := range suspects {
		// Without a listing, adding tells whether an address is still there.
		if unknown[a.Link] {
			state[a] = unsure
		}
	}
	for _, a := range lost {
		state[a] = dropped
	}
}

// missing returns which of the addresses the kernel does not have, and the
// links that could not be listed with the first reason.
func missing(ctx context.Context, table AddressTable, addrs []Address) (lost []Address, unknown map[string]bool, err error) {
	listed := make(map[string]map[identity]bool)
	unknown = make(map[string]bool)
	for _, a := range addrs {
		have, ok := listed[a.Link]
		if !ok {
			list, lerr := table.ListAddresses(ctx, a.Link)
			if lerr != nil {
				unknown[a.Link] = true
				if err == nil {
					err = fmt.Errorf("list addresses of %s: %w", a.Link, lerr)
				}
			}
			have = make(map[identity]bool, len(list))
			for _, s := range list {
				have[s.identity()] = true
			}
			listed[a.Link] = have
		}
		if !unknown[a.Link] && !have[a.identity()] {
			lost = append(lost, a)
		}
	}
	return lost, unknown, err
}

// onLink is the identity of an address in the whole table.
type onLink struct {
	link string
	id   identity
}

// distinct returns the list without addresses that the kernel would take for an
// earlier one of the list.
func distinct(list []Address) []Address {
	seen := make(map[onLink]bool, len(list))
	out := make([]Address, 0, len(list))
	for _, a := range list {
		at := onLink{a.Link, a.identity()}
		if !seen[at] {
			seen[at] = true
			out = append(out, a)
		}
	}
	return out
}

// CleanStale deletes addresses that a crashed run may have left behind, in list
// order. An address or link that does not exist is no failure, and a failure
// does not stop the rest.
func CleanStale(ctx context.Context, table AddressTable, addrs []Address) Result {
	var res Result
	for _, a := range distinct(addrs) {
		changed, err := table.ChangeAddress(ctx, OpDelete, a)
		switch {
		case err != nil:
			res.Failed = append(res.Failed, Failure{Op: OpDelete, Address: a, Err: err})
		case changed:
			res.Removed = append(res.Removed, a)
		}
	}
	return res
}

package kernel

import "context"

// batcher is a [Table] that can change several addresses for little more than the
// price of one. The outcomes are in the order of the list, each as Change would
// return it.
type batcher interface {
	ChangeAll(ctx context.Context, op Op, list []Address) []outcome
}

// outcome is what became of a change.
type outcome struct {
	changed bool
	now     Report
	err     error
}

// batchSize is how many addresses go together: so few that the first of a
// thousand is not kept waiting for the others, and that the kernel's answers
// surely fit into the buffer of the socket.
const batchSize = 32

// ahead are changes that were made together with an earlier one.
type ahead struct {
	op   Op
	done map[any]outcome
}

// change makes a change, or says how it went if it has been made already.
func (a *application) change(op Op, o Object) (bool, Report, error) {
	if out, ok := a.ahead.done[o.key()]; ok && a.ahead.op == op {
		delete(a.ahead.done, o.key())
		return out.changed, out.now, out.err
	}
	return a.h.table.Change(a.ctx, op, o)
}

// absent tells whether the object was never set.
func (a *application) absent(o Object) bool { return a.was[o.key()].standing == absent }

// begin makes the changes of the addresses at the front of the list, of those that
// want it, if that has not been done.
func (a *application) begin(op Op, list []Object, wants func(Object) bool) {
	table, able := a.h.table.(batcher)
	if !able || len(list) == 0 {
		return
	}
	if _, begun := a.ahead.done[list[0].key()]; begun && a.ahead.op == op {
		return
	}
	var batch []Address
	for _, o := range list {
		addr, ok := o.(Address)
		if !ok || len(batch) == batchSize || !wants(o) {
			break
		}
		batch = append(batch, addr)
	}
	if len(batch) < 2 {
		return
	}
	a.ahead = ahead{op: op, done: make(map[any]outcome, len(batch))}
	for i, out := range table.ChangeAll(a.ctx, op, batch) {
		a.ahead.done[batch[i].key()] = out
	}
}

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

// ahead are changes that were made together with an earlier one, in the order in
// which they will be asked for.
type ahead struct {
	op       Op
	objects  []Object
	outcomes []outcome
}

// next takes out how a change went, if it has been made already.
func (h *ahead) next(op Op, o Object) (outcome, bool) {
	if len(h.objects) == 0 || h.op != op || h.objects[0] != o {
		return outcome{}, false
	}
	out := h.outcomes[0]
	h.objects, h.outcomes = h.objects[1:], h.outcomes[1:]
	return out, true
}

// change makes a change, or says how it went if it has been made already.
func (a *application) change(op Op, o Object) (bool, Report, error) {
	if out, ok := a.ahead.next(op, o); ok {
		return out.changed, out.now, out.err
	}
	return a.h.table.Change(a.ctx, op, o)
}

// absent tells whether the object was never set.
func (a *application) absent(o Object) bool { return a.standing(o).standing == absent }

// begin makes the changes of the addresses at the front of the list, of those that
// want it, if that has not been done.
func (a *application) begin(op Op, list []Object, wants func(Object) bool) {
	table, able := a.h.table.(batcher)
	if !able || len(list) == 0 {
		return
	}
	if len(a.ahead.objects) > 0 && a.ahead.op == op && a.ahead.objects[0] == list[0] {
		return
	}
	var batch []Address
	for _, o := range list[:min(len(list), batchSize)] {
		addr, ok := o.(Address)
		if !ok || !wants(o) {
			break
		}
		batch = append(batch, addr)
	}
	if len(batch) >= 2 {
		a.ahead = ahead{op, list[:len(batch)], table.ChangeAll(a.ctx, op, batch)}
	}
}

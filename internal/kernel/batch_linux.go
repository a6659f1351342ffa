package kernel

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

var _ batcher = (*Handle)(nil)

// ChangeAll implements [batcher]: all requests go to the kernel in one message,
// which costs less than half of sending each.
func (h *Handle) ChangeAll(ctx context.Context, op Op, list []Address) []outcome {
	out := make([]outcome, len(list))
	if err := h.begin(ctx); err != nil {
		for i := range out {
			out[i].err = err
		}
		return out
	}
	defer h.end()
	proto := op != OpDelete && !h.noProto
	var reqs []request
	var at []int // which address each is about
	links := map[string]int{}
	for i, a := range list {
		req, err := h.batched(links, op, a, proto)
		if err != nil {
			out[i].err = err
			continue
		}
		reqs, at = append(reqs, req), append(at, i)
	}
	for i, err := range h.conn.executeAll(ctx, reqs) {
		if proto && (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP)) {
			err = h.changeAddress(ctx, op, list[at[i]]) // which finds out what it was
		}
		out[at[i]].err = err
	}
	for i := range out {
		out[i].changed, out[i].err = verdict(op, out[i].err)
	}
	return out
}

// batched is the request for one address; links are the indexes found so far.
func (h *Handle) batched(links map[string]int, op Op, a Address, proto bool) (request, error) {
	index, known := links[a.Link]
	if !known {
		var err error
		if index, err = h.index(a.Link); err != nil {
			return request{}, err
		}
		links[a.Link] = index
	}
	return addressRequest(op, index, a, proto)
}

// executeAll sends requests that have no answer but an acknowledgement, all in
// one message, and returns what became of each. Like execute it does not ask
// ctx once they are sent.
//
// Only the last asks for its acknowledgement: the kernel works through them in
// order and tells of failures in any case.
func (c *conn) executeAll(ctx context.Context, reqs []request) []error {
	errs := make([]error, len(reqs))
	fail := func(err error) []error {
		for i := range errs {
			if errs[i] == nil {
				errs[i] = err
			}
		}
		return errs
	}
	if err := ctx.Err(); err != nil || len(reqs) == 0 {
		return fail(err)
	}
	first := c.seq + 1
	var all []byte
	for i, r := range reqs {
		c.seq++
		req := nl.NewNetlinkRequest(int(r.typ), int(r.flags))
		if i < len(reqs)-1 {
			req.Flags &^= unix.NLM_F_ACK
		}
		req.Seq, req.Data = c.seq, r.parts
		all = append(all, req.Serialize()...)
	}
	if err := c.send(all); err != nil {
		return fail(err)
	}
	if err := c.file.SetReadDeadline(time.Now().Add(answerTime)); err != nil {
		return fail(err)
	}
	for told := 0; told < len(reqs); { // of so many the outcome is known
		msgs, port, err := c.receive()
		if err != nil {
			for i := told; i < len(reqs); i++ {
				errs[i] = fmt.Errorf("%w: %w", ErrUnanswered, err)
			}
			return errs
		}
		for _, m := range msgs {
			i := int(m.Header.Seq - first)
			if !c.answers(m, port) || i < told || i >= len(reqs) {
				continue
			}
			told = i + 1
			errs[i] = c.outcome(reqs[i], m)
			if rerr, ok := errors.AsType[*RequestError](errs[i]); ok {
				rerr.Seq = m.Header.Seq
			}
		}
	}
	return errs
}

// answers tells whether a message ends the answer to a request of this socket.
func (c *conn) answers(m syscall.NetlinkMessage, port uint32) bool {
	return port == nl.PidKernel && m.Header.Pid == c.port && m.Header.Type == unix.NLMSG_ERROR
}

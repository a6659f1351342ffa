package fsm

import "fmt"

// changes are the last changes of an instance's priority, the newest last: of an
// election that one of them has decided they are the cause.
type changes struct {
	list [8]PriorityChanged
	used int
}

func (c *changes) add(p PriorityChanged) {
	if c.used == len(c.list) {
		copy(c.list[:], c.list[1:])
		c.used--
	}
	c.list[c.used] = p
	c.used++
}

// decided says in words which change has put us below the priority of another
// router, or above it, with a semicolon at the end; nothing if none has.
func (c *changes) decided(other uint8, below bool) string {
	for i := c.used - 1; i >= 0; i-- {
		p := &c.list[i]
		if below && p.From >= other && p.To <= other || !below && p.From <= other && p.To > other {
			return fmt.Sprintf("%s: priority %d -> %d; ", p.Cause, p.From, p.To)
		}
	}
	return ""
}

package sim

import "slices"

// Shrink makes a world in which a promise is broken smaller, step by step, as
// long as the same promise is.
func Shrink(p *Plan) *Plan {
	v := Run(p, nil).Violation
	if v == nil {
		return p
	}
	broken := func(p *Plan) bool {
		now := Run(p, nil).Violation
		return now != nil && now.promise == v.promise
	}
	best := *p
	for again := true; again; {
		again = false
		for i := len(best.Steps) - 1; i >= 0; i-- {
			smaller := best
			smaller.Steps = slices.Delete(slices.Clone(best.Steps), i, i+1)
			if broken(&smaller) {
				best, again = smaller, true
			}
		}
	}
	best.End = min(best.End, Run(&best, nil).Violation.At)
	return &best
}

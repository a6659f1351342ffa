package sim

import "slices"

// Shrink makes a world in which a promise is broken smaller, step by step, as
// long as one still is. The promise may become another one.
func Shrink(p *Plan) *Plan {
	broken := func(p *Plan) bool { return Run(p, nil).Violation != nil }
	if !broken(p) {
		return p
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

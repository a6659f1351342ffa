// Package mutation is a test of the tests: faults are put into the state
// machine, one at a time, and each has to be found out.
//
// Every fault of the list is a small change of one function of package fsm. It
// is compiled in through an overlay, so nothing of the tree is touched, and then
// the simulator runs its worlds and package fsm its own tests. The simulator
// has to notice, unless the list says why nobody could from outside; then the
// tests of package fsm have to.
//
// A change whose function or text is no longer there fails the test, as does one
// that the simulator notices although the list says otherwise: so the list
// stays true.
package mutation

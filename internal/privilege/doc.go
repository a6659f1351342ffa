// Package privilege makes the process run with as few capabilities as it can
// (capabilities(7)).
//
// Three sets matter. What a thread may do at this moment is its effective set.
// What it may make effective is its permitted set; what is not in it is gone for
// good. What programs that it executes can get at all is the bounding set.
//
// Guarantees:
//
//   - [Shrink] holds for every thread, those there are and those to come. It is
//     to be called once, early: it waits for all threads, and one that hangs in
//     a file system that does not answer would hang all.
//   - [With] is for the one thread of the caller, for as long as a function
//     runs. The Go runtime starts no thread from one that is locked to its
//     goroutine, so what is raised spreads to nobody.
//   - Children inherit nothing: the ambient and the inheritable set are empty
//     after Shrink. What a child of root has, it gets from the kernel by being
//     root, within the bounding set.
//
// A program that was linked with C (the race detector does that) cannot change
// all of its threads; Shrink returns [ErrUnable] then and nothing has changed.
package privilege

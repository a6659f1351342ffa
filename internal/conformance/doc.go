// Package conformance says, clause by clause, what the two specifications of
// VRRP want and which test shows that it is so.
//
// The tables are written by hand; docs/conformance.md is made of them:
//
//	go test ./internal/conformance -update
//
// The test fails when a test that is named is not there, does not run, or has no
// row of that name any more, when a clause has neither a test nor a reason, and
// when the page is not what the tables say.
package conformance

// Package confdiff says in words what differs between two configurations.
//
// What is compared is what the daemon would run, with all defaults: two files
// that say the same in other words do not differ. Places in files do not count,
// and nothing secret is shown. All functions are pure.
package confdiff

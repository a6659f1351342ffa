package main

import (
	"fmt"
	"io"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/daemon"
	"github.com/holdfast-ha/holdfast/internal/findings"
)

// Exit statuses of --config-diff, those of diff(1).
const (
	diffSame    = 0
	diffDiffers = 1
	diffTrouble = 2
)

// configDiff says what a reload from one configuration to another would change.
func configDiff(opts *options, stdout, stderr io.Writer) int {
	var both [2]*config.Config
	for i, name := range []string{opts.diffOld, opts.diffNew} {
		opt := testOptions(opts)
		opt.Test = false // what the daemon would run
		if opts.testHost != "" {
			d, err := findings.ReadHost(opts.testHost)
			if err != nil {
				fmt.Fprintln(stderr, err)
				return diffTrouble
			}
			opt.Host = d.Host(name, opt)
		}
		cfg, diags := config.Load(name, opt)
		if diags.Fatal() {
			fmt.Fprintf(stderr, "%s cannot be run:\n", name)
			_ = diags.Write(stderr)
			return diffTrouble
		}
		both[i] = cfg
	}
	d := daemon.Compare(both[0], both[1])
	if err := d.Write(stdout); err != nil {
		fmt.Fprintln(stderr, err)
		return diffTrouble
	}
	if d.Same() {
		return diffSame
	}
	return diffDiffers
}

package main

import (
	"cmp"
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/process"
)

// settle brings the program to where it is to run, and begins to write the log
// under the name that belongs to it. When that is another network namespace the
// program is executed anew and this call does not return; nothing of what it has
// logged was written by then.
func (p *program) settle(cfg *config.Config) error {
	ns := cmp.Or(p.opts.namespace, cfg.Global.More.NetNS)
	if ident := process.Ident(ns, cfg.Global.InstanceName); ident != process.Ident("", "") {
		p.log.Info("Changing syslog ident to " + ident)
		p.lines.SetIdent(ident)
	}
	if err := p.sameSpace(ns); err != nil {
		return err
	}
	switch {
	case ns == p.entered:
	case p.entered != "":
		return fmt.Errorf("network namespace %s: the configuration has changed while the program was starting", p.entered)
	default:
		return process.EnterNetNS(ns, p.back)
	}
	p.lines.Start()
	if why := process.NotTaken(); why != "" {
		p.log.Error("Restart: what the program before has left cannot be taken: " + why + ": starting anew")
	}
	return nil
}

// outside says that the network namespace cannot be entered: in another one the
// addresses would be those of others.
func (p *program) outside(err error) int {
	p.fail(err.Error())
	p.fail("Unable to set network namespace - exiting")
	return exitFailure
}

// leave removes what the network namespace has of files.
func (p *program) leave() {
	if p.entered == "" {
		return
	}
	if err := process.LeaveNetNS(p.entered); err != nil {
		p.log.Info(err.Error())
	}
}

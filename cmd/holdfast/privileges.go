package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/daemon"
	"github.com/holdfast-ha/holdfast/internal/privilege"
)

// shrink gives up for good what no configuration needs, before one is read. With
// --least-privilege what that takes is kept until lock.
func (p *program) shrink() error {
	base := daemon.Base
	if p.opts.leastPrivilege {
		base |= privilege.SetPCap
	}
	given, err := privilege.Shrink(base, daemon.Raised)
	if errors.Is(err, privilege.ErrUnable) && !p.opts.leastPrivilege {
		p.log.Info("capabilities are kept as they are: " + err.Error())
		return nil
	}
	p.given = given
	return err
}

// lock gives up what the configuration does not need, if that is wanted, and says
// what is left. Without what VRRP takes there is no daemon.
func (p *program) lock(cfg *config.Config) (exit int, err error) {
	if p.opts.leastPrivilege {
		if err := p.least(cfg); err != nil {
			return exitFailure, fmt.Errorf("--least-privilege: %w", err)
		}
	}
	has, err := privilege.Permitted()
	if err != nil {
		return exitFailure, err
	}
	p.log.Info(fmt.Sprintf("Running as %d:%d with %v", os.Geteuid(), os.Getegid(), has&daemon.Base))
	if at := has & daemon.Raised; at != 0 {
		p.log.Info(fmt.Sprintf("At the moments that need them: %v", at))
	}
	if p.given != 0 {
		p.log.Info(fmt.Sprintf("Given up for good: %d other capabilities", p.given.Len()))
	}
	var fatal []string
	for _, n := range daemon.Missing(cfg) {
		if n.Set&daemon.Network != 0 {
			fatal = append(fatal, n.String())
			continue
		}
		p.log.Error("Missing: " + n.String())
	}
	if len(fatal) > 0 {
		return exitPermission, fmt.Errorf("missing: %s: start as root, or give them to its user (AmbientCapabilities in a systemd unit)", strings.Join(fatal, ", "))
	}
	return exitOK, nil
}

// least is --least-privilege.
func (p *program) least(cfg *config.Config) error {
	base, raise, root := daemon.Least(cfg)
	before, err := privilege.Permitted()
	if err != nil {
		return err
	}
	if root {
		p.log.Info("A script runs as root: it may have all that root has")
	} else if err := errors.Join(privilege.NoNewPrivileges(), p.bound(base|raise, before)); err != nil {
		return err
	}
	given, err := privilege.Shrink(base, raise)
	p.given |= given
	return err
}

// bound limits what programs can have, where that is allowed. Without it an
// ordinary user's programs have nothing either.
func (p *program) bound(to, has privilege.Set) error {
	if has&privilege.SetPCap == 0 {
		return nil
	}
	return privilege.Bound(to)
}

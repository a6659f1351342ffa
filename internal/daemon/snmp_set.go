package daemon

import (
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/snmp"
)

// snmpChange has the manager change something of an instance, and waits for that a
// little. It is called by the sub-agent.
func (d *Daemon) snmpChange(name string, what snmp.Setting, value int) bool {
	done := make(chan bool, 1)
	d.do(func() { done <- d.setInstance(name, what, value) })
	select {
	case ok := <-done:
		return ok
	case <-time.After(requestTimeout):
		return false
	}
}

// setInstance changes to a configuration that differs from the running one in that
// alone. It lasts until the next reload.
func (d *Daemon) setInstance(name string, what snmp.Setting, value int) bool {
	i := slices.IndexFunc(d.cfg.Instances, func(c *config.Instance) bool { return c.Name == name })
	if i < 0 {
		return false
	}
	cfg, c := *d.cfg, *d.cfg.Instances[i]
	cfg.Instances = slices.Clone(cfg.Instances)
	cfg.Instances[i] = &c
	switch what {
	case snmp.BasePriority:
		d.log.infof("(%s) base priority changed from %d to %d via SNMP.", name, c.Priority, value)
		c.Priority = uint8(value)
	case snmp.Preempt:
		c.NoPreempt = value != 1
		d.log.infof("(%s) preemption %s with SNMP", name, ableText(!c.NoPreempt))
	case snmp.Accept:
		c.Accept = value == 1
		d.log.infof("(%s) accept mode %s with SNMP", name, ableText(c.Accept))
	}
	if err := d.change(&cfg); err != nil {
		d.log.infof("(%s) %v", name, err)
		return false
	}
	return true
}

func ableText(yes bool) string {
	if yes {
		return "enabled"
	}
	return "disabled"
}

package daemon

import (
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/handover"
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
// alone. It lasts until the next reload. While the program is being replaced nothing is
// set: whoever asked is told so, and may ask the next one.
func (d *Daemon) setInstance(name string, what snmp.Setting, value int) bool {
	if d.upgrading != nil {
		return false
	}
	cfg := withSetting(d.cfg, name, what, value)
	if cfg == nil {
		return false
	}
	switch what {
	case snmp.BasePriority:
		i := instanceNamed(d.cfg, name)
		d.log.infof("(%s) base priority changed from %d to %d via SNMP.", name, d.cfg.Instances[i].Priority, value)
	case snmp.Preempt:
		d.log.infof("(%s) preemption %s with SNMP", name, ableText(value == 1))
	case snmp.Accept:
		d.log.infof("(%s) accept mode %s with SNMP", name, ableText(value == 1))
	}
	if err := d.change(cfg); err != nil {
		d.log.infof("(%s) %v", name, err)
		return false
	}
	d.changed = slices.DeleteFunc(d.changed, func(s handover.Setting) bool { return s.Instance == name && s.What == what })
	d.changed = append(d.changed, handover.Setting{Instance: name, What: what, Value: value})
	return true
}

func instanceNamed(cfg *config.Config, name string) int {
	return slices.IndexFunc(cfg.Instances, func(c *config.Instance) bool { return c.Name == name })
}

// withSetting is a configuration that differs in one setting of an instance; nil: there
// is no such instance.
func withSetting(from *config.Config, name string, what snmp.Setting, value int) *config.Config {
	i := instanceNamed(from, name)
	if i < 0 {
		return nil
	}
	cfg, c := *from, *from.Instances[i]
	cfg.Instances = slices.Clone(cfg.Instances)
	cfg.Instances[i] = &c
	switch what {
	case snmp.BasePriority:
		c.Priority = uint8(value)
	case snmp.Preempt:
		c.NoPreempt = value != 1
	case snmp.Accept:
		c.Accept = value == 1
	}
	return &cfg
}

// setAgain has set what was set in an earlier program. It comes before the
// configuration is put in place.
func (d *Daemon) setAgain(all []handover.Setting) {
	for _, s := range all {
		if cfg := withSetting(d.cfg, s.Instance, s.What, s.Value); cfg != nil {
			d.cfg = cfg
			d.changed = append(d.changed, s)
		}
	}
}

func ableText(yes bool) string {
	if yes {
		return "enabled"
	}
	return "disabled"
}

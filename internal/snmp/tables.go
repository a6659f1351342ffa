package snmp

import (
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/agentx"
	"github.com/holdfast-ha/holdfast/internal/dump"
)

// scopes are the numbers that KEEPALIVED-MIB has for those of the kernel.
var scopes = map[uint8]int{0: 14, 200: 5, 253: 2, 254: 1}

// addresses adds those of the instances, and the static ones, which belong to an
// instance 0.
func (b *builder) addresses() {
	t := b.table(entry(6))
	put := func(instance uint32, i int, a *dump.Address, advertised bool) {
		r := t.row(instance, number(i))
		addr := a.Prefix.Addr()
		r.put(2, agentx.Int(typeOf(addr.Is6())))
		r.put(3, octets(addr, addr.Is6()))
		if addr.Is4() {
			r.put(4, octets(a.Broadcast, false))
		}
		r.put(5, count(a.Prefix.Bits()))
		r.put(6, agentx.Int(scopes[a.Scope]))
		r.put(7, agentx.Int(b.index[a.Interface]))
		r.text(8, a.Interface)
		r.text(9, a.Label)
		r.put(10, truth(a.Set))
		r.put(11, truth(advertised))
		if a.Peer.IsValid() {
			r.put(12, octets(a.Peer.Addr(), addr.Is6()))
		}
	}
	for i := range b.Static {
		put(0, i, &b.Static[i], false)
	}
	for i := range b.Instances {
		x := &b.Instances[i]
		for j := range x.Addresses {
			put(number(i), j, &x.Addresses[j], true)
		}
		for j := range x.Excluded {
			put(number(i), len(x.Addresses)+j, &x.Excluded[j], false)
		}
	}
}

// tracked adds scripts, files, processes and BFD sessions.
func (b *builder) tracked() {
	scripts, files, processes, bfds := b.table(entry(9)), b.table(entry(13)), b.table(entry(21)), b.table(entry(18))
	for i := range b.Scripts {
		b.script(scripts.row(number(i)), &b.Scripts[i])
	}
	for i := range b.Files {
		x := &b.Files[i]
		r := files.row(number(i))
		r.put(2, agentx.Text(x.Name))
		r.put(3, agentx.Text(x.Path))
		r.put(4, agentx.Int(int(x.Status)))
		r.put(5, agentx.Int(x.Weight))
		r.put(6, truth(x.Reverse))
	}
	for i := range b.Processes {
		process(processes.row(number(i)), &b.Processes[i])
	}
	for i := range b.BFDs {
		x := &b.BFDs[i]
		r := bfds.row(number(i))
		r.put(2, agentx.Text(x.Name))
		up := 0
		if x.Up {
			up = 1
		}
		r.put(3, agentx.Int(up))
		r.put(4, agentx.Int(x.Weight))
		r.put(5, truth(x.Reverse))
	}
}

// Results of a script.
const (
	resultInit = 1
	resultBad  = 2
	resultGood = 3
)

func (b *builder) script(r row, x *dump.Script) {
	result := resultBad
	switch {
	case strings.HasPrefix(x.Init, "INIT"):
		result = resultInit
	case x.Good:
		result = resultGood
	}
	r.put(2, agentx.Text(x.Name))
	r.put(3, agentx.Text(commandText(&x.Command)))
	r.put(4, agentx.Int(int(x.Interval/time.Second)))
	r.put(5, agentx.Int(x.Weight))
	r.put(6, agentx.Int(result))
	r.put(7, count(x.Rise))
	r.put(8, count(x.Fall))
	r.put(9, truth(x.Reverse))
}

// matches number the ways in which parameters count.
var matches = map[string]int{"exact": 1, "initial": 2, "partial": 3}

func process(r row, x *dump.Process) {
	most := x.Max
	if most == 0 {
		most = -1
	}
	r.put(2, agentx.Text(x.Name))
	r.put(3, agentx.Text(x.Process))
	r.put(4, agentx.Text(strings.Join(x.Params, " ")))
	r.put(5, agentx.Int(matches[x.ParamMatch]))
	r.put(6, agentx.Int(x.Weight))
	r.put(7, truth(x.Reverse))
	r.put(8, count(x.Min))
	r.put(9, agentx.Int(most))
	r.put(10, count(x.ForkDelay.Microseconds()))
	r.put(11, count(x.TerminateDelay.Microseconds()))
	r.put(12, truth(x.FullCommand))
	r.put(13, agentx.Int(x.Current))
	r.put(14, truth(x.HaveQuorum))
}

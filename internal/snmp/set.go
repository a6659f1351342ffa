package snmp

import "github.com/holdfast-ha/holdfast/internal/agentx"

// Setting is something of an instance that can be set. Its value is a number, or 1 for
// yes and 2 for no.
type Setting uint32

// Settings, by their columns.
const (
	BasePriority Setting = 7
	Preempt      Setting = 13
	Accept       Setting = 27
)

// target finds what an object sets, and the name of the instance; false: nothing.
func (s *Service) target(o agentx.OID) (name string, what Setting, ok bool) {
	e := entry(3)
	if !o.HasPrefix(e) || len(o) != len(e)+2 {
		return "", 0, false
	}
	what = Setting(o[len(e)])
	if what != BasePriority && what != Preempt && what != Accept {
		return "", 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.view.Get(e.Append(2, o[len(e)+1]))
	return string(v.Bytes), what, v.Syntax == agentx.OctetString
}

// Test tells whether an object may be set to a value.
func (s *Service) Test(b agentx.Varbind) agentx.Error {
	view := s.View()
	_, what, ok := s.target(b.Name)
	n := int32(uint32(b.Value.Number))
	switch {
	case !ok:
		return agentx.NotWritable
	case b.Value.Syntax != agentx.Integer:
		return agentx.WrongType
	case what == Accept && view.Get(b.Name).Number == 0: // version 2 has none
		return agentx.NoAccess
	case what == BasePriority && (n < 1 || n > 255), what != BasePriority && n != 1 && n != 2:
		return agentx.WrongValue
	}
	return agentx.NoError
}

// Set sets an object.
func (s *Service) Set(b agentx.Varbind) agentx.Error {
	name, what, ok := s.target(b.Name)
	if !ok || !s.daemon.Change(name, what, int(b.Value.Number)) {
		return agentx.CommitFailed
	}
	s.Changed()
	return agentx.NoError
}

package dbus

import (
	"errors"

	godbus "github.com/godbus/dbus/v5"
)

var errLost = errors.New("the connection to the bus was lost")

var errBusy = godbus.NewError("org.freedesktop.DBus.Error.LimitsExceeded", []any{"Too many requests are under way"})

// command makes a method without arguments and results of something that the
// daemon does: one at a time.
func (s *Service) command(do func()) method {
	return method{call: func([]any) ([]any, error) {
		select {
		case s.calls <- struct{}{}:
		default:
			return nil, errBusy
		}
		defer func() { <-s.calls }()
		s.turn.Lock()
		defer s.turn.Unlock()
		do()
		return nil, nil
	}}
}

// daemon is the object of the daemon as a whole.
func (s *Service) daemon() *object {
	return &object{own: vrrpInterface, methods: map[string]method{
		vrrpInterface + ".PrintData":       s.command(s.do.PrintData),
		vrrpInterface + ".PrintStats":      s.command(func() { s.do.PrintStats(false) }),
		vrrpInterface + ".PrintStatsClear": s.command(func() { s.do.PrintStats(true) }),
		vrrpInterface + ".ReloadConfig":    s.command(s.do.Reload),
	}}
}

// The values of properties are structures.
type (
	nameValue  struct{ Name string }
	stateValue struct {
		Number uint32
		Text   string
	}
)

// instance is the object of an instance.
func (s *Service) instance(i Instance) *object {
	return &object{
		own:     instInterface,
		methods: map[string]method{instInterface + ".SendGarp": s.command(i.Announce)},
		props: map[string]func() any{
			"Name": func() any { return nameValue{i.Name} },
			"State": func() any {
				state := i.State()
				return stateValue{uint32(state), state.String()}
			},
		},
	}
}

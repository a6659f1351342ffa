package kernel

import "net/netip"

// StackState is what a stack holds, for that of a program that goes on.
type StackState struct {
	Links []StackLink `json:"links,omitempty"`
	Kept  []Kept      `json:"kept,omitempty"`
	Undo  Undo        `json:"undo,omitzero"`
}

// StackLink is a link that is held.
type StackLink struct {
	Virtual Virtual      `json:"virtual"`
	Index   int          `json:"index"`
	Below   int          `json:"below"`
	Up      bool         `json:"up,omitempty"`
	Own     netip.Prefix `json:"own,omitzero"`
}

// State copies what the stack holds.
func (s *Stack) State() StackState {
	st := StackState{Kept: append([]Kept(nil), s.settings.kept...), Undo: s.undo}
	for _, x := range s.held {
		st.Links = append(st.Links, StackLink{x.Virtual, x.index, x.below, x.up, x.own})
	}
	return st
}

// Restore makes a stack that holds nothing hold what another one has held. Nothing
// is changed or saved.
func (s *Stack) Restore(st StackState) {
	s.undo, s.settings.kept = st.Undo, st.Kept
	for _, l := range st.Links {
		s.held = append(s.held, &stacked{Virtual: l.Virtual, index: l.Index, below: l.Below, up: l.Up, own: l.Own})
	}
}

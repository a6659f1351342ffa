package snmp

import (
	"fmt"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/agentx"
)

func TestSet(t *testing.T) {
	changed := ""
	s := &Service{set: Settings{VRRP: true}, view: agentx.NewView(nil, nil), daemon: Daemon{
		Snapshot: sample,
		Change: func(name string, what Setting, value int) bool {
			changed = fmt.Sprint(name, " ", what, " ", value)
			return name == "A"
		},
	}}
	s.View()
	for _, c := range []struct {
		column, index uint32
		value         agentx.Value
		want          agentx.Error
		changed       string
	}{
		{7, 1, agentx.Int(150), agentx.NoError, "A 7 150"},
		{7, 1, agentx.Int(0), agentx.WrongValue, ""},
		{7, 1, agentx.Int(256), agentx.WrongValue, ""},
		{7, 1, agentx.Int(-1), agentx.WrongValue, ""},
		{7, 1, agentx.Text("x"), agentx.WrongType, ""},
		{7, 3, agentx.Int(1), agentx.NotWritable, ""},
		{8, 1, agentx.Int(1), agentx.NotWritable, ""},
		{13, 1, agentx.Int(2), agentx.NoError, "A 13 2"},
		{13, 1, agentx.Int(3), agentx.WrongValue, ""},
		{27, 1, agentx.Int(1), agentx.NoAccess, ""},
		{27, 2, agentx.Int(1), agentx.CommitFailed, "B 27 1"},
	} {
		changed = ""
		b := agentx.Varbind{Name: entry(3).Append(c.column, c.index), Value: c.value}
		got := s.Test(b)
		if got == agentx.NoError {
			got = s.Set(b)
		}
		if got != c.want || changed != c.changed {
			t.Errorf("%v = %+v: error %d, changed %q, want %d and %q", b.Name, c.value, got, changed, c.want, c.changed)
		}
	}
}

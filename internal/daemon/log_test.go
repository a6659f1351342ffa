package daemon

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// Lines say by fields which instance they are about, and lines about others do not.
func TestFields(t *testing.T) {
	for _, tt := range []struct {
		write func(l *logger)
		want  string
	}{
		{func(l *logger) { l.infof("(%s) removed %d", "VI", 1) }, `msg="(VI) removed 1" VRRP_INSTANCE=VI`},
		{func(l *logger) { l.infof("Stopping") }, "msg=Stopping"},
		{func(l *logger) { l.infof("%s", "(VI) not a name") }, `msg="(VI) not a name"`},
		{func(l *logger) { l.cause("VI", fsm.Master, "silence") }, `msg="(VI) cause: silence" VRRP_INSTANCE=VI VRRP_STATE=MASTER CAUSE=silence`},
		{func(l *logger) { l.about(false, "VI", fsm.Backup, "", "(VI) text") }, `msg="(VI) text" VRRP_INSTANCE=VI VRRP_STATE=BACKUP`},
		{
			func(l *logger) {
				l.about(false, "VI", fsm.Backup, "", "VRRP_Group(G) Syncing instances to MASTER state")
			},
			`msg="VRRP_Group(G) Syncing instances to MASTER state"`,
		},
	} {
		var b bytes.Buffer
		drop := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
				return slog.Attr{}
			}
			return a
		}
		tt.write(&logger{slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: drop}))})
		if got := b.String(); got != tt.want+"\n" {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

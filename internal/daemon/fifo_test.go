package daemon

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/notify"
	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// says makes a line.
func says(kind notify.Kind, name, state string, about topic) line {
	return line{kind: kind, name: name, state: state, topic: about, text: fmt.Sprintf("%s %s %s", kind, name, state)}
}

// TestLineOrder puts lines that came in any order into keepalived's.
func TestLineOrder(t *testing.T) {
	cfg := &config.Config{
		Groups:    []*config.SyncGroup{{Name: "G"}, {Name: "H"}},
		Instances: []*config.Instance{{Name: "A"}, {Name: "B"}, {Name: "C"}},
	}
	for _, c := range []struct {
		what  string
		order func([]line) []int
		came  []line
		want  []string
	}{
		{
			"start", startOrder(cfg),
			[]line{
				says(notify.Instance, "C", "BACKUP", ofInstance),
				says(notify.Instance, "C", "MASTER", ofInstance),
				says(notify.Instance, "C", "MASTER_PRIORITY", ofPriority),
				says(notify.Group, "H", "BACKUP", ofGroup),
				says(notify.Instance, "B", "BACKUP_PRIORITY", ofPriority),
				says(notify.Instance, "B", "FAULT", ofInstance),
				says(notify.Instance, "A", "FAULT", ofInstance),
				says(notify.Group, "G", "FAULT", ofGroup),
			},
			[]string{
				"INSTANCE B BACKUP_PRIORITY", "GROUP H BACKUP", "INSTANCE A FAULT", "INSTANCE B FAULT", "INSTANCE C BACKUP",
				"INSTANCE C MASTER", "INSTANCE C MASTER_PRIORITY", "GROUP G FAULT",
			},
		},
		{
			"reload", startOrder(cfg),
			[]line{
				says(notify.Instance, "B", "MASTER", ofReload), says(notify.Group, "H", "MASTER", ofGroupReload),
				says(notify.Instance, "A", "BACKUP", ofReload), says(notify.Group, "G", "FAULT", ofGroupReload),
				says(notify.Instance, "gone", "DELETED", ofInstance),
			},
			[]string{"INSTANCE gone DELETED", "GROUP G FAULT", "GROUP H MASTER", "INSTANCE A BACKUP", "INSTANCE B MASTER"},
		},
		{
			"stop", stopOrder(cfg),
			[]line{
				says(notify.Group, "H", "STOP", ofGroup), says(notify.Instance, "B", "STOP", ofInstance),
				says(notify.Instance, "A", "MASTER", ofInstance), says(notify.Instance, "A", "STOP", ofInstance),
				says(notify.Group, "G", "STOP", ofGroup),
			},
			[]string{"INSTANCE A MASTER", "INSTANCE A STOP", "INSTANCE B STOP", "GROUP G STOP", "GROUP H STOP"},
		},
	} {
		t.Run(c.what, func(t *testing.T) {
			pc := notify.PipeConfig{
				Kind: "notify", Path: filepath.Join(t.TempDir(), "fifo"), UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()), Mode: 0o600,
			}
			p, err := notify.OpenPipe(pc, func(spawn.Level, string) {}, notify.Options{})
			if err != nil {
				t.Fatal(err)
			}
			f := &fifos{pipes: [2]*notify.Pipe{p}}
			f.hold()
			for _, l := range c.came {
				f.tell(l)
			}
			f.release(c.order)
			f.tell(line{text: "last"})
			r, err := os.Open(pc.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			closeFIFOs(f.pipes, settleTime)
			var got []string
			for s := bufio.NewScanner(r); s.Scan(); {
				got = append(got, s.Text())
			}
			if diff := cmp.Diff(append(c.want, "last"), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

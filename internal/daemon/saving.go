package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/holdfast-ha/holdfast/internal/dump"
)

// Copies of what runs, for config_save_dir: the configuration at the start and after
// each reload that changed to another, as keepalived.conf.PID.N; what the data file
// would have said before and after that, as keepalived_vrrp.PID.N.pre and .post. N
// counts the reloads. A reload that is refused leaves no copy of the configuration:
// it has not been in use.

// saveMode takes everything from all but the owner: a configuration holds passwords.
const saveMode = 0o177

// saveConfig copies the configuration that has come to run.
func (d *Daemon) saveConfig() {
	d.save("keepalived.conf", "", slices.Values([][]byte{d.cfg.Copy}))
}

// saveData copies the data that the running configuration has led to; moment is pre
// or post.
func (d *Daemon) saveData(moment string) {
	if d.cfg.Global.More.ConfigSaveDir != "" {
		d.save("keepalived_vrrp", "."+moment, d.survey(question{}).data().Pieces(true))
	}
}

// save has a file written in the directory of the running configuration, if it has
// one. The manager does not wait for it.
func (d *Daemon) save(name, suffix string, text iter.Seq[[]byte]) {
	dir := d.cfg.Global.More.ConfigSaveDir
	if dir == "" {
		return
	}
	path := filepath.Join(dir, fmt.Sprintf("%s.%d.%d%s", name, os.Getpid(), d.reloads, suffix))
	d.files.write(path, func() {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			d.log.infof("config_save_dir: %v", err)
			return
		}
		if err := dump.WriteFile(path, text, saveMode); err != nil {
			d.log.infof("config_save_dir: %v", err)
		}
	})
}

package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/statefile"
)

// undoFile remembers what of the system has to be put back, for the next run if
// this one is killed. What it says counts for the same boot and the same network
// namespace only; the numbers of interfaces mean nothing anywhere else.
type undoFile struct {
	path string // "": there is none
	log  *logger
	said string // the last complaint
}

// undoText is what the file holds.
type undoText struct {
	Version int    `json:"version"`
	Boot    string `json:"boot"`
	Space   string `json:"network_namespace"`
	kernel.Undo
}

// undoLimit is more than thousands of interfaces need.
const undoLimit = 4 << 20

// here is where a file would be of use.
func here() (boot, space string) {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	space, _ = os.Readlink("/proc/thread-self/ns/net")
	return strings.TrimSpace(string(id)), space
}

// load reads what an earlier run has left.
func (f *undoFile) load() kernel.Undo {
	if f.path == "" {
		return kernel.Undo{}
	}
	data, err := statefile.Read(f.path, undoLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return kernel.Undo{}
	}
	var text undoText
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		err = d.Decode(&text)
	}
	boot, space := here()
	switch {
	case err != nil:
	case text.Version != 1:
		err = fmt.Errorf("is of version %d", text.Version)
	case text.Boot != boot || text.Space != space:
		return kernel.Undo{}
	default:
		err = text.Check()
	}
	if err != nil {
		f.log.infof("%s: %v - settings that an earlier run has changed are not put back", f.path, err)
		return kernel.Undo{}
	}
	return text.Undo
}

// save writes the file, or removes it when there is nothing to be put back.
func (f *undoFile) save(u kernel.Undo) {
	if f.path == "" {
		return
	}
	err := f.write(u)
	said := ""
	if err != nil {
		if said = err.Error(); said != f.said {
			f.log.infof("%s: %v - after a crash, settings would not be put back", f.path, err)
		}
	}
	f.said = said
}

func (f *undoFile) write(u kernel.Undo) error {
	if u.Empty() {
		if err := os.Remove(f.path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	text := undoText{Version: 1, Undo: u}
	text.Boot, text.Space = here()
	data, err := json.Marshal(text)
	if err != nil {
		return err
	}
	return statefile.Write(f.path, append(data, '\n'))
}

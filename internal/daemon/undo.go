package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/statefile"
)

// undoFile remembers what of the system has to be put back, for the next run if
// this one is killed. What it says counts for the same boot and the same network
// namespace only; the numbers of interfaces mean nothing anywhere else. The owner
// of the virtual links and those who use the firewall share it.
type undoFile struct {
	path string // "": there is none
	log  *logger

	mu   sync.Mutex
	now  undoText // what is to be in it
	said string   // the last complaint
}

// undoText is what the file holds.
type undoText struct {
	Version int    `json:"version"`
	Boot    string `json:"boot"`
	Space   string `json:"network_namespace"`
	Table   string `json:"nftables_table,omitempty"`
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
func (f *undoFile) load() undoText {
	if f.path == "" {
		return undoText{}
	}
	data, err := statefile.Read(f.path, undoLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return undoText{}
	}
	var text undoText
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		err = d.Decode(&text)
	}
	boot, space := here()
	switch {
	case err != nil: // said below
	case text.Version != 1:
		err = fmt.Errorf("is of version %d", text.Version)
	case text.Boot != boot || text.Space != space:
		return undoText{}
	default:
		err = text.Check()
	}
	if err != nil {
		f.log.infof("%s: %v - settings that an earlier run has changed are not put back", f.path, err)
		return undoText{}
	}
	f.now = text
	return text
}

// save remembers the links and settings.
func (f *undoFile) save(u kernel.Undo) { f.change(func(t *undoText) { t.Undo = u }) }

// saveTable remembers that the nftables tables are there; "": they are not.
func (f *undoFile) saveTable(name string) { f.change(func(t *undoText) { t.Table = name }) }

// table is the name of the nftables tables that are there; "": they are not.
func (f *undoFile) table() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now.Table
}

// before is what a setting of an interface was before it was changed.
func (f *undoFile) before(link, name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range f.now.Settings {
		if k.Link == link && k.Name == name {
			return k.Before
		}
	}
	return 0
}

// change changes what is remembered.
func (f *undoFile) change(how func(*undoText)) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	how(&f.now)
	if f.path == "" {
		return
	}
	said := ""
	if err := f.write(); err != nil {
		if said = err.Error(); said != f.said {
			f.log.infof("%s: %v - after a crash, settings would not be put back", f.path, err)
		}
	}
	f.said = said
}

// write writes the file, or removes it when there is nothing to be put back.
func (f *undoFile) write() error {
	if f.now.Empty() && f.now.Table == "" {
		if err := os.Remove(f.path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	f.now.Version = 1
	f.now.Boot, f.now.Space = here()
	data, err := json.Marshal(f.now)
	if err != nil {
		return err
	}
	return statefile.Write(f.path, append(data, '\n'))
}

package marks

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/holdfast-ha/holdfast/internal/statefile"
)

// maxSize bounds what is read: more than ten thousand instances need.
const maxSize = 8 << 20

// Load reads the file. That there is none is no error: the table is empty then,
// as it is with every error.
func Load(path string) (Table, error) {
	t, err := load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Table{}, nil
	case err != nil:
		return Table{}, fmt.Errorf("replay marks %s: %w", path, err)
	}
	return t, nil
}

func load(path string) (Table, error) {
	data, err := statefile.Read(path, maxSize)
	switch {
	case errors.Is(err, statefile.ErrTooLarge):
		return nil, fmt.Errorf("%w: %w", err, ErrDamaged)
	case err != nil:
		return nil, err
	}
	return Decode(data)
}

// Save puts the table in place of the file, which others find either as it was
// or as it is to be.
func Save(path string, t Table) error {
	if err := statefile.Write(path, t.Encode()); err != nil {
		return fmt.Errorf("replay marks %s: %w", path, err)
	}
	return nil
}

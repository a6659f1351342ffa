package settled

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// readAll is a parse that reads the given files, and notes what it got.
func readAll(got *[]string, paths ...string) func(*Reader) {
	return func(r *Reader) {
		*got = (*got)[:0]
		for _, p := range paths {
			data, _ := r.ReadFile(p)
			*got = append(*got, string(data))
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestSettledFileIsReadOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "whole")
	reads := 0
	read := func(p string) ([]byte, error) { reads++; return os.ReadFile(p) }
	var got []string
	if moving := Read(context.Background(), read, readAll(&got, path, path)); moving != "" {
		t.Errorf("%s is said to move", moving)
	}
	if reads != 1 || got[0] != "whole" || got[1] != "whole" {
		t.Errorf("%d reads gave %q", reads, got)
	}
}

// TestWriterIsWaitedFor writes a file in two halves while it is being read.
func TestWriterIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("half"); err != nil {
		t.Fatal(err)
	}
	if !beingWritten(path) {
		t.Skip("this file system does not tell who writes")
	}
	var got []string
	tries := 0
	parse := readAll(&got, path)
	moving := Read(context.Background(), os.ReadFile, func(r *Reader) {
		parse(r)
		if tries++; tries == 3 {
			if _, err := f.WriteString(" and half"); err != nil {
				t.Error(err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	if moving != "" || got[0] != "half and half" {
		t.Errorf("got %q, %q still moves", got, moving)
	}
}

// TestReplacedWhileRead renames another file over one that has been read.
func TestReplacedWhileRead(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, a, "old a, which includes b")
	write(t, b, "old b")
	var got []string
	tries := 0
	moving := Read(context.Background(), os.ReadFile, func(r *Reader) {
		readA, readB := readAll(&got, a), readAll(&got, b)
		readA(r)
		first := got[0]
		if tries++; tries == 1 {
			write(t, filepath.Join(dir, "new"), "new a, without b")
			if err := os.Rename(filepath.Join(dir, "new"), a); err != nil {
				t.Error(err)
			}
			write(t, b, "new b")
		}
		readB(r)
		got = []string{first, got[0]}
	})
	if moving != "" || got[0] != "new a, without b" || got[1] != "new b" {
		t.Errorf("got %q, %q still moves", got, moving)
	}
}

// TestForgottenWriter holds a file open for writing for ever: it counts as
// written when nothing has come for a while.
func TestForgottenWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("whole"); err != nil {
		t.Fatal(err)
	}
	var got []string
	begun := time.Now()
	moving := Read(context.Background(), os.ReadFile, readAll(&got, path))
	if moving != "" || got[0] != "whole" {
		t.Errorf("got %q, %q still moves", got, moving)
	}
	if took := time.Since(begun); took > limit {
		t.Errorf("took %v", took)
	}
}

func TestGivenUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "0")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var got []string
	parse := readAll(&got, path)
	moving := Read(ctx, os.ReadFile, func(r *Reader) {
		parse(r)
		write(t, path, "another "+time.Now().String())
	})
	if moving != path {
		t.Errorf("got %q, want the file that moves", moving)
	}
}

func TestMissingFileIsSettled(t *testing.T) {
	var got []string
	if moving := Read(context.Background(), os.ReadFile, readAll(&got, filepath.Join(t.TempDir(), "none"))); moving != "" {
		t.Errorf("%q moves", moving)
	}
}

package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"
)

// ErrNobody says that no daemon listens there.
var ErrNobody = errors.New("no daemon listens there")

// ErrCut says that the daemon has ended, or was replaced, before its answer did.
var ErrCut = errors.New("the daemon has gone before it had answered")

// Ask asks the daemon that listens at a path, and calls each for every message but
// the last, in order. The error is [ErrNobody], [ErrCut], a [Refusal], that of each
// or of the context, or what the system says.
func Ask(ctx context.Context, path string, verb Verb, each func(Message) error) error {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s: %w", path, ErrNobody)
	case err != nil:
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	text, err := json.Marshal(Request{Version: Version, Verb: verb})
	if err != nil {
		return err
	}
	// An error here is told by what there is to read: the daemon may have answered
	// that it is busy before it had read anything.
	_, _ = c.Write(append(text, '\n'))
	in := json.NewDecoder(bufio.NewReader(c))
	for {
		var m Message
		err := in.Decode(&m)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
			return ErrCut
		case err != nil:
			return fmt.Errorf("what answers at %s is no Holdfast: %w", path, err)
		case m.End && m.Error != "":
			return &Refusal{m.Error}
		case m.End:
			return nil
		}
		if err := each(m); err != nil {
			return err
		}
	}
}

// GetStatus asks for the status.
func GetStatus(ctx context.Context, path string) (*Status, error) {
	var st *Status
	err := Ask(ctx, path, VerbStatus, func(m Message) error {
		if m.Status != nil {
			st = m.Status
		}
		return nil
	})
	if err == nil && st == nil {
		err = &Refusal{"the daemon has answered without a status"}
	}
	return st, err
}

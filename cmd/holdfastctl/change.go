package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/internal/control"
)

// reload has the configuration read anew. What was said of it, and what it changed,
// is printed; a refusal is an error.
func reload(ctx context.Context, c *call) error {
	return control.Ask(ctx, c.socket, control.VerbReload, c.lines)
}

// lookAgain is the time between two looks at whether the new program has come up.
const lookAgain = 20 * time.Millisecond

// upgrade has the program on disk take the place of the running one. The connection
// ends with the program, so the one that goes on is asked what has become of it: the
// new one, or the old one again.
func upgrade(ctx context.Context, c *call) error {
	before, err := control.GetStatus(ctx, c.socket)
	if err != nil {
		return err
	}
	err = control.Ask(ctx, c.socket, control.VerbUpgrade, c.lines)
	if !errors.Is(err, control.ErrCut) {
		return err
	}
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		now, err := control.GetStatus(ctx, c.socket)
		if errors.Is(err, control.ErrNobody) || errors.Is(err, control.ErrCut) {
			continue
		}
		if err != nil {
			return err
		}
		if now.PID != before.PID {
			return fmt.Errorf("process %d has ended, and %d was started: the log says why", before.PID, now.PID)
		}
		if o := now.LastUpgrade; o != nil && (before.LastUpgrade == nil || !o.At.Equal(before.LastUpgrade.At)) {
			if o.Failed {
				return errors.New(o.Text)
			}
			fmt.Fprintln(c.out, plain(o.Text))
			return nil
		}
	}
}

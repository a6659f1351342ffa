package main

import (
	"context"
	"fmt"
	"io"

	"github.com/holdfast-ha/holdfast/internal/control"
)

// dump prints what one of keepalived's files would hold, without such a file.
func dump(ctx context.Context, c *call) error {
	verbs := map[string]control.Verb{"data": control.VerbData, "stats": control.VerbStats, "json": control.VerbJSON}
	verb, ok := verbs[c.args[0]]
	switch {
	case !ok:
		return usageError{fmt.Sprintf("there are data, stats and json to be dumped, not %q", c.args[0])}
	case c.clear && verb != control.VerbStats:
		return usageError{"--clear is for dump stats"}
	case c.clear:
		verb = control.VerbStatsClear
	}
	return control.Ask(ctx, c.socket, verb, func(m control.Message) error {
		_, err := io.WriteString(c.out, m.Text)
		return err
	})
}

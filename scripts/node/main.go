// Command node says whether nodes of internal/system can be booted on this machine,
// given a root (scripts/rootfs). It takes no arguments.
//
// Its status is 0 if they can; 77, with the reason, if the machine does not let it;
// 1 if something is wrong.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/holdfast-ha/holdfast/internal/system"
)

func main() {
	system.Main()
	err := system.Check("")
	switch {
	case err == nil:
		return
	case errors.Is(err, system.ErrImpossible):
		fmt.Println(err)
		os.Exit(system.StatusImpossible)
	}
	fmt.Fprintln(os.Stderr, "node:", err)
	os.Exit(1)
}

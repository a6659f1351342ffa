package main

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/control"
)

// places are where daemons listen, beside their pid files: the usual one, those with
// an instance name or a network namespace, and those of the ordinary user's unit.
var places = []string{
	"keepalived.sock", "keepalived/keepalived*.sock", "keepalived/*/keepalived*.sock", "holdfast/keepalived.sock", "hapee-vrrp.sock",
}

// find finds the socket of the one daemon that listens below a directory.
func find(dir string) (string, error) {
	var listening []string
	for _, pattern := range places {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, path := range found {
			if conn, err := net.Dial("unix", path); err == nil {
				conn.Close()
				listening = append(listening, path)
			}
		}
	}
	switch len(listening) {
	case 0:
		return "", fmt.Errorf("%s/{%s}: %w; keepalived itself cannot be asked, and --socket names another place",
			dir, strings.Join(places, ","), control.ErrNobody)
	case 1:
		return listening[0], nil
	}
	return "", fmt.Errorf("several daemons run: say which by --socket: %s", strings.Join(listening, ", "))
}

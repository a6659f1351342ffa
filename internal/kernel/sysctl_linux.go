package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// promotePath is the setting that keeps the other addresses of a network when its
// first one goes.
func promotePath(link string) string {
	return filepath.Join("/proc/sys/net/ipv4/conf", link, "promote_secondaries")
}

// PromoteSecondaries reads whether the kernel keeps the other IPv4 addresses of a
// network on a link when the first one is removed.
func PromoteSecondaries(link string) (int, error) {
	text, err := os.ReadFile(promotePath(link))
	if err != nil {
		return 0, fmt.Errorf("reading promote_secondaries: %w", err)
	}
	v, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("reading promote_secondaries of %s: %w", link, err)
	}
	return v, nil
}

// SetPromoteSecondaries changes it.
func SetPromoteSecondaries(link string, v int) error {
	if err := os.WriteFile(promotePath(link), []byte(strconv.Itoa(v)), 0); err != nil {
		return fmt.Errorf("setting promote_secondaries: %w", err)
	}
	return nil
}

package nettest

import (
	"os"
	"syscall"
)

// WriteProgram writes a file that can be executed. No child is started by this process
// while it is open: until that child executes its own program it would have the file
// open too, and executing the file fails as long as anybody may write to it (ETXTBSY).
func WriteProgram(path string, text []byte) error { return WriteProgramMode(path, text, 0o755) }

// WriteProgramMode is WriteProgram with another mode.
func WriteProgramMode(path string, text []byte, mode os.FileMode) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, text, mode)
}

package daemon

import (
	"iter"
	"runtime/debug"
	"testing"
	"time"
)

// The heap has room until the last of those that need it is done.
func TestRoomy(t *testing.T) {
	was := debug.SetGCPercent(-1)
	defer debug.SetGCPercent(was)
	KeepSmall()
	percent := func() int {
		p := debug.SetGCPercent(-1)
		debug.SetGCPercent(p)
		return p
	}
	one, other := roomy(), roomy()
	one()
	if got := percent(); got != roomyHeap {
		t.Errorf("while one of two still needs it: %d", got)
	}
	other()
	if got := percent(); got != smallHeap {
		t.Errorf("afterwards: %d", got)
	}
}

// Of dumps that are asked for while one is being written only the last is written:
// those that never are must not keep the room.
func TestRoomyDumps(t *testing.T) {
	d := &Daemon{members: make([]*member, manyObjects)}
	path, begun, held := t.TempDir()+"/dump", make(chan struct{}), make(chan struct{})
	text := func(first bool) iter.Seq[[]byte] {
		return func(yield func([]byte) bool) {
			if first {
				close(begun)
				<-held
			}
			yield([]byte("text\n"))
		}
	}
	d.write(path, text(true))
	<-begun
	for range 3 {
		d.write(path, text(false))
	}
	close(held)
	if !d.files.wait(10 * time.Second) {
		t.Fatal("the dumps are not written")
	}
	roominess.Lock()
	defer roominess.Unlock()
	if roominess.users != 0 {
		t.Errorf("%d still have room", roominess.users)
	}
}

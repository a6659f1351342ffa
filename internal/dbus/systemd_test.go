package dbus

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	godbus "github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"

	"github.com/holdfast-ha/holdfast/internal/dbus/dbustest"
)

const (
	unitPath = "/org/freedesktop/systemd1/unit/keepalived_2eservice"
	jobPath  = "/org/freedesktop/systemd1/job/7"
)

// units answers for systemd.
type units struct{ known atomic.Bool }

func (u *units) GetUnitByPID(pid uint32) (godbus.ObjectPath, *godbus.Error) {
	if !u.known.Load() || pid != uint32(os.Getpid()) {
		return "", godbus.MakeFailedError(errors.New("no unit"))
	}
	return unitPath, nil
}

func TestRestartRoom(t *testing.T) {
	bus := dbustest.Start(t, "")
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.Address)
	ask := func() (int, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return RestartRoom(ctx)
	}
	if _, err := ask(); err == nil {
		t.Error("there is no systemd, and it has answered")
	}
	conn, u := bus.Connect(), &units{}
	if err := conn.Export(u, systemdPath, systemdManager); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(systemd, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(); err == nil {
		t.Error("there is no unit, and no error")
	}
	u.known.Store(true)
	type job struct {
		ID   uint32
		Path godbus.ObjectPath
	}
	self := uint32(os.Getpid())
	for _, c := range []struct {
		main, room, kept uint32
		job              job
		kind             string
		want             int
	}{
		{self, 512, 0, job{7, jobPath}, "restart", 512},
		{self, 512, 12, job{7, jobPath}, "restart", 500},
		{self, 0, 0, job{7, jobPath}, "restart", 0},
		{self, 5, 6, job{7, jobPath}, "restart", 0},
		{self, 512, 0, job{7, jobPath}, "stop", 0},
		{self, 512, 0, job{0, "/"}, "restart", 0},
		{self + 1, 512, 0, job{7, jobPath}, "restart", 0},
	} {
		value := func(v any) *prop.Prop { return &prop.Prop{Value: v, Emit: prop.EmitFalse} }
		_, err1 := prop.Export(conn, unitPath, prop.Map{
			systemd + ".Service": {"MainPID": value(c.main), "FileDescriptorStoreMax": value(c.room), "NFileDescriptorStore": value(c.kept)},
			systemd + ".Unit":    {"Job": value(c.job)},
		})
		_, err2 := prop.Export(conn, jobPath, prop.Map{systemd + ".Job": {"JobType": value(c.kind)}})
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if got, err := ask(); got != c.want || err != nil {
			t.Errorf("%+v: %d, %v", c, got, err)
		}
	}
}

// A bus that says nothing is waited for no longer than is allowed.
func TestRestartRoomOfASilentBus(t *testing.T) {
	bus := dbustest.Start(t, "")
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.Address)
	bus.Signal(syscall.SIGSTOP)
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := RestartRoom(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 3*time.Second {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}

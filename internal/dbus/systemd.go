package dbus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	godbus "github.com/godbus/dbus/v5"
)

// Names of systemd's interface (org.freedesktop.systemd1(5)).
const (
	systemd        = "org.freedesktop.systemd1"
	systemdPath    = "/org/freedesktop/systemd1"
	systemdManager = systemd + ".Manager"
)

// RestartRoom asks systemd, over the system bus, whether it ends this process only to
// start its service again, and how many more descriptors it would keep until then
// (FileDescriptorStoreMax): 0: it does not start it again, or keeps none. It takes as
// long as the bus does, but not longer than the context.
func RestartRoom(ctx context.Context) (int, error) {
	type answer struct {
		room int
		err  error
	}
	got := make(chan answer, 1)
	go func() { // the library waits longer in some places
		room, err := restartRoom(ctx)
		got <- answer{room, err}
	}()
	select {
	case a := <-got:
		return a.room, a.err
	case <-ctx.Done():
		return 0, fmt.Errorf("systemd does not answer: %w", ctx.Err())
	}
}

func restartRoom(ctx context.Context) (int, error) {
	conn, err := connect(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	var unit godbus.ObjectPath
	err = conn.Object(systemd, systemdPath).CallWithContext(ctx, systemdManager+".GetUnitByPID", 0, uint32(os.Getpid())).Store(&unit)
	if err != nil {
		return 0, err
	}
	var main, room, kept uint32
	err = errors.Join(
		property(ctx, conn, unit, "Service.MainPID", &main),
		property(ctx, conn, unit, "Service.FileDescriptorStoreMax", &room),
		property(ctx, conn, unit, "Service.NFileDescriptorStore", &kept),
	)
	if err != nil || room <= kept || int(main) != os.Getpid() {
		return 0, err
	}
	var job struct {
		ID   uint32
		Path godbus.ObjectPath
	}
	if err := property(ctx, conn, unit, "Unit.Job", &job); err != nil || job.ID == 0 {
		return 0, err
	}
	var kind string
	if err := property(ctx, conn, job.Path, "Job.JobType", &kind); err != nil || kind != "restart" {
		return 0, err
	}
	return int(room - kept), nil
}

// property reads a property of an object; its name begins with that of the interface.
func property(ctx context.Context, conn *godbus.Conn, of godbus.ObjectPath, name string, to any) error {
	const get = "org.freedesktop.DBus.Properties.Get"
	var v godbus.Variant
	where, what, _ := strings.Cut(name, ".")
	if err := conn.Object(systemd, of).CallWithContext(ctx, get, 0, systemd+"."+where, what).Store(&v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return v.Store(to)
}

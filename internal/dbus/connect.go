package dbus

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	godbus "github.com/godbus/dbus/v5"
)

// ioTimeout is how long the bus may take to answer while we connect, and to take
// what is sent later.
const ioTimeout = 5 * time.Second

// defaultAddress is that of the system bus.
const defaultAddress = "unix:path=/run/dbus/system_bus_socket"

func busAddress() string { return cmp.Or(os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"), defaultAddress) }

// stream is a connection on which nothing waits for ever to be sent.
type stream struct {
	net.Conn
	in *bufio.Reader
}

func (s *stream) Read(b []byte) (int, error) { return s.in.Read(b) }

func (s *stream) Write(b []byte) (int, error) {
	if err := s.SetWriteDeadline(time.Now().Add(ioTimeout)); err != nil {
		return 0, err
	}
	return s.Conn.Write(b)
}

// dial opens the first of the addresses that can be opened.
func dial(ctx context.Context, addresses string) (net.Conn, error) {
	err := errors.New("there is no address")
	for address := range strings.SplitSeq(addresses, ";") {
		var network, where string
		if network, where, err = transport(address); err != nil {
			continue
		}
		var c net.Conn
		if c, err = new(net.Dialer).DialContext(ctx, network, where); err == nil {
			return c, nil
		}
	}
	return nil, err
}

// transport reads an address as the specification of D-Bus writes it.
func transport(address string) (network, where string, err error) {
	kind, rest, _ := strings.Cut(address, ":")
	keys := map[string]string{}
	for pair := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(pair, "=")
		if keys[key], err = godbus.UnescapeBusAddressValue(value); err != nil {
			return "", "", fmt.Errorf("address %q: %w", address, err)
		}
	}
	switch {
	case kind == "unix" && keys["path"] != "":
		return "unix", keys["path"], nil
	case kind == "unix" && keys["abstract"] != "":
		return "unix", "@" + keys["abstract"], nil
	case kind == "tcp":
		return "tcp", net.JoinHostPort(keys["host"], keys["port"]), nil
	}
	return "", "", fmt.Errorf("address %q: only unix and tcp are served", address)
}

// connect makes a connection to the bus.
func connect(ctx context.Context, h godbus.Handler) (*godbus.Conn, error) {
	within, cancel := context.WithTimeout(ctx, ioTimeout)
	defer cancel()
	c, err := dial(within, busAddress())
	if err != nil {
		return nil, err
	}
	conn, err := godbus.NewConn(&stream{Conn: c, in: bufio.NewReader(c)}, godbus.WithHandler(h))
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	if err := greet(c, conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// greet says who we are. Until the bus has answered nothing is waited for longer
// than that takes at most.
func greet(c net.Conn, conn *godbus.Conn) error {
	if err := c.SetReadDeadline(time.Now().Add(ioTimeout)); err != nil {
		return err
	}
	if err := conn.Auth(nil); err != nil {
		return err
	}
	if err := conn.Hello(); err != nil {
		return err
	}
	return c.SetReadDeadline(time.Time{})
}

// own asks for the name. When somebody else has it, ours is the next turn.
func own(ctx context.Context, conn *godbus.Conn, name string) (godbus.RequestNameReply, error) {
	within, cancel := context.WithTimeout(ctx, ioTimeout)
	defer cancel()
	var reply uint32
	err := conn.BusObject().CallWithContext(within, "org.freedesktop.DBus.RequestName", 0, name, uint32(0)).Store(&reply)
	return godbus.RequestNameReply(reply), err
}

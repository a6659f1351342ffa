package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/control"
)

func listen(t *testing.T, h control.Handler) (path string, s *control.Server) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "keepalived.sock")
	s, err := control.Listen(path, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return path, s
}

func nothing(context.Context, control.Request, control.Peer, func(control.Message) error) error {
	return nil
}

func TestAnswer(t *testing.T) {
	path, _ := listen(t, func(_ context.Context, r control.Request, by control.Peer, say func(control.Message) error) error {
		if by.UID != uint32(os.Geteuid()) || by.PID != int32(os.Getpid()) || !by.Trusted() {
			t.Errorf("asked by %+v", by)
		}
		_ = say(control.Message{Line: "one"})
		_ = say(control.Message{Line: "two"})
		if r.Verb == control.VerbUpgrade {
			return errors.New("out of order")
		}
		return nil
	})
	for _, verb := range []control.Verb{control.VerbReload, control.VerbUpgrade} {
		var got []string
		err := control.Ask(t.Context(), path, verb, func(m control.Message) error {
			got = append(got, m.Line)
			return nil
		})
		if !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("%s: %q", verb, got)
		}
		var r *control.Refusal
		if refused := errors.As(err, &r); refused != (verb == control.VerbUpgrade) || refused && r.Text != "out of order" {
			t.Errorf("%s: %v", verb, err)
		}
	}
}

// A long text arrives whole, and who stops reading is cut off and costs nobody else.
func TestLongAnswer(t *testing.T) {
	const pieces = 2000
	path, _ := listen(t, func(_ context.Context, _ control.Request, _ control.Peer, say func(control.Message) error) error {
		for range pieces {
			if err := say(control.Message{Text: strings.Repeat("x", 999) + "\n"}); err != nil {
				return err
			}
		}
		return nil
	})
	deaf, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	fmt.Fprintln(deaf, `{"version":1,"verb":"data"}`)
	n := 0
	if err := control.Ask(t.Context(), path, control.VerbData, func(m control.Message) error { n += len(m.Text); return nil }); err != nil || n != 1000*pieces {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// What is no question is answered with what is wrong, or not at all, and the next one
// is heard.
func TestBadRequests(t *testing.T) {
	path, _ := listen(t, nothing)
	for _, c := range []struct{ sent, says string }{
		{"garbage\n", "this is not a request"},
		{`{"version":2,"verb":"status"}` + "\n", "speaks version 1"},
		{`{"version":1,"verb":"fly"}` + "\n", `does not know \"fly\"`},
		{`{"version":1}` + "\n", `does not know`},
		{strings.Repeat("x", 1<<16), ""},
		{"no line", ""},
		{"", ""},
	} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, c.sent)
		_ = conn.(*net.UnixConn).CloseWrite()
		got, _ := io.ReadAll(conn)
		conn.Close()
		if !strings.Contains(string(got), c.says) || c.says == "" && len(got) > 0 {
			t.Errorf("%.40q: %q", c.sent, got)
		}
	}
	// One that sends its question and nothing more, as socat does, is answered.
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintln(conn, `{"version":1,"verb":"reload"}`)
	_ = conn.(*net.UnixConn).CloseWrite()
	var m control.Message
	if err := json.NewDecoder(conn).Decode(&m); err != nil || !m.End || m.Error != "" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestTooMany(t *testing.T) {
	free := make(chan struct{})
	path, _ := listen(t, func(context.Context, control.Request, control.Peer, func(control.Message) error) error {
		<-free
		return nil
	})
	const served = 64
	ends := make(chan error, served)
	for range served {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintln(conn, `{"version":1,"verb":"reload"}`)
		go func() {
			_, err := io.ReadAll(conn)
			ends <- err
		}()
	}
	ask := func() error {
		return control.Ask(t.Context(), path, control.VerbReload, func(control.Message) error { return nil })
	}
	if err := ask(); err == nil || !strings.Contains(err.Error(), "too many ask at the same time") {
		t.Errorf("one too many: %v", err)
	}
	close(free)
	for range served {
		<-ends
	}
	deadline := time.Now().Add(10 * time.Second)
	err := ask()
	for ; err != nil && time.Now().Before(deadline); err = ask() { // the last ones are being closed
	}
	if err != nil {
		t.Errorf("after the others have ended: %v", err)
	}
}

func TestPlaces(t *testing.T) {
	t.Run("of an ended daemon", func(t *testing.T) {
		path, first := listen(t, nothing)
		second, err := control.Listen(path, nothing)
		if err != nil {
			t.Fatal(err)
		}
		first.Close() // takes nothing of the second one's with it
		if err := control.Ask(t.Context(), path, control.VerbReload, nil); err != nil {
			t.Error(err)
		}
		second.Close()
		if left, _ := filepath.Glob(path + "*"); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	})
	for name, put := range map[string]func(string) error{
		"a file":      func(p string) error { return os.WriteFile(p, []byte("somebody's"), 0o600) },
		"a link":      func(p string) error { return os.Symlink("elsewhere", p) },
		"a directory": func(p string) error { return os.Mkdir(p, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keepalived.sock")
			if err := put(path); err != nil {
				t.Fatal(err)
			}
			if s, err := control.Listen(path, nothing); err == nil {
				s.Close()
				t.Error("replaced")
			} else if !strings.Contains(err.Error(), "is no socket: not replacing it") {
				t.Error(err)
			}
			if _, err := os.Lstat(path); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestClient(t *testing.T) {
	ask := func(ctx context.Context, path string) error {
		_, err := control.GetStatus(ctx, path)
		return err
	}
	t.Run("nobody", func(t *testing.T) {
		if err := ask(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, control.ErrNobody) {
			t.Error(err)
		}
	})
	t.Run("the daemon ends", func(t *testing.T) {
		asked := make(chan struct{})
		path, s := listen(t, func(ctx context.Context, _ control.Request, _ control.Peer, _ func(control.Message) error) error {
			close(asked)
			<-ctx.Done()
			return errors.New("the daemon ends")
		})
		go func() { <-asked; s.Close() }()
		if err := ask(t.Context(), path); err == nil || err.Error() != "the daemon ends" {
			t.Error(err)
		}
	})
	t.Run("somebody else", func(t *testing.T) {
		for says, want := range map[string]string{
			"HTTP/1.1 400 Bad Request\r\n\r\n": "is no Holdfast", "": "has gone before", `{"line":"o`: "has gone before", `{"end":true}`: "without a status",
		} {
			path := filepath.Join(t.TempDir(), "s")
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, says)
				_ = c.(*net.UnixConn).CloseWrite()
				_, _ = io.Copy(io.Discard, c)
				c.Close()
			}()
			if err := ask(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v", says, err)
			}
			l.Close()
		}
	})
	t.Run("too long", func(t *testing.T) {
		path, _ := listen(t, func(ctx context.Context, _ control.Request, _ control.Peer, _ func(control.Message) error) error {
			<-ctx.Done()
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := ask(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

package nettest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// crashEnv makes this test binary play the test that crashes.
const crashEnv = "NETTEST_CRASH"

func TestMain(m *testing.M) {
	if os.Getenv(crashEnv) == "" {
		os.Exit(m.Run())
	}
	ns, err := New("crash")
	if err != nil {
		panic(err)
	}
	p, err := ns.Start(exec.Command("sleep", "1000"))
	if err != nil {
		panic(err)
	}
	fmt.Println(p.PID())
	<-p.Done()
}

// A test that is killed takes the processes in its namespaces with it.
func TestCrashLeavesNothing(t *testing.T) {
	Require(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), crashEnv+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if !alive(pid) {
		t.Fatal("the process in the namespace does not run")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	WaitFor(t, patience, func() bool { return !alive(pid) }, "the process in the namespace to die")
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// Sizes of the configurations, in instances of four addresses each.
const compared = 1000

var grown = []int{1000, 10_000, 100_000}

// conf is a configuration of n instances. VRIDs end at 255: the groups the
// adverts go to tell the instances apart. A faulty one has a misspelt word in
// each instance.
func conf(n int, link string, faulty bool) string {
	priority := "priority"
	if faulty {
		priority = "prioritty"
	}
	var b strings.Builder
	for i := range n {
		g := i / 255
		fmt.Fprintf(&b, "vrrp_instance VI_%d {\n    state BACKUP\n    interface %s\n    virtual_router_id %d\n    %s 100\n    mcast_dst_ip 224.%d.%d.18\n    virtual_ipaddress {\n",
			i, link, i%255+1, priority, 1+g>>8, g&255)
		for j := 4 * i; j < 4*i+4; j++ {
			fmt.Fprintf(&b, "        10.%d.%d.%d/32\n", j>>16, j>>8&255, j&255)
		}
		b.WriteString("    }\n}\n")
	}
	return b.String()
}

// cost is what a run of a program took.
type cost struct {
	wall, cpu time.Duration
	rss       int64 // bytes
	status    int
}

// tested runs a configuration test, in a namespace where one is given.
func tested(ctx context.Context, ns *nettest.NS, program string, args ...string) (cost, error) {
	c := exec.CommandContext(ctx, program, append([]string{"-t"}, args...)...)
	run := c.Run
	if ns != nil {
		run = func() error { return ns.Do(c.Run) }
	}
	begun := time.Now()
	err := run()
	took := time.Since(begun)
	if c.ProcessState == nil || !c.ProcessState.Exited() {
		return cost{}, err
	}
	usage := c.ProcessState.SysUsage().(*syscall.Rusage)
	return cost{took, c.ProcessState.UserTime() + c.ProcessState.SystemTime(), usage.Maxrss << 10, c.ProcessState.ExitCode()}, nil
}

// configTests compares tests of a small and of a large configuration. The
// programs take turns, so that both see the same machine.
func (b *bench) configTests(ctx context.Context) ([]row, error) {
	lan, err := nettest.NewLAN(1, nettest.Options{})
	if err != nil {
		return nil, err
	}
	defer lan.Close()
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var rows []row
	for _, n := range []int{1, compared} {
		file := filepath.Join(dir, fmt.Sprint(n))
		if err := os.WriteFile(file, []byte(conf(n, lan.Iface(), false)), 0o644); err != nil {
			return nil, err
		}
		var times [2][]float64
		for range b.tests {
			for i, program := range b.programs {
				c, err := tested(ctx, lan.Node(1), program, "-f", file)
				if err != nil || c.status != 0 {
					return nil, fmt.Errorf("%s of %d instances: status %d, %w", program, n, c.status, err)
				}
				times[i] = append(times[i], c.wall.Seconds()*1000)
			}
		}
		rows = append(rows, row{fmt.Sprintf("configuration test, %d instances of 4 addresses", n), each(times, median), "%.1f ms"})
	}
	return rows, nil
}

// growth shows what a test costs for each instance as the configuration
// grows, with and without faults: processor time and memory beyond those of
// the smallest test there is.
func (b *bench) growth(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "conf")
	measure := func(text string, runs int) (cpu, rss float64, err error) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return 0, 0, err
		}
		var cpus, rsss []float64
		for range runs {
			c, err := tested(ctx, nil, b.programs[0], "-f", file, "--config-test-host=none")
			if err != nil {
				return 0, 0, err
			}
			cpus, rsss = append(cpus, float64(c.cpu.Microseconds())), append(rsss, float64(c.rss)/1024)
		}
		return median(cpus), median(rsss), nil
	}
	baseCPU, baseRSS, err := measure("", b.tests)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%-38s%16s%16s%12s\n", "configuration test, for each instance", "processor", "peak memory", "in all")
	for _, faulty := range []bool{false, true} {
		for _, n := range grown {
			cpu, rss, err := measure(conf(n, "eth0", faulty), 3)
			if err != nil {
				return err
			}
			name := fmt.Sprintf("%d instances", n)
			if faulty {
				name += ", each with a fault"
			}
			fmt.Fprintf(out, "%-38s%13.1f us%13.1f KB%9.0f MB\n", name, (cpu-baseCPU)/float64(n), (rss-baseRSS)/float64(n), rss/1024)
		}
	}
	return nil
}

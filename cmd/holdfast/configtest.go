package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/findings"
	"github.com/holdfast-ha/holdfast/internal/ownfile"
)

// configTest reads the configuration and says what is wrong with it, in the
// format that was asked for. It needs no privileges, and with a description of
// the host not even the host.
func configTest(opts *options) int {
	status, err := testConfig(opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailure
	}
	return status
}

func testConfig(opts *options) (status int, err error) {
	out, err := testOutput(opts)
	if err != nil {
		return 0, err
	}
	if out != os.Stdout && out != os.Stderr {
		defer func() {
			if e := out.Close(); err == nil {
				err = e
			}
		}()
	}
	copt := testOptions(opts)
	if opts.testHost != "" {
		d, err := findings.ReadHost(opts.testHost)
		if err != nil {
			return 0, err
		}
		copt.Host = d.Host(opts.configFile, copt)
	}
	cfg, diags := config.Load(opts.configFile, copt)
	r := findings.New(diags, opts.configFile, cfg.Files, copt.Host.ReadFile)
	wd, _ := os.Getwd() // without it paths in SARIF stay as they are
	style := findings.Style{Base: wd, WorkDir: wd, Version: version, Color: colorful(out)}
	return r.Status, r.Write(out, opts.testFormat, style)
}

func testOptions(opts *options) config.Options {
	return config.Options{
		ConfigID: opts.configID, Test: true, Detail: opts.detail > 0, StrictCompat: opts.strictCompat, AllConfig: opts.allConfig,
		NetNS: opts.namespace, Host: config.System(),
	}
}

// dumpHost describes this machine for a test of the configuration elsewhere.
func dumpHost(opts *options) int {
	if err := findings.WriteHost(os.Stdout, opts.configFile, testOptions(opts)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailure
	}
	return exitOK
}

// testOutput is where the findings go: text where keepalived has it, and what
// programs read to standard output.
func testOutput(opts *options) (*os.File, error) {
	forPrograms := opts.testFormat == findings.JSON || opts.testFormat == findings.SARIF
	switch {
	case opts.configTestLog != "":
		how := ownfile.Append
		if forPrograms {
			how = ownfile.Truncate
		}
		return ownfile.Open(opts.configTestLog, how, 0o644)
	case forPrograms:
		return os.Stdout, nil
	}
	return os.Stderr, nil
}

// colorful tells whether a terminal reads, and wants colours.
func colorful(f *os.File) bool {
	if os.Getenv("NO_COLOR") != "" {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

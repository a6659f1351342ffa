package main

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/findings"
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
	format, err := findings.ParseFormat(opts.testFormat)
	if err != nil {
		return 0, err
	}
	out, err := testOutput(opts, format)
	if err != nil {
		return 0, err
	}
	defer func() {
		if e := out.Close(); err == nil {
			err = e
		}
	}()
	copt := config.Options{
		ConfigID: opts.configID, Test: true, Detail: opts.detail > 0, StrictCompat: opts.strictCompat, AllConfig: opts.allConfig,
		Host: config.System(),
	}
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
	return r.Status, r.Write(out, format, style)
}

// testOutput is where the findings go: text where keepalived has it, and what
// programs read to standard output.
func testOutput(opts *options, format findings.Format) (io.WriteCloser, error) {
	forPrograms := format == findings.JSON || format == findings.SARIF
	switch {
	case opts.configTestLog != "":
		flags := os.O_WRONLY | os.O_CREATE | syscall.O_NOFOLLOW
		if forPrograms {
			flags |= os.O_TRUNC
		} else {
			flags |= os.O_APPEND
		}
		return os.OpenFile(opts.configTestLog, flags, 0o644)
	case forPrograms:
		return os.Stdout, nil
	}
	return os.Stderr, nil
}

// colorful tells whether a terminal reads, and wants colours.
func colorful(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

package daemon

import (
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/dump"
)

func globalOf(cfg *config.Config, umask int) dump.Global {
	c := &cfg.Global
	m := &c.More
	g := dump.Global{
		Namespace: m.NetNS, InstanceName: c.InstanceName,
		ParentProcess: m.ParentProcess.Name, VRRPProcess: m.VRRPProcess.Name,
		RouterID: c.RouterID, SymlinkPaths: m.SymlinkPaths, Mail: mailOf(&m.Mail),
		CheckReload: m.ReloadCheckConfig, ReloadTimeFile: m.ReloadTimeFile, ReloadRepeat: m.ReloadRepeat,
		ReloadFile: m.ReloadFile, ConfigSaveDir: m.ConfigSaveDir, DataUseInstance: m.DataUseInstance,
		Startup: commandText(m.Startup.Command), StartupTimeout: m.Startup.Timeout,
		Shutdown: commandText(m.Finish.Command), ShutdownTimeout: m.Finish.Timeout,
		Dynamic: c.DynamicInterfaces, AllowIfChanges: c.AllowIfChanges, DefaultInterface: c.DefaultInterface,
		DisableLocalIGMP: m.DisableLocalIGMP, V3ChecksumAsV2: m.V3ChecksumAsV2,
		NotifyFIFO: fifoOf(&m.NotifyFIFO), VRRPFIFO: fifoOf(&m.VRRPFIFO),
		FIFOStatesOnReload: m.FIFOStatesOnReload, PriorityChanges: m.PriorityChanges,
		Group4: c.McastGroup4, Group6: c.McastGroup6, GARP: garpOf(&c.GARP), DownTimerAdverts: c.DownTimerAdverts,
		GARPExtra: m.GARPExtra, GARPExtraAll: m.GARPExtraAll,
		LowerPrioNoAdvert: m.LowerPrioNoAdvert, HigherPrioSendAdvert: m.HigherPrioSendAdvert,
		GARPInterval: m.GARPInterval, GNAInterval: m.GNAInterval, Version: c.Version,
		CheckUnicastSrc: m.CheckUnicastSrc, SkipCheckAdvAddr: m.SkipCheckAdvAddr, Strict: c.Strict,
		MaxAutoPriority: m.MaxAutoPriority, MinAutoPriorityDelay: m.MinAutoPriorityDelay,
		Process: processOf(&m.VRRPProcess), ScriptSecurity: c.ScriptSecurity,
		CmdRcvBufs: m.ReceiveBuffers.Command, CmdRcvForce: m.ReceiveBuffers.CommandForce,
		MonitorRcvBufs: m.ReceiveBuffers.Monitor, MonitorRcvForce: m.ReceiveBuffers.MonitorForce,
		ProcMonRcvBufs: m.ProcessMonitorRcvBufs, ProcMonRcvForce: m.ProcessMonitorRcvForce,
		RxBufsMultiples: int(m.ReceiveBuffers.Multiplier), Umask: umask, StartupDelay: c.StartupDelay,
		LogUnknownVRIDs: c.LogUnknownVRIDs, OwnerIgnoreAdverts: m.OwnerIgnoreAdverts,
		VMACPrefix: m.VMACPrefix, VMACAddrPrefix: m.VMACAddrPrefix, JSONVersion: m.JSONVersion,
		IPRouteUsr: m.IPRouteUsrDir, IPRouteEtc: m.IPRouteEtcDir,
		StateDumpFile: m.StateDumpFile, StatsDumpFile: m.StatsDumpFile, JSONDumpFile: m.JSONDumpFile,
	}
	switch m.ReceiveBuffers.Policy {
	case config.PolicyMTU:
		g.RxBufsPolicy = "MTU"
	case config.PolicyAdvert:
		g.RxBufsPolicy = "ADVERT"
	case config.PolicySize:
		g.RxBufsSize = int(m.ReceiveBuffers.Size)
	}
	if u := c.ScriptUser; u != nil {
		g.ScriptUID, g.ScriptGID = u.UID, u.GID
	}
	return g
}

func mailOf(m *config.Mail) dump.Mail {
	return dump.Mail{
		Server: m.Server, Port: m.Port, Helo: m.Helo, Timeout: m.ConnectTimeout, From: m.From, To: m.To,
		Alert: m.Alert, AlertVRRP: m.AlertVRRP, NoFaultMail: m.NoFaults,
	}
}

func fifoOf(f *config.FIFO) *dump.FIFO {
	if f.Path == "" {
		return nil
	}
	x := &dump.FIFO{Name: f.Path, Script: commandText(f.Script)}
	if f.User != nil {
		x.UID, x.GID = f.User.UID, f.User.GID
	}
	return x
}

func processOf(s *config.ProcessSettings) dump.ProcessSettings {
	var cpus []string
	for _, n := range s.CPUs {
		cpus = append(cpus, strconv.Itoa(n))
	}
	return dump.ProcessSettings{
		Priority: s.Priority, NoSwap: s.NoSwap, Realtime: s.RealtimePriority,
		CPUAffinity: strings.Join(cpus, " "), RealtimeLimit: s.RealtimeLimit,
	}
}

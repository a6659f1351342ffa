package dump

// StatsText gives the bytes of the statistics file.
func StatsText(instances []Instance) []byte {
	p := &printer{}
	p.b.Grow(1024 * len(instances)) // about
	for i := range instances {
		p.stats(&instances[i])
	}
	return p.b.Bytes()
}

func (p *printer) stats(v *Instance) {
	s := &v.Stats
	count := func(indent int, name string, n uint64) { p.line(indent, "%s: %d", name, n) }
	p.line(0, "VRRP Instance: %s", v.Name)
	p.line(2, "Advertisements:")
	count(4, "Received", s.AdvertsReceived)
	count(4, "Sent", s.AdvertsSent)
	count(2, "Became master", s.BecameMaster)
	count(2, "Released master", s.ReleasedMaster)
	p.line(2, "Packet Errors:")
	count(4, "Length", s.PacketLength)
	count(4, "TTL", s.TTL)
	count(4, "Invalid Type", s.InvalidType)
	count(4, "Advertisement Interval", s.AdvertInterval)
	count(4, "Address List", s.AddressList)
	p.line(2, "Authentication Errors:")
	count(4, "Invalid Type", s.AuthInvalidType)
	count(4, "Type Mismatch", s.AuthTypeMismatch)
	count(4, "Failure", s.AuthFailure)
	p.line(2, "Authentication Extension Errors:")
	count(4, "Missing", s.ExtMissing)
	count(4, "Malformed", s.ExtMalformed)
	count(4, "Unknown Key", s.ExtUnknownKey)
	count(4, "Invalid HMAC", s.ExtInvalidHMAC)
	count(4, "Stale", s.ExtStale)
	count(4, "Replay", s.ExtReplay)
	p.line(2, "Priority Zero:")
	count(4, "Received", s.ZeroReceived)
	count(4, "Sent", s.ZeroSent)
	if s.Restored > 0 {
		count(2, "Put back what others removed", s.Restored)
	}
	if s.SplitBrain > 0 {
		count(2, "Split brain suspected", s.SplitBrain)
	}
}

package fsm

import "time"

// skew is the Skew_Time of a router of the given priority, exact to the
// microsecond in integer arithmetic.
//
// Version 2: ((256 - Priority) / 256) seconds (RFC 3768 section 6.1), whatever
// the interval. Version 3: (((256 - Priority) * Active_Adver_Interval) / 256)
// (RFC 9568 section 6.1), the interval being a number of centiseconds.
func skew(version uint8, priority uint8, interval time.Duration) time.Duration {
	if version == 2 {
		return time.Duration((256-int64(priority))*1_000_000/256) * time.Microsecond
	}
	centiseconds := int64(interval / (10 * time.Millisecond))
	return time.Duration((256-int64(priority))*centiseconds*625/16) * time.Microsecond
}

// masterDown is the Active_Down_Interval (RFC 9568 section 6.1): how long a
// Backup listens to silence before it takes over.
func masterDown(version, priority uint8, interval time.Duration, adverts int) time.Duration {
	return time.Duration(adverts)*interval + skew(version, priority, interval)
}

// earlier returns the earlier of two deadlines, where the zero Time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// due tells whether a deadline is set and has been reached.
func due(deadline, now time.Time) bool {
	return !deadline.IsZero() && !deadline.After(now)
}

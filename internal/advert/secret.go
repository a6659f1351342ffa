package advert

import "fmt"

// hidden is what is printed in place of a secret, whatever its length.
const hidden = "********"

// Key is the value of a key of the authentication trailer. It prints as stars
// with every verb, also inside of other values.
type Key string

// Format implements [fmt.Formatter].
func (Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }

// Password is the password of VRRPv2, filled up with zeros. It prints as stars
// with every verb, also inside of other values.
type Password [8]byte

// Format implements [fmt.Formatter].
func (Password) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }

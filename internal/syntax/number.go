package syntax

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Number is the outcome of reading a number. Problem is empty when the word
// is a number within its range; otherwise it says what is wrong with it.
type Number struct {
	Value   int64 // in units of the last place for a decimal
	Problem string
	// Usable is set with a Problem when a lenient reader may take the value all the same.
	Usable bool
}

// ParseInt reads a signed number of 32 bits in the given base (0: C notation)
// within [low, high]. Blanks and a sign in front are allowed, nothing may
// follow. The empty word is 0.
func ParseInt(word string, base int, low, high int64) Number {
	digits, negative, rest := scanNumber(word, &base)
	if digits == "" && word != "" {
		return Number{Problem: fmt.Sprintf("invalid number '%s'", word)}
	}
	value, err := strconv.ParseInt(sign(negative)+orZero(digits), base, 64)
	switch {
	case err != nil, value < math.MinInt32 || value > math.MaxInt32:
		return Number{Problem: fmt.Sprintf("number '%s' outside integer range", word)}
	case value < low || value > high:
		return Number{Value: value, Problem: fmt.Sprintf("number '%s' outside range [%d, %d]", word, low, high)}
	case rest != "":
		return Number{Value: value, Problem: fmt.Sprintf("invalid number '%s'", word), Usable: true}
	}
	return Number{Value: value}
}

// ParseUint is ParseInt for numbers that must not be negative.
func ParseUint(word string, base int, low, high uint64) Number {
	digits, negative, rest := scanNumber(word, &base)
	if digits == "" && word != "" {
		return Number{Problem: fmt.Sprintf("invalid number '%s'", word)}
	}
	if negative {
		return Number{Problem: fmt.Sprintf("negative number '%s'", word)}
	}
	value, err := strconv.ParseUint(orZero(digits), base, 64)
	switch {
	case err != nil || value > math.MaxInt64, value > math.MaxUint32 && high <= math.MaxUint32:
		return Number{Problem: fmt.Sprintf("number '%s' outside unsigned integer range", word)}
	case value < low || value > high:
		return Number{Value: int64(value), Problem: fmt.Sprintf("number '%s' outside range [%d, %d]", word, low, high)}
	case rest != "":
		return Number{Value: int64(value), Problem: fmt.Sprintf("invalid number '%s'", word), Usable: true}
	}
	return Number{Value: int64(value)}
}

// ParseDecimal reads a number with at most places decimals; Value and the
// limits are in units of the last place. A number with more decimals is
// rounded and usable; so is the number in front of other characters, which
// then counts in units of the last place.
func ParseDecimal(word string, places int, low, high int64) Number {
	s := strings.TrimLeft(word, " \t\f\v\r\n")
	if strings.HasPrefix(s, "-") {
		return Number{Problem: fmt.Sprintf("negative number '%s'", word)}
	}
	s = strings.TrimPrefix(s, "+")
	whole, rest := takeDigits(s)
	frac := ""
	if strings.HasPrefix(rest, ".") {
		frac, rest = takeDigits(rest[1:])
	}
	n := Number{}
	switch {
	case rest != "" || (whole == "" && frac == "" && word != ""):
		n.Problem = fmt.Sprintf("invalid number '%s'", word)
		n.Value = decimalUnits(whole, "", 0)
	case len(frac) > places:
		n.Problem = fmt.Sprintf("number '%s' has too many decimal places", word)
		n.Value = decimalUnits(whole, frac, places)
	default:
		n.Value = decimalUnits(whole, frac, places)
	}
	if n.Value < low || n.Value > high {
		if rest == "" {
			n.Problem = fmt.Sprintf("number '%s' outside range [%s, %s]", word, FormatDecimal(low, places), FormatDecimal(high, places))
		}
		return n
	}
	n.Usable = n.Problem != ""
	return n
}

// FormatDecimal writes a value in units of 10^-places with all its places.
func FormatDecimal(value int64, places int) string {
	if places == 0 {
		return strconv.FormatInt(value, 10)
	}
	unit := int64(math.Pow10(places))
	return fmt.Sprintf("%d.%0*d", value/unit, places, value%unit)
}

// ParseBool reads a boolean: true, on, yes or false, off, no.
func ParseBool(word string) (value, ok bool) {
	switch word {
	case "true", "on", "yes":
		return true, true
	case "false", "off", "no":
		return false, true
	}
	return false, false
}

// scanNumber takes blanks, sign and digits of a word. A base of 0 is replaced
// by the one the prefix says.
func scanNumber(word string, base *int) (digits string, negative bool, rest string) {
	s := strings.TrimLeft(word, " \t\f\v\r\n")
	if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
		negative, s = s[0] == '-', s[1:]
	}
	if *base == 0 {
		*base = 10
		if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && isHex(s[2]) {
			*base, s = 16, s[2:]
		} else if len(s) > 1 && s[0] == '0' {
			*base = 8
		}
	}
	n := 0
	for n < len(s) && inBase(s[n], *base) {
		n++
	}
	return s[:n], negative, s[n:]
}

func isHex(c byte) bool { return inBase(c, 16) }

func inBase(c byte, base int) bool {
	switch c = lower(c); {
	case c >= '0' && c <= '9':
		return int(c-'0') < base
	case c >= 'a' && c <= 'f':
		return int(c-'a')+10 < base
	}
	return false
}

func takeDigits(s string) (digits, rest string) {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return s[:n], s[n:]
}

// decimalUnits gives whole.frac in units of 10^-places, rounded half up and
// held below a quarter of the 64-bit range so that sums cannot overflow.
func decimalUnits(whole, frac string, places int) int64 {
	const most = math.MaxInt64 / 4
	round := len(frac) > places && frac[places] >= '5'
	if len(frac) > places {
		frac = frac[:places]
	}
	for len(frac) < places {
		frac += "0"
	}
	value, err := strconv.ParseInt(orZero(whole+frac), 10, 64)
	if err != nil || value > most {
		return most
	}
	if round {
		value++
	}
	return value
}

func sign(negative bool) string {
	if negative {
		return "-"
	}
	return ""
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

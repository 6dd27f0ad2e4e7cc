package gotemplate

import (
	"errors"
	"fmt"
	"sort"
	"text/template"
	"time"
	_ "time/tzdata" // Zones come from the binary, wherever it runs.

	"github.com/Masterminds/sprig/v3"
)

// What templates do not have of sprig, by reason.
var excluded = map[string][]string{
	"clock":        {"ago", "now"},
	"cryptography": {"bcrypt", "buildCustomCert", "decryptAES", "derivePassword", "encryptAES", "genCA", "genCAWithKey", "genPrivateKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey", "htpasswd"},
	"environment":  {"env", "expandenv"},
	"network":      {"getHostByName"},
	"random":       {"randAlpha", "randAlphaNum", "randAscii", "randBytes", "randInt", "randNumeric", "shuffle", "uuidv4"},
}

// Functions is what a template can call, besides text/template's own functions. Each gives the same result for the same
// arguments, on every machine, at any time.
var Functions = functions()

func functions() template.FuncMap {
	// A host's zone must not show in the output.
	time.Local = time.UTC
	all := sprig.TxtFuncMap()
	for _, names := range excluded {
		for _, name := range names {
			delete(all, name)
		}
	}
	for _, replacements := range []template.FuncMap{withoutClock, withoutMapOrder, withExactIntegers, withLimits, yamlFunctions} {
		for name, function := range replacements {
			all[name] = function
		}
	}
	all["printf"] = printf
	return all
}

// Names of text/template's own functions.
var builtins = []string{"and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf", "println", "slice", "urlquery"}

// FunctionNames lists all that a template can call, sorted.
func FunctionNames() []string {
	names := []string{}
	for name := range Functions {
		names = append(names, name)
	}
	for _, name := range builtins {
		if _, replaced := Functions[name]; !replaced {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// Excluded lists what a template cannot call, by reason.
func Excluded() map[string][]string { return excluded }

// sprig takes now for what is not a time.
var errNoTime = errors.New("not a time: give seconds since 1970 as an integer, or the result of toDate")

var withoutClock = template.FuncMap{
	"date":           func(layout string, date any) (string, error) { return formatDate(layout, date, "UTC") },
	"htmlDate":       func(date any) (string, error) { return formatDate("2006-01-02", date, "UTC") },
	"htmlDateInZone": func(date any, zone string) (string, error) { return formatDate("2006-01-02", date, zone) },
	"dateInZone":     formatDate,
	"date_in_zone":   formatDate,
	"durationRound": func(duration any) (string, error) {
		if _, ok := duration.(time.Time); ok {
			return "", errors.New("the time since then depends on the clock: give a duration")
		}
		return sprigDurationRound(duration), nil
	},
}

var (
	sprigDateInZone    = sprig.TxtFuncMap()["dateInZone"].(func(string, any, string) string)
	sprigDurationRound = sprig.TxtFuncMap()["durationRound"].(func(any) string)
)

func formatDate(layout string, date any, zone string) (string, error) {
	switch date := date.(type) {
	case time.Time, int, int32, int64:
	case *time.Time:
		if date == nil {
			return "", errNoTime
		}
	default:
		return "", errNoTime
	}
	return sprigDateInZone(layout, date, zone), nil
}

// Go iterates over a map in random order.
var withoutMapOrder = template.FuncMap{
	"keys": func(dicts ...map[string]any) []string {
		all := []string{}
		for _, dict := range dicts {
			all = append(all, sortedKeys(dict)...)
		}
		return all
	},
	"values": func(dict map[string]any) []any {
		all := []any{}
		for _, key := range sortedKeys(dict) {
			all = append(all, dict[key])
		}
		return all
	},
}

func sortedKeys(dict map[string]any) []string {
	keys := make([]string, 0, len(dict))
	for key := range dict {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// printf is Go's, but for the addresses that it can print: they are never the same twice.
func printf(format string, args ...any) (string, error) {
	if verb := addressVerb(format, args); verb != 0 {
		return "", fmt.Errorf("%%%c would print an address in memory", verb)
	}
	return fmt.Sprintf(format, args...), nil
}

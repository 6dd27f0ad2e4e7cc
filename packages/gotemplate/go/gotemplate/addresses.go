package gotemplate

import (
	"reflect"
	"strings"
)

// addressVerb is the verb of a format that would print an address in memory, or 0.
func addressVerb(format string, args []any) rune {
	plain := !holdPointers(args)
	rest := format
	for {
		_, after, found := strings.Cut(rest, "%")
		if !found {
			return 0
		}
		verbAt := strings.IndexFunc(after, isVerb)
		if verbAt < 0 {
			return 0
		}
		flags, verb := after[:verbAt], []rune(after[verbAt:])[0]
		rest = after[verbAt+len(string(verb)):]
		if verb == 'p' {
			return verb
		}
		// What has a String method is printed by it with these, and only with these.
		byString := strings.ContainsRune("vsqT%", verb) && !strings.Contains(flags, "#")
		if !plain && !byString {
			return verb
		}
	}
}

// isVerb reports whether a character ends a directive: all but flags, width, precision and argument index.
func isVerb(char rune) bool {
	return !strings.ContainsRune("+-# 0123456789.*[]", char)
}

// holdPointers reports whether one of the values is, or holds, something that is printed as an address: versions, times.
func holdPointers(values []any) bool {
	for _, value := range values {
		if holdsPointer(reflect.ValueOf(value), 0) {
			return true
		}
	}
	return false
}

func holdsPointer(value reflect.Value, depth int) bool {
	// A map that holds itself is not printed either: the stack ends first.
	if depth > 100 {
		return true
	}
	switch value.Kind() {
	case reflect.Pointer, reflect.Struct, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return true
	case reflect.Interface:
		return holdsPointer(value.Elem(), depth)
	case reflect.Map:
		for entries := value.MapRange(); entries.Next(); {
			if holdsPointer(entries.Value(), depth+1) {
				return true
			}
		}
	case reflect.Slice, reflect.Array:
		switch value.Type().Elem().Kind() {
		case reflect.String, reflect.Int, reflect.Uint8:
			return false
		}
		for i := range value.Len() {
			if holdsPointer(value.Index(i), depth+1) {
				return true
			}
		}
	}
	return false
}

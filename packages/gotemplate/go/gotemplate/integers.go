package gotemplate

import (
	"errors"
	"math"
	"reflect"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

// What a float64 outside of int64 becomes as an integer differs between processors. Here it is always what it is on
// amd64: the smallest int64.
var withExactIntegers = exactIntegers()

func exactIntegers() template.FuncMap {
	original := sprig.TxtFuncMap()
	replaced := template.FuncMap{}
	for name, function := range original {
		switch function := function.(type) {
		case func(any) int64:
			replaced[name] = func(value any) int64 { return function(exact(value)) }
		case func(any) int:
			replaced[name] = func(value any) int { return function(exact(value)) }
		case func(...any) int64:
			replaced[name] = func(values ...any) int64 { return function(exactAll(values)...) }
		case func(any, any) int64:
			replaced[name] = func(a, b any) int64 { return function(exact(a), exact(b)) }
		case func(any, ...any) int64:
			replaced[name] = func(value any, values ...any) int64 { return function(exact(value), exactAll(values)...) }
		}
	}
	for _, name := range []string{"chunk", "mustChunk"} {
		replaced[name] = chunk(original["mustChunk"].(func(int, any) ([][]any, error)))
	}
	return replaced
}

// chunk divides by the size, and makes an integer of what comes of that.
func chunk(original func(int, any) ([][]any, error)) func(int, any) ([][]any, error) {
	return func(size int, list any) ([][]any, error) {
		if kind := reflect.ValueOf(list).Kind(); size == 0 && (kind == reflect.Slice || kind == reflect.Array) {
			return nil, errors.New("runtime error: makeslice: len out of range")
		}
		return original(size, list)
	}
}

func exactAll(values []any) []any {
	all := make([]any, len(values))
	for i, value := range values {
		all[i] = exact(value)
	}
	return all
}

func exact(value any) any {
	number, ok := value.(float64)
	// The limits are powers of two, so they are exact.
	if ok && !(number >= -(1<<63) && number < 1<<63) {
		return int64(math.MinInt64)
	}
	return value
}

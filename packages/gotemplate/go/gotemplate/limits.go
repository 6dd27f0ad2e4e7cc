package gotemplate

import (
	"fmt"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

// MaxResult is the largest result, in bytes, of a function that makes much of little. Larger ones would end for want of
// memory all the same, but without a position and at the price of the instance.
const MaxResult = 16 << 20

// LimitError says that a function's result would be too large.
type LimitError struct{ What string }

func (e LimitError) Error() string {
	return fmt.Sprintf("%s would be larger than %d MiB", e.What, MaxResult>>20)
}

var withLimits = limits()

func limits() template.FuncMap {
	original := sprig.TxtFuncMap()
	indent := original["indent"].(func(int, string) string)
	nindent := original["nindent"].(func(int, string) string)
	until := original["until"].(func(int) []int)
	untilStep := original["untilStep"].(func(int, int, int) []int)
	seq := original["seq"].(func(...int) string)
	repeat := original["repeat"].(func(int, string) string)
	replace := original["replace"].(func(string, string, string) string)

	return template.FuncMap{
		"repeat": func(count int, text string) (string, error) {
			return limited("the text", product(count, len(text)), func() string { return repeat(count, text) })
		},
		"indent": func(spaces int, text string) (string, error) {
			return limited("the text", product(spaces, 1+strings.Count(text, "\n")), func() string { return indent(spaces, text) })
		},
		"nindent": func(spaces int, text string) (string, error) {
			return limited("the text", product(spaces, 1+strings.Count(text, "\n")), func() string { return nindent(spaces, text) })
		},
		"replace": func(old, new, text string) (string, error) {
			return limited("the text", product(len(new), strings.Count(text, old)), func() string { return replace(old, new, text) })
		},
		"until": func(count int) ([]int, error) {
			return limited("the list", product(8, max(span(0, count, 1), span(0, count, -1))), func() []int { return until(count) })
		},
		"untilStep": func(start, stop, step int) ([]int, error) {
			return limited("the list", product(8, span(start, stop, step)), func() []int { return untilStep(start, stop, step) })
		},
		"seq": func(params ...int) (string, error) {
			return limited("the sequence", product(8, seqLength(params)), func() string { return seq(params...) })
		},
	}
}

func limited[T any](what string, size int, make func() T) (result T, err error) {
	if size > MaxResult {
		return result, LimitError{what}
	}
	return make(), nil
}

// product of two sizes, without overflow: more than MaxResult is all that matters.
func product(a, b int) int {
	if a <= 0 || b <= 0 {
		return 0
	}
	if a > MaxResult || b > MaxResult {
		return MaxResult + 1
	}
	return a * b
}

// span is how many elements sprig's untilStep gives.
func span(start, stop, step int) int {
	ascends, wanted := step > 0, stop >= start
	if step == 0 || ascends != wanted {
		return 0
	}
	// Unsigned: the way from the smallest integer to the largest would overflow.
	distance, stride := uint64(stop)-uint64(start), uint64(step)
	if !ascends {
		distance, stride = -distance, -stride
	}
	return int(min(distance/stride, MaxResult+1))
}

func seqLength(params []int) int {
	start, stop, step := 1, 0, 1
	switch len(params) {
	case 1:
		stop = params[0]
	case 2:
		start, stop = params[0], params[1]
	case 3:
		start, step, stop = params[0], params[1], params[2]
	}
	if len(params) < 3 && stop < start {
		step = -1
	}
	return span(start, stop, step)
}

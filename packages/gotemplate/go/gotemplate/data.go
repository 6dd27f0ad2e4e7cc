package gotemplate

import "fmt"

// DataError says why data cannot be used.
type DataError struct {
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

// MaxDepth is how deeply data may nest.
const MaxDepth = 500

// Decode parses JSON as Kubernetes does for objects without a type: integers are int64, where they fit, and all other
// numbers float64. Unlike encoding/json, it takes nothing that is not valid Unicode, instead of making U+FFFD of it. It
// is here for its speed: of a render, decoding is the larger part.
func Decode(text []byte) (value any, failure *DataError) {
	defer func() {
		if fault := recover(); fault != nil {
			unusable, ok := fault.(*DataError)
			if !ok {
				panic(fault)
			}
			value, failure = nil, unusable
		}
	}()
	d := &decoder{text: text}
	value = d.value(0)
	if d.next() != 0 || d.at < len(d.text) {
		d.unexpected("after the value")
	}
	return value, nil
}

type decoder struct {
	text []byte
	at   int
}

func (d *decoder) fail(reason, format string, args ...any) {
	panic(&DataError{reason, fmt.Sprintf(format, args...)})
}

func (d *decoder) unexpected(where string) {
	if d.at >= len(d.text) {
		d.fail("syntax", "the data is not JSON: it ends too soon")
	}
	d.fail("syntax", "the data is not JSON: unexpected %q %s, at byte %d", d.text[d.at], where, d.at+1)
}

// next is the next byte that is not white space, or 0 at the end.
func (d *decoder) next() byte {
	for d.at < len(d.text) {
		switch char := d.text[d.at]; char {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return char
		}
	}
	return 0
}

func (d *decoder) value(depth int) any {
	if depth > MaxDepth {
		d.fail("depth", "the data nests more than %d levels deep", MaxDepth)
	}
	switch char := d.next(); char {
	case '{':
		return d.object(depth)
	case '[':
		return d.array(depth)
	case '"':
		return d.string()
	case 't':
		d.literal("true")
		return true
	case 'f':
		d.literal("false")
		return false
	case 'n':
		d.literal("null")
		return nil
	default:
		return d.number()
	}
}

func (d *decoder) literal(word string) {
	for i := range len(word) {
		if d.at >= len(d.text) || d.text[d.at] != word[i] {
			d.unexpected("in " + word)
		}
		d.at++
	}
}

func (d *decoder) object(depth int) map[string]any {
	d.at++
	object := map[string]any{}
	if d.next() == '}' {
		d.at++
		return object
	}
	for {
		if d.next() != '"' {
			d.unexpected("instead of a key")
		}
		key := d.string()
		if d.next() != ':' {
			d.unexpected("after a key")
		}
		d.at++
		object[key] = d.value(depth + 1)
		if d.ends('}') {
			return object
		}
	}
}

func (d *decoder) array(depth int) []any {
	d.at++
	array := []any{}
	if d.next() == ']' {
		d.at++
		return array
	}
	for {
		array = append(array, d.value(depth+1))
		if d.ends(']') {
			return array
		}
	}
}

// ends takes a comma, or what ends an object or array.
func (d *decoder) ends(end byte) bool {
	char := d.next()
	if char != ',' && char != end {
		d.unexpected("after an element")
	}
	d.at++
	return char == end
}

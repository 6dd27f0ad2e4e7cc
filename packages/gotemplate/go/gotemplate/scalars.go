package gotemplate

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

func (d *decoder) number() any {
	begin, integer := d.at, true
	if d.at < len(d.text) && d.text[d.at] == '-' {
		d.at++
	}
	if d.at < len(d.text) && d.text[d.at] == '0' {
		d.at++
	} else {
		d.digits()
	}
	if d.at < len(d.text) && d.text[d.at] == '.' {
		integer = false
		d.at++
		d.digits()
	}
	if d.at < len(d.text) && d.text[d.at]|0x20 == 'e' {
		integer = false
		d.at++
		if d.at < len(d.text) && (d.text[d.at] == '+' || d.text[d.at] == '-') {
			d.at++
		}
		d.digits()
	}
	text := string(d.text[begin:d.at])
	if integer {
		if number, err := strconv.ParseInt(text, 10, 64); err == nil {
			return number
		}
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		d.fail("syntax", "the data holds a number that is too large: %s", text)
	}
	return number
}

func (d *decoder) digits() {
	begin := d.at
	for d.at < len(d.text) && '0' <= d.text[d.at] && d.text[d.at] <= '9' {
		d.at++
	}
	if d.at == begin {
		d.unexpected("instead of a value")
	}
}

func (d *decoder) string() string {
	d.at++
	begin, ascii := d.at, true
	for d.at < len(d.text) {
		switch char := d.text[d.at]; {
		case char == '"':
			text := d.text[begin:d.at]
			if !ascii && !utf8.Valid(text) {
				d.notUnicode()
			}
			d.at++
			return string(text)
		case char == '\\':
			return d.escaped(begin)
		case char < ' ':
			d.unexpected("in a string")
		case char >= utf8.RuneSelf:
			ascii = false
		}
		d.at++
	}
	d.unexpected("")
	return ""
}

// escaped is the rest of a string from its first escape on, after what came before.
func (d *decoder) escaped(begin int) string {
	text := append(make([]byte, 0, 2*(d.at-begin)+32), d.text[begin:d.at]...)
	for d.at < len(d.text) {
		char := d.text[d.at]
		switch {
		case char == '"':
			if !utf8.Valid(text) {
				d.notUnicode()
			}
			d.at++
			return string(text)
		case char == '\\':
			d.at++
			text = utf8.AppendRune(text, d.escape())
			continue
		case char < ' ':
			d.unexpected("in a string")
		}
		text = append(text, char)
		d.at++
	}
	d.unexpected("")
	return ""
}

func (d *decoder) escape() rune {
	if d.at >= len(d.text) {
		d.unexpected("")
	}
	char := d.text[d.at]
	d.at++
	switch char {
	case '"', '\\', '/':
		return rune(char)
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'u':
		return d.codePoint()
	}
	d.at--
	d.unexpected("after a backslash")
	return 0
}

func (d *decoder) codePoint() rune {
	first := d.hexadecimal()
	if !utf16.IsSurrogate(first) {
		return first
	}
	if d.at+1 >= len(d.text) || d.text[d.at] != '\\' || d.text[d.at+1] != 'u' {
		d.notUnicode()
	}
	d.at += 2
	pair := utf16.DecodeRune(first, d.hexadecimal())
	if pair == utf8.RuneError {
		d.notUnicode()
	}
	return pair
}

func (d *decoder) hexadecimal() rune {
	if d.at+4 > len(d.text) {
		d.at = len(d.text)
		d.unexpected("")
	}
	number, err := strconv.ParseUint(string(d.text[d.at:d.at+4]), 16, 16)
	if err != nil {
		d.unexpected("after \\u")
	}
	d.at += 4
	return rune(number)
}

func (d *decoder) notUnicode() {
	d.fail("encoding", "the data holds text that is not valid Unicode, such as half of a surrogate pair, before byte %d", d.at+1)
}

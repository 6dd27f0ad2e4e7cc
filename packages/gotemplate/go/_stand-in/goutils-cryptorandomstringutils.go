// Stands in for goutils' file of this name in the WebAssembly build: templates cannot call what uses it.
package goutils

import "errors"

var errAbsent = errors.New("there is no random source")

func CryptoRandomAlphaNumeric(int) (string, error) { return "", errAbsent }
func CryptoRandomAlphabetic(int) (string, error)   { return "", errAbsent }
func CryptoRandomAscii(int) (string, error)        { return "", errAbsent }
func CryptoRandomNumeric(int) (string, error)      { return "", errAbsent }

// Stands in for sprig's file of this name in the WebAssembly build: without what templates do not have, so that none of
// it is linked.
package sprig

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash/adler32"
)

func sha512sum(input string) string {
	sum := sha512.Sum512([]byte(input))
	return hex.EncodeToString(sum[:])
}

func sha256sum(input string) string {
	sum := sha256.Sum256([]byte(input))
	return hex.EncodeToString(sum[:])
}

func sha1sum(input string) string {
	sum := sha1.Sum([]byte(input))
	return hex.EncodeToString(sum[:])
}

func adler32sum(input string) string { return fmt.Sprintf("%d", adler32.Checksum([]byte(input))) }

// The table of functions names these; templates cannot call them.
var bcrypt, htpasswd, generatePrivateKey, derivePassword, buildCustomCertificate, generateCertificateAuthority,
	generateCertificateAuthorityWithPEMKey, generateSelfSignedCertificate, generateSelfSignedCertificateWithPEMKey,
	generateSignedCertificate, generateSignedCertificateWithPEMKey, encryptAES, decryptAES, randBytes, uuidv4 interface{}

// Renders templates natively: what the WebAssembly build must equal, byte for byte.
//
// Each line of the input is a JSON object `{"source", "data" (JSON text), "zero", "maxOutput"}`; the output has a line for each.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/podconfigmap-controller/gotemplate/gotemplate"
)

type request struct {
	Source    string `json:"source"`
	Data      string `json:"data"`
	Zero      bool   `json:"zero"`
	MaxOutput int    `json:"maxOutput"`
	// Whether to leave out what Go makes of it without us.
	Ours bool `json:"ours"`
}

type response struct {
	Output string                `json:"output"`
	Error  *gotemplate.Error     `json:"error,omitempty"`
	Data   *gotemplate.DataError `json:"dataError,omitempty"`
	// What Go itself said.
	Raw   string            `json:"raw,omitempty"`
	Reads *gotemplate.Reads `json:"reads,omitempty"`
	// What text/template and sprig make of it by themselves.
	Plain plain `json:"plain"`
}

type plain struct {
	Output string `json:"output"`
	Error  string `json:"error"`
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	for in.Scan() {
		var asked request
		if err := json.Unmarshal(in.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		if err := encoder.Encode(answer(asked)); err != nil {
			log.Fatal(err)
		}
	}
	if err := in.Err(); err != nil {
		log.Fatal(err)
	}
}

func answer(asked request) response {
	data, unusable := gotemplate.Decode([]byte(asked.Data))
	if unusable != nil {
		return response{Data: unusable}
	}
	template, failure := gotemplate.Compile(asked.Source, gotemplate.Options{ZeroMissing: asked.Zero})
	if failure != nil {
		return response{Error: failure, Raw: failure.Raw, Plain: renderPlainly(asked)}
	}
	output, failure := template.Render(data, asked.MaxOutput)
	answered := response{Output: string(output), Reads: &template.Reads}
	if failure != nil {
		answered.Error, answered.Raw = failure, failure.Raw
	}
	answered.Plain = renderPlainly(asked)
	return answered
}

// renderPlainly uses nothing of the package but its decoder.
func renderPlainly(asked request) (result plain) {
	defer func() {
		if fault := recover(); fault != nil {
			result = plain{Error: fmt.Sprint(fault)}
		}
	}()
	if asked.Ours {
		return plain{}
	}
	missingKey := "missingkey=error"
	if asked.Zero {
		missingKey = "missingkey=zero"
	}
	yaml := template.FuncMap{"toYaml": gotemplate.Functions["toYaml"], "fromYaml": gotemplate.Functions["fromYaml"]}
	parsed, err := template.New("").Funcs(sprig.TxtFuncMap()).Funcs(yaml).Option(missingKey).Parse(asked.Source)
	if err != nil {
		return plain{Error: err.Error()}
	}
	data, _ := gotemplate.Decode([]byte(asked.Data))
	var out bytes.Buffer
	if err := parsed.Execute(&out, data); err != nil {
		return plain{Error: err.Error()}
	}
	return plain{Output: out.String()}
}

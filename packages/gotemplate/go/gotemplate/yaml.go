package gotemplate

import (
	"strings"
	"text/template"

	"sigs.k8s.io/yaml"
)

// As Helm has them.
var yamlFunctions = template.FuncMap{
	"toYaml": func(value any) string {
		text, err := yaml.Marshal(value)
		if err != nil {
			return ""
		}
		return strings.TrimSuffix(string(text), "\n")
	},
	"fromYaml": func(text string) map[string]any {
		value := map[string]any{}
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			value["Error"] = err.Error()
		}
		return value
	},
}

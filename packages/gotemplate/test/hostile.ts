import type { TemplateErrorReason } from "../src/index.ts";

/** A template that means harm, and how it may end. */
export interface Hostile {
  readonly name: string;
  readonly source: string;
  readonly reasons: readonly TemplateErrorReason[];
}

const nested = (count: number, [open, close]: readonly [string, string]) => open.repeat(count) + close.repeat(count);

/** What has to end in a typed error, within the deadline, whatever it does. */
export const hostile: readonly Hostile[] = [
  { name: "a loop without an end", source: "{{ range 100000000000 }}{{ end }}", reasons: ["deadline"] },
  {
    name: "loops in loops",
    source: "{{ range 1000000 }}{{ range 1000000 }}{{ range 1000000 }}{{ end }}{{ end }}{{ end }}",
    reasons: ["deadline"],
  },
  { name: "a text of 1 GiB", source: '{{ repeat 1073741824 "x" }}', reasons: ["memory"] },
  { name: "a text of 1 GiB in steps", source: '{{ repeat 32768 (repeat 32768 "x") }}', reasons: ["memory"] },
  { name: "an output of 1 GiB", source: `{{ range 1048576 }}${"x".repeat(1_024)}{{ end }}`, reasons: ["size"] },
  {
    name: "a list that doubles",
    source: "{{ $l := list 1 }}{{ range 64 }}{{ $l = concat $l $l }}{{ end }}",
    reasons: ["memory"],
  },
  {
    name: "a text that doubles",
    source: '{{ $s := "xxxxxxxx" }}{{ range 64 }}{{ $s = print $s $s }}{{ end }}',
    reasons: ["memory"],
  },
  {
    name: "a template that calls itself",
    source: '{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}',
    reasons: ["depth"],
  },
  {
    name: "templates that call each other, twice",
    source:
      '{{ define "x" }}{{ template "y" . }}{{ template "y" . }}{{ end }}{{ define "y" }}{{ if lt (len (printf "%v" .)) 0 }}{{ end }}{{ template "x" . }}{{ end }}{{ template "x" . }}',
    reasons: ["depth"],
  },
  {
    name: "calls that branch",
    source:
      '{{ define "x" }}{{ if gt . 0 }}{{ template "x" (sub . 1) }}{{ template "x" (sub . 1) }}{{ end }}{{ end }}{{ template "x" 900 }}',
    reasons: ["deadline"],
  },
  { name: "parentheses", source: `{{ ${nested(100_000, ["(", ")"])} }}`, reasons: ["depth", "syntax"] },
  { name: "conditions in conditions", source: nested(40_000, ["{{if 1}}", "{{end}}"]), reasons: ["depth"] },
  { name: "a map that holds itself, printed", source: "{{ $_ := set . `x` . }}{{ . }}", reasons: ["depth"] },
  {
    name: "a map that holds itself, as JSON",
    source: "{{ $_ := set . `x` . }}{{ mustToJson . }}",
    reasons: ["execution"],
  },
  {
    name: "a map that holds itself, copied",
    source: "{{ $_ := set . `x` . }}{{ deepCopy . }}",
    reasons: ["depth", "deadline", "memory"],
  },
  {
    name: "deep JSON",
    source: '{{ fromJson (repeat 9000 "[") }}{{ mustFromJson (repeat 2000000 "[") }}',
    reasons: ["execution", "depth"],
  },
  {
    name: "deep YAML",
    source: '{{ fromYaml (repeat 100000 "[") }}{{ fail "survived" }}',
    reasons: ["execution", "depth", "memory"],
  },
  {
    name: "YAML that multiplies",
    source: `{{ fromYaml "a: &a [x,x,x,x,x,x,x,x,x]\\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]" }}{{ fail "survived" }}`,
    reasons: ["execution", "memory", "deadline"],
  },
  {
    name: "a huge regular expression",
    source: '{{ regexMatch (printf "(%s){1000}" (repeat 900 "a?")) (repeat 900 "a") }}{{ fail "survived" }}',
    reasons: ["execution", "memory", "deadline"],
  },
  { name: "a wide number", source: '{{ printf "%0999999999d" 1 }}{{ fail "survived" }}', reasons: ["execution"] },
  { name: "a template of 1 MiB and more", source: "x".repeat(1_048_577), reasons: ["size"] },
  {
    name: "a template of 1 MiB that does not parse",
    source: `${"{{ .a }}".repeat(100_000)}{{ nope }}`,
    reasons: ["syntax", "deadline", "memory"],
  },
  { name: "output that is not UTF-8", source: '{{ "\\xff\\xfe" }}', reasons: ["encoding"] },
  { name: "a source that is no text", source: "{{ .a }} \ud800", reasons: ["encoding"] },
];

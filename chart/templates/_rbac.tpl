{{/* A binding of the role of the same name. Takes `root`, `kind` (of the role), `name`, `component`, `namespace`, `account`. */}}
{{- define "pcmc.binding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . | toYaml }}
  {{- end }}
  labels:
    {{- include "pcmc.labels" (dict "root" .root "name" .of "component" .component) | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .account }}
    namespace: {{ .root.Release.Namespace | toYaml }}
{{- end }}

{{/* A role and its binding. Takes what the binding takes, and `rules`, a text; nothing without rules. */}}
{{- define "pcmc.granted" -}}
{{- if trim .rules }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . | toYaml }}
  {{- end }}
  labels:
    {{- include "pcmc.labels" (dict "root" .root "name" .of "component" .component) | nindent 4 }}
rules:
  {{- .rules | trim | nindent 2 }}
---
{{ include "pcmc.binding" . }}
{{- end }}
{{- end }}

{{/*
What one part of the program may do, in all namespaces or by Roles in those of watchNamespaces; what no Role can give stays with a
ClusterRole. Takes what the binding takes but for kind and namespace, and `ruleset`: the end of the rules' name.
*/}}
{{- define "pcmc.grantedWhereWatched" -}}
{{- $rules := printf "pcmc.rules.%s" .ruleset }}
{{- $namespaces := .root.Values.watchNamespaces }}
{{- if $namespaces }}
{{- $namespaced := include $rules (dict "root" .root "scope" "namespaced") }}
{{- range sortAlpha $namespaces }}
{{- include "pcmc.granted" (merge (dict "kind" "Role" "namespace" . "rules" $namespaced) $) }}
{{- end }}
{{- end }}
{{- $scope := $namespaces | empty | ternary "all" "cluster" }}
{{- include "pcmc.granted" (merge (dict "kind" "ClusterRole" "rules" (include $rules (dict "root" .root "scope" $scope))) $) }}
{{- end }}

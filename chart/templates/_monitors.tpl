{{/* How a target is scraped. Takes the values of a ServiceMonitor or PodMonitor. */}}
{{- define "pcmc.endpoint" -}}
- port: metrics
  # Labels such as namespace are of what a series is about.
  honorLabels: true
  path: /metrics
  {{- with .interval }}
  interval: {{ . }}
  {{- end }}
  {{- with .scrapeTimeout }}
  scrapeTimeout: {{ . }}
  {{- end }}
  {{- with .relabelings }}
  relabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Metadata of what the Prometheus operator reads. Takes `root`, `name`, `values`. */}}
{{- define "pcmc.monitoringMetadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace | toYaml }}
labels:
  {{- include "pcmc.labels" (dict "root" .root "name" .name "extra" .values.labels) | nindent 2 }}
{{- with .values.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Whose metrics there are, as a list in YAML. */}}
{{- define "pcmc.monitored" -}}
- {{ include "pcmc.name" . }}
{{- if and .Values.agent.enabled (include "pcmc.portOf" .Values.agent.settings.metricsAddr) }}
- {{ include "pcmc.agent.name" . }}
{{- end }}
{{- end }}

{{/* A value as the program reads it. Numbers come as floats, which would be written 1e+06. */}}
{{- define "pcmc.text" -}}
{{- if kindIs "float64" . }}{{ int64 . }}{{ else }}{{ toString . }}{{ end }}
{{- end }}

{{/*
The environment that settings make, as a list. Takes `root` and `programs`, of manager and agent. Only what differs from the
program's own default: files/settings.yaml has these, in order.
*/}}
{{- define "pcmc.settingsEnv" -}}
{{- $root := .root }}
{{- $programs := .programs }}
{{- $chosen := dict "leaderElectionLockNamespace" (include "pcmc.lockNamespace" $root) }}
{{- if $root.Values.webhooks.certManager.enabled }}
{{- $_ := set $chosen "webhookCertDir" (include "pcmc.certDir" $root) }}
{{- end }}
{{- $settings := mergeOverwrite (deepCopy $root.Values.settings) $chosen }}
{{- if has "agent" $programs }}
{{- range $key, $value := $root.Values.agent.settings }}
{{- if ne (toString $value) "" }}
{{- $_ := set $settings $key $value }}
{{- end }}
{{- end }}
{{- end }}
{{- range $setting := $root.Files.Get "files/settings.yaml" | fromYamlArray }}
{{- $value := include "pcmc.text" (get $settings $setting.key) }}
{{- $concerned := false }}
{{- range $setting.programs }}
{{- if has . $programs }}
{{- $concerned = true }}
{{- end }}
{{- end }}
{{- if and $concerned (ne $value "") (ne $value $setting.default) }}
- name: {{ $setting.env }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* What the values say that is no setting of the same name. */}}
{{- define "pcmc.watchNamespacesEnv" -}}
{{- with .Values.watchNamespaces }}
- name: WATCH_NAMESPACES
  value: {{ join "," . | quote }}
{{- end }}
{{- end }}

{{/* The kubeconfig that a container gets; empty for none. Takes `root` and `programs`. */}}
{{- define "pcmc.kubeconfig" -}}
{{- $agents := has "agent" .programs | ternary (get .root.Values.agent.settings "kubeconfig") "" }}
{{- default .root.Values.settings.kubeconfig $agents }}
{{- end }}

{{/* The manager's environment. Takes `root` and `programs`. */}}
{{- define "pcmc.managerEnv" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- with include "pcmc.watchNamespacesEnv" .root }}
{{- . }}
{{- end }}
{{- if .root.Values.podlogreader.createSaAndRoleBinding }}
- name: CREATE_SA_AND_ROLEBINDING
  value: "true"
{{- end }}
{{- if .root.Values.podlogreader.allowPodGet }}
- name: ALLOW_POD_GET
  value: "true"
{{- end }}
{{- if not .root.Values.webhooks.enabled }}
- name: WEBHOOK_ENABLED
  value: "false"
{{- else if and (include "pcmc.hasWebhooks" .root) (include "pcmc.kubeconfig" .) }}
# With a kubeconfig the program takes itself to be outside of the cluster, where webhooks are off by default.
- name: WEBHOOK_ENABLED
  value: "true"
{{- end }}
{{- include "pcmc.settingsEnv" . }}
{{- end }}

{{/* What an agent needs beyond its settings. */}}
{{- define "pcmc.agentEnv" -}}
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
# Gives back to the node what loading programs took for a moment: libbpf reads the kernel's types, some megabytes a time, and
# glibc would keep that in an arena of each thread.
- name: MALLOC_ARENA_MAX
  value: "1"
- name: MALLOC_MMAP_THRESHOLD_
  value: "65536"
- name: MALLOC_TRIM_THRESHOLD_
  value: "65536"
- name: NODE_OPTIONS
  value: --max-semi-space-size=1
{{- end }}

{{/* Entries of an environment whose names are not among `names`. Takes `entries` as a list, and prints one. */}}
{{- define "pcmc.envWithout" -}}
{{- $names := .names }}
{{- $kept := list }}
{{- range .entries }}
{{- if not (has .name $names) }}
{{- $kept = append $kept . }}
{{- end }}
{{- end }}
{{- toYaml $kept }}
{{- end }}

{{/* Further environment of the manager, and of the Job by which agents detach, as a list; with role all the agents' own beats it. */}}
{{- define "pcmc.extraEnv" -}}
{{- $extra := .Values.extraEnv }}
{{- if eq .Values.role "all" }}
{{- $names := list }}
{{- range .Values.agent.extraEnv }}
{{- $names = append $names .name }}
{{- end }}
{{- $kept := include "pcmc.envWithout" (dict "entries" $extra "names" $names) | fromYamlArray }}
{{- $extra = concat $kept .Values.agent.extraEnv }}
{{- end }}
{{- toYaml $extra }}
{{- end }}

{{/*
The environment of a container: `own`, a list as text, and `extra`, a list that beats it. A name stands there once: with
server-side apply the API server refuses one that does twice.
*/}}
{{- define "pcmc.env" -}}
{{- $own := fromYamlArray .own }}
{{- $names := list }}
{{- range .extra }}
{{- $names = append $names .name }}
{{- end }}
{{- $kept := include "pcmc.envWithout" (dict "entries" $own "names" $names) | fromYamlArray }}
{{- if eq (len $kept) (len $own) }}
{{- .own }}
{{- else if $kept }}
{{- toYaml $kept }}
{{- end }}
{{- with .extra }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Arguments of the manager, beyond the command. */}}
{{- define "pcmc.managerArgs" -}}
{{- if ne (join "," .Values.controllers) "podconfigmap,watcher,podlogreader" }}
- --controllers={{ join "," .Values.controllers }}
{{- end }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end }}

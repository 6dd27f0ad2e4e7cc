{{/*
Probes of a container with a port `metrics`, which is ready at the first look or a second later. An agent stays for long, and is asked
less often. Takes `readyPeriod`, and `host` where it listens at one of the node's: kubelets ask the Pod's address otherwise.
*/}}
{{- define "pcmc.probes" -}}
livenessProbe:
  httpGet:
    {{- with .host }}
    host: {{ . | toYaml }}
    {{- end }}
    path: /healthz
    port: metrics
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet:
    {{- with .host }}
    host: {{ . | toYaml }}
    {{- end }}
    path: /readyz
    port: metrics
  periodSeconds: {{ .readyPeriod }}
  timeoutSeconds: 5
{{- end }}

{{/* The node's parts that an agent works on. What is mounted below on the node later is seen too. */}}
{{- define "pcmc.agent.volumeMounts" -}}
# Not at /sys/fs/bpf: the default AppArmor profiles of containerd and CRI-O refuse writes there, and pinning is one.
- name: bpffs
  mountPath: /run/bpf
  mountPropagation: HostToContainer
- name: cgroups
  mountPath: /sys/fs/cgroup
  mountPropagation: HostToContainer
  readOnly: true
{{- end }}

{{- define "pcmc.agent.volumes" -}}
- name: bpffs
  hostPath:
    path: /sys/fs/bpf
    type: Directory
- name: cgroups
  hostPath:
    path: /sys/fs/cgroup
    type: Directory
{{- end }}

{{- define "pcmc.agent.securityContext" -}}
# Kubernetes gives the capabilities of a container to root only.
runAsUser: 0
runAsNonRoot: false
privileged: false
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
  add:
    {{- toYaml .Values.agent.capabilities | nindent 4 }}
{{- end }}

{{/* What all Pods on a node's kernel have in common, in their spec. */}}
{{- define "pcmc.agent.podSpec" -}}
# The node's process ids, for the label pid; the node's addresses, from which probes come.
hostPID: true
hostNetwork: true
dnsPolicy: Default
{{- with .Values.agent.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.agent.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.agent.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.agent.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- with .Values.agent.seccompProfile }}
  seccompProfile:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.agent.seLinuxOptions }}
  seLinuxOptions:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* The manager's volumes, and where they are mounted. */}}
{{- define "pcmc.volumes" -}}
{{- if and (include "pcmc.hasWebhooks" .) .Values.webhooks.certManager.enabled }}
- name: webhook-certificate
  secret:
    secretName: {{ include "pcmc.certSecret" . }}
    # Until cert-manager has made it, the webhooks are not served, and everything else works.
    optional: true
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "pcmc.volumeMounts" -}}
{{- if and (include "pcmc.hasWebhooks" .) .Values.webhooks.certManager.enabled }}
- name: webhook-certificate
  mountPath: {{ include "pcmc.certDir" . }}
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Where a NetworkPolicy lets the manager's Pods connect to, and the Pod that has agents detach. */}}
{{- define "pcmc.egress" -}}
# DNS, for an API server by name.
- ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
# The API server.
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - port: {{ int . }}
      protocol: TCP
    {{- end }}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of every object; call with (dict "root" $ "component" "speaker"). */}}
{{- define "metallb.labels" -}}
{{ include "metallb.selector" . }}
app.kubernetes.io/name: metallb
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* The labels that find a program's pods, as in MetalLB's manifests. */}}
{{- define "metallb.selector" -}}
app: metallb
component: {{ .component }}
{{- end }}

{{- define "metallb.image" -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}

{{- define "metallb.controller.serviceAccount" -}}
{{ .Values.controller.serviceAccount.name | default (ternary "controller" "default" .Values.controller.serviceAccount.create) }}
{{- end }}

{{- define "metallb.speaker.serviceAccount" -}}
{{ .Values.speaker.serviceAccount.name | default (ternary "speaker" "default" .Values.speaker.serviceAccount.create) }}
{{- end }}

{{/* Arguments and environment that both programs take; call with (dict "root" $ "program" .Values.speaker). */}}
{{- define "metallb.args" -}}
- --log-level={{ .program.logLevel }}
- --port={{ .root.Values.prometheus.metricsPort }}
- --health-probe-port={{ .root.Values.healthProbePort }}
{{- with .root.Values.loadBalancerClass }}
- --lb-class={{ . }}
{{- end }}
{{- end }}

{{- define "metallb.env" -}}
- name: METALLB_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: METALLB_POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: METALLB_POD_UID
  valueFrom:
    fieldRef:
      fieldPath: metadata.uid
- name: METALLB_NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
{{- end }}

{{/* Probes; the host is where the kubelet asks: empty means the pod's address. Call with (dict "root" $ "host" ""). */}}
{{- define "metallb.probes" -}}
livenessProbe:
  httpGet:
    path: /livez
    port: {{ .root.Values.healthProbePort }}
    {{- with .host }}
    host: {{ . }}
    {{- end }}
  initialDelaySeconds: 10
  periodSeconds: 10
  {{- /* Patient: a machine that is out of breath is not helped by a restart. */}}
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: /readyz
    port: {{ .root.Values.healthProbePort }}
    {{- with .host }}
    host: {{ . }}
    {{- end }}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 3
{{- end }}

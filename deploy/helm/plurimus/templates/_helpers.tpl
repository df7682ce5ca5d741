{{- define "plurimus.labels" -}}
app.kubernetes.io/name: plurimus
{{- end }}

{{- define "plurimus.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* The daemon's file: what follows from other values, then what the values give as it is. */}}
{{- define "plurimus.config" -}}
{{- $config := dict
      "chrootDir" "/hostroot"
      "cniConfigDir" (print "/host" .Values.cniConfDir)
      "multusAutoconfigDir" (print "/host" .Values.cniConfDir)
      "socketDir" "/host/run/multus"
      "binDir" .Values.cniBinDir
      "logLevel" .Values.logLevel -}}
{{- if .Values.namespaceIsolation -}}
{{- $_ := set $config "namespaceIsolation" true -}}
{{- with .Values.globalNamespaces -}}
{{- $_ := set $config "globalNamespaces" . -}}
{{- end -}}
{{- end -}}
{{- if and .Values.metricsPort (ne .Values.mode "thin") -}}
{{- $_ := set $config "metricsPort" (int .Values.metricsPort) -}}
{{- end -}}
{{- mergeOverwrite $config .Values.config | toPrettyJson -}}
{{- end }}

{{/* The host's folders, where SELinux is on, and of whoever they are. */}}
{{- define "plurimus.modest" -}}
readOnlyRootFilesystem: true
seccompProfile:
  type: RuntimeDefault
seLinuxOptions:
  type: spc_t
capabilities:
  drop: [ALL]
  add: [DAC_OVERRIDE]
{{- end }}

{{- define "plurimus.container" -}}
image: {{ include "plurimus.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
terminationMessagePolicy: FallbackToLogsOnError
{{- end }}

{{- define "plurimus.small" -}}
requests:
  cpu: 10m
  memory: 32Mi
{{- end }}

{{/* In both modes: the shim, and the take-over from Multus. */}}
{{- define "plurimus.install" -}}
- name: install
  {{- include "plurimus.container" . | nindent 2 }}
  command:
    - plurimus
    - install
    - --bin-dir=/host/opt/cni/bin
    - --conf-dir=/host{{ .Values.cniConfDir }}
    {{- if .Values.replaceMultus }}
    - --replace-multus
    {{- end }}
  resources:
    {{- include "plurimus.small" . | nindent 4 }}
  securityContext:
    {{- include "plurimus.modest" . | nindent 4 }}
  volumeMounts:
    - name: cni-bin
      mountPath: /host/opt/cni/bin
    - name: cni-conf
      mountPath: /host{{ .Values.cniConfDir }}
{{- end }}

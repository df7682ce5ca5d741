"""All metrics of Plurimus, one value each for the life of the process; docs/reference/metrics.md is made of this page.

A new one is a line here, and a call where something happens: `measured.SPOOLED.set(2)`.  No label names a pod, a
sandbox or anything else that there is no bound to.

Spec section 7.9 (the first of them).
"""

from __future__ import annotations

from plurimus.core.metrics import Counter, Gauge, Histogram, Metric

_FINE = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_COARSE = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60)

STEPS = {
    "admit": "waiting until it is its turn: for other requests of the same sandbox, for memory, for `connectionLimit`",
    "wait_for_default_network": "waiting for `readinessindicatorfile`",
    "find_pod": "the pod from the copy of the cluster, or from the API server",
    "look_up": "definitions and configuration files to delegates",
    "ask_for_devices": "kubelet, and resource claims; only where a network needs a device",
    "plan": "interface names, capability args, devices",
    "read_record": "what is on record of the sandbox",
    "look": "which namespace the sandbox has, and which interfaces",
    "record": "the plan to the disk",
    "attach_default": "the plugins of the cluster-wide default network",
    "attach_others": "the plugins of all other networks",
    "settle_routes": "one owner of the default route",
    "tell_rdma": "RDMA facts to the pod's files",
    "publish": "the network status to the API server",
    "cache": "results to libcni's cache; beside attaching or publishing, so within those",
    "undo": "what an ADD that failed had begun, or an earlier one had left",
    "detach": "the plugins of all attachments, last first, their records and caches",
    "check": "CHECK of all attachments",
    "status": "STATUS of the cluster-wide default network",
    "collect": "GC of all networks",
}
"""The steps of a request, for metrics, log and traces alike."""

MULTUS_REQUESTS = Counter(
    "multus_server_request_total",
    "HTTP requests on the daemon's socket, as Multus counts them",
    "handler", "code", "method",
)  # fmt: skip
REQUESTS = Histogram(
    "plurimus_request_duration_seconds",
    "Requests: by whom they came (/cni, /delegate, spool), and the code of the CNI error (0 for success, plugin for "
    "a plugin's own, cancelled, internal)",
    "handler", "verb", "code", bounds=_FINE,
)  # fmt: skip
REQUESTS_RUNNING = Gauge("plurimus_requests_running", "Requests that are not answered yet, waiting ones included")
REQUESTS_WAITING = Gauge("plurimus_requests_waiting", "Requests that wait until it is their turn")
STEP = Histogram("plurimus_step_duration_seconds", "Steps of requests", "verb", "step", bounds=_COARSE)
PLUGINS = Histogram(
    "plurimus_plugin_duration_seconds",
    "Calls of plugins: in process (driver) or as a program (executable); outcome is ok, error or cancelled",
    "type", "by", "verb", "outcome", bounds=_COARSE,
)  # fmt: skip
PLUGINS_RUNNING = Gauge("plurimus_plugin_executables_running", "Plugins that run as programs")
UNKNOWN_OPTIONS = Counter(
    "plurimus_unknown_option_calls_total",
    "Calls with an option that the driver of that type does not know, and who carried them out; /status names the keys",
    "type", "by",
)  # fmt: skip
API_REQUESTS = Histogram(
    "plurimus_api_request_duration_seconds",
    "Tries of requests to the API server, a watch until it is agreed to; status is 2xx, 4xx, 5xx or none for no answer",
    "verb", "resource", "status", bounds=_COARSE,
)  # fmt: skip
LINE_WAITING = Gauge(
    "plurimus_schedule_waiting",
    "What waits for its turn, by rank: requests for memory and `connectionLimit`, executables for memory, or until "
    "fewer run",
    "line", "rank",
)  # fmt: skip
LINE_UNDER_WAY = Gauge("plurimus_schedule_under_way", "What was begun and has not ended", "line")
LINE_ADMITTED = Counter("plurimus_schedule_admitted_total", "What was begun", "line", "rank")
LINE_REFUSED = Counter(
    "plurimus_schedule_refused_total", "What was answered with code 11, since its turn would not come in time",
    "line", "rank",
)  # fmt: skip
LINE_BYTES = Gauge("plurimus_schedule_admitted_bytes", "Memory that what is under way is taken to need", "line")
ROOM = Gauge(
    "plurimus_schedule_room_bytes",
    "Memory that all plugins under way may have together: what is free, and what they have already",
)
FREE = Gauge(
    "plurimus_memory_free_bytes",
    "Memory that the node and the limits of the daemon's control groups leave, less a reserve; negative where too "
    "much is in use",
)
NEEDED = Gauge("plurimus_plugin_needed_bytes", "Memory that one run of a plugin's executable is taken to need", "type")
LEAKS_FOUND = Counter(
    "plurimus_leaks_found_total", "What sweeps found that no living sandbox owns; what stays, by each again", "kind"
)
LEAKS_FREED = Counter("plurimus_leaks_freed_total", "What sweeps gave back", "kind")
LEAKS_FAILED = Counter("plurimus_leaks_failed_total", "Tries of sweeps to give something back that failed", "kind")
SILENT_PODS = Gauge(
    "plurimus_silent_pods",
    "Running pods without an interface they asked for, as of the last sweep: they have no record, the interface is "
    "gone, or their network status has none",
    "kind",
)  # fmt: skip
SPOOLED = Gauge("plurimus_spooled_dels", "DELs in the spool that are still to be carried out")
HALF_DONE = Gauge(
    "plurimus_half_done_sandboxes",
    "Sandboxes of an earlier daemon that are neither whole nor undone: tried again, or left to the runtime's DEL",
)
BUILD = Gauge("plurimus_build_info", "Which version this is; always 1", "version")

ALL: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))

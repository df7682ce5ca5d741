"""What tests show of a daemon, on a node without one: the same tests, whose `node` is another here.

Not all of them: each call is a process, and what it shares with a daemon needs no second look.
"""

# ruff: noqa: F401 - pytest collects what is imported
from __future__ import annotations

from .test_default_route import (
    test_each_family_may_go_another_way,
    test_networks_nobody_spoke_of_lose_their_default_routes_too,
)
from .test_delete import (
    node_config,
    test_a_missing_plugin_keeps_its_network_on_record_and_no_other,
    test_a_torn_record_is_set_aside_and_the_cached_results_are_used,
    test_the_cluster_may_not_answer,
    test_the_definitions_and_the_nodes_configuration_may_be_others,
    test_the_namespace_may_be_gone,
    test_the_record_may_be_gone_while_the_results_are_cached,
)
from .test_gc import (
    test_every_network_is_told_of_all_its_living_attachments,
    test_stale_sandboxes_are_undone_on_all_networks_and_the_others_are_not_touched,
)
from .test_plugins_chained import test_all_of_them_in_one_chain
from .test_rollback import (
    test_what_an_earlier_add_left_is_undone_before_the_next_one,
    test_what_cannot_be_undone_is_reported_and_stays_on_record_for_del,
)
from .test_thin import shared_node
from .test_versions import test_a_list_without_version_runs_in_the_runtimes_on_add_and_on_del

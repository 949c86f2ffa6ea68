"""Mistakes that an implementation can make, planted one at a time in the real classes.

That the simulator finds nothing is worth something only if it finds these. Each is a small patch
on the product's classes; the product itself has no switch. A name says what the node does wrong,
its function's docstring says it in a sentence.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benmo.sim.planted import (
    acceptors,
    assertions,
    confirmations,
    disks,
    keys,
    leaders,
    learners,
    ledgers,
    members,
)
from benmo.sim.planted.patch import Patch

__all__ = ["PLANTED", "plant", "plant_for_good", "sentence"]

Plant = Callable[[Patch], None]

_PLANTS: tuple[Plant, ...] = (
    # What the original did wrong.
    acceptors.accept_ignores_promise,
    acceptors.accepted_not_saved,
    leaders.old_slot_adopted,
    acceptors.any_decision_clears_accepted,
    leaders.rivals_ballot_used,
    leaders.own_ballot_raised_blindly,
    leaders.live_proposal,
    leaders.late_promise_is_vote,
    leaders.stale_vote_counted,
    learners.doubled_decision_appended,
    learners.decision_of_another_ballot,
    learners.catch_up_applied_twice,
    ledgers.nonsense_transfers_pass,
    ledgers.nothing_checked_on_apply,
    ledgers.queue_emptied_whole,
    ledgers.catch_up_keeps_queue,
    ledgers.second_message_lost,
    acceptors.silent_refusal,
    learners.missed_decision_stays_missed,
    disks.state_overwritten_in_place,
    # What others have done wrong.
    disks.promise_not_durable,
    acceptors.promise_not_saved,
    acceptors.promise_to_any_ballot,
    disks.vote_not_durable,
    disks.own_vote_not_durable,
    disks.queued_before_fsync,
    leaders.doubled_vote_counted,
    leaders.one_vote_too_few,
    leaders.one_promise_too_few,
    leaders.reported_value_ignored,
    leaders.lowest_ballot_wins,
    leaders.proposes_before_catching_up,
    acceptors.accepts_when_behind,
    ledgers.retry_pays_again,
    disks.damage_taken_for_torn_tail,
    disks.fsync_retried,
    disks.empty_disk_votes,
    disks.directory_not_synced,
    disks.checkpoint_before_chain,
    leaders.goes_on_after_nack,
    learners.heartbeat_height_trusted,
    leaders.equal_timers,
    # With keys, and with confirmed reads.
    keys.queued_key_forgotten,
    keys.keys_of_queue_not_recovered,
    keys.keys_forgotten_at_restart,
    keys.index_ahead_of_its_keys,
    keys.foreign_index_believed,
    keys.content_not_compared,
    keys.partly_known_pays_again,
    confirmations.confirmed_by_itself,
    confirmations.accepted_not_confirmed,
    confirmations.one_confirmation_too_few,
    confirmations.doubled_confirmation_counted,
    confirmations.answer_to_any_question,
    confirmations.lowest_confirmed_height,
    # With members that come and go.
    members.retired_promise_counted,
    members.promises_counted_by_node,
    members.votes_counted_by_node,
    members.leads_on_after_change,
    members.quorum_checked_before_catching_up,
    members.stranger_proposes,
    members.change_in_force_when_proposed,
    members.majority_of_old_number,
    members.retired_queue_applied,
    members.removed_with_its_money,
    members.confirmed_by_old_members,
    members.one_member_twice,
    disks.empty_disk_takes_highest_promise,
    disks.empty_disk_waits_for_two_slots,
)

PLANTED: dict[str, Plant] = {each.__name__.replace("_", "-"): each for each in _PLANTS}
"""All of them by name."""


def sentence(name: str) -> str:
    """What a planted mistake does wrong."""
    return inspect.getdoc(PLANTED[name]) or ""


def plant_for_good(name: str, without_assertions: bool, patch: Patch) -> None:
    """Put this mistake into the product, until somebody undoes the patch."""
    PLANTED[name](patch)
    if without_assertions:
        assertions.nothing_asserted(patch)


@contextmanager
def plant(name: str, without_assertions: bool = False) -> Iterator[None]:
    """The product with this mistake in it, for a time; perhaps without its numbered assertions."""
    patch = Patch()
    try:
        plant_for_good(name, without_assertions, patch)
        yield
    finally:
        patch.undo()

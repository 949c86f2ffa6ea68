"""Explains in words what the tour has seen of the nodes, and says no more than was seen."""

from __future__ import annotations

from benmo.demo.tour.cast import Cast
from benmo.demo.tour.scene import DecidedSlot, Scene, TakenOver
from benmo.paxos.types import NodeId
from benmo.wording import joined, many, why_given_up
from benmo.wording import listed as comma_listed


def explain_agreement(scene: Scene) -> list[str]:
    """Tell how the last slot was decided, from its leader's campaign on, if that was seen."""
    decided = scene.decided()[-1:]
    return [*(f"{_led(last)}{_decided(last)}" for last in decided), all_alike(scene)]


def explain_healing(scene: Scene, payer: NodeId) -> str:
    """The fate of the transfer that waited at the payer while the payer was cut off."""
    decided = scene.decided_for(payer)
    fetched = "The smaller side fetched what the larger one had decided."
    if decided is None:
        return f"{fetched} {last_decided(scene)}".rstrip()
    leader = decided.ballot.node
    led = f", and node {leader} led" if decided.accepted_by else ""
    return (
        f"{fetched} Only then was the transfer of node {payer} decided{led}: it comes after, not "
        f"beside. {_decided(decided)}"
    )


def explain_half_way(scene: Scene, dead: NodeId) -> list[str]:
    """Tell how far the block had come when its leader was killed."""
    accepted = scene.accepted_from(dead)
    if accepted is None:
        return [f"Node {dead} is gone."]
    slot, ballot, nodes = accepted
    proposed = f"Node {dead} proposed a block for slot {slot} in ballot {ballot}, and died."
    if len(nodes) <= len(scene.everyone) // 2:
        return [f"{proposed} {many(nodes).capitalize()} had accepted it: no majority."]
    return [
        f"{proposed} {many(nodes).capitalize()} had accepted it: a majority, so it is decided. But "
        f"the votes were still on their way: no node knows."
    ]


def explain_taking_over(scene: Scene, dead: NodeId) -> list[str]:
    """Tell which leader had to take over which block, on whose report, and why it must."""
    seen = scene.taken_over()
    if seen is None:
        return [
            f"This time the block was decided before node {dead} was dead, so no leader had to "
            f"take it over. {last_decided(scene)}".rstrip()
        ]
    leader, whose = seen.ballot.node, seen.proposed_in.node
    return [
        f"Node {leader} led with ballot {seen.ballot}, and {many(seen.reporters)} had reported the "
        f"block of node {whose}. Node {leader} can't know whether a majority has accepted it, and "
        f"whether somebody was told so: it may be decided. So node {leader} must propose that "
        f"block, and none of its own. By this rule no slot ever has two blocks.",
        _was_it_decided(scene, seen),
    ]


def _was_it_decided(scene: Scene, seen: TakenOver) -> str:
    """Whether the block had been decided before the leader took it over."""
    for decided in scene.decided():
        if (decided.slot, decided.ballot) == (seen.slot, seen.proposed_in):
            return (
                f"Here it was: {many(decided.accepted_by)} had accepted it in ballot "
                f"{decided.ballot}, before node {decided.ballot.node} died. No node saw that many "
                f"disks; the rule kept the block all the same."
            )
    return last_decided(scene)


def explain_lost_disk(scene: Scene, parts: Cast) -> list[str]:
    """Tell what went with the payee's disk, and which disks still hold the block decided last."""
    slot = scene.height(parts.payer)
    left = [node for node in parts.circle if node != parts.payee and scene.height(node) == slot]
    return [
        f"Gone with the disk of node {parts.payee}: the ballots that it promised, and its vote for "
        f"slot {slot}. The block is still on {_disks(len(left))}, of {many(left)}; what was "
        f"decided stays decided, as long as nobody forgets a vote and votes again."
    ]


def explain_why_kept_down(scene: Scene, parts: Cast) -> list[str]:
    """Tell how a decided block could be undone if a node voted after it has lost its disk."""
    lost, slot = parts.payee, scene.height(parts.payer)
    unaware = [node for node in parts.outside if scene.height(node) < slot]
    danger = (
        "A later majority with an empty node in it may know nothing of a block that was decided "
        "with its help, and decide another one in that slot."
    )
    if len(unaware) + 1 >= parts.quorum:
        danger = (
            f"An empty node {lost} would promise anybody anything. With {many(unaware)}, which "
            f"never heard of slot {slot}, it would be a majority of {parts.nodes}: they would find "
            f"nothing accepted for slot {slot}, and decide another block there. What node "
            f"{parts.payer} was told is decided would be undone, and there would be two chains."
        )
    return [
        danger,
        f"Nor is it enough that node {lost} asks the others first: what it promised and accepted "
        f"while a leader was slow or cut off, its own disk alone knew.",
    ]


def explain_replacement(scene: Scene, lost: NodeId) -> list[str]:
    """In which slot the nodes took a new member for a lost one, and why that is safe."""
    found = scene.replacement(lost)
    if found is None:
        return [all_alike(scene)]
    slot, change = found
    return [
        f"Slot {slot} holds the change. From slot {slot + 1} on, node {lost}'s member "
        f"{change.member[:8]} votes, and the old one, {change.replaces[:8]}, doesn't, whatever "
        f"comes back of it. The new member owes no promise for the slots before: those are "
        f"decided, by nodes that forgot nothing, and whoever counts its vote knows them.",
        f"Its money was never on its disk alone: it is in the chain. {all_alike(scene)}",
    ]


def _disks(count: int) -> str:
    return f"{count} disk{'s' if count != 1 else ''}"


def explain_duel(scene: Scene) -> list[str]:
    """Tell which nodes gave a ballot up, and in which ballots slots were decided."""
    lost = [
        f"Node {lost.ballot.node} had ballot {lost.ballot} and gave it up: {why_given_up(lost)}."
        for lost in scene.given_up()[:2]
    ]
    how = (
        f"{' '.join(lost)} The node that loses waits, and tries again with a higher one."
        if lost
        else "No node had to give a ballot up: no clash this time."
    )
    slots = [_in_which_ballot(decided) for decided in scene.decided()]
    outcome = f"Decided: {joined(slots)}. " if slots else ""
    return [how, f"{outcome}{all_alike(scene)}"]


def _in_which_ballot(decided: DecidedSlot) -> str:
    """The ballot that decided a slot, and whose block it was, if the leader had taken it over."""
    text = f"slot {decided.slot} in ballot {decided.ballot}"
    if decided.proposed_in.node == decided.ballot.node:
        return text
    return (
        f"{text} (the block of node {decided.proposed_in.node}, which had been accepted somewhere "
        f"already: node {decided.ballot.node} had to take it over)"
    )


def last_decided(scene: Scene) -> str:
    """Tell which nodes accepted the slot that was decided last; empty if none was decided."""
    return "".join(_decided(decided) for decided in scene.decided()[-1:])


def all_alike(scene: Scene) -> str:
    """The height and hash of all nodes, if all answered, and the same."""
    heads = {scene.head(node) for node in scene.everyone}
    heights = {scene.height(node) for node in scene.everyone}
    if len(heads) != 1 or len(heights) != 1 or "" in heads:
        return "Not all nodes are level yet: ls shows how far each of them is."
    height, head = heights.pop(), heads.pop()
    return f"All {len(scene.everyone)} are at height {height}, with the same hash {head}."


def how_many_are_left(scene: Scene) -> str:
    """Tell how many nodes answer, and whether they are a majority."""
    up, nodes = len(scene.answering), len(scene.everyone)
    what = "still a majority" if up > nodes // 2 else "no majority any more"
    return f"{up} of {nodes} are left: {what}."


def _led(decided: DecidedSlot) -> str:
    leader = decided.ballot.node
    if decided.promised_by:
        return (
            f"Node {leader} waited its election delay, then asked all to promise ballot "
            f"{decided.ballot}. Nodes {comma_listed(decided.promised_by)} did: a majority, so it "
            f"led. "
        )
    return f"Node {leader} led already. " if decided.accepted_by else ""


def _decided(decided: DecidedSlot) -> str:
    if not decided.accepted_by:
        return f"Slot {decided.slot} is decided."
    again = (
        f" It is the block that was proposed in ballot {decided.proposed_in} at first."
        if decided.proposed_in != decided.ballot
        else ""
    )
    return (
        f"Slot {decided.slot} is decided: {many(decided.accepted_by)} accepted it in ballot "
        f"{decided.ballot}.{again}"
    )

"""Merges the nodes' chains into one: each node has the longest chain, or a beginning of it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from benmo.commands.answers import Table
from benmo.commands.block_table import ShownBlock, chain_notes, chain_table
from benmo.demo.phrases import has_or_have
from benmo.paxos.types import Ballot, NodeId
from benmo.wording import many


def chains_together(
    values: Mapping[NodeId, object], decided_in: Mapping[int, Ballot]
) -> tuple[str, Table]:
    """Say how much of the longest chain each node has, and show that chain as a table.

    `values` are the nodes' answers to `printBlockchain`, decoded from JSON: a list of blocks, or an
    object from a node that could not answer. At least one must be a list. `decided_in` has, for
    each slot for which this is known, the ballot that decided it.
    """
    chains = {
        node: msgspec.convert(value, list[ShownBlock])
        for node, value in values.items()
        if isinstance(value, list)
    }
    longest = max(chains.values(), key=len)
    sentences: dict[str, list[NodeId]] = {}
    for node, chain in chains.items():
        sentences.setdefault(_how_much(chain, longest), []).append(node)
    shares = [f"{many(nodes)} {has_or_have(nodes)} {what}" for what, nodes in sentences.items()]
    silent = [
        str(value["reason"])
        for node, value in values.items()
        if node not in chains and isinstance(value, Mapping)
    ]
    blocks = [
        msgspec.structs.replace(block, decided_in=decided_in.get(block.slot)) for block in longest
    ]
    notes = list(filter(None, [chain_notes(blocks)]))
    return "\n".join([*shares, *silent, *notes]), chain_table(blocks)


def _how_much(chain: list[ShownBlock], longest: list[ShownBlock]) -> str:
    if not longest:
        return "no block there"
    for block, other in zip(chain, longest, strict=False):
        if block != other:
            return f"ANOTHER BLOCK IN SLOT {block.slot}, which must never be"
    if len(chain) == len(longest):
        return f"all of it, up to slot {longest[-1].slot}"
    return f"it up to slot {chain[-1].slot} only" if chain else "none of it yet"

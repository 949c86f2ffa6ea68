"""Paxos, as Benmo speaks it: how five nodes that may crash keep one chain.

May import only itself and the pure parts of the standard library: time and randomness come in as
arguments, and effects go out as the `Step` that each call returns.

Begin with this essay; with `acceptor.py`, if you know Paxos; or with the class `Replica`, whose
docstring lists what a caller must do.

The problem
-----------

Five nodes keep the same chain of blocks. Any of them may propose the next one, any may crash at any
moment and come back, messages may be lost, doubled, delayed and reordered. Two things are required:
that no two nodes ever have different blocks in the same slot (safety, always), and that blocks are
decided while a majority is up and connected (liveness, when things go well).

One slot
--------

Take one slot, say the seventh, and let every node know the first six. A *ballot* is a number that
belongs to one node, `(round, node)`. A block is *decided* (the paper says: chosen) when a majority
of the acceptors has accepted it in the same ballot. A node that wants to lead does two things:

1. *Prepare.* It takes a ballot higher than any it has seen, and asks the acceptors to promise to
   accept nothing in a lower ballot from now on. Each acceptor that promises reports what it has
   accepted for the slot, if anything. A majority must answer.
2. *Accept.* If blocks were reported, it proposes the one with the highest ballot; only if none was
   reported may it propose a block of its own. When a majority has accepted the block, it is
   decided, and the leader says so to every node.

Why is there never a second block? Say block X was decided in ballot b, and look at the lowest
ballot c above b in which anything else, Y, is proposed. Its leader heard promises for c from a
majority. Two majorities share a node, so one of the nodes that promised had also accepted X in b.
It accepted X before it promised c (afterwards it would have refused b), so it reported X, or
something that it accepted in a ballot between b and c. But all that was proposed between b and c is
X, by the choice of c. No node could report anything from c on, since nothing had been proposed
there yet; so the highest ballot reported was between b and c, its block was X, and the leader
proposed X, not Y. (*Paxos Made Simple*, section 2.2, the step from P2b to P2c.)

The argument uses three things that an implementation can break, and each has its place here:

- Promises and accepted blocks are never forgotten. Hence `Step.records` is durable before
  `Step.messages` leaves.
- No ballot is used for two different blocks. A ballot names its node, and the node's own
  promise is on disk before any other node hears of the ballot (`Leader.campaign`): after a crash,
  the next ballot is higher.
- A majority consists of distinct nodes, and counts only what they said in the ballot in question.
  Hence votes are sets of nodes; a promise names its ballot, and an accept vote its ballot and slot.

Many slots, one at a time
-------------------------

Slot h+1 is agreed when slots 1 to h are decided, never before. An acceptor accepts only for the
slot right above its own chain, so it needs to remember only one accepted block: when it learns
that a slot is decided, what it accepted for that slot is history.

A promise, however, is about the ballot and not about a slot: it holds for all later slots. So a
leader's one round of prepare serves more than one slot, if two questions have an answer.

*Reports come from nodes of different heights: which count?* Each promise reports its sender's
height h, and what the sender accepted for slot h+1. Let H be the greatest height in the majority
that answered. The leader first fetches the decided blocks up to H. Of slot H+1, only reports from
nodes at height H can speak. A node further behind reported something about a slot up to H, which is
decided: its report may be ignored, and must be, or an old slot's block would be proposed again in a
new slot. And no node in the majority hides anything about slot H+1: the nodes that are behind could
not accept for that slot when they promised, and accept nothing in a lower ballot since.

*Why may a stable leader go on with slot H+2 without asking again?* For the same reason. When the
majority made its promises, none of it was above height H, so none of it had accepted anything for
slot H+2 or any later one; since then it refuses every lower ballot. So in no ballot below the
leader's can anything be decided for those slots, now or later. There is nothing to find out: the
second phase alone is safe, for as many slots as the leader lives to see. Once a majority has
promised a higher ballot, at least one node in every majority refuses the leader's accept requests,
and the leader learns of the higher ballot from a `Nack`.

This is why one slot at a time is worth its price. With several slots in flight, a new leader finds
some decided, some half decided, and gaps between; it must ask about each and fill the gaps. Here
there is one slot in question, ever. Throughput comes from large blocks instead.

`Accept` for slot s thus says two things: please accept; and all slots below s are decided. The
proposed block's previous hash says which block is in slot s-1: a node that accepted that very block
decides it. A node that is behind answers by asking for the blocks that it lacks (`Behind`); a node
that is ahead sends the leader the blocks that the leader lacks.

Learning
--------

`Decide(slot, ballot, hash)` bears no block: most nodes have it already. A node that accepted for
that slot in that very ballot decides what it holds. One that accepted in another ballot must not:
it may hold another block. It fetches the block, as does every node that is behind; decided blocks
don't change, so it matters little which node sends them. A node that misses a `Decide` learns that
it is behind from the next `Accept`, or from a heartbeat, which reports its sender's height.

Members
-------

A disk that is lost takes promises and votes with it, and its node may not vote again as if nothing
had happened. So who votes is not a node but a *member*: one directory's life, under a random id in
its certificate. The chain decides who is one. M(1), the members that vote for slot 1, are those of
the initialize script; M(s+1) is M(s) with the *change* in block s, if it holds one: a member is
replaced, added or removed, or is at another address. This is a function of the chain, and so the
same at every node; and since slots are agreed one at a time, M(s) is known to whoever proposes for
slot s (`membership.py`).

The argument from above holds slot by slot, with quorums of M(s): promises, votes and reported
blocks count for slot s if a member of M(s) sent them, and for no other reason. Acceptors need not
know who votes: what they say is true, whoever asks. Each shortcut that comes to mind forks; the
number of steps is that of the shortest run, found by exploring a model of these rules to its end
(three nodes, a change, up to 165 million states):

- *Promises are counted once, when they come.* The leader may be behind, and not know that one of
  those who promised has been replaced. So promises are kept under their members, and counted again
  before each proposal, when all slots below are known (16 steps otherwise).
- *A stable leader goes on after a change.* Those who promised may be no majority of the new
  members. So it resigns, and asks the new ones (16 steps).
- *A node votes, whichever member speaks for it.* The replaced member may live on, with another
  memory than its successor's: the two are not one (10 steps).
- *A change is in force at once, in its own slot.* Then two majorities decide that slot, the one
  with the change in mind and the one without it (10 steps).
- *The majority stays what it was when a node is added.* Of four nodes, two and two don't share one
  (16 steps).
- *A node proposes for each slot that it knows to be next.* An old and a new member of node 3 can
  both take ballot (7, 3), and promises for one serve the other. Only one of them is in M(s), and
  only that one may propose for slot s (7 steps).
- *The emptied disk votes again*, under its old id: at once (11 steps); with the highest promise
  that a majority of the others reports (12); after two more slots were decided without it (34); or
  after a majority promised a higher ballot of its own (38). A promise from before the loss, to a
  leader that slept since then, comes back in each of these. And two directories with one id are
  an empty disk in another form (10 steps): nothing ever makes one for an id that there was.

A confirmed read asks M(h+1), where h is the node's own height, and asks again if the members have
changed by the time that its chain is as high as the answers (`quorum_reads.py`).

Which nodes must be up for a change: a majority of the members before it, and one of those after it,
until a majority of the new ones has the block with the change. The new ones alone may not know of
it. So a member that is replaced or removed goes on until such a majority has the block, and the
decision of a change is durable before anybody hears of it: the quorum that accepted the block may
be made of members that leave.

Liveness
--------

Two nodes that keep outbidding each other decide nothing, and no protocol can rule that out for
certain (Fischer, Lynch and Paterson, 1985). Chance can: every wait before a campaign is random and
grows with each failure, and a node leaves an instance that is under way alone for a while
(`election.py`). All of this is about time, and whatever goes wrong with time, clocks or delays
costs time only; in `acceptor.py`, where safety lives, there is no clock.

The parts
---------

====================  ==================================================================
`types.py`            ballots, proposals, settings
`messages.py`         what nodes say, with a sequence diagram
`membership.py`       who votes in which slot
`application.py`      the replicated state machine, as the protocol sees it
`acceptor.py`         promises and accepts: safety
`leader.py`           prepares, catches up, proposes, counts
`learner.py`          the chain, and catching up
`election.py`         when to campaign: liveness
`follower.py`         what is answered while another leads
`round_limit.py`      how long a quorum may take to answer
`replica.py`          one node: routes to the roles and merges their effects
`step.py`             the effects that a call gives back
`notices.py`          what a replica reports to people who watch
`message_checks.py`   which messages are refused at once
`quorum_reads.py`     how far the chain may be: linearizable reads
`reachability.py`     which peers can be reached, and how far they are
`announcements.py`    when a leader announces a decision
`thrifty_votes.py`    which nodes a leader asks for votes, where fewer than all will do
====================  ==================================================================

Sources: Lamport, *The Part-Time Parliament* (1998) and *Paxos Made Simple* (2001); van Renesse and
Altinbuken, *Paxos Made Moderately Complex* (2015), for the words about practice.
"""

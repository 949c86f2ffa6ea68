/** The rule of the protocol by which one record follows from another: `[sentence, file]`. */

import { isSame, isZero } from "benmo/fold.js";

const ACCEPTOR = "benmo/paxos/acceptor.py";
const LEADER = "benmo/paxos/leader.py";
const LEARNER = "benmo/paxos/learner.py";
const ELECTION = "benmo/paxos/election.py";

const PROMISED = [
  "An acceptor may promise only a ballot higher than all it has promised, and then refuses lower ones.",
  ACCEPTOR,
];
const ACCEPTED = [
  "An acceptor may accept a block for its next slot only if it has promised no higher ballot.",
  ACCEPTOR,
];
const REFUSED = [
  "An acceptor that has promised a ballot, or accepted a block in it, refuses every lower one.",
  ACCEPTOR,
];
const DECIDED = ["A block that a majority has accepted in one ballot is decided.", LEADER];
const DURABLE = [
  "What a message relies on must be on the disk before the message leaves.",
  "benmo/engine/engine.py",
];

/** How a node learns that a block is decided, by the message that tells it. */
const LEARNED = {
  Accepted: DECIDED,
  Decide: [
    "A Decide tells those who accepted the block in that ballot that it is decided.",
    LEARNER,
  ],
  Accept: ["A proposal for a slot names the block before it, which is decided.", LEARNER],
  Blocks: ["The blocks that a peer sends from its chain are decided.", LEARNER],
};

const LEADERSHIP_WON = [
  "A majority promised this ballot. Any two majorities share a node, so no earlier choice is missed.",
  LEADER,
];
const TOOK = [
  "The leader must propose the reported block of the highest ballot: it may be decided.",
  LEADER,
];
const FREE = [
  "No promise reported a block for this slot, so none can be decided in a lower ballot: " +
    "the leader may propose its own.",
  LEADER,
];
const FREE_AGAIN = [
  "Its promises hold for later slots, too: who gave one accepts nothing in a lower ballot. " +
    "So the leader may propose a block of its own at once.",
  LEADER,
];
const CAMPAIGN_BEGUN = [
  "A node that wants something decided, and has no leader that does it, waits its election delay.",
  ELECTION,
];
const HURRIED = ["A node that is told to hurry doesn’t wait for its election delay.", ELECTION];
const NOT_ASKED = [
  "A node that can’t reach a majority asks for no promises: it waits for another election delay.",
  "benmo/paxos/replica.py",
];
const GIVEN_UP = [
  "A ballot is given up when a higher one shows up, or when no majority answers in time.",
  LEADER,
];

const QUORUM_MISSING = [
  "Only a majority of all nodes decides: else each of two groups that can’t talk could decide a block.",
  "benmo/paxos/reachability.py",
];

const OF_NOTICES = {
  BallotRefused: () => REFUSED,
  PromiseMade: () => PROMISED,
  ProposalAccepted: () => ACCEPTED,
  LeadershipWon: () => LEADERSHIP_WON,
  ProposalMade: proposed,
  CampaignBegun: (_trace, _index, cause) => (cause?.k === "asked" ? HURRIED : CAMPAIGN_BEGUN),
  BallotGivenUp: () => GIVEN_UP,
  QuorumMissing: () => QUORUM_MISSING,
};

/** Why a leader may, or must, propose this block: in a later slot of a ballot, nobody promises anew. */
function proposed(trace, index) {
  const { i, l, fields } = trace.records[index];
  if (!isZero(fields.taken_over ?? [0, 0])) return TOOK;
  const isEarlier = (at) => {
    const each = trace.records[at];
    return at < index && each.i === i && each.l === l && isSame(each.fields.ballot, fields.ballot);
  };
  return (trace.proposals.get(String(fields.ballot)) ?? []).some(isEarlier) ? FREE_AGAIN : FREE;
}

/** Whether a node that would have asked for promises reached no majority, and waits anew. */
function isPutOff(trace, index) {
  const { i, l, n } = trace.records[index];
  const next = trace.records[trace.indexOf(i, l, n + 1)];
  return trace.short.has(index) && next?.k === "timer" && next.c === n && next.due !== null;
}

const ofMessage = ({ k }) =>
  k === "Nack" ? REFUSED : ["Prepare", "Promise", "Accepted"].includes(k) ? DURABLE : null;

/** Whether a record, or the one that its notice is about, breaks the rule that it is under. */
export function isBroken(trace, index) {
  const { i, l, n, what } = trace.records[index];
  const at = what === "ProposalAccepted" ? trace.indexOf(i, l, n - 1) : index;
  return [trace.checks.broken.promise, trace.checks.broken.disk].some((each) => each.includes(at));
}

/** The rule by which the record at an index follows from its cause, a record or undefined; or null. */
export function ruleOf(trace, index, cause) {
  if (trace.checks.choices.has(index)) return DECIDED;
  const record = trace.records[index];
  switch (record.k) {
    case "noticed":
      return Object.hasOwn(OF_NOTICES, record.what)
        ? OF_NOTICES[record.what](trace, index, cause)
        : null;
    case "sent":
    case "dropped":
      return ofMessage(record.m);
    case "promised":
      return PROMISED;
    case "accepted":
      return ACCEPTED;
    case "decided":
      return cause?.k === "received" ? (LEARNED[cause.m.k] ?? null) : null;
    case "durable":
      return DURABLE;
    case "due":
      return isPutOff(trace, index) ? NOT_ASKED : null;
    case "timer":
      return cause?.k === "due" && isPutOff(trace, trace.causeIn(record)) ? NOT_ASKED : null;
    default:
      return null;
  }
}

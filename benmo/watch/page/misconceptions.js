/** Wrong ideas about Paxos, and what is true instead. A wrong answer stands for one of them. */

export const MISCONCEPTIONS = {
  accepted: [
    "accepted = decided",
    "A vote is one of many. As long as no majority’s disks hold a block in one ballot, another one may be decided.",
  ],
  leader: [
    "the leader decides",
    "A leader only proposes. Acceptors follow their promises, whoever leads, and a majority of their disks decides.",
  ],
  promise: [
    "a promise is a vote",
    "A promise holds no block: a node promises to refuse lower ballots, and no number of promises decides anything.",
  ],
  newest: [
    "the newest value wins",
    "A reported block may be decided already: with another one in its place, there would be two chains.",
  ],
  minority: [
    "a minority may decide or read",
    "The others may be a majority, and have decided without it. Only majorities always share a node.",
  ],
  lower: [
    "any reported block will do",
    "Only the block of the highest ballot can have been decided; a leader of a higher ballot has taken over what was.",
  ],
  memory: [
    "what a node knows, it keeps",
    "A power cut takes the memory: only what is on the disk is there again at the next start.",
  ],
  undecided: [
    "only what is decided is kept",
    "Promises and votes are on the disk before anybody hears of them, long before anything is decided.",
  ],
  everyone: [
    "all nodes must take part",
    "A majority that can talk to one another is enough; the others catch up later.",
  ],
  final: [
    "a vote is final",
    "A node may vote again, in a higher ballot: its new leader took over whatever may be decided.",
  ],
  broken: [
    "a promise forbids more than lower ballots",
    "A promised ballot, and each higher one, is welcome: only lower ones are refused.",
  ],
  known: [
    "what is decided is known",
    "A block is decided when a majority’s disks hold it. The news of that comes later, and may get lost.",
  ],
};

"""Every order of deliveries, losses and crashes of a small system, on the production code.

`search` is the search and the theory of it; `system` the tables that make it fast; `node` one node
as a pure function; `parts` the production parts within bounds; `snapshot` copies and identities of
live objects; `path` the way to a violation as lines; `command` is `benmo explore`.
"""

"""One turn of a node, on a storage and a transport that the tests give it."""

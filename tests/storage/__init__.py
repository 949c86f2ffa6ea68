"""Journal, checkpoint, chain file and disk: nothing durable is lost, nothing damaged is served."""

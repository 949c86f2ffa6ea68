"""The programs as their users run them: real processes, ports and terminals."""

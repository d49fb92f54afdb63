"""Claude Code as a coding agent: its event stream, read without I/O."""

"""Breaking everything on purpose, again and again, and looking whether anything was lost."""

"""Recovery: what should be there, what is there, and what puts the one right by the other."""

"""How long Heddle takes, beside what the same machine takes for the bare steps in the same run."""

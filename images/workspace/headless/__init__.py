"""The driver of one headless run inside a workspace's container: `python3 -m headless RUN_DIR`.

It has the standard library only, and knows nothing of Heddle but the files of the run's folder: what to do is
in run.json and task.md, follow-up messages appear in inbox/, and everything that happens goes to stdout.jsonl.
"""

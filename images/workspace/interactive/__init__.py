"""The supervisor of an interactive workspace's container: `python3 -m interactive DIR`.

It has the standard library and `headless` only, and knows nothing of Heddle but DIR/order.json; what happens goes to
DIR/journal.jsonl.
"""

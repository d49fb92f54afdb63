"""`/code/{id}`: the page of a workspace, what it asks for, and its terminals."""

"""A GitHub that listens on loopback.

`server.GitHubStandIn` is the handle that the demo and the tests hold. Below it:
records (data), access (who may do what), git and history (git itself), repositories (a repository),
hub (everything that this GitHub knows), pulls and issues (what happens to them), app (the GitHub App),
api/ (REST, one module per resource), git_http (clone and push), pages/ (what a person sees).
"""

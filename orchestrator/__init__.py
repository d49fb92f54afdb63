"""Machines: workspaces, runs, containers, the gateway, recovery and clean-up."""

"""Interactive workspaces: opened, woken, watched and closed; their terminals and what closing them would lose."""

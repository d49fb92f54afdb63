"""The way of a terminal's bytes: between a browser's WebSocket and ttyd's socket, neither read nor changed."""

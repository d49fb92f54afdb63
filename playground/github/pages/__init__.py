"""What a person sees in a browser: plain pages, no scripts."""

"""What a person sees and does in a browser: plain pages and forms; small scripts only keep them fresh."""

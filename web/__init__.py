"""Browsers: pages and health over HTTP."""

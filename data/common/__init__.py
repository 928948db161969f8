"""Errors, the command line, files and progress: what every room uses and no result depends on."""

"""Label formats: a module for each, around one neutral value."""

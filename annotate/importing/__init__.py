"""Labels that were made elsewhere: a module for each format, and what fits them to our pictures."""

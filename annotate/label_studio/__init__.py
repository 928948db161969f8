"""A Label Studio server: its client, the project there, and what goes to and fro."""

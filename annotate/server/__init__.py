"""The local Label Studio server: its environment, account and process."""

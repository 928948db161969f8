"""The report: its figures, tables and page."""

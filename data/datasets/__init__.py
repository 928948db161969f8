"""The data set in memory and on disk, and its sources."""

"""Where images with classes come from, and the one value and file that they become."""

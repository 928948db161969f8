"""Image files: finding, decoding, cropping, matching by name; boxes in them."""

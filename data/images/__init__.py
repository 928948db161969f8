"""Image files: found, decoded, cut out, matched by name, and the boxes drawn in them."""

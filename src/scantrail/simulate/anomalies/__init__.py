"""What goes wrong in a chain, one function a kind, gathered in `catalog.KINDS`."""

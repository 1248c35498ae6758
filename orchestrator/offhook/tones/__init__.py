"""Work on tone plans: what the core makes of their rows, and rows measured from recordings."""

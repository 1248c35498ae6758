"""One call: what happens on its line, what that means, and what is kept of it."""

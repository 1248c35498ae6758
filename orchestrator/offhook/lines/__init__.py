"""B-channels, spans and trunks: which may be used now, and how well they do."""

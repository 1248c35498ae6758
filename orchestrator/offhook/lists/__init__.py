"""Lists of leads: read and washed, filtered, mixed, handed out and taken back, exported."""

"""Measurements of offhook: graded signals, scoring beside libspandsp, recordings. Runs on request, see README.md."""

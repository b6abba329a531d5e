"""Plumbing with no business word in it: time, database, events, errors, requests and answers."""

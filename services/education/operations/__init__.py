"""All SQL and rules of schools, by noun: writing, reading, searching, syncing, admissions, lists, the office."""

"""Webhooks out: what happens to a company's bills is told to an address of its own, signed, until it is heard.

Every event is kept in a log that the company can read by cursor, so a webhook that never arrives loses nothing.
"""

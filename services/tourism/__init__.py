"""Guides for visitors: what a place is, when it is open, how to get there, and what it says without a signal.

This room keeps guides with their texts per language, finds them, packs them for phones that will be offline, shows
alerts on them, remembers a visitor's plans and stamps, lets editors write and others review, and sells the ticket that
the gate checks. A missing translation never hides a guide: it is told in Vietnamese, and the answer says so.
"""

"""Provinces and communes as dated facts: what a code or a name meant on a day, and what an old commune became."""

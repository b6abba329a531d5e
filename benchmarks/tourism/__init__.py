"""Guides near a point side by side: ours, FastAPI with SQLAlchemy (async), Django REST framework, a bare Flask view."""

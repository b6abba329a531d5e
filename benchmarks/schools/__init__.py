"""The list of schools side by side: ours, FastAPI with SQLAlchemy (async), and Django REST framework."""

"""The doors of schools: directory and copies, admissions, a parent's list, the school office."""

from services.education.views import admissions, directory, files, lists, office
from services.education.views.door import blueprint

__all__ = ["admissions", "blueprint", "directory", "files", "lists", "office"]

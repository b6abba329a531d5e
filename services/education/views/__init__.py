"""The doors of schools: directory and copies, admissions, a parent's list, the school office."""

from services.education.views import admissions, directory, files, lists, office
from services.education.views.door import KEPT, KEPT_OPERATIONS, blueprint

__all__ = ["KEPT", "KEPT_OPERATIONS", "admissions", "blueprint", "directory", "files", "lists", "office"]

"""The doors of guides: one file a noun, one blueprint, and the light pages behind the codes at the gates."""

from services.tourism.views import formats, guides, pages
from services.tourism.views.door import blueprint

__all__ = ["blueprint", "formats", "guides", "pages"]

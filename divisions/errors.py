"""What the room refuses."""

from __future__ import annotations

from kit.errors import DomainError


class UnknownArea(DomainError):
    """There is no such area. Ask `listAreas` for the slugs of the areas the service knows."""

    status = 404
    vi = "Không có khu vực này. Hãy xem listAreas để biết các khu vực đang phục vụ."


class UnknownProvince(DomainError):
    """There is no such province on that day. Codes were used again in 2025: ask `listProvinces` for that day."""

    status = 404
    vi = "Không có tỉnh, thành phố nào mang mã này vào ngày đó. Hãy xem listProvinces cho đúng ngày bạn cần."

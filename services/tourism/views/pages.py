"""The light page behind the code at a gate: a guide to read without an app and without signing in."""

from __future__ import annotations

import flask
from flask import Response

from kit.database import transaction
from kit.errors import NotFound
from kit.web import language, public
from services.tourism import operations
from services.tourism.views.door import AGE_SECONDS

blueprint = flask.Blueprint("tourism_pages", __name__, template_folder="../templates")
_WORDS = {
    "vi": {
        "open": "Đang mở cửa", "closed": "Đang đóng cửa", "until": "đến", "hours": "Giờ mở cửa", "prices": "Giá vé",
        "way": "Đường đi", "when": "Nên đi khi nào", "tips": "Mẹo nhỏ", "safety": "An toàn", "other": "English",
        "fallback": "Phần này chưa có bản dịch.", "source": "Nguồn", "licence": "Giấy phép", "stops": "Các điểm dừng",
        "map": "Sơ đồ", "checked": "Vị trí gần đúng, chưa đối chiếu trên bản đồ.", "again": "thay đổi lúc",
    },
    "en": {
        "open": "Open now", "closed": "Closed now", "until": "until", "hours": "Opening hours", "prices": "Prices",
        "way": "How to get there", "when": "When to go", "tips": "Tips", "safety": "Safety", "other": "Tiếng Việt",
        "fallback": "Not translated yet.", "source": "Source", "licence": "Licence", "stops": "Stops", "map": "Map",
        "checked": "Approximate position, not yet checked on a map.", "again": "changes at",
    },
}  # fmt: skip


@blueprint.get("/g/<code>")
def guide(code: str) -> Response:
    """A guide in Vietnamese or English, by the code on the sign; `?lang=` chooses, else the browser does."""
    if "\0" in code:
        raise NotFound  # no code is spelled so, and the database takes no such text
    lang = flask.request.args.get("lang", "")
    lang = lang if lang in _WORDS else language()
    with transaction() as session:
        told = operations.get_guide_of_code(session, code, lang)
    public(AGE_SECONDS)
    page = flask.render_template("guide.html", lang=lang, other="en" if lang == "vi" else "vi", g=told, w=_WORDS[lang])
    return Response(page, content_type="text/html; charset=utf-8", headers={"Content-Language": lang})


@blueprint.after_request
def protect(response: Response) -> Response:
    """The page is words and one picture of our own: nothing runs on it, nothing comes from elsewhere."""
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; form-action 'none'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response

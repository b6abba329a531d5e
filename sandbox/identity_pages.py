"""The identity provider's pages and their words, Vietnamese first."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from flask import Response, render_template, request

from sandbox.identity_protocol import PREFIX, IdentityError, with_query
from sandbox.identity_requests import Asked
from sandbox.store import Document

# What the sign-in form adds to the fields of the authorization request.
ANSWERS = ("person", "decision")
TEXTS: Mapping[str, Mapping[str, str]] = {
    "vi": {
        "title": "Định danh điện tử (thử nghiệm)",
        "lead": "Trang này mô phỏng đăng nhập bằng tài khoản định danh. Mọi công dân ở đây đều là nhân vật hư cấu.",
        "other_language": "English", "wants": "muốn xác minh danh tính của bạn.",
        "choose": "Chọn một công dân mẫu", "level": "Mức độ", "level_wanted": "Mức độ được yêu cầu",
        "shared": "Thông tin sẽ được chia sẻ", "profile": "họ tên, ngày sinh, giới tính",
        "phone": "số điện thoại", "national_id": "số định danh cá nhân", "openid": "mã riêng cho ứng dụng này",
        "locked": "tài khoản đang bị khóa", "under_age": "chưa đủ 14 tuổi",
        "consent_refused": "không đồng ý chia sẻ", "agree": "Đồng ý và tiếp tục", "refuse": "Từ chối",
        "unknown_choice": "Bạn hãy chọn một công dân trong danh sách.",
        "problem": "Chưa thể xác minh",
        "problem_lead": "Ứng dụng đã gửi một yêu cầu không hợp lệ. Bạn hãy quay lại ứng dụng và thử lại.",
        "signed_out": "Đã đăng xuất", "signed_out_lead": "Bạn đã đăng xuất khỏi tài khoản định danh.",
        "sign_out": "Đăng xuất", "sign_out_question": "Bạn có muốn đăng xuất khỏi tài khoản định danh không?",
    },
    "en": {
        "title": "Electronic identity (sandbox)",
        "lead": "This page simulates signing in with an identification account. Every citizen here is fictional.",
        "other_language": "Tiếng Việt", "wants": "would like to verify your identity.",
        "choose": "Choose a sample citizen", "level": "Level", "level_wanted": "Level asked for",
        "shared": "What will be shared", "profile": "name, birth date, gender", "phone": "phone number",
        "national_id": "national id number", "openid": "a name for this application only",
        "locked": "the account is locked", "under_age": "under 14", "consent_refused": "does not agree to share",
        "agree": "Agree and continue", "refuse": "Decline",
        "unknown_choice": "Please choose a citizen from the list.",
        "problem": "We could not verify you yet",
        "problem_lead": "The application sent a request that is not valid. Please return to it and try again.",
        "signed_out": "Signed out", "signed_out_lead": "You are signed out of your identification account.",
        "sign_out": "Sign out", "sign_out_question": "Would you like to sign out of your identification account?",
    },
}  # fmt: skip


def sign_in_page(
    asked: Asked, people: Sequence[tuple[Document, str | None]], *, is_wrong_choice: bool = False
) -> Response:
    """Ask who is there and whether they agree; `people` come with the reason why they would be refused, or None."""
    return _page(
        "identity_sign_in.html",
        400 if is_wrong_choice else 200,
        asked=asked,
        client=asked.way_back.client.get("client_name", asked.client_id),
        people=people,
        is_wrong_choice=is_wrong_choice,
    )


def problem_page(problem: IdentityError) -> Response:
    """Tell a person that the application's request leads nowhere."""
    return _page("identity_notice.html", problem.status, kind="problem", problem=problem)


def sign_out_page() -> Response:
    """Ask whether to sign out, because nothing proves that the person's own application sent them."""
    return _page("identity_notice.html", 200, kind="question")


def signed_out_page() -> Response:
    """Tell that the session is over."""
    return _page("identity_notice.html", 200, kind="signed_out")


def _page(template: str, status: int, **values: Any) -> Response:
    language = _language()
    other = "en" if language == "vi" else "vi"
    sent = request.form if request.method == "POST" else request.args
    fields = {name: value for name, value in sent.items() if name not in {*ANSWERS, "ui_locales"}}
    body = render_template(
        template,
        t=SimpleNamespace(**TEXTS[language]),
        lang=language,
        other=other,
        other_address=with_query(request.path, fields | {"ui_locales": other}),
        fields=fields | {"ui_locales": language},
        prefix=PREFIX,
        **values,
    )
    page = Response(body, status, content_type="text/html; charset=utf-8")
    page.headers["Cache-Control"] = "no-store"
    # form-action stays open: browsers apply it to the redirect that leads back to the application.
    page.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
    )
    page.headers["Referrer-Policy"] = "no-referrer"
    return page


def _language() -> str:
    for asked in request.values.get("ui_locales", "").split():
        if asked[:2].lower() in TEXTS:
            return asked[:2].lower()
    return request.accept_languages.best_match(list(TEXTS), "vi")

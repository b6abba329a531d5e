"""Every refusal of webhooks; the docstring is its text in the API document."""

from __future__ import annotations

from kit.errors import DomainError


class WebhookAddressRefused(DomainError):
    """This address cannot be called.

    It must be https, a domain name that is public, on port 443; `reason` tells what is not: malformed, not_https,
    not_a_name, port, not_public or unknown_host. It is checked again before every call.
    """

    status = 422
    vi = (
        "Không thể gọi tới địa chỉ này. Địa chỉ phải dùng https, là tên miền công khai, cổng 443;"
        " reason cho biết điểm chưa đúng."
    )
    next_action = "change_url"


class TooManyEndpoints(DomainError):
    """There are five webhook addresses already. Remove one first."""

    status = 409
    vi = "Đã có năm địa chỉ nhận thông báo. Vui lòng xóa bớt một địa chỉ trước."


class LogBegunAnew(DomainError):
    """This cursor is of a log that was lost; it went on from a backup.

    Read it once more without a cursor: each event has the `id` that it had, so act on those you do not know.
    """

    status = 410
    vi = "Con trỏ này thuộc về nhật ký đã mất; nhật ký được khôi phục từ bản sao lưu. Vui lòng đọc lại từ đầu."
    next_action = "begin_without_cursor"


class EndpointDisabled(DomainError):
    """This address is disabled. Enable it, then send again."""

    status = 409
    vi = "Địa chỉ này đang tắt. Vui lòng bật lại rồi gửi lần nữa."
    next_action = "enable_endpoint"

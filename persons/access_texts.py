"""How the reasons for looking at somebody's data are told to that person."""

from __future__ import annotations

from persons.models import AccessPurpose

_P = AccessPurpose
PURPOSE_TEXTS = {
    _P.MANDATE: {"vi": "Người được bạn ủy quyền thay bạn thực hiện", "en": "Somebody you gave a mandate acted for you"},
    _P.APP: {"vi": "Ứng dụng bạn đã cho phép", "en": "An app you have allowed"},
    _P.BILLING: {"vi": "Xử lý hóa đơn, thanh toán của bạn", "en": "Handling your bills and payments"},
    _P.CITIZEN_REQUEST: {"vi": "Giải quyết yêu cầu của chính bạn", "en": "Answering a request of yours"},
    _P.CARE: {"vi": "Phục vụ khám, chữa bệnh", "en": "Health care"},
    _P.SCHOOLING: {"vi": "Phục vụ việc học", "en": "Schooling"},
    _P.COMPLAINT: {"vi": "Giải quyết khiếu nại", "en": "Handling a complaint"},
    _P.SECURITY: {"vi": "Bảo vệ an toàn tài khoản", "en": "Keeping your account safe"},
    _P.LEGAL_ORDER: {"vi": "Theo yêu cầu của pháp luật", "en": "By order of law"},
}

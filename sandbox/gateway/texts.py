"""The words on the gateway's pages, Vietnamese first."""

from collections.abc import Mapping

TEXTS: Mapping[str, Mapping[str, str]] = {
    "vi": {
        "title": "Cổng thanh toán mô phỏng",
        "lead": "Không có tiền thật: thẻ, hoàn tiền, khiếu nại và chi trả đều là mô phỏng.",
        "other_language": "English",
        "bank": "Ngân hàng mẫu",
        "bank_question": "Đây có phải là thanh toán của bạn không?",
        "keep_question": "Bạn có đồng ý lưu thẻ này để thanh toán những lần sau không?",
        "confirm_payment": "Đúng, tôi xác nhận",
        "confirm_keeping": "Đồng ý",
        "refuse_payment": "Không phải tôi",
        "bank_over": "Trang này đã hết hiệu lực. Vui lòng quay lại ứng dụng.",
        "bank_passed": "Đã xác nhận. Bạn có thể quay lại ứng dụng.",
        "bank_failed": "Chưa thực hiện được. Bạn có thể quay lại ứng dụng và thử lại.",
        "limits": "Những gì không được mô phỏng",
        "limits_lead": "Điều gì có ở đây thì được kiểm thử; những điều dưới đây thì không có.",
        "readings": "Cách hiểu riêng",
        "readings_lead": "Chỗ tài liệu của cổng thanh toán không nói rõ, mô phỏng này hành xử như sau.",
    },
    "en": {
        "title": "Simulated payment gateway",
        "lead": "No real money: cards, refunds, disputes and payouts are all simulated.",
        "other_language": "Tiếng Việt",
        "bank": "Sample Bank",
        "bank_question": "Is this payment yours?",
        "keep_question": "May this card be kept for later payments?",
        "confirm_payment": "Yes, confirm",
        "confirm_keeping": "Yes, keep it",
        "refuse_payment": "No, it is not mine",
        "bank_over": "This page is no longer valid. Please return to the app.",
        "bank_passed": "Confirmed. You may return to the app.",
        "bank_failed": "It was not done. You may return to the app and try again.",
        "limits": "Not simulated",
        "limits_lead": "What is here is tested; what follows is not here.",
        "readings": "Own reading",
        "readings_lead": "Where the gateway's documents are silent, this one behaves as follows.",
    },
}

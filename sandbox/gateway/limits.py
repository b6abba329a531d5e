"""What this gateway does not do, and what it does by our own reading: the same lists on its page and in its README."""

# English and Vietnamese, in this order.
NOT_SIMULATED: tuple[tuple[str, str], ...] = (
    (
        "Other ways to pay than cards, wallets, currencies other than đồng, taxes, tips and surcharges.",
        "Cách thanh toán khác ngoài thẻ, ví điện tử, tiền tệ khác đồng, thuế, tiền thưởng và phụ phí.",
    ),
    (
        (
            "Checkout, payment links, invoices, subscriptions, products, Connect, Terminal, Issuing, Treasury, Radar "
            "rules, reports, files, test helpers and the v2 API."
        ),
        (
            "Checkout, liên kết thanh toán, hóa đơn, thuê bao, sản phẩm, Connect, Terminal, Issuing, Treasury, quy "
            "tắc Radar, báo cáo, tệp, công cụ thử và API v2."
        ),
    ),
    (
        (
            "Incremental authorisation, capturing more than once, extended holds, and asynchronous capture: the "
            "balance transaction is there at once."
        ),
        "Tăng số tiền giữ, thu nhiều lần, giữ tiền kéo dài và thu không đồng bộ: giao dịch số dư có ngay.",
    ),
    (
        "The refund object that a released or partly captured hold leaves behind.",
        "Đối tượng hoàn tiền mà một khoản giữ được nhả ra hoặc thu một phần để lại.",
    ),
    (
        "The check that the balance covers a refund: it may go below zero, and no bank account is debited for it.",
        "Kiểm tra số dư có đủ để hoàn tiền: số dư có thể âm và không tài khoản ngân hàng nào bị trừ.",
    ),
    (
        "Refunds in the state requires_action; a card refund can therefore never be cancelled.",
        "Hoàn tiền ở trạng thái requires_action; vì vậy hoàn tiền về thẻ không bao giờ hủy được.",
    ),
    (
        (
            "Dispute evidence as files, enhanced evidence, pre-arbitration, early fraud warnings, disputes in stages "
            "or several on one charge at a time, and the fee for countering a dispute."
        ),
        (
            "Bằng chứng khiếu nại dạng tệp, bằng chứng mở rộng, tiền trọng tài, cảnh báo gian lận sớm, khiếu nại "
            "nhiều giai đoạn hoặc nhiều khiếu nại cùng lúc trên một khoản, và phí phản đối khiếu nại."
        ),
    ),
    (
        (
            "Weekly and monthly payouts, instant payouts, reserves, minimum balances, several bank accounts, weekends"
            " and bank holidays."
        ),
        (
            "Chi trả theo tuần và tháng, chi trả tức thì, khoản dự trữ, số dư tối thiểu, nhiều tài khoản ngân hàng, "
            "cuối tuần và ngày nghỉ ngân hàng."
        ),
    ),
    (
        (
            "Search of anything but payment intents, its lag behind writing, rate limits that nobody ordered, API "
            "versions: every version is answered in the shape of one."
        ),
        (
            "Tìm kiếm ngoài payment intent, độ trễ của tìm kiếm, giới hạn tần suất khi không đặt sự cố, phiên bản "
            "API: mọi phiên bản nhận cùng một dạng."
        ),
    ),
    (
        (
            "Setup attempts, mandates, card updates by the network, and card checks by address or CVC once a card is "
            "made."
        ),
        "Lần thiết lập, ủy quyền, cập nhật thẻ từ tổ chức thẻ, và kiểm tra địa chỉ hay CVC sau khi thẻ đã tạo.",
    ),
    (
        "The frame in which an app shows the bank's page: the page is a redirect, never use_stripe_sdk.",
        "Khung hiển thị trang ngân hàng trong ứng dụng: luôn là chuyển hướng, không phải use_stripe_sdk.",
    ),
    (
        (
            "Loss of power: state survives kill -9 and restarts, not a machine that loses what it had not written to "
            "disk."
        ),
        "Mất điện: dữ liệu còn sau kill -9 và khởi động lại, nhưng không chắc còn khi máy mất điện đột ngột.",
    ),
)
OWN_READINGS: tuple[tuple[str, str], ...] = (
    (
        (
            "A failed refund makes the charge refundable again; its events are refund.updated, charge.refund.updated,"
            " refund.failed."
        ),
        (
            "Hoàn tiền thất bại thì khoản thu lại có thể hoàn; sự kiện là refund.updated, charge.refund.updated, "
            "refund.failed."
        ),
    ),
    (
        "A new refund is told by refund.created, then charge.refunded.",
        "Hoàn tiền mới được báo bằng refund.created, sau đó charge.refunded.",
    ),
    (
        (
            "A lost dispute blocks refunds for ever, a won one gives them free again; winning does not bring the fee "
            "back."
        ),
        "Thua khiếu nại thì không hoàn tiền được nữa, thắng thì lại được; thắng không được trả lại phí.",
    ),
    (
        (
            "Evidence that is not sent within nine days loses a dispute; an inquiry that nobody follows ends after "
            "120 days, or with a full refund."
        ),
        (
            "Không gửi bằng chứng trong chín ngày thì thua; yêu cầu giải trình tự kết thúc sau 120 ngày hoặc khi hoàn"
            " đủ."
        ),
    ),
    (
        (
            "Automatic payouts are made at midnight UTC of what has been available for an hour, leave an hour later "
            "and arrive after a day; a manual payout takes available money along without naming it, and the next "
            "automatic one counts it in."
        ),
        (
            "Chi trả tự động lúc 0 giờ UTC cho tiền đã sẵn sàng được một giờ, rời đi sau một giờ và đến sau một ngày;"
            " chi trả thủ công lấy tiền sẵn có mà không nêu từng giao dịch, lần tự động sau sẽ tính cả khoản đó."
        ),
    ),
    (
        "A card that nobody keeps pays once; a declined one may be tried again.",
        "Thẻ không được lưu chỉ thanh toán một lần; thẻ bị từ chối có thể thử lại.",
    ),
    (
        (
            "A spoilt webhook replaces the first attempt, whatever it is answered, and the genuine event follows with"
            " the next; the signature carries the sandbox's clock."
        ),
        (
            "Webhook bị làm hỏng thay cho lần gửi đầu, bất kể được trả lời gì, sự kiện thật đi ở lần sau; chữ ký theo"
            " đồng hồ của môi trường thử."
        ),
    ),
)

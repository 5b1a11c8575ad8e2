"""What people are told, in Korean: the English template, and the Korean one with the same values.

Values may be any name or number, so no particle that depends on the sound before it follows one.
"""

from __future__ import annotations

from typing import Final

_AROUND: Final = {
    "suspect {kind}: {reason}": "{kind} 의심: {reason}",
    "unusual: {reason}": "이례적인 스캔: {reason}",
    "{expected}; it would be ordinary {normal}": "{expected}; 다음과 같았다면 정상입니다: {normal}",
    "it departs from what history shows": "과거 이력과 다른 양상입니다",
    "Check the item where it is, and ask who handled it.": (
        "물품이 있는 곳에서 물품을 확인하고, 누가 취급했는지 문의하십시오."
    ),
    "Check the reader: its aim, its rate, its clock.": (
        "리더기의 방향, 판독률, 시계를 점검하십시오."
    ),
    "Compare the record with the paper, and correct it.": (
        "기록을 서류와 대조하여 바로잡으십시오."
    ),
    "Ask the partner for the file that holds the missing scans.": (
        "빠진 스캔이 담긴 파일을 협력사에 요청하십시오."
    ),
    "an unnamed place": "이름 없는 장소",
    "an unlisted place": "목록에 없는 장소",
    "location {ident}": "위치 {ident}",
    "an unnamed step": "이름 없는 단계",
}

_TIERS: Final = {
    "factory": "공장",
    "warehouse": "창고",
    "hub": "물류센터",
    "wholesaler": "도매상",
    "retailer": "소매상",
    "unknown tier": "알 수 없는 유형",
}

_CODES: Final = {
    "header": "헤더",
    "company": "업체",
    "product": "상품",
    "lot": "로트",
    "manufacture": "제조일",
    "serial": "일련번호",
    "is empty": "비어 있습니다",
    "has {count} part separated by dots, expected {wanted}": (
        "점으로 구분된 부분이 {count}개입니다 ({wanted}개여야 합니다)"
    ),
    "has {count} parts separated by dots, expected {wanted}": (
        "점으로 구분된 부분이 {count}개입니다 ({wanted}개여야 합니다)"
    ),
    "{part} '{text}' is not {length} digits": "{part} '{text}': 숫자 {length}자리가 아닙니다",
    "manufacture date {text} is no date": "제조일 {text}: 존재하지 않는 날짜입니다",
    "{gs1_reason}": "GS1 규칙에 맞지 않습니다 ({gs1_reason})",
}

_EPC_FAKE: Final = {
    "header {header} is not {wanted}": "헤더 {header}: 기준 헤더({wanted})와 다릅니다",
    "company {company} is not a known company": "업체 {company}: 알려진 업체가 아닙니다",
    "manufactured {days:.0f} days after this scan of {at}": (
        "제조일이 이 스캔({at})보다 {days:.0f}일 뒤입니다"
    ),
    "manufactured {days:.0f} days before this scan, more than {limit} days": (
        "제조일이 이 스캔보다 {days:.0f}일 앞서며, 한도 {limit}일을 넘었습니다"
    ),
    "code '{epc_code}' reads like a damaged {nearly}": (
        "코드 '{epc_code}': 다음 코드가 손상되어 읽힌 것으로 보입니다: {nearly}"
    ),
    ", company one of {companies}": ", 업체는 다음 중 하나: {companies}",
    "{header}.company.product.lot.YYYYMMDD.serial with 3, 7, 7, 6, 8 and 9 digits{company}, made "
    "at most {days} days before the scan; or a valid GS1 code": (
        "{header}.업체.상품.로트.YYYYMMDD.일련번호 (각각 숫자 3, 7, 7, 6, 8, 9자리){company}, "
        "스캔 전 {days}일 이내에 제조; 또는 유효한 GS1 코드"
    ),
    "code '{epc_code}': {faults}": "코드 '{epc_code}': {faults}",
    "Read the code on the item by eye; if it is as scanned, hold the item and ask the company "
    "named in the code whether it issued it. If it differs, check the scanner's settings.": (
        "물품의 코드를 눈으로 확인하십시오. 스캔된 내용과 같으면 물품을 보류하고, 코드에 적힌 "
        "업체에 발행 여부를 문의하십시오. 다르면 스캐너 설정을 점검하십시오."
    ),
}

_EPC_DUP: Final = {
    "scanned at {second_places} places in the same second ({at}), here {here}": (
        "같은 초({at})에 {second_places}곳에서 스캔되었습니다 (이 스캔의 장소: {here})"
    ),
    "one place at a time": "한 번에 한 곳에서만 스캔",
    "different steps at {here} in the same second ({at})": (
        "같은 초({at})에 {here}에서 서로 다른 단계가 스캔되었습니다"
    ),
    "some time between steps": "단계와 단계 사이의 시간 간격",
    "Find both items: if there are two, one is a suspected clone, hold both. If there is one, "
    "check which reader is set to the wrong location.": (
        "두 물품을 모두 찾으십시오. 물품이 둘이면 하나는 복제품으로 의심되므로 둘 다 보류하십시오. "
        "하나뿐이면 어느 리더기의 위치가 잘못 설정되었는지 점검하십시오."
    ),
}

_EVT_ORDER: Final = {
    "came in at {here} ({at}) after it had gone out there ({prev_at}), without coming in before": (
        "{here}에서 출고({prev_at})된 뒤에 입고({at})되었으며, 그 전의 입고 스캔이 없습니다"
    ),
    "left {here} ({at}) after it had arrived at {there} ({prev_at})": (
        "{there}에 도착({prev_at})한 뒤에 {here}에서 출고({at})되었습니다"
    ),
    "{step} before {prev_step}": "{prev_step} 이전에 {step}",
    "{step} {repeats} times in a row, here at {here}": (
        "{step} 단계가 연속 {repeats}회 스캔되었습니다 (이 스캔의 장소: {here})"
    ),
    "{step} {repeats} times in a row, here at {here} after {there}": (
        "{step} 단계가 연속 {repeats}회 스캔되었습니다 (이 스캔의 장소: {here}, 직전: {there})"
    ),
    "the chain's next step": "공급망의 다음 단계",
    "Look whether many items share the two times: then a file was stamped wrongly, or the site's "
    "clocks differ; correct the times at the source. A single item: check its parcel.": (
        "여러 물품의 두 시각이 똑같은지 확인하십시오. 그렇다면 파일의 시각이 잘못 기록되었거나 "
        "거점의 시계가 서로 다른 것이므로 원본에서 시각을 바로잡으십시오. 한 물품뿐이라면 해당 "
        "포장을 확인하십시오."
    ),
}

_LOC_ERR: Final = {
    "from {there} ({prev_tier}) to {here} ({tier})": "{there}({prev_tier})에서 {here}({tier})까지",
    "back up the chain {way} without a return": (
        "{way} 반품 스캔 없이 공급망을 거슬러 올라갔습니다"
    ),
    "onward from the {prev_tier}, or a return scan first": (
        "{prev_tier} 다음 단계로 이동, 또는 먼저 반품 스캔"
    ),
    "{way}: a tier was passed over": "{way}: 중간 단계를 건너뛰었습니다",
    "plant, {between}retailer, in this order": "공장, {between}소매상 순서",
    "{way}: no item went this way before": "{way}: 이전에 이 경로로 이동한 물품이 없습니다",
    "a known lane": "알려진 경로",
    "step {step} at {here}, which is a {tier}": (
        "{step} 단계가 {here}에서 스캔되었으나, 이 거점의 유형은 {tier}입니다"
    ),
    "a step of a {tier}": "유형이 {tier}인 거점의 단계",
    "{here} is not in the site list": "{here}: 거점 목록에 없는 장소입니다",
    "a listed site": "목록에 있는 거점",
    "If the goods really went this way, record the return or add the lane or site to the site "
    "list. If not, ask where the item is, and check the location set in the reader.": (
        "물품이 실제로 이렇게 이동했다면 반품을 기록하거나 경로 또는 거점을 거점 목록에 "
        "추가하십시오. 그렇지 않다면 물품이 어디에 있는지 문의하고, 리더기에 설정된 위치를 "
        "점검하십시오."
    ),
}

_JUMP: Final = {
    "{hours:.1f} h at the very least": "최소 {hours:.1f}시간",
    "the usual time": "평소 걸리는 시간",
    "about {usual:.1f} h on this lane, {least}": "이 경로에서는 약 {usual:.1f}시간, {least}",
    "{km:.0f} km from {there} in {hours:.2f} h{speed}; the limit is {limit:g} km/h": (
        "{there}에서 {km:.0f} km를 {hours:.2f}시간 만에 이동했습니다{speed}; "
        "한도는 {limit:g} km/h입니다"
    ),
    "{hours:.1f} h from {there}; this lane usually takes {usual:.1f} h ({z:+.1f} robust "
    "deviations)": (
        "{there}에서 {hours:.1f}시간이 걸렸습니다; 이 경로는 보통 {usual:.1f}시간이 걸립니다 "
        "(로버스트 편차 {z:+.1f})"
    ),
    "Ask both sites whether they have the item. If one does not, its scan is a suspected clone or "
    "a reader set to the wrong place or time; compare its clock.": (
        "두 거점에 물품이 있는지 문의하십시오. 한쪽에 없다면 그 스캔은 복제품의 스캔으로 "
        "의심되거나 리더기의 위치나 시각이 잘못 설정된 것일 수 있으므로, 리더기의 시계를 "
        "비교하십시오."
    ),
}

_AFTER_SALE: Final = {
    "{step} at {here} ({at}) after it had been sold": (
        "판매된 뒤 {here}에서 {step} 단계가 스캔되었습니다 ({at})"
    ),
    "nothing after the sale, or a return first": "판매 뒤에는 스캔 없음, 또는 먼저 반품 스캔",
    "Ask the shop whether the item came back: then record the return. Otherwise the code is on "
    "two items, or was copied from a sold one: hold the item.": (
        "물품이 돌아왔는지 매장에 문의하고, 돌아왔다면 반품을 기록하십시오. 그렇지 않다면 같은 "
        "코드가 두 물품에 있거나 판매된 물품에서 복사된 것으로 의심되므로 물품을 보류하십시오."
    ),
}

_MISSED_SCAN: Final = {
    "{missing} scan is absent between {prev_step} at {there} and {step} at {here}": (
        "{there}의 {prev_step} 단계와 {here}의 {step} 단계 사이에 스캔 {missing}건이 없습니다"
    ),
    "{missing} scans are absent between {prev_step} at {there} and {step} at {here}": (
        "{there}의 {prev_step} 단계와 {here}의 {step} 단계 사이에 스캔 {missing}건이 없습니다"
    ),
    "a scan at every step of the chain": "공급망의 모든 단계에서 스캔",
    "See whether other items lack the same scans: then a reader or an upload is at fault. If this "
    "item alone does, ask where it was in between.": (
        "다른 물품에도 같은 스캔이 없는지 확인하십시오. 그렇다면 리더기나 업로드의 문제입니다. 이 "
        "물품에만 없다면 그 사이에 물품이 어디에 있었는지 문의하십시오."
    ),
}

_LSTM: Final = {
    "this step is a surprise": "이 단계는 예상 밖입니다",
    "this place is a surprise": "이 장소는 예상 밖입니다",
    "it is a surprise that it moves without those it came with": (
        "함께 온 물품들 없이 이동한 점이 예상 밖입니다"
    ),
    "it is a surprise that it moves in such company": (
        "이러한 물품들과 함께 이동한 점이 예상 밖입니다"
    ),
    "the hour is a surprise": "이 시간대는 예상 밖입니다",
    "{hours} since the move before is a surprise": "직전 이동 이후의 시간({hours})이 예상 밖입니다",
    "the time": "알 수 없음",
    "{minutes:.0f} min": "{minutes:.0f}분",
    "{hours:.1f} h": "{hours:.1f}시간",
    "{days:.1f} d": "{days:.1f}일",
    "read again": "다시 읽음",
    " or ": " 또는 ",
    "usual next: {steps}": "보통 다음 단계: {steps}",
    "usual next: {steps}; for such a step usually at {sites}, {low} to {high} later": (
        "보통 다음 단계: {steps}; 이러한 단계의 보통 장소: {sites}, 보통 {low}~{high} 뒤"
    ),
    "{low} to {high} after the move before": "직전 이동으로부터 {low}~{high} 뒤에 스캔",
    "at {sites}": "장소 {sites}",
    "as {steps}": "단계 {steps}",
}

_SVM: Final = {
    "its company left or stayed without it": "함께 있던 물품들이 이 물품 없이 떠나거나 남았습니다",
    "those it came with had left before": "함께 온 물품들이 먼저 떠났습니다",
    "it took longer than usual": "평소보다 오래 걸렸습니다",
    "it took less time than usual": "평소보다 짧게 걸렸습니다",
    "it was scanned at an unusual hour": "평소와 다른 시간대에 스캔되었습니다",
    "it went a way that goods rarely go": "물품이 드물게 다니는 경로로 이동했습니다",
    "this step rarely follows the one before": "직전 단계 뒤에 드물게 오는 단계입니다",
    "this product rarely starts there": "이 상품이 드물게 출발하는 곳입니다",
    "many of its batch lack the same scan": "같은 묶음의 여러 물품에 같은 스캔이 없습니다",
    "this site's clock seems to run ahead, or did at its scan before": (
        "이 거점의 시계가 앞서 있거나, 이전 스캔 때 앞서 있었던 것으로 보입니다"
    ),
    "it was read again and again": "여러 번 반복해서 읽혔습니다",
    "it was read again after a long time": "오랜 시간이 지난 뒤 다시 읽혔습니다",
    ", and ": ", 그리고 ",
    "{what}{value} (rarer than {tail:.2%} of scans)": (
        "{what}{value} (전체 스캔의 {tail:.2%}보다 드뭅니다)"
    ),
    ": {hours:.1f} h": ": {hours:.1f}시간",
    ": {days:.1f} days": ": {days:.1f}일",
    ": {here} together, {before} before": ": 현재 {here}개, 이전 {before}개",
    ": {left:.0%} of {before}": ": {before}개 중 {left:.0%}",
    ": {alike} of {here}": ": {here}개 중 {alike}개",
    ": {count} times": ": {count}회",
    ": {minutes:.0f} minutes later": ": {minutes:.0f}분 뒤",
    ": {hour}:00": ": {hour}:00",
    "together with those it came with": "함께 온 물품들과 함께 이동",
    "at the time when those it came with left": "함께 온 물품들이 떠난 시각에 이동",
    "sooner": "더 이른 스캔",
    "later": "더 늦은 스캔",
    "at the site's usual hours": "거점의 평소 시간대에 스캔",
    "on a way that goods usually go": "물품이 보통 다니는 경로로 이동",
    "after the step that usually comes before": "보통 앞서는 단계 다음에 스캔",
    "from a plant that makes this product": "이 상품을 만드는 공장에서 출발",
    "with the missing scan read": "빠진 스캔이 읽힘",
    "with the site's clock set right": "거점의 시계가 맞는 상태에서 스캔",
    "read once": "한 번만 읽힘",
}

#: Everything.
KOREAN: Final = {
    **_AROUND,
    **_TIERS,
    **_CODES,
    **_EPC_FAKE,
    **_EPC_DUP,
    **_EVT_ORDER,
    **_LOC_ERR,
    **_JUMP,
    **_AFTER_SALE,
    **_MISSED_SCAN,
    **_LSTM,
    **_SVM,
}

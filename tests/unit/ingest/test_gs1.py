import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scantrail.ingest import gs1
from scantrail.ingest.gs1 import GS1Parts, looks_gs1, parse_gs1

GTIN = "10614141123459"
LINK = f"https://id.gs1.org/01/{GTIN}/21/400"


@pytest.mark.parametrize(
    "code",
    [
        "urn:epc:id:sgtin:0614141.112345.400",
        LINK,
        f"http://example.com/shop/01/{GTIN}/21/400?utm=1",
        f"{LINK}?17=261231",
        f"(01){GTIN}(21)400",
        f"01{GTIN}21400",
        f"\x1d01{GTIN}21400",
        f"01{GTIN}21400\x1d17261231",
        f"]d201{GTIN}21400",
        f"]C101{GTIN}21400",
    ],
)
def test_every_spelling_of_an_item_is_one(code):
    parts = parse_gs1(code)
    assert (parts.scheme, parts.canonical, parts.product, parts.serial, parts.valid) == (
        "sgtin",
        LINK,
        GTIN,
        "400",
        True,
    )
    assert looks_gs1(code) or code.startswith("\x1d")


@pytest.mark.parametrize(
    ("urn", "path", "wanted"),
    [
        ("id:sscc:0614141.1234567890", "00/106141412345678908",
         ("sscc", None, None, "106141412345678908")),
        ("id:sgln:0614141.12345.0", "414/0614141123452", ("sgln", "0614141123452", None, None)),
        ("id:sgln:0614141.12345.4%2F0", "414/0614141123452/254/4%2F0",
         ("sgln", "0614141123452", None, "4/0")),
        ("class:lgtin:0614141.099914.L1", "01/00614141999149/10/L1",
         ("lgtin", "00614141999149", "L1", None)),
        ("id:grai:0614141.12345.400", "8003/00614141123452400",
         ("grai", "0614141123452", None, "400")),
        ("id:giai:0614141.A(21)B", "8004/0614141A%2821%29B", ("giai", None, None, None)),
        ("id:giai:0614141.%2F7", "8004/0614141%2F7", ("giai", None, None, None)),
        ("id:gdti:0614141.12345.400", "253/0614141123452400",
         ("gdti", "0614141123452", None, "400")),
        ("id:cpi:0614141.12%2FABC.123", "8010/061414112%2FABC/8011/123",
         ("cpi", None, None, "123")),
        ("id:gsrn:0614141.1234567890", "8018/061414112345678902", ("gsrn", None, None, None)),
        ("id:pgln:0614141.12345", "417/0614141123452", ("pgln", "0614141123452", None, None)),
        ("idpat:sgtin:0614141.112345.*", f"01/{GTIN}", ("sgtin", GTIN, None, None)),
    ],
)  # fmt: skip
def test_urns(urn, path, wanted):
    link = f"https://id.gs1.org/{path}"
    scheme, product, lot, serial = wanted
    assert parse_gs1(f"urn:epc:{urn}") == GS1Parts(scheme, link, "0614141", product, lot, serial)
    assert parse_gs1(link).canonical == link
    assert parse_gs1(link).serial == serial


@pytest.mark.parametrize("code", ["urn:epc:id:gid:95100000.12345.400", "urn:epc:id:imovn:9176187"])
def test_a_urn_outside_gs1_keys_is_its_own_canonical_form(code):
    assert parse_gs1(code) == GS1Parts(code.split(":")[3], code)


@pytest.mark.parametrize(
    ("code", "scheme", "product"),
    [
        ("4006381333931", "gtin", "04006381333931"),
        (GTIN, "gtin", GTIN),
        ("106141412345678908", "sscc", None),
        ("00106141412345678908", "sscc", None),
    ],
)
def test_bare_keys(code, scheme, product):
    parts = parse_gs1(code)
    assert (parts.scheme, parts.product, parts.valid) == (scheme, product, True)
    assert looks_gs1(code)


def test_the_lot_is_told_but_does_not_split_an_item_in_two():
    with_lot = parse_gs1(f"(01){GTIN}(10)L7(21)400")
    assert with_lot.lot == "L7"
    assert with_lot.canonical == LINK


@pytest.mark.parametrize(
    ("code", "scheme", "reason"),
    [
        ("", "unknown", "the code is empty"),
        ("(01)10614141123458(21)400", "sgtin",
         "Invalid GTIN check digit for '10614141123458': Expected 9, got 8."),
        ("https://id.gs1.org/01/10614141123458/21/400", "sgtin",
         "Invalid GTIN check digit for '10614141123458': Expected 9, got 8."),
        ("00106141412345678907", "sscc",
         "Invalid SSCC check digit for '106141412345678907': Expected 8, got 7."),
        ("https://id.gs1.org/414/0614141123453", "sgln",
         "Invalid GLN check digit for '0614141123453': Expected 2, got 3."),
        ("(8003)00614141123453400", "grai",
         "Invalid check digit for '0614141123453': Expected 2, got 3."),
        (f"https://id.gs1.org/gtin/{GTIN}/ser/400", "unknown",
         "the Digital Link names its key by a word; GS1 now wants its number, as in /01/"),
        ("https://example.org/", "unknown",
         "Expected a primary identifier in the path, got '/'."),
        ("https://[", "unknown", "not a readable GS1 code"),
        ("(21)400", "unknown", "no GS1 key, such as 01 or 00, among its identifiers"),
        ("urn:epc:id:sgtin:061414.112345.400", "sgtin",
         ("Invalid SGTIN URI urn:epc:id:sgtin:061414.112345.400 | "
          "Company prefix + item reference must be 13 digits")),
        ("urn:epc:id:nosuch:1.2", "nosuch", "Unknown EPC URI"),
        ("urn:epc:idpat:sgtin:0614141.*.*", "sgtin",
         "the pattern stands for more than one product"),
        ("urn:isbn:123", "unknown",
         "the URN does not begin with urn:epc:id:, idpat: or class:"),
        (f"(01){GTIN}(21)４００", "unknown", "a GS1 code has ASCII characters only"),
        (f"https://id.gs1.org/01/{GTIN}/21/%D9%A3", "unknown", None),
        ("1" * 3000, "unknown", "3000 characters are more than any GS1 code has"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(code, scheme, reason):
    parts = parse_gs1(code)
    assert not parts.valid
    assert parts.canonical is None
    assert parts.scheme == scheme
    assert parts.reason == reason or (reason is None and parts.reason)


@given(
    st.one_of(
        st.text(max_size=60),
        st.tuples(
            st.sampled_from([
                "urn:epc:id:", "urn:epc:idpat:", "urn:epc:class:", "urn:epc:id:sgtin:", "(01)", "]",
                "urn:epc:id:giai:06", "https://id.gs1.org/01/", "https://id.gs1.org/", "http", "01",
                "00", "8003", "253", "(8006)", "(", "\x1d", "urn:epc:id:sgln:0614141.", "391",
            ]),
            st.text("0123456789.:/*()%?#[]]&=ABxy \x1d٣", max_size=40),
        ).map("".join),
    )
)  # fmt: skip
@example("urn:epc")
@example("https://id.gs1.org/01/%")
def test_no_text_raises_and_an_invalid_one_has_a_reason(code):
    parts = parse_gs1(code)
    assert parts.valid is (parts.reason is None)
    assert parts.valid is (parts.canonical is not None)
    assert isinstance(looks_gs1(code), bool)


@given(
    st.integers(6, 12).flatmap(
        lambda n: st.tuples(st.text("0123456789", min_size=n, max_size=n),
                            st.text("0123456789", min_size=13 - n, max_size=13 - n))
    ),
    st.text("ABCabc0189!'()*+,-.:;=_/%&<>?\"", min_size=1, max_size=20),
)  # fmt: skip
def test_a_urn_and_its_digital_link_are_one_item(digits, serial):
    escaped = serial
    for char in '%"&/<>?':
        escaped = escaped.replace(char, f"%{ord(char):02X}")
    urn = parse_gs1(f"urn:epc:id:sgtin:{digits[0]}.{digits[1]}.{escaped}")
    assert urn.valid
    assert urn.serial == serial
    link = parse_gs1(urn.canonical)
    assert (link.canonical, link.product, link.serial) == (urn.canonical, urn.product, serial)


@pytest.mark.parametrize(
    "code",
    ["001.8804823.0000001.000001.20230101.000000001", "", "https://example.org/about", "abc"],
)
def test_other_codes_do_not_look_like_gs1(code):
    assert not looks_gs1(code)


def test_parses_are_cached_and_the_cache_is_bounded():
    gs1._parse.cache_clear()
    assert parse_gs1(LINK) is parse_gs1(LINK)
    parse_gs1("x" * 10_000_000)
    assert gs1._parse.cache_info().currsize == 1
    assert gs1._parse.cache_info().maxsize == 131_072

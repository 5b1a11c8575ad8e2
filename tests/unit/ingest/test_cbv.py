import pytest
from hypothesis import given
from hypothesis import strategies as st

from scantrail.ingest.cbv import bare_term, scan_word
from scantrail.vocabulary.chain import Direction, meaning

STEPS = ["shipping", "receiving", "retail_selling", "void_shipping", "staging_outbound"]


@pytest.mark.parametrize("word", STEPS)
@pytest.mark.parametrize(
    "form",
    [
        "{}",
        " {} ",
        "cbv:BizStep-{}",
        "cbv:bizstep-{}",
        "urn:epcglobal:cbv:bizstep:{}",
        "https://ref.gs1.org/cbv/BizStep-{}",
        "http://ref.gs1.org/cbv/BizStep-{}",
        "https://ref.gs1.org/cbv/BizStep-{}/",
        "https://example.org/voc#{}",
    ],
)
def test_all_forms_of_a_term_are_one(form, word):
    assert bare_term(form.format(word)) == word
    assert bare_term(form.format(word.upper())) == word


def test_dispositions_and_human_spellings():
    assert bare_term("cbv:Disp-in_transit") == "in_transit"
    assert bare_term("urn:epcglobal:cbv:disp:in_transit") == "in_transit"
    assert bare_term("In Transit") == bare_term("in-transit") == "in_transit"


@given(st.text())
def test_any_text_has_a_bare_term_and_it_is_stable(text):
    assert bare_term(bare_term(text)) == bare_term(text)


@pytest.mark.parametrize(
    ("event", "word"),
    [
        (("ObjectEvent", "OBSERVE", "receiving", None), "Inbound"),
        (("ObjectEvent", "OBSERVE", "arriving", None), "Inbound"),
        (("ObjectEvent", "OBSERVE", "accepting", None), "Inbound"),
        (("ObjectEvent", "OBSERVE", "storing", None), "Inbound"),
        (("ObjectEvent", "OBSERVE", "shipping", "in_transit"), "Outbound"),
        (("TransactionEvent", "ADD", "shipping", None), "Outbound"),
        (("ObjectEvent", "OBSERVE", "departing", None), "Outbound"),
        (("AggregationEvent", "ADD", "loading", None), "Outbound"),
        (("ObjectEvent", "ADD", "commissioning", "active"), "Aggregation"),
        (("TransformationEvent", "OUTPUT", "commissioning", None), "Aggregation"),
        (("TransformationEvent", "INPUT", "commissioning", None), "TransformationEvent INPUT"),
        (("ObjectEvent", "OBSERVE", "retail_selling", "retail_sold"), "POS_Sell"),
        (("ObjectEvent", "OBSERVE", "receiving", "returned"), "Return"),
        (("ObjectEvent", "OBSERVE", "returning", None), "Return"),
        (("AggregationEvent", "ADD", "packing", None), "AggregationEvent ADD"),
        (("ObjectEvent", "OBSERVE", "void_shipping", None), "ObjectEvent OBSERVE"),
        (("ObjectEvent", "", None, None), "ObjectEvent"),
    ],
)
def test_what_an_event_did_to_its_items(event, word):
    assert scan_word(*event) == word


def test_the_chain_understands_the_words():
    assert meaning("shipping", "Outbound").direction is Direction.OUT
    assert meaning("receiving", "Inbound").direction is Direction.IN
    assert meaning("retail_selling", "POS_Sell").is_sale
    assert meaning("receiving", "Return").is_return
    assert meaning("commissioning", "Aggregation").stage == 0
    assert meaning("packing", "AggregationEvent ADD").direction is Direction.NONE
    assert meaning("void_shipping", "ObjectEvent OBSERVE").direction is Direction.NONE

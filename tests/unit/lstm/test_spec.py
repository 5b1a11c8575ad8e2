import msgspec
import pytest

from scantrail.detectors.lstm.spec import CategoricalHead, DensityHead, Field, NetworkSpec
from scantrail.errors import SettingsError

SITE, KIND = Field("site", 5, 3), Field("kind", 4, 2)


def test_a_spec_survives_json():
    spec = NetworkSpec(
        (SITE, KIND),
        (CategoricalHead("kind", "kind"), DensityHead("hours", 3, ("kind", "km"))),
        ("km",),
    )
    assert msgspec.json.decode(msgspec.json.encode(spec), type=NetworkSpec) == spec


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        ((), "a network needs heads, each with a name of its own"),
        (
            (CategoricalHead("a", "site"), CategoricalHead("a", "kind")),
            "a network needs heads, each with a name of its own",
        ),
        (
            (CategoricalHead("a", "lot"),),
            "head 'a' predicts 'lot', which is none of the fields ['kind', 'site']",
        ),
        (
            (DensityHead("a", 2, ("lot",)),),
            "head 'a' sees 'lot', which is none of the inputs ['kind', 'site']",
        ),
        ((CategoricalHead("a", "site", ("site",)),), "head 'a' sees what it is to predict"),
    ],
)
def test_heads_that_make_no_sense_are_refused(heads, message):
    with pytest.raises(SettingsError) as caught:
        NetworkSpec((SITE, KIND), heads)
    assert str(caught.value) == message


def test_two_inputs_of_one_name_are_refused():
    with pytest.raises(SettingsError, match="two inputs of the network share a name"):
        NetworkSpec((SITE, KIND), (CategoricalHead("a", "site"),), ("kind",))

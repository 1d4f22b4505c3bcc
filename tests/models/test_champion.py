"""The champion's pointers: derived from the record, whatever became of them."""

import pytest

from common.errors import UserError
from models.promotion.actions import roll_back
from models.promotion.champion import (
    FILE,
    Champion,
    in_force,
    read_anchor,
    read_champion,
    recover,
)
from models.promotion.record.file import read_records
from models.promotion.record.line import Named
from models.promotion.refused import RefusedError
from tests.builders.promotion_data import (
    dynasty,
    identity_of,
    make_place,
    promoted,
    write_report,
)


def quiet(line):
    """Swallow what is said."""


def statuses(place):
    return {
        path.stem: path.read_text().split('status = "')[1].split('"')[0]
        for path in place.registry.glob("*.toml")
    }


def test_there_is_no_champion_before_the_first(tmp_path):
    assert read_champion(tmp_path) is None
    assert read_anchor(tmp_path) is None
    assert recover(tmp_path, tmp_path, quiet) == ()
    assert list(tmp_path.iterdir()) == []


def test_the_champion_is_who_was_promoted_last(tmp_path):
    place = make_place(tmp_path, "a", "b")
    last = dynasty(place, "a", "b")
    assert read_champion(place.folder) == Champion("b", identity_of(place, "b"), last.hash)
    assert (place.folder / FILE).read_text().startswith("# The model in service. Written by python")
    assert statuses(place) == {"a": "retired", "b": "champion"}


def test_comments_and_order_of_an_entry_are_kept(tmp_path):
    place = make_place(tmp_path, "a")
    before = (place.registry / "a.toml").read_text()
    dynasty(place, "a")
    assert (place.registry / "a.toml").read_text() == before.replace("candidate", "champion")


def test_an_entry_without_a_status_gets_one_above_its_tables(tmp_path):
    place = make_place(tmp_path, "a")
    path = place.registry / "a.toml"
    path.write_text('kind = "echo" # first\n[decoding]\nseed = 1\n')
    dynasty(place, "a")
    assert (
        path.read_text() == 'kind = "echo" # first\nstatus = "champion"\n\n[decoding]\nseed = 1\n'
    )


def test_the_anchor_moves_only_to_who_improves_on_it(tmp_path):
    place = make_place(tmp_path, "a", "b", "c", "d")
    dynasty(place, "a", "b")
    assert read_anchor(place.folder) == Named("a", identity_of(place, "a"))
    id_ = "20260102-000000-aaaa"
    write_report(place, "c", against="b", anchor="a", improves_anchor=True, id_=id_)
    promoted("c", place)
    assert read_anchor(place.folder) == Named("c", identity_of(place, "c"))
    id_ = "20260103-000000-aaaa"
    write_report(place, "d", against="c", id_=id_)
    promoted("d", place)
    assert read_anchor(place.folder).model == "c"


def test_a_rollback_returns_to_the_anchor_of_that_time(tmp_path):
    place = make_place(tmp_path, "a", "b")
    dynasty(place, "a", "b", improves_anchor=True)
    assert read_anchor(place.folder).model == "b"
    roll_back(place, say=quiet)
    assert read_anchor(place.folder).model == "a"


def test_reigns_undo_what_was_rolled_back(tmp_path):
    place = make_place(tmp_path, "a", "b", "c")
    dynasty(place, "a", "b", "c")
    roll_back(place, say=quiet)
    assert [r.model for r in in_force(read_records(place.folder))] == ["a", "b"]
    roll_back(place, say=quiet)
    assert [r.model for r in in_force(read_records(place.folder))] == ["a"]
    records = read_records(place.folder)
    with pytest.raises(RefusedError, match="promotion 4 rolls back to b"):
        in_force((*records[:2], records[3]))


@pytest.mark.parametrize(
    "text",
    [
        "model =",
        'model = "a"\n',
        'model = "a"\nidentity = "b"\nrecord = "c"\nmodle = "a"\n',
        "é\udcff",
    ],
)
def test_a_malformed_pointer_says_how_to_mend_it(tmp_path, text):
    (tmp_path / FILE).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(
        UserError, match=r"champion\.toml.*delete champion\.toml and type"
    ) as caught:
        read_champion(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_pointer_that_was_deleted_is_derived_again(tmp_path):
    place = make_place(tmp_path, "a", "b", "c")
    dynasty(place, "a", "b", "c")
    before = (place.folder / FILE).read_text()
    (place.folder / FILE).unlink()
    said = []
    recover(place.folder, place.registry, said.append)
    assert (place.folder / FILE).read_text() == before
    assert said == [f"{place.folder / FILE} leads to c, promotion 3"]


def test_statuses_are_derived_not_trusted(tmp_path):
    place = make_place(tmp_path, "a", "b", "c")
    dynasty(place, "a", "b")
    for name in "abc":
        path = place.registry / f"{name}.toml"
        path.write_text(
            path.read_text().replace("retired", "champion").replace("candidate", "champion")
        )
    assert set(statuses(place).values()) == {"champion"}
    recover(place.folder, place.registry, quiet)
    assert statuses(place) == {"a": "retired", "b": "champion", "c": "retired"}


def test_an_entry_that_is_not_toml_does_not_stop_a_promotion(tmp_path):
    place = make_place(tmp_path, "a")
    (place.registry / "broken.toml").write_text("kind =")
    dynasty(place, "a")
    assert statuses(make_place(tmp_path / "other", "x")) == {"x": "candidate"}
    assert read_champion(place.folder).model == "a"


@pytest.mark.parametrize("field", ["model", "identity", "record"])
def test_a_pointer_changed_by_hand_is_refused(tmp_path, field):
    place = make_place(tmp_path, "a", "b")
    dynasty(place, "a", "b")
    path = place.folder / FILE
    lines = [
        f'{field} = "{"e" * 64}"' if line.startswith(field) else line
        for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(lines))
    with pytest.raises(RefusedError, match=r"champion\.toml"):
        recover(place.folder, place.registry, quiet)


def test_a_pointer_of_long_ago_is_refused(tmp_path):
    place = make_place(tmp_path, "a", "b", "c")
    dynasty(place, "a")
    old = (place.folder / FILE).read_text()
    write_report(place, "b", against="a", id_="20260102-000000-aaaa")
    promoted("b", place)
    write_report(place, "c", against="b", anchor="a", id_="20260103-000000-aaaa")
    promoted("c", place)
    (place.folder / FILE).write_text(old)
    with pytest.raises(RefusedError, match="stands at line 1 of 3; delete"):
        recover(place.folder, place.registry, quiet)


def test_a_last_line_rewritten_with_its_hash_is_refused(tmp_path):
    from dataclasses import replace

    from models.promotion.record.line import hash_of

    place = make_place(tmp_path, "a")
    forged = replace(dynasty(place, "a"), who="mallory")
    forged = replace(forged, hash=hash_of(forged))
    (place.folder / "promotions.jsonl").write_bytes(forged.line + b"\n")
    assert read_records(place.folder)[0].who == "mallory"
    with pytest.raises(RefusedError, match="lines were removed or rewritten"):
        recover(place.folder, place.registry, quiet)

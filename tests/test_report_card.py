"""Report cards: whole files that need no network, and say what is wrong where there is none."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from test_browser import DESKTOP, LAYOUT, PHONE, browser, listen, violations  # noqa: F401

from visprof import report_card, sentences
from visprof.alike import most_alike
from visprof.cli import main
from visprof.report_card import card_page, write_cards
from visprof.steps.board_card import board_change, early_pins, identification
from visprof.steps.data import BoardSplit, PinArrays, Pins
from visprof.steps.own_board import N_RESAMPLES
from visprof.study import Study

HOSTILE = "</title><script>hacked = 1</script> & “$”"


class Stub(SimpleNamespace):
    """A study of which two steps are known."""

    def __getitem__(self, step):
        analysed = pd.DataFrame({"board": ["garden", "sea", "sea"]})
        readable = pd.DataFrame({"board": ["garden"] * 9 + ["sea"] * 9 + ["old"] * 9 + ["few"] * 3})
        return {"board_split": BoardSplit(analysed, analysed, None),
                "pins": Pins(readable, readable[:0], readable[:0])}[step]  # fmt: skip


@pytest.fixture
def stub():
    return Stub(min_pins=8, active_since="2014-07-01")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("Gardn", r"no board 'Gardn' \(did you mean garden\?\); there are garden, sea"),
        ("mountains", r"no board 'mountains'; there are garden, sea"),
        ("few", r"'few' has 3 picture\(s\) that can be read, and a card needs 8.*min_pins=3"),
        ("old", r"'old' is not analysed: it is background, or has no pin since 2014-07-01"),
    ],
)
def test_a_board_without_a_card_is_told_why(stub, asked, told, tmp_path):
    with pytest.raises(ValueError, match=told):
        list(write_cards(stub, [asked], tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_cards_of_all_boards_are_whole_or_as_they_were(stub, tmp_path, monkeypatch):
    monkeypatch.setattr(report_card, "card_page", lambda study, board: f"card of {board}")
    cards = list(write_cards(stub, None, tmp_path))
    assert [(card.board, card.path.name) for card in cards] == [
        ("garden", "garden.html"), ("sea", "sea.html"),
    ]  # fmt: skip
    assert cards[0].path.read_text() == "card of garden"
    assert cards[0].size == len("card of garden")
    monkeypatch.setattr(report_card, "card_page", lambda study, board: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(write_cards(stub, [" sea "], tmp_path))  # blanks around a name are none of it
    assert sorted(path.name for path in tmp_path.iterdir()) == ["garden.html", "sea.html"]
    assert cards[1].path.read_text() == "card of sea"


def test_the_command_asks_whose_card(capsys):
    with pytest.raises(SystemExit):
        main(["card", "--data", "folder"])
    assert "--board --all is required" in capsys.readouterr().err
    assert main(["card", "--board", "a", "--data", "here", "-p", "data=there"]) == 1
    assert "data is given twice: here and there" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["card", "--board", "a", "-p", "min_pins"])
    assert "'min_pins' is not of the form NAME=VALUE" in capsys.readouterr().err
    assert main(["card", "--board", "a"]) == 1
    assert "'own' is for real pictures: pass data=FOLDER" in capsys.readouterr().err


def test_the_command_tells_the_size_of_a_small_card_too(monkeypatch, tmp_path, capsys):
    cards = [report_card.Card("a", tmp_path / "a.html", size, 2.0) for size in (47_328, 1_940_000)]
    monkeypatch.setattr(report_card, "write_cards", lambda *asked: cards)
    monkeypatch.setattr("visprof.study.Study", lambda *asked, **changes: None)
    assert main(["card", "--all"]) == 0
    assert [line.split("  ")[1] for line in capsys.readouterr().out.splitlines()] == [
        "47 kB, 2 s", "1.9 MB, 2 s",
    ]  # fmt: skip


# --- what a card is made from ---------------------------------------------------------------------


def pins_of(*days, board="sea", **columns):
    """Pins of one board, each of a day of June 2015."""
    times = pd.to_datetime([f"2015-06-{day:02}" for day in days], utc=True)
    images = [f"{board}/{n}.jpg" for n in range(len(days))]
    return pd.DataFrame({"board": board, "image": images, "time": times, **columns})


def split_of(*tables):
    pins = pd.concat(tables, ignore_index=True)
    return BoardSplit(pins, pins, pd.DataFrame())


def test_no_session_is_torn_in_two_halves():
    split = split_of(pins_of(1, 1, 1, 2, 3), pins_of(4, 4, 4, 4, board="hill"))
    early = early_pins(split, "day")
    assert early.tolist() == [*[True] * 3, *[False] * 2, *[True] * 2, *[False] * 2]


def test_a_board_that_turned_to_other_pictures_has_changed():
    split = split_of(pins_of(*range(1, 21)))
    assigned = np.eye(4)[[0] * 10 + [1] * 10]
    arrays = PinArrays(assigned, assigned)
    args = early_pins(split, "day"), "day", 0.5, "two-term", 199, 0
    change = board_change("sea", arrays, split, *args)
    assert (change.times, change.n_early, change.n_late, change.n_sessions) == ("known", 10, 10, 20)
    assert change.p == pytest.approx(1 / 200, abs=0.01)
    first, _, least, _ = change.clusters.itertuples()
    assert (first.cluster, first.early, first.late) == (1, 0, 1)
    assert (least.cluster, least.early, least.late) == (0, 1, 0)
    assert first.images == [f"sea/{n}.jpg" for n in range(10, 14)]
    assert (change.clusters["late_low"] <= change.clusters["late"]).all()


@pytest.mark.parametrize(
    ("pins", "times"),
    [
        (pins_of(*[1] * 10), "one session"),
        (pins_of(*range(1, 11), time_source="file"), "files"),
        (pins_of(*range(1, 11), time_source="exif"), "known"),
    ],
)
def test_where_times_are_from_is_kept(pins, times):
    assigned = np.full((10, 3), 1 / 3)
    split = split_of(pins)
    early = early_pins(split, "day")
    found = board_change(
        "sea", PinArrays(assigned, assigned), split, early, "day", 0.5, "two-term", 19, 0
    )
    assert found.times == times
    assert sorted(found.clusters["cluster"]) == [0, 1, 2]  # each once, though there are so few
    assert np.isnan(found.p) == (times == "one session")


def test_boards_are_sought_by_later_pictures_that_they_have_not_had():
    tables = [pins_of(*range(1, 21), board=board) for board in ("hill", "sea")]
    split = split_of(*tables)
    assigned = np.eye(2)[[0] * 20 + [1] * 20]
    arrays = PinArrays(assigned, assigned)
    pins = Pins(split.analysed, split.analysed[:0], split.analysed[:0])
    copies = np.arange(40)
    copies[15:20] = 0  # the last of the hill repeat its first
    early = early_pins(split, "day")
    found = identification([arrays], None, split, early, pins, copies, "euclidean", 0)
    by_board = found.by_board.set_index(["board", "n_pictures"])["found"]
    assert by_board.to_dict() == {
        ("hill", 1): 1, ("sea", 1): 1, ("sea", 3): 1, ("sea", 5): 1,
    }  # fmt: skip
    assert set(found.rates) == {("image", 1)}  # of one board there is no interval
    assert found.n_boards == 2
    facts = PinArrays(assigned[::-1], assigned[::-1])
    both = identification([arrays], facts, split, early, pins, copies, "euclidean", 0)
    pictures, files = (both.rates[name, 1].value for name in ("image", "file facts"))
    assert both.ahead[1].value == pytest.approx(pictures - files)
    assert set(both.ahead) == {1}
    assert found.ahead == {}


# --- the page -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def study(home):
    return Study("tiny", home=home)


@pytest.fixture(scope="module")
def card(study, tmp_path_factory):
    (card,) = write_cards(study, ["user_001"], tmp_path_factory.mktemp("cards"))
    return card


@pytest.mark.slow
def test_a_card_is_one_small_file_that_asks_for_nothing(card):
    text = card.path.read_text("utf-8")
    assert card.size == card.path.stat().st_size < 3e6
    addresses = re.findall(r"""(?:src|href)=["']([^"']*)|url\(([^)]*)""", text)
    assert addresses
    assert all(address.startswith("data:image/webp") for address, _ in addresses)
    assert "@import" not in text
    assert [path.name for path in card.path.parent.iterdir()] == ["user_001.html"]


@pytest.mark.slow
def test_a_card_says_what_the_steps_of_its_board_found(card, study):
    text = " ".join(card.path.read_text("utf-8").split())
    pins = np.hstack([of.analysed for of in study.every("assignments")])
    owners = study["board_split"].analysed["board"]
    alike = most_alike(pins, owners, "user_001", study.distance, N_RESAMPLES, study.seed)
    assert f"{alike['user'][0]} is the most alike: it is the nearest in" in text
    assert f"{alike['nearest'][0]:.0%} of the draws" in text
    for heading in ("made of", "changed", "most alike", "findable", "files alone"):
        assert re.search(f"<h2>[^<]*{heading}", text)


@pytest.mark.slow
def test_texts_are_text(study, monkeypatch):
    monkeypatch.setattr(sentences, "card_alike", lambda *_: HOSTILE)
    text = card_page(study, "user_001")
    assert HOSTILE not in text
    assert "&lt;script&gt;hacked" in text


@pytest.mark.slow
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_card_can_be_read_on_any_screen(browser, card, screen):  # noqa: F811
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe").Axe()
    context = browser.new_context(**screen)
    page = context.new_page()
    asked, complaints = listen(page)
    page.goto(card.path.as_uri())
    for colours in ("light", "dark"):
        page.emulate_media(color_scheme=colours)
        page.evaluate("new Promise(requestAnimationFrame)")
        assert page.evaluate(LAYOUT) == []
        assert list(violations(axe, page, {})) == []
    assert [url for url in asked if not url.startswith("data:")] == [card.path.as_uri()]
    assert complaints == []
    context.close()

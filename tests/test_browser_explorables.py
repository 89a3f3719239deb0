"""Figures to try, in a browser: the numbers are the library's, and each works for every reader."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pandas as pd
import pytest
from figure_examples import colour_files, shares
from test_browser import DESKTOP, LAYOUT, PHONE, browser, listen, violations  # noqa: F401

from visprof import figures
from visprof.book.later import put_later_apart
from visprof.intervals import Estimate
from visprof.logodds import log_odds_z, pairwise_max_z
from visprof.rank_scores import random_mrr, subset_reciprocal_ranks
from visprof.ties import exceeds

pytestmark = pytest.mark.slow

STATIC = Path(__file__).resolve().parent.parent / "book" / "_static"
HOSTILE = "</script><script>hacked = 1</script> & “$”"
SIZES, ALPHA, THRESHOLD = [5, 10, 20], 0.02, 1.5
N_USERS, N_SEEDS, TRAIN_SIZES = 40, 3, [10, 20, 50]
N_ROUNDS, ORDERS = 20, [(1, 2, 3, 4), (4, 3, 2, 1), (2, 4, 1, 3)]  # of guesses of the profile
NAMES = ("explore-pairs", "explore-ranks", "guess-boards", "compare-users", "explore-power")
# the colours of the book's theme
CLUSTERS = [HOSTILE, *(f"scene {cluster}" for cluster in range(1, 30))]  # names
THEME = """
html { --pst-color-text-base: #222832; --pst-color-text-muted: #48566b; --pst-color-border: #d1d5da;
  --pst-color-surface: #f3f4f5; --pst-color-background: #fff; font: 1rem/1.6 sans-serif }
html[data-theme=dark] { --pst-color-text-base: #ced6dd; --pst-color-text-muted: #9ca4af;
  --pst-color-border: #48566b; --pst-color-surface: #29313d; --pst-color-background: #14181e }
body { margin: 1rem; color: var(--pst-color-text-base); background: var(--pst-color-background) }
"""


@pytest.fixture(scope="module")
def counts():
    """Counts by series, of users who differ and of those who do not; some clusters are empty."""
    rng = np.random.default_rng(0)
    found = {}
    for name, strength in (("users", 0.3), ("pins dealt", 5.0), ("sessions dealt", 2.0)):
        pins = rng.dirichlet(np.full(30, strength), size=(24, max(SIZES)))
        found[name] = np.stack([pins[:, :size].sum(axis=1) for size in SIZES])
        found[name][..., :2] = 0
    return found


@pytest.fixture(scope="module")
def background():
    g = np.random.default_rng(1).gamma(2, 40, size=30)
    g[0] = 0
    return g


@pytest.fixture(scope="module")
def ranks():
    """Ranks by seed, user and column, some in the middle of two; and the columns."""
    columns = [(profile, n) for profile in ("image", HOSTILE) for n in TRAIN_SIZES]
    drawn = np.random.default_rng(2).integers(2, 2 * N_USERS + 1, (N_SEEDS, N_USERS, len(columns)))
    return drawn / 2, columns


@pytest.fixture(scope="module")
def users():
    return [HOSTILE, *(f"user {place}" for place in range(1, 24))]


@pytest.fixture(scope="module")
def powers():
    return shares(
        rule=["pins", "Z", "sessions"], taste=[0.0, 0.5, 1.0, 2.0], n_clusters=[25, 100, 200]
    )


@pytest.fixture(scope="module")
def p_values():
    p = np.random.default_rng(5).random((24, 24))
    p[:3, :3] = np.nan
    return (p + p.T) / 2


@pytest.fixture(scope="module")
def page_file(tmp_path_factory, counts, background, ranks, users, p_values, powers):
    """A page with all figures to try, as a book shows them, and nothing else that is the book's."""
    reached, columns = ranks
    table = pd.DataFrame(columns, columns=["profile", "n_train"])
    table = table.assign(value=(1 / reached).mean(axis=(0, 1)), low=0.0, high=1.0)
    tidy = pd.DataFrame(
        [
            (*column, rank)
            for place, column in enumerate(columns)
            for rank in reached[..., place].flat
        ],
        columns=["profile", "n_train", "rank"],
    )
    tidy = tidy.groupby(["profile", "n_train", "rank"]).size().reset_index(name="times")
    shown = [
        figures.explore_pairs(
            counts, background, SIZES, ALPHA, "two-term", THRESHOLD, "Figure 5, to try."
        ),
        figures.explore_ranks(tidy, table, N_USERS, "Figure 6, to try."),
    ]
    folder = tmp_path_factory.mktemp("explorables")
    images = colour_files(folder)
    rounds = pd.DataFrame([
        {"round": number, "board": HOSTILE, "own": place == number % 4, "order": order,
         "images": images[place : place + 2], "asked": images[:3]}
        for number in range(1, N_ROUNDS + 1)
        for place, order in enumerate(ORDERS[number % len(ORDERS)])
    ])  # fmt: skip
    shown.append(
        figures.guess_boards(rounds, Estimate(0.8, 0.7, 0.9), Estimate(0.5, 0.4, 0.6), "Whose?")
    )
    pictures = [images[cluster % 3 : 3] if cluster % 5 else [] for cluster in range(30)]
    shown.append(
        figures.compare_users(
            users,
            counts["users"][-1],
            background,
            ALPHA,
            "four-term",
            p_values,
            pictures,
            "Two.",
            names=CLUSTERS,
        )
    )
    shown.append(
        figures.explore_power(powers, {"Z": "the cut-off", "pins": HOSTILE}, 0.05, "Power.")
    )
    page = folder / "page.html"
    css = "".join((STATIC / f"{of}.css").read_text("utf-8") for of in ("custom", "explorables"))
    script = "".join((STATIC / f"{of}.js").read_text("utf-8") for of in ("later", "explorables"))
    body = "".join(figure.data for figure in shown)
    page.write_text(
        '<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8">'
        f'<title>a page</title><meta name="viewport" content="width=device-width">'
        f"<style>{THEME}{css}</style>"
        f'<main><article class="bd-article"><h1>A page</h1>{body}</article></main>'
        f"<script>{script}</script>",
        "utf-8",
    )
    return page


@pytest.fixture(params=["desktop", "phone"])
def page(browser, page_file, request):  # noqa: F811
    """The page, shown; afterwards it must have asked for nothing and complained of nothing."""
    context = browser.new_context(**(PHONE if request.param == "phone" else DESKTOP))
    page = context.new_page()
    asked, complaints = listen(page)
    page.goto(page_file.as_uri())
    page.set_default_timeout(10_000)
    yield page
    assert {url.split("#")[0] for url in asked} == {page_file.as_uri()}
    assert complaints == []
    assert page.evaluate("window.hacked") is None
    context.close()


on_desktop = pytest.mark.parametrize("page", ["desktop"], indirect=True)

# Settings by the values that they have, set as a reader would; what was drawn for each
TRY = """([id, all]) => all.map((chosen) => {
  const figure = document.getElementById(id)
  for (const [name, place] of Object.entries(chosen)) {
    const input = document.getElementById(`${id}-${name}`)
    input.value = place
    input.dispatchEvent(new Event("input", {bubbles: true}))
  }
  return figure.explored
})"""


@on_desktop
def test_figure_5_is_the_librarys_at_any_setting(page, counts, background):
    n_alphas = 17
    n_thresholds = int(page.get_attribute("#explore-pairs-threshold", "max")) + 1
    rng = np.random.default_rng(3)
    tried = [
        {"alpha": int(rng.integers(n_alphas)), "threshold": int(rng.integers(n_thresholds)),
         "pins": int(rng.integers(3)), "variance": int(rng.integers(2)),
         "chance": int(rng.integers(2))}
        for _ in range(30)
    ]  # fmt: skip
    found = page.evaluate(TRY, ["explore-pairs", tried])
    assert len({str(one["settings"]) for one in found}) >= 25
    for chosen, one in zip(tried, found, strict=True):
        settings = one["settings"]
        assert settings["alpha"] == pytest.approx(ALPHA * 10 ** ((chosen["alpha"] - 8) / 4))
        assert settings["pins"] == SIZES[chosen["pins"]]
        for name, share in zip(("users", settings["chance"]), one["above"], strict=True):
            z = pairwise_max_z(
                counts[name][chosen["pins"]], background, settings["alpha"], settings["variance"]
            )
            np.testing.assert_allclose(one["z"][name], z, rtol=0, atol=1e-6)
            near = np.abs(z - settings["threshold"]).min() < 1e-6
            assert near or share == pytest.approx(exceeds(z, settings["threshold"]).mean())


LATER = """(names) => Promise.all(names.map((name) => new Promise((done) => {
  const look = () => {
    const figure = document.getElementById(name)
    if (figure.explored.above || /not there/.test(figure.innerText)) return done(figure.explored)
    setTimeout(look, 20)
  }
  look()
})))"""


@pytest.fixture
def apart(browser, page_file, tmp_path):  # noqa: F811
    """The page as a book has it, what is needed later in files; opened, and the folder of these."""
    file, folder = tmp_path / "page.html", tmp_path / "figures"
    file.write_bytes(page_file.read_bytes())
    put_later_apart(file, folder)
    context = browser.new_context(**DESKTOP)
    page = context.new_page()
    page.goto(file.as_uri())
    yield page, folder
    context.close()


@on_desktop
def test_counts_of_fewer_pins_come_from_a_file_and_are_the_same(apart, page):
    book, _ = apart
    tried = [{"pins": 0, "alpha": 3}, {"pins": 1, "variance": 1}]
    here = [page.evaluate(TRY, ["explore-pairs", [of]])[0] for of in tried]
    asked, _ = listen(book)
    for of, expected in zip(tried, here, strict=True):
        book.evaluate(TRY, ["explore-pairs", [of]])
        assert book.evaluate(LATER, ["explore-pairs"]) == [expected]
    assert len([url for url in asked if url.endswith("explore-pairs.later.js")]) == 1


def test_a_figure_says_that_the_file_of_its_numbers_is_not_there(apart):
    book, folder = apart
    (folder / "explore-pairs.later.js").rename(folder / "elsewhere.js")
    book.evaluate(TRY, ["explore-pairs", [{"pins": 0}]])
    book.evaluate(LATER, ["explore-pairs"])
    assert "file beside this page, which is not there" in book.inner_text("#explore-pairs output")
    (folder / "elsewhere.js").rename(folder / "explore-pairs.later.js")  # asked for again, it comes
    book.evaluate(TRY, ["explore-pairs", [{"pins": 1}]])
    assert book.evaluate(LATER, ["explore-pairs"])[0]["settings"]["pins"] == SIZES[1]


@on_desktop
def test_figure_6_is_the_librarys_at_any_number_of_candidates(page, ranks):
    reached, columns = ranks
    tried = [
        {"users": place, "pins": place % 3, "profile": place % 2} for place in range(N_USERS - 1)
    ]
    found = page.evaluate(TRY, ["explore-ranks", tried])
    for m, one in enumerate(found, start=2):
        assert one["settings"]["users"] == m
        assert one["random"] == pytest.approx(random_mrr(m), abs=1e-6)
        expected = [
            np.mean([subset_reciprocal_ranks(of_seed, m) for of_seed in reached[..., place]])
            for place in range(len(columns))
        ]
        np.testing.assert_allclose(one["mrr"], expected, rtol=0, atol=1e-6)
    assert page.locator("#explore-ranks option").all_inner_texts() == ["image", HOSTILE]


@on_desktop
def test_power_and_error_are_those_of_the_grid(page, powers):
    tried = [
        {"pins": pins, "taste": taste, "rule": rule, "clusters": clusters}
        for pins in range(2) for taste in range(3) for rule in range(2) for clusters in range(3)
    ]  # fmt: skip
    for one in page.evaluate(TRY, ["explore-power", tried]):
        settings = one["settings"]
        rows = powers.query("rule == @settings['rule'] and n_clusters == @settings['clusters']")
        rows = rows[rows["n_pins"] == settings["pins"]]
        for name, taste in (("found", settings["taste"]), ("error", 0)):
            row = rows[rows["taste"] == taste].iloc[0]
            assert one[name] == pytest.approx(row[["value", "low", "high"]].tolist(), abs=1e-6)
    assert page.locator("#explore-power option").all_inner_texts() == ["the cut-off", HOSTILE]


@on_desktop
def test_any_two_users_differ_as_in_the_library(page, counts, background, p_values, users):
    rng = np.random.default_rng(6)
    tried = [dict(zip("ab", rng.permutation(24)[:2].tolist(), strict=True)) for _ in range(25)]
    tried += [{"a": 0, "b": 2}, {"a": 2, "b": 1}, {"a": 7, "b": 7}]
    found = page.evaluate(TRY, ["compare-users", tried])
    for chosen, one in zip(tried, found, strict=True):
        y_i, y_j = counts["users"][-1][list(chosen.values())]
        z = log_odds_z(y_i, y_j, background, ALPHA, "four-term")
        np.testing.assert_allclose(one["z"], z, rtol=0, atol=1e-6)
        most = np.argsort(-np.abs(z), kind="stable")[:3]
        differ = chosen["a"] != chosen["b"]
        assert one["names"] == ([CLUSTERS[cluster] for cluster in most] if differ else [])
        p = p_values[chosen["a"], chosen["b"]]
        if chosen["a"] == chosen["b"] or np.isnan(p):
            assert one["p"] is None
        else:
            assert one["p"] == pytest.approx(p, abs=1e-6)
    assert page.inner_text("#compare-users output") == "Choose two users."
    page.locator("#compare-users-a").select_option("0")
    assert page.inner_text("#compare-users option:checked") == users[0]
    assert page.locator("#compare-users .cluster").count() == 3
    shown = page.locator("#compare-users .cluster strong").all_inner_texts()
    assert [name.strip() for name in shown] == [
        f"{name}." for name in explored(page, "compare-users")["names"]
    ]
    page.locator("#compare-users-b").select_option("2")
    assert "was not tested" in page.inner_text("#compare-users output")


@on_desktop
def test_a_readers_guesses_are_ranked_as_the_profiles(page):
    rng, yours, profiles = np.random.default_rng(4), [], []
    for number in range(1, N_ROUNDS + 1):
        own, order = number % 4, ORDERS[number % len(ORDERS)]
        guesses = rng.permutation(4).tolist()
        for place in guesses:
            assert "profile’s guess" not in page.inner_text("#guess-boards .boards")
            page.get_by_role("button", name="ABCD"[place], exact=True).press("Enter")
            assert page.evaluate("document.activeElement.dataset.key") == "ABCD"[place]
            if place == own:
                break
        yours.append(1 / (guesses.index(own) + 1))
        profiles.append(1 / order[own])
        found = explored(page, "guess-boards")
        assert found["yours"] == pytest.approx(np.mean(yours), abs=1e-6)
        assert found["profiles"] == pytest.approx(np.mean(profiles), abs=1e-6)
        assert found["chance"] == pytest.approx(random_mrr(4), abs=1e-6)
        assert f"It is {'ABCD'[own]}." in page.inner_text("#guess-boards output")
        page.get_by_role("button", name=f"{'ABCD'[own]} ✓").press("Enter")  # it is over
        assert explored(page, "guess-boards") == found
        if number < N_ROUNDS:
            page.get_by_role("button", name="Next round").click()
            assert explored(page, "guess-boards")["tried"] == []
    assert page.get_by_role("button", name="Next round").count() == 0
    page.wait_for_function(f"location.hash.includes('guesses={N_ROUNDS}{'ABCD'[guesses[0]]}')")
    before = page.inner_text("#guess-boards .boards")
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    assert page.inner_text("#guess-boards .boards") == before
    page.evaluate("(to) => location.hash = to", "guess-boards?round=2&guesses=2ZZB%3Cb%3E")
    page.wait_for_function("document.getElementById('guess-boards').explored.settings.round === 2")
    assert explored(page, "guess-boards")["tried"] == []
    page.evaluate("(to) => location.hash = to", "guess-boards?round=2&guesses=2ZAACB")
    page.wait_for_function("document.getElementById('guess-boards').explored.found")
    assert explored(page, "guess-boards")["tried"] == [0, 2]


def explored(page, name):
    return page.evaluate("(id) => document.getElementById(id).explored", name)


@on_desktop
def test_settings_are_reached_by_keyboard_and_stand_in_the_address(page, page_file):
    page.locator("#explore-pairs-threshold").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    page.wait_for_function("location.hash.includes('explore-pairs')")
    query = parse_qs(page.evaluate("location.hash").split("?")[1])
    assert query["threshold"] == ["0.1"]
    assert float(query["alpha"][0]) == pytest.approx(100 * ALPHA)
    link, before = page.url, explored(page, "explore-pairs")
    assert before["settings"]["threshold"] == 0.1
    told = page.inner_text("#explore-pairs output")
    page.goto("about:blank")
    page.goto(link)
    assert explored(page, "explore-pairs") == before
    assert page.inner_text("#explore-pairs output") == told
    page.locator("#explore-pairs button").press("Enter")
    own = {"alpha": ALPHA, "threshold": THRESHOLD, "pins": 20}
    assert explored(page, "explore-pairs")["settings"].items() >= own.items()
    page.evaluate("(to) => location.hash = to", "explore-pairs?threshold=0.3&alpha=none&x=%3Cb%3E")
    page.wait_for_function(
        "document.getElementById('explore-pairs').explored.settings.threshold < 1"
    )
    assert explored(page, "explore-pairs")["settings"]["alpha"] == ALPHA
    page.goto("about:blank")
    page.goto(page_file.as_uri())


def test_figures_to_try_fit_the_page_and_are_told_to_all(page):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    assert page.get_by_role("slider", name="Cut-off").get_attribute("aria-valuetext") == "1.5"
    for theme in ("light", "dark"):
        page.evaluate("(theme) => document.documentElement.dataset.theme = theme", theme)
        assert page.evaluate(LAYOUT) == []
        assert list(violations(axe, page, {})) == []
    small = page.locator("figure.explorable :is(input, select, button)").evaluate_all(
        "all => all.filter((one) => one.getBoundingClientRect().height < 24).map((one) => one.id)"
    )
    assert small == []


def test_what_is_drawn_follows_the_width_of_the_page(page):
    narrow = {"width": 320, "height": 800}
    page.set_viewport_size(narrow)
    right = "[...document.querySelectorAll('svg')].map((svg) => svg.getBoundingClientRect().right)"
    page.wait_for_function(f"Math.max(...{right}) <= 320")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@on_desktop
def test_on_paper_a_line_stands_for_what_can_be_tried(page):
    for name in NAMES:
        assert page.locator(f"#{name} .canvas").is_visible()
        assert not page.locator(f"#{name} .still").is_visible()
    page.emulate_media(media="print")
    for name in NAMES:
        assert not page.locator(f"#{name} .canvas").is_visible()
        assert page.locator(f"#{name} .still").is_visible()


def test_without_script_a_line_stands_for_what_can_be_tried(browser, page_file):  # noqa: F811
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert page.locator("#explore-pairs .still").is_visible()
    assert not page.locator("#explore-pairs figcaption").is_visible()
    context.close()

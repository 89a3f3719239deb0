"""Boards from git repositories that are made here and collected over the file protocol."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import textwrap
import unicodedata
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pygit2
import pytest
from local_server import Answer, local_server
from PIL import Image
from pygit2.enums import FileMode, ObjectType

from visprof.boards import name_words, read_boards
from visprof.sources import git
from visprof.sources.collect import save_picture
from visprof.sources.git import PinnedRepository, collect_git, read_repositories

DAY = 86_400
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"


def picture(seed: int, size: tuple[int, int] = (64, 48), kind: str = "PNG") -> bytes:
    """A small picture file that differs between seeds."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


class Source:
    """A bare repository built from whole trees, written as {path: content or (content, mode)}."""

    def __init__(self, folder: Path) -> None:
        self.repository = pygit2.init_repository(str(folder), bare=True)
        self.url = folder.as_uri()

    def tree(self, files: dict[str | bytes, object]) -> pygit2.Oid:
        here, below = {}, {}
        for path, content in files.items():
            raw = path.encode() if isinstance(path, str) else path
            folder, slash, rest = raw.partition(b"/")
            if slash:
                below.setdefault(folder, {})[rest] = content
            else:
                here[folder] = self.entry(content)
        here |= {name: (FileMode.TREE, self.tree(inner)) for name, inner in below.items()}
        # written by hand: TreeBuilder refuses names that a hostile repository may well have
        ordered = sorted(here.items(), key=lambda e: e[0] + b"/" * (e[1][0] == FileMode.TREE))
        raw = b"".join(b"%o %b\0%b" % (mode, name, oid.raw) for name, (mode, oid) in ordered)
        return self.repository.odb.write(ObjectType.TREE, raw)

    def entry(self, content: object) -> tuple[FileMode, pygit2.Oid]:
        content, mode = content if isinstance(content, tuple) else (content, FileMode.BLOB)
        if isinstance(content, bytes):
            content = self.repository.create_blob(content)
        return mode, content

    def commit(self, files, day: int, *parents: pygit2.Oid, offset: int = 0) -> pygit2.Oid:
        """Add a commit whose author wrote it on a day, and which was committed a year later."""
        author = pygit2.Signature("A", "a@example.org", day * DAY, offset)
        committer = pygit2.Signature("C", "c@example.org", (day + 365) * DAY, 0)
        oid = self.repository.create_commit(
            None, author, committer, "m", self.tree(files), list(parents)
        )
        self.repository.references.create("refs/heads/main", oid, force=True)
        return oid

    def pinned(self, commit: pygit2.Oid, board_id: str = "curator") -> PinnedRepository:
        return PinnedRepository(board_id, self.url, str(commit))


@pytest.fixture
def source(tmp_path):
    return Source(tmp_path / "source.git")


def collect(tmp_path, *repositories, **options):
    """Collect quietly; return the manifest as text columns and the summary."""
    out = tmp_path / "out"
    summary = collect_git(repositories, out, progress=False, **options)
    table = pd.read_csv(out / "manifest.csv", dtype=str, keep_default_na=False)
    return table, summary


def days(table: pd.DataFrame) -> dict[str, int]:
    """Return the day since the epoch on which each path was added."""
    times = pd.to_datetime(table["added_at"], utc=True)
    return {
        path: round(time.timestamp() / DAY) for path, time in zip(table["path"], times, strict=True)
    }


# ------------------------------------------------------------------------------------- histories


def test_each_file_is_dated_by_the_commit_that_first_added_it(source, tmp_path):
    a, b, c = (picture(seed) for seed in range(3))
    first = source.commit({"a.png": a}, 10)
    second = source.commit({"a.png": a, "x/b.png": b}, 20, first)
    tip = source.commit({"a.png": a, "x/b.png": b, "c.png": c}, 30, second)
    table, summary = collect(tmp_path, source.pinned(tip))
    assert days(table) == {"a.png": 10, "x/b.png": 20, "c.png": 30}
    assert (summary.kept, summary.boards, summary.left_out.total()) == (3, 1, 0)


def test_only_the_pinned_commit_counts_not_what_came_later(source, tmp_path):
    pinned = source.commit({"a.png": picture(0)}, 10)
    source.commit({"a.png": picture(0), "later.png": picture(1)}, 20, pinned)
    table, _ = collect(tmp_path, source.pinned(pinned))
    assert list(table["path"]) == ["a.png"]


def test_a_pinned_commit_that_no_branch_leads_to_is_found(source, tmp_path):
    pinned = source.commit({"a.png": picture(0)}, 10)
    source.repository.references.create("refs/keep/it", pinned)
    source.commit({"b.png": picture(1)}, 20)  # main now has another history
    table, _ = collect(tmp_path, source.pinned(pinned))
    assert list(table["path"]) == ["a.png"]


def test_a_rename_keeps_the_first_time_and_has_the_new_caption(source, tmp_path):
    a = picture(0)
    first = source.commit({"IMG_001.png": a}, 10)
    second = source.commit({"sea/Quiet-bay.png": a}, 20, first)
    tip = source.commit({"coast/Quiet-bay.png": a}, 30, second)
    table, _ = collect(tmp_path, source.pinned(tip))
    assert days(table) == {"coast/Quiet-bay.png": 10}
    assert list(table["caption"]) == ["coast quiet bay"]


def test_a_deletion_removes_the_pin_and_undoing_it_keeps_the_first_time(source, tmp_path):
    a, b, c = (picture(seed) for seed in range(3))
    first = source.commit({"a.png": a, "b.png": b, "c.png": c}, 10)
    second = source.commit({"c.png": c}, 20, first)
    tip = source.commit({"b.png": b, "c.png": c}, 30, second)
    table, _ = collect(tmp_path, source.pinned(tip))
    assert days(table) == {"b.png": 10, "c.png": 10}


def test_a_changed_file_keeps_its_time_and_a_new_one_at_a_freed_path_does_not(source, tmp_path):
    first = source.commit({"a.png": picture(0), "b.png": picture(1)}, 10)
    second = source.commit({"a.png": picture(2)}, 20, first)
    tip = source.commit({"a.png": picture(2), "b.png": picture(3)}, 30, second)
    table, _ = collect(tmp_path, source.pinned(tip))
    assert days(table) == {"a.png": 10, "b.png": 30}


def test_pictures_of_merged_branches_keep_the_time_of_their_branch(source, tmp_path):
    a, left, right, fresh = (picture(seed) for seed in range(4))
    root = source.commit({"a.png": a}, 10)
    ours = source.commit({"a.png": a, "left.png": left}, 20, root)
    theirs = source.commit({"moved.png": a, "right.png": right}, 15, root)
    merged = {"moved.png": a, "left.png": left, "right.png": right}
    tip = source.commit(merged | {"fresh.png": fresh}, 40, ours, theirs)
    table, _ = collect(tmp_path, source.pinned(tip))
    expected = {"moved.png": 10, "right.png": 15, "left.png": 20, "fresh.png": 40}
    assert days(table) == expected
    assert list(table["path"]) == list(expected)  # in order of time


def test_histories_without_a_common_root_are_both_read(source, tmp_path):
    one = source.commit({"a.png": picture(0)}, 10)
    other = source.commit({"b.png": picture(1)}, 5)
    tip = source.commit({"a.png": picture(0), "b.png": picture(1)}, 20, one, other)
    table, _ = collect(tmp_path, source.pinned(tip))
    assert days(table) == {"b.png": 5, "a.png": 10}


def test_the_offset_of_the_author_is_kept_and_order_is_by_moment(source, tmp_path):
    first = source.commit({"west.png": picture(0)}, 10, offset=-480)
    tip = source.commit({"west.png": picture(0), "east.png": picture(1)}, 10, first, offset=330)
    table, _ = collect(tmp_path, source.pinned(tip))
    assert dict(zip(table["path"], table["added_at"], strict=True)) == {
        "east.png": "1970-01-11T05:30:00+05:30",
        "west.png": "1970-01-10T16:00:00-08:00",
    }
    assert list(table["path"]) == ["east.png", "west.png"]  # same moment: by path


def test_dates_agree_with_a_replay_of_random_linear_histories(source, tmp_path):
    """Oracle: carry (path -> date) through every commit by hand; content seen before keeps it."""
    rng = np.random.default_rng(0)
    contents = [picture(seed, (20, 16)) for seed in range(12)]
    files, dates, parents = {}, {}, ()
    for day in range(1, 40):
        before = dict(files)
        for _ in range(rng.integers(1, 3)):
            path = f"{rng.integers(6)}.png"
            if rng.random() < 0.3:
                files.pop(path, None)
            else:
                files[path] = int(rng.integers(12))
        for path in sorted(files):
            new = files[path]
            if before.get(path) != new and new not in dates:
                replaced = before.get(path)
                dates[new] = day if replaced is None else dates[replaced]
        tree = {path: contents[content] for path, content in files.items()}
        parents = (source.commit(tree, day, *parents),)
    table, _ = collect(tmp_path, source.pinned(parents[0]))
    assert len(table) > 1
    for path, day in days(table).items():
        assert day == dates[files[path]]


# ---------------------------------------------------------------------------- what is on a board


def test_every_file_that_is_no_pin_is_counted_by_its_reason(source, tmp_path):
    good, large = picture(0), picture(1, (200, 200))
    files = {
        "good.png": good,
        "run.png": (picture(2), FileMode.BLOB_EXECUTABLE),
        "copy/of good.png": good,
        "README.md": b"# Wallpapers",
        "pointer.png": POINTER,
        "link.png": (b"good.png", FileMode.LINK),
        "outside.png": (b"/etc/passwd", FileMode.LINK),
        "large.png": large,
        "broken.png": picture(3)[:400],
        "text.jpg": b"not a picture at all",
        "empty.gif": b"",
        "wrong suffix.png": picture(4, kind="JPEG"),
    }
    first = source.commit(files, 10)
    tip = source.commit(files | {"module": (first, FileMode.COMMIT)}, 20, first)
    table, summary = collect(tmp_path, source.pinned(tip), max_bytes=len(large) - 1)
    assert list(table["path"]) == ["copy/of good.png", "run.png", "wrong suffix.png"]
    assert summary.left_out == {
        "same file at another path": 1,
        "not named like a picture": 1,
        "git-LFS pointer": 1,
        "symbolic link": 2,
        "submodule": 1,
        f"more than {len(large) - 1} bytes": 1,
        "truncated or damaged picture": 1,
        "not a picture": 1,
        "empty file": 1,
    }
    assert summary.kept + summary.left_out.total() == len(files) + 1


def test_rows_say_exactly_where_a_picture_is_from(source, tmp_path):
    data = picture(0, (400, 300))
    tip = source.commit({"nordSea/Big_wave-2.PNG": data}, 10)
    table, _ = collect(tmp_path, source.pinned(tip), short_side=100)
    row = table.iloc[0]
    blob = str(pygit2.hash(data))
    assert list(table.columns) == list(git.COLUMNS)
    assert row["image"] == f"curator/{blob[:16]}.jpg"
    assert (row["blob_sha"], row["commit"], row["repo"]) == (blob, str(tip), source.url)
    assert (row["width"], row["height"]) == ("400", "300")
    assert row["caption"] == "nord sea big wave 2"
    with Image.open(tmp_path / "out" / row["image"]) as saved:
        assert (saved.size, saved.format) == ((133, 100), "JPEG")


def test_names_of_any_alphabet_become_composed_captions(source, tmp_path):
    decomposed = unicodedata.normalize("NFD", "Zürich/Été")
    files = {f"{decomposed}.png": picture(0), "夜景/東京 塔.png": picture(1)}
    files[b"\xff\xfe latin.png"] = picture(2)  # no UTF-8 at all
    tip = source.commit(files, 10)
    table, _ = collect(tmp_path, source.pinned(tip))
    assert set(table["caption"]) == {"zürich été", "夜景 東京 塔", "xff xfe latin"}


def test_hostile_names_write_nothing_outside_of_the_folder(source, tmp_path):
    files = {b"../../up.png": picture(0), b".git/hooks/post-checkout.png": picture(1)}
    tip = source.commit(files, 10)
    table, _ = collect(tmp_path, source.pinned(tip))
    assert len(table) == 2
    assert not list(tmp_path.rglob("up*"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "source.git"]


def test_the_earliest_pins_are_kept_and_the_rest_counted(source, tmp_path):
    files, parents = {}, ()
    for day in range(6):
        files[f"{9 - day}.png"] = picture(day)
        parents = (source.commit(files, day + 1, *parents),)
    table, summary = collect(tmp_path, source.pinned(parents[0]), max_pins=4)
    assert list(table["path"]) == ["9.png", "8.png", "7.png", "6.png"]
    assert summary.left_out == {"after the first 4 of a board": 2}


@pytest.mark.parametrize("when", ["86400000000000 +0000", "-5 +0000"])
def test_a_commit_of_an_impossible_date_leaves_its_pictures_out(source, tmp_path, when):
    first = source.commit({"a.png": picture(0)}, 10)
    tree = source.tree({"a.png": picture(0), "b.png": picture(1)})
    raw = f"tree {tree}\nparent {first}\nauthor A <a> {when}\ncommitter C <c> 9 +0000\n\nm"
    tip = source.repository.odb.write(ObjectType.COMMIT, raw.encode())
    source.repository.references.create("refs/heads/main", tip, force=True)
    table, summary = collect(tmp_path, source.pinned(tip))
    assert list(table["path"]) == ["a.png"]
    assert summary.left_out == {"impossible date": 1}


def test_an_offset_that_no_zone_has_is_taken_as_utc(source, tmp_path):
    tree = source.tree({"a.png": picture(0)})
    raw = f"tree {tree}\nauthor A <a> 86400 +9999\ncommitter C <c> 86400 +9999\n\nm"
    tip = source.repository.odb.write(ObjectType.COMMIT, raw.encode())
    source.repository.references.create("refs/heads/main", tip)
    table, _ = collect(tmp_path, source.pinned(tip))
    assert list(table["added_at"]) == ["1970-01-02T00:00:00+00:00"]


def test_the_manifest_is_what_read_boards_reads(source, tmp_path):
    tip = source.commit({f"{k}.png": picture(k) for k in range(5)}, 10)
    collect(tmp_path, source.pinned(tip, "one"), source.pinned(tip, "two"))
    pins = read_boards(tmp_path / "out")
    assert pins["board"].value_counts().to_dict() == {"one": 5, "two": 5}
    assert all(Path(image).is_file() for image in pins["image"])


# ---------------------------------------------------------------------- again, killed, and failed


def contents(out: Path) -> dict[str, bytes]:
    """All files of a collection but its repositories."""
    files = (path for path in out.rglob("*") if path.is_file())
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in files
        if git.CACHE not in path.parts
    }


@pytest.fixture
def three(tmp_path):
    """Three repositories with a little history."""
    pinned = []
    for board in range(3):
        source = Source(tmp_path / f"source{board}.git")
        files, parents = {"broken.jpg": b"no picture"}, ()
        for day in range(4):
            files[f"{day}.png"] = picture(10 * board + day)
            parents = (source.commit(files, day + 1, *parents),)
        pinned.append(source.pinned(parents[0], f"board{board}"))
    return pinned


def test_collecting_twice_and_elsewhere_gives_the_same_bytes(three, tmp_path):
    for out in ("one", "other", "one"):
        summary = collect_git(three, tmp_path / out, progress=False)
        assert (summary.kept, summary.left_out) == (12, {"not a picture": 3})
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


@pytest.mark.parametrize("pictures", [0, 1, 4, 6, 11])
def test_a_killed_run_goes_on_and_loses_nothing(three, tmp_path, monkeypatch, pictures):
    collect_git(three, tmp_path / "whole", progress=False)
    saved = []

    def kill(data, path, **options):
        if len(saved) == pictures:
            raise KeyboardInterrupt
        size = save_picture(data, path, **options)
        saved.append(path)
        return size

    out = tmp_path / "killed"
    monkeypatch.setattr(git, "save_picture", kill)
    with pytest.raises(KeyboardInterrupt):
        collect_git(three, out, progress=False)
    assert not (out / "manifest.csv").exists()
    finished = pictures // 4
    monkeypatch.setattr(git, "save_picture", counting := Counting())
    summary = collect_git(three, out, progress=False)
    assert counting.calls == 5 * (3 - finished)  # 4 pictures and a broken one a board
    assert (summary.kept, summary.left_out) == (12, {"not a picture": 3})
    assert contents(out) == contents(tmp_path / "whole")


class Counting:
    """`save_picture` that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, data, path, **options):
        self.calls += 1
        return save_picture(data, path, **options)


def test_lost_pictures_are_collected_again(three, tmp_path):
    out = tmp_path / "out"
    collect_git(three, out, progress=False)
    before = contents(out)
    next((out / "board1").iterdir()).unlink()
    collect_git(three, out, progress=False)
    assert contents(out) == before


def test_other_options_are_not_answered_with_the_old_boards(three, tmp_path):
    out = tmp_path / "out"
    collect_git(three, out, progress=False)
    assert collect_git(three, out, max_pins=2, progress=False).kept == 6
    assert len(read_boards(out)) == 6


def test_a_wrong_commit_and_an_absent_repository_fail_alone_by_name(three, tmp_path):
    wrong = PinnedRepository("wrong", three[0].url, "0123456789" * 4)
    absent = PinnedRepository("absent", (tmp_path / "nowhere").as_uri(), three[0].commit)
    table, summary = collect(tmp_path, wrong, three[0], absent)
    assert set(table["board_id"]) == {"board0"}
    assert set(summary.failed) == {"wrong", "absent"}
    assert "has no commit 0123456789" in summary.failed["wrong"]
    assert "nowhere" in summary.failed["absent"]
    assert "failed 2 boards" in str(summary)


@pytest.fixture
def shallow(source, tmp_path):
    """A source whose history was cut after its second commit, and how to mend it."""
    first = source.commit({"a.png": picture(0)}, 10)
    second = source.commit({"a.png": picture(0), "b.png": picture(1)}, 20, first)
    tip = source.commit({"a.png": picture(0), "b.png": picture(1), "c.png": picture(2)}, 30, second)
    lost = tmp_path / "source.git/objects" / str(first)[:2] / str(first)[2:]
    content = lost.read_bytes()
    lost.unlink()
    (tmp_path / "source.git/shallow").write_text(f"{second}\n")

    def mend():
        lost.write_bytes(content)
        (tmp_path / "source.git/shallow").unlink()

    return source.pinned(tip), second, mend


def test_a_shallow_source_is_told_and_works_once_it_is_whole(shallow, tmp_path):
    pinned, second, mend = shallow
    for _ in range(2):
        table, summary = collect(tmp_path, pinned)
        assert len(table) == 0
        assert summary.failed["curator"] == (
            f"cannot read {pinned.url}: it is a shallow clone: its history breaks off at commit "
            f"{second}, and history is what dates its pictures. Complete it (git fetch "
            "--unshallow), or list the repository that it was cloned from, and collect again"
        )
    mend()
    table, summary = collect(tmp_path, pinned)
    assert not summary.failed
    assert days(table) == {"a.png": 10, "b.png": 20, "c.png": 30}


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git, to make a shallow clone")
def test_a_clone_that_git_made_shallow_works_once_git_unshallowed_it(source, tmp_path):
    parents = ()
    for day in range(1, 5):
        parents = (source.commit({f"{k}.png": picture(k) for k in range(day)}, day, *parents),)
    clone = tmp_path / "clone"

    def run_git(*arguments):
        subprocess.run(["git", *map(str, arguments)], check=True, capture_output=True)

    run_git("clone", "--depth", 2, "--branch", "main", source.url, clone)
    pinned = PinnedRepository("curator", clone.as_uri(), str(parents[0]))
    assert "it is a shallow clone" in collect(tmp_path, pinned)[1].failed["curator"]
    run_git("-C", clone, "fetch", "--unshallow")
    table, summary = collect(tmp_path, pinned)
    assert not summary.failed
    assert days(table) == {f"{k}.png": k + 1 for k in range(4)}


def test_a_shallow_source_over_http_is_told(tmp_path):
    """The beginning of git-upload-pack's answer, where a shallow source says what it lacks."""
    tip = "a" * 40

    def packet(line):
        return f"{len(line) + 4:04x}{line}"

    body = packet("# service=git-upload-pack\n") + "0000"
    body += packet(f"{tip} HEAD\0 ofs-delta shallow\n") + packet(f"{tip} refs/heads/main\n")
    kind = {"Content-Type": "application/x-git-upload-pack-advertisement"}
    with local_server() as server:
        server.say(
            "/r/info/refs", Answer((body + packet(f"shallow {tip}\n") + "0000").encode(), 200, kind)
        )
        _, summary = collect(tmp_path, PinnedRepository("curator", f"{server.url}/r", tip))
    assert "If the source is a shallow clone: complete it" in summary.failed["curator"]


@pytest.mark.parametrize("damage", ["emptied", "cut", "a byte changed", "gone"])
@pytest.mark.parametrize("name", ["HEAD", "config", "objects/pack/*.pack", "objects/pack/*.idx"])
def test_a_cache_that_was_damaged_is_mended_or_fetched_anew(source, tmp_path, name, damage):
    first = source.commit({"a.png": picture(0), "b.txt": b"x"}, 10)
    tip = source.commit({"a.png": picture(0), "x/c.png": picture(1)}, 20, first)
    pinned, cache = source.pinned(tip), tmp_path / "cache"
    whole = collect_git([pinned], tmp_path / "whole", cache=cache, progress=False)
    damaged = tmp_path / "damaged"
    shutil.copytree(cache, damaged)  # libgit2 remembers packs that it opened
    (file,) = (damaged / "curator.git").glob(name)
    content = file.read_bytes()
    half = len(content) // 2
    file.unlink()
    if damage != "gone":
        flipped = content[:half] + bytes([content[half] ^ 255]) + content[half + 1 :]
        file.write_bytes({"emptied": b"", "cut": content[:half], "a byte changed": flipped}[damage])
    out = tmp_path / "out"
    got = collect_git([pinned], out, cache=damaged, progress=False)
    assert not got.failed, got.failed
    assert got == whole
    assert contents(out) == contents(tmp_path / "whole")


def test_a_cache_that_lacks_objects_is_fetched_anew(shallow, tmp_path, caplog):
    """Earlier versions kept what they fetched from a shallow source: the tip alone is there."""
    pinned, _, mend = shallow
    folder = tmp_path / "out" / git.CACHE / "curator.git"
    repository = pygit2.init_repository(str(folder), bare=True)
    repository.remotes.create_anonymous(pinned.url).fetch((pinned.commit,))
    repository.free()
    mend()
    table, summary = collect(tmp_path, pinned)
    assert not summary.failed
    assert days(table) == {"a.png": 10, "b.png": 20, "c.png": 30}
    assert f"{folder} cannot be used (cannot read {pinned.url}: it is a shallow" in caplog.text
    assert caplog.text.rstrip().endswith("; it is fetched anew")


def test_a_lost_network_costs_no_cache(source, tmp_path):
    first = source.commit({"a.png": picture(0)}, 10)
    collect(tmp_path, source.pinned(first))
    folder = tmp_path / "out" / git.CACHE
    before = sorted(folder.rglob("*"))
    tip = source.commit({"a.png": picture(0), "b.png": picture(1)}, 20, first)
    (tmp_path / "source.git").rename(tmp_path / "gone")
    assert "cannot fetch" in collect(tmp_path, source.pinned(tip))[1].failed["curator"]
    assert sorted(folder.rglob("*")) == before
    (tmp_path / "gone").rename(tmp_path / "source.git")
    assert collect(tmp_path, source.pinned(tip))[1].kept == 2


@pytest.mark.parametrize("name", ["curator.git", ".partial-{}-x/curator.git"])
def test_what_a_killed_fetch_left_is_cleared_away(source, tmp_path, name, dead_process):
    name = name.format(dead_process)
    tip = source.commit({"a.png": picture(0)}, 10)
    cache = tmp_path / "cache"
    script = f"""
        import os, pygit2
        class Killed(pygit2.RemoteCallbacks):
            def transfer_progress(self, stats):
                os._exit(9)
        repository = pygit2.init_repository({str(cache / name)!r}, bare=True)
        remote = repository.remotes.create_anonymous({source.url!r})
        remote.fetch(({str(tip)!r},), callbacks=Killed())
    """
    process = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert process.returncode == 9
    assert list(cache.rglob("*_git2_*"))
    table, _ = collect(tmp_path, source.pinned(tip), cache=cache)
    assert len(table) == 1
    assert not list(cache.rglob("*_git2_*"))
    assert sorted(path.name for path in cache.iterdir()) == ["curator.git", "curator.lock"]


def test_an_empty_repository_fails_by_name(source, tmp_path):
    _, summary = collect(tmp_path, PinnedRepository("curator", source.url, "a" * 40))
    assert summary.failed["curator"] == f"{source.url} has no commit {'a' * 40}"


def test_a_full_disk_ends_it_with_the_name_of_the_file(source, tmp_path, full_disk, monkeypatch):
    tip = source.commit({"a.png": picture(0)}, 10)
    collect(tmp_path, source.pinned(tip))
    shutil.rmtree(tmp_path / "out" / "curator")
    with full_disk(200), pytest.raises(OSError, match=r"File too large: '.*curator/.*\.jpg'"):
        collect(tmp_path, source.pinned(tip))
    assert not list(tmp_path.rglob("*.part"))


def test_paths_with_line_ends_are_paths_like_others(source, tmp_path):
    files = {b"new\nline/a\tb.png": picture(0), b'quote"d, and.png': picture(1)}
    tip = source.commit(files, 10)
    table, _ = collect(tmp_path, source.pinned(tip))
    assert set(table["path"]) == {path.decode() for path in files}
    assert set(table["caption"]) == {"new line a b", "quote d and"}


def test_a_repository_with_lost_objects_fails_by_name(source, tmp_path):
    data = picture(0)
    tip = source.commit({"a.png": data}, 10)
    blob = str(pygit2.hash(data))
    (tmp_path / "source.git/objects" / blob[:2] / blob[2:]).unlink()
    _, summary = collect(tmp_path, source.pinned(tip))
    assert summary.kept == 0
    assert source.url in summary.failed["curator"]


def test_an_id_that_is_no_commit_fails_by_name(source, tmp_path):
    source.commit({"a.png": picture(0)}, 10)
    blob = pygit2.hash(picture(0))
    _, summary = collect(tmp_path, source.pinned(blob))
    assert source.url in summary.failed["curator"]


def test_nothing_is_checked_out_and_no_hook_runs(source, tmp_path):
    mark = tmp_path / "hook ran"
    hooks = tmp_path / "source.git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "post-upload-pack", "reference-transaction", "pre-receive"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch '{mark}'\n")
        (hooks / name).chmod(0o755)
    files = {".gitattributes": b"*.png filter=x diff=x", "a.png": picture(0)}
    tip = source.commit(files, 10)
    cache = tmp_path / "cache"
    collect(tmp_path, source.pinned(tip), cache=cache)
    assert not mark.exists()
    assert not list(cache.rglob("*.png"))
    assert not (tmp_path / "out" / git.CACHE).exists()


def test_bad_options_are_named(source, tmp_path):
    pinned = source.pinned(source.commit({"a.png": picture(0)}, 10))
    with pytest.raises(ValueError, match="max_pins is 0"):
        collect_git([pinned], tmp_path / "out", max_pins=0)
    with pytest.raises(ValueError, match="short_side is -1"):
        collect_git([pinned], tmp_path / "out", short_side=-1)
    with pytest.raises(ValueError, match="more than once: curator"):
        collect_git([pinned, pinned], tmp_path / "out")


# -------------------------------------------------------------------------------------- the list


def test_the_shipped_list_has_44_repositories_with_full_commit_ids():
    repositories = read_repositories()
    assert len(repositories) == len({repository.url for repository in repositories}) == 44
    for repository in repositories:
        assert len(repository.commit) == 40
        assert int(repository.commit, 16) > 0
        assert repository.url == "https://github.com/" + repository.board_id.replace("__", "/", 1)
        assert repository.licence


def test_the_shipped_list_is_that_of_the_shared_boards(shared_data):
    table = pd.read_csv(shared_data / "boards/manifest.csv", dtype=str, keep_default_na=False)
    shared = set(zip(table["board_id"], table["repo"], table["commit"], strict=True))
    listed = {
        (pinned.board_id, pinned.url.removeprefix("https://github.com/"), pinned.commit)
        for pinned in read_repositories()
    }
    assert listed == shared


def test_captions_are_made_as_those_of_the_shared_boards(shared_data):
    table = pd.read_csv(shared_data / "boards/manifest.csv", dtype=str, keep_default_na=False)
    paths = [str(PurePosixPath(path).with_suffix("")) for path in table["path"]]
    assert [name_words(path) for path in paths] == list(table["caption"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("b,https://example.org/r,abc123,x", "line 2: commit 'abc123' of b is not a full"),
        (f"b,https://example.org/r,{'A' * 40},x", "is not a full commit id"),
        (f"../b,https://example.org/r,{'a' * 40},x", "board_id '../b'"),
        (f"b,ssh://example.org/r,{'a' * 40},x", "url 'ssh://example.org/r' of b"),
        (f"b,ext::sh -c true,{'a' * 40},x", "url 'ext::sh -c true'"),
        (f"b,https://example.org/r,{'a' * 40},x\nB,https://example.org/s,{'b' * 40},x", "once: b"),
        ("", "lists no repositories"),
    ],
)
def test_a_wrong_list_is_refused(tmp_path, line, message):
    path = tmp_path / "list.csv"
    path.write_text(f"board_id,url,commit,licence\n{line}\n")
    with pytest.raises(ValueError, match=message.replace(".", r"\.").replace("'", ".")):
        read_repositories(path)


def test_a_list_without_a_column_or_file_is_refused(tmp_path):
    (tmp_path / "list.csv").write_text("board_id,url\nb,https://example.org\n")
    with pytest.raises(ValueError, match=r"lacks the column\(s\) commit, licence"):
        read_repositories(tmp_path / "list.csv")
    with pytest.raises(FileNotFoundError, match="no list of repositories"):
        read_repositories(tmp_path / "absent.csv")


# ---------------------------------------------------------------------- photographs of a list


def photograph(seed: int, taken: str | None) -> bytes:
    exif = Image.Exif()
    if taken:
        exif[0x9003] = taken
    file = io.BytesIO()
    Image.open(io.BytesIO(picture(seed))).save(file, "JPEG", exif=exif)
    return file.getvalue()


def test_photographs_are_dated_by_when_they_were_taken(source, tmp_path):
    files = {
        "a.jpg": photograph(0, "2015:06:01 10:00:00"), "b.jpg": photograph(1, None),
        "c.jpg": photograph(2, "0000:00:00 00:00:00"), "d.jpg": b"no picture",
    }  # fmt: skip
    pinned = source.pinned(source.commit(files, 10))
    table, summary = collect(tmp_path, pinned, photographs=True)
    assert table["path"].tolist() == ["b.jpg", "c.jpg", "a.jpg"]
    assert table["time_source"].tolist() == ["commit", "commit", "exif"]
    assert table["added_at"].iloc[2] == "2015-06-01T10:00:00+00:00"
    assert summary.left_out.total() == 1
    plain, _ = collect(tmp_path, pinned)  # collected anew: something else is asked
    assert set(plain["time_source"]) == {"commit"}
    assert read_boards(tmp_path / "out")["time_source"].tolist() == ["commit"] * 3


def test_only_what_is_listed_is_on_the_board(source, tmp_path):
    kept, other = picture(0), picture(1)
    commit = source.commit({"x/kept.png": kept, "other.png": other}, 10)
    blob = str(pygit2.hash(kept))
    path = tmp_path / "list.csv"
    path.write_text(
        "board_id,url,commit,licence,pictures\n"
        f"curator,{source.url},{commit},not stated,{blob[:16]} {'0' * 16}\n"
    )
    table, summary = collect(tmp_path, *read_repositories(path))
    assert table["blob_sha"].tolist() == [blob]
    assert summary.left_out == {"not on the list": 1}
    path.write_text(path.read_text().replace(blob[:16], blob[:9]))
    with pytest.raises(ValueError, match=r"line 2: pictures of curator: .* first 16 digits"):
        read_repositories(path)


def test_the_shipped_list_of_travel_names_contents_and_no_files():
    repositories = read_repositories(git.TRAVEL_LIST)
    assert len(repositories) == 35
    sizes = [len(of.pictures) for of in repositories]
    assert (sum(sizes), min(sizes), max(sizes)) == (3961, 54, 160)
    assert not any("." in of for pinned in repositories for of in pinned.pictures)

"""What can be typed, and what is said when it is typed wrongly."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ONEVOICE, Shell, environment
from tests.support.mission import PATIENCE

HELP_SECONDS = 0.4


def test_the_first_page_comes_within_its_budget() -> None:
    """The budget is 0.4 s; processor time is what a busy machine does not falsify, the best of five counts."""
    spent = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([*ONEVOICE, "--help"], env=environment(), capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert "Usage: onevoice" in done.stdout
    assert min(spent) < HELP_SECONDS


@pytest.mark.parametrize("words", [["publish"], ["eoc", "activate"], ["officers", "designate"], ["audit", "verify"]])
def test_each_page_has_an_example(words: list[str]) -> None:
    done = Shell()(*words, "--help")
    assert done.status == 0
    assert f"Example:\n    onevoice {' '.join(words)}" in done.out
    assert "--city" in done.out
    assert "--json" in done.out


WRONG = [
    ["nonsense"],
    ["status"],
    ["eoc", "activate", "--level", "2"],
    ["eoc", "activate", "--level", "4", "--incident", "x", "--as", "cao"],
    ["eoc", "activate", "--level", "two", "--incident", "x", "--as", "cao"],
    ["eoc", "nonsense"],
    ["hold", "maybe", "--as", "pio"],
    ["reject", "rabc", "--as", "pio"],
    ["publish", "x", "--unknown"],
    ["eoc", "status", "--realm", "mars"],
    ["audit", "show", "x"],
]


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_use_is_status_2_and_one_block_or_an_error_object(words: list[str]) -> None:
    plain = Shell()(*words)
    assert plain.status == 2
    assert plain.out == ""
    assert plain.err.startswith("error: ")
    assert "code: usage" in plain.err
    said = Shell().json(*words)
    assert (said.status, said.code, said.err) == (2, "usage", "")


def test_a_text_that_begins_with_a_dash_is_told_its_place() -> None:
    """A list is a text like any other, and looks like an option."""
    done = Shell()("publish", "- Bring water", "--as", "pio")
    assert (done.status, '-- "- text"' in done.err) == (2, True), done


TEXTS = ["-20 °C tonight: warming centre open.", "-5 tonight", "-1 degrees", "-5°", "-Été: eau", "--- CANCELLED ---"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_begins_with_a_negative_number_is_no_option(text: str) -> None:
    done = Shell()("publish", text, "--to", "pio-mastodon", "--as", "pio")
    assert (done.status, '-- "- text"' in done.err) == (2, True), done


@pytest.mark.parametrize("option", ["-z", "--jes", "--jes=on this day"])
def test_an_option_that_there_is_not_is_no_text(option: str) -> None:
    done = Shell()("publish", "Bring water", option, "--as", "pio")
    assert (done.status, "publish --help" in done.err, "- text" in done.err) == (2, True, False), done


def test_a_slip_gets_a_suggestion() -> None:
    assert "'publish'" in Shell()("publsh", "x").err


def test_no_command_shows_the_help() -> None:
    done = Shell()()
    assert done.status == 2
    assert "Usage: onevoice" in done.err


def test_bytes_that_are_no_text_are_refused() -> None:
    done = Shell().process("publish", b"a\xff", "--as", "pio", "--to", "fire-townsquare", "--json")
    assert (done.status, done.code) == (2, "input.encoding")


def test_completion_knows_commands_and_their_children() -> None:
    def complete(line: str) -> list[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_ONEVOICE_COMPLETE": "complete_bash"}
        return Shell().process(stdin=b"", **words).out.split()

    assert complete("onevoice wi") == ["withdraw"]
    assert complete("onevoice eoc stand") == ["stand-down"]


def test_a_reader_that_goes_away_is_no_error(made_folder: Path) -> None:
    done = subprocess.run(
        f"{' '.join(ONEVOICE)} publish --help | head -1", shell=True, env=environment(), capture_output=True, text=True
    )
    assert done.stderr == ""


def test_a_realm_of_the_environment_must_be_one() -> None:
    done = Shell()("eoc", "status", "--json", ONEVOICE_REALM="mars")
    assert (done.status, done.code) == (2, "usage")


@pytest.mark.parametrize("words", ["--help", "publish --help", "audit show"])
def test_a_full_disk_is_one_clear_error(made_folder: Path, words: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*ONEVOICE, *words.split()],
            env=environment(ONEVOICE_CITY=str(made_folder)),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert "Traceback" not in done.stderr
    if words != "audit show":  # it has nothing to show before the city was up, and says that
        assert (done.returncode, "output.unwritable" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("words", ["--help", "publish --help", "doctor"])
def test_a_reader_that_goes_away_ends_a_command_with_0(made_folder: Path, words: str) -> None:
    env = environment(ONEVOICE_CITY=str(made_folder))
    pipe = subprocess.PIPE
    with subprocess.Popen([*ONEVOICE, *words.split()], env=env, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(timeout=PATIENCE) == 0


def test_a_reader_of_both_outputs_that_goes_away_leaves_the_exit_status() -> None:
    """With ``2>&1 | head`` what is said of it goes the same way: it ended with 1, by a BrokenPipeError."""
    begun = "import sys; from services.desk import main, sent\n"
    for acts, status in (("sent.note_acting(); ", 2), ("", 0)):
        run = f"def run(args):\n    {acts}sys.stdout.write('x' * 100_000)\nmain.run = run\nmain.main()"
        process = subprocess.Popen(
            [sys.executable, "-c", begun + run], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=PATIENCE) == status


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_no_exit_status(made_folder: Path, closed: str) -> None:
    """As some schedulers start a program; ``2>&-`` ended each command as a bug."""
    command = f"{' '.join(ONEVOICE)} template list {closed}"
    done = subprocess.run(command, shell=True, env=environment(ONEVOICE_CITY=str(made_folder)), check=False)
    assert done.returncode == 0

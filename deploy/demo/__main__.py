"""Play the story: ``python -m deploy.demo --folder DIR``. Exit status 0 only if each scene came true."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from deploy.demo.scenes import SCENES
from deploy.demo.stage import SceneError, Stage
from deploy.demo.telling import Memory, Told
from services.kernel.base.clock import monotonic


def main() -> int:
    """Play all scenes; return the exit status."""
    parser = argparse.ArgumentParser(prog="story", description="Play the whole job with the real commands.")
    parser.add_argument("--folder", type=Path, default=Path("demo-city"), help="the demonstration city's folder")
    folder = parser.parse_args().folder.resolve()
    console = Console(highlight=False, soft_wrap=True)
    began = monotonic()
    stage = Stage(folder)
    try:
        _play(stage, console)
    except SceneError as error:
        console.print(f"\n[red]The story stops here.[/red] {error}", markup=True)
        console.print(f"The services' log: {folder / 'var' / 'story.log'}")
        return 1
    finally:
        stopped = _stop(stage, console)
    if stopped != 0:
        console.print(f"[red]The city ended with status {stopped}.[/red]")
        return 1
    _farewell(console, folder, monotonic() - began)
    return 0


def _play(stage: Stage, console: Console) -> None:
    made = stage.make_city()
    console.print(
        f"[bold]OneVoice[/bold]: a demonstration city in {stage.folder} ({'new' if made else 'as it stands'})"
    )
    seconds = stage.raise_curtain()
    console.print(f"Broker, townsquare, website and seven services are up after {seconds:.1f} s.\n")
    memory = Memory(stage)
    for number, scene in enumerate(SCENES, 1):
        _tell(console, number, scene(memory))


def _tell(console: Console, number: int, told: Told) -> None:
    console.print(f"[bold]{number:2}. {told.title}[/bold]")
    console.print(f"    $ {told.typed}", style="dim", markup=False)
    for line in told.outcome:
        console.print(f"      {line}", markup=False)
    console.print()


def _stop(stage: Stage, console: Console) -> int:
    try:
        return stage.lower_curtain()
    except SceneError as error:
        console.print(str(error), markup=False)
        return 1


def _farewell(console: Console, folder: Path, seconds: float) -> None:
    console.print(f"[green]Each step did what it should[/green] ({seconds:.0f} s).\n")
    console.print("Look at the posts:")
    console.print(f"  the city's website      {folder / 'site' / 'index.html'}", markup=False)
    console.print("  the town square         make up, then open the address that it prints")
    console.print("\nWhat to type next:")
    console.print(
        "  make up                                             leaves the city running; in a second terminal:"
    )
    console.print(f"  export ONEVOICE_CITY={folder} PATH=$PWD/.venv/bin:$PATH", markup=False)
    console.print("  onevoice eoc status")
    console.print('  onevoice publish "Your words. https://mission.example" --as mcpe --to city-townsquare')
    console.print("  onevoice audit verify")


if __name__ == "__main__":
    sys.exit(main())

"""The Typer application: commands are loaded when they are named, and all take the common options.

``--city``, ``--realm``, ``--json`` and ``--verbose`` may stand before or after the command; ``command`` adds them to
each, and hands what was given to the command as its first argument, an Invocation.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import shlex
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, cast, get_args, get_type_hints

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from services.desk.keys.desk_folder import default_folder, desk_folders
from services.desk.menu import MENU, root_help
from services.desk.views.hints import hint_in

if TYPE_CHECKING:
    from rich.console import Console

    from services.kernel.base.city import City

Command = TypeVar("Command", bound=Callable[..., Any])
Realm = Literal["live", "exercise"]

CityOption = Annotated[
    Path | None,
    typer.Option("--city", metavar="DIR", help="The city folder (or ONEVOICE_CITY)."),
]
RealmOption = Annotated[Realm | None, typer.Option("--realm", help="The realm (or ONEVOICE_REALM); else live.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON value on standard output.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Say more of what is done.")]


@dataclass(frozen=True)
class Invocation:
    """What holds for each command: which city and realm, and how to answer."""

    folder: Path
    realm: Realm
    as_json: bool = False
    verbose: bool = False

    def city(self) -> City:
        """Read the city folder, and show times in its zone; raises BadInput as ``load_city`` does."""
        from services.desk.views.timetext import read_in
        from services.kernel.base.city import load_city
        from services.kernel.base.errors import BadInput

        try:
            city = load_city(self.folder, self.realm)
        except BadInput as error:
            if error.code != "city.missing" or self.folder != Path(".") or not (desks := desk_folders()):
                raise
            each = " or ".join(f"--city {shlex.quote(str(desk))}" for desk in desks)
            raise BadInput(error.code, error.message, f"name one of your desks: {each}") from error
        read_in(city.zone)
        return city

    def answer(self, value: Any, show: Callable[[Console], None]) -> None:
        """Print a result on standard output: ``value`` as JSON for programs, else what ``show`` draws."""
        from services.desk.views.output import console, print_json

        if self.as_json:
            print_json(value)
        else:
            show(console())


class Lazy(TyperGroup):
    """The top level: knows the names and summaries, and loads a command's module when it is named."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Return the names in the order of the menu."""
        return [entry.name for entry in MENU]

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """Load one command, or return None."""
        if cmd_name not in self.commands:
            module = next((entry.module for entry in MENU if entry.name == cmd_name), None)
            if module is None:
                return None
            self._load(cmd_name, module)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        """Find the command that was named, or say which one it may have meant; nothing is loaded for that."""
        if args and args[0] not in self.list_commands(ctx) and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            ctx.fail(f"there is no command {args[0]!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(cast(Any, ctx), args)

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write the first page of help."""
        formatter.write(root_help())

    def _load(self, name: str, module: str) -> None:
        app: typer.Typer = importlib.import_module(module).app
        whole = get_group(app)
        whole.name = name
        self.commands[name] = whole.commands.get(name, whole)


def group(summary: str, example: str = "") -> typer.Typer:
    """Make the application of one module of commands; the common options are taken there as well."""
    app = typer.Typer(
        help=summary, epilog=_epilog(example), add_completion=False, rich_markup_mode=None, no_args_is_help=True
    )
    app.callback()(_remember)
    return app


def command(
    app: typer.Typer, name: str, example: str, *, without: tuple[str, ...] = ()
) -> Callable[[Command], Command]:
    """Register ``function(invocation, ...) -> exit status`` as a command with the common options.

    The function may be asynchronous; a parameter whose type is a dataclass of options takes all of them, but for
    those fields (``without``) that mean nothing to this command: they are not offered, and have their defaults.
    """

    def register(function: Command) -> Command:
        # The whole first sentence: Typer would cut it where it is longer than a line of the list.
        summary = " ".join((function.__doc__ or "").partition(".\n")[0].split()).removesuffix(".") + "."
        app.command(name, short_help=summary, epilog=_epilog(example))(_with_common(function, without))
        return function

    return register


def build() -> Any:
    """Return the whole command, to be called with ``main(args, standalone_mode=False)``."""
    app = typer.Typer(cls=Lazy, rich_markup_mode=None, no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback()(_remember)
    return get_command(app)


def _remember(
    ctx: typer.Context,
    city: CityOption = None,
    realm: RealmOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    ctx.meta.update({key: value for key, value in _given(city, realm, as_json, verbose).items() if value is not None})


def _given(city: Path | None, realm: Realm | None, as_json: bool, verbose: bool) -> dict[str, Any]:
    return {"city": city, "realm": realm, "as_json": as_json or None, "verbose": verbose or None}


def _invocation(ctx: typer.Context) -> Invocation:
    given = ctx.meta
    realm = given.get("realm") or _realm_of_environment()
    hint_in(realm)
    return Invocation(
        folder=Path(given.get("city") or os.environ.get("ONEVOICE_CITY") or default_folder()),
        realm=realm,
        as_json=given.get("as_json", False),
        verbose=given.get("verbose", False),
    )


def _realm_of_environment() -> Realm:
    """Return the realm that ONEVOICE_REALM names, as the services' own programs do; live without it."""
    named = os.environ.get("ONEVOICE_REALM") or "live"
    if named not in get_args(Realm):
        raise typer.BadParameter(f"ONEVOICE_REALM is {named!r}, neither live nor exercise")
    return cast(Realm, named)


def _with_common(function: Callable[..., Any], without: tuple[str, ...] = ()) -> Callable[..., int]:
    """Return the command as Typer calls it: sets of options spread out, the common options added, run to its end."""
    hints = get_type_hints(function, include_extras=True)
    names = list(inspect.signature(function).parameters)[1:]
    defaults = {name: one.default for name, one in inspect.signature(function).parameters.items()}
    sets = {name: hints[name] for name in names if is_dataclass(hints[name])}
    own: list[inspect.Parameter] = []
    for name in names:
        own += _spread(sets[name], without) if name in sets else [_parameter(name, hints[name], defaults[name])]
    common = list(inspect.signature(_remember, eval_str=True).parameters.values())

    def call(**values: Any) -> int:
        shared = {parameter.name: values.pop(parameter.name) for parameter in common}
        _remember(**shared)
        for name, kind in sets.items():
            given = [field.name for field in fields(kind) if field.name in values]
            values[name] = kind(**{field: values.pop(field) for field in given})
        return _finish(function(_invocation(shared["ctx"]), **values))

    ordered = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *common)]
    vars(call)["__signature__"] = inspect.Signature(ordered, return_annotation=int)
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in ordered} | {"return": int}
    call.__name__ = function.__name__
    call.__doc__ = function.__doc__
    return call


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _spread(options: Any, without: tuple[str, ...]) -> list[inspect.Parameter]:
    """Return a parameter for each field of a set of options (``services.desk.options``), without some."""
    hints = get_type_hints(options, include_extras=True)
    empty = inspect.Parameter.empty
    return [
        _parameter(field.name, hints[field.name], empty if field.default is MISSING else field.default)
        for field in fields(options)
        if field.name not in without
    ]


def _finish(result: Any) -> int:
    """Run what an asynchronous command returned to its end."""
    if not inspect.iscoroutine(result):
        return int(result)
    from services.desk.session import run

    return int(run(result))


def _epilog(example: str) -> str | None:
    """Keep the lines of an example as they are (``\\b`` turns re-wrapping off)."""
    if not example:
        return None
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in example.strip().splitlines())

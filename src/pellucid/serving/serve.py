"""A server from beginning to end: files read, processes started, requests answered, and a graceful end."""

import asyncio
import contextlib
import gc
import importlib.util
import ipaddress
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.confined.onnx_files import read_model
from pellucid.errors import ModelFileError, UsageError
from pellucid.language.sentence import Sentence
from pellucid.pages.local_server import listening, server_of
from pellucid.safety.files import read_regular
from pellucid.serving import ServeOptions
from pellucid.serving.workers import Source, Workers

if TYPE_CHECKING:
    from pellucid.serving.collecting import Collecting

# Seconds that requests under way have at the end.
_GRACE = 30
_NEEDED = ("starlette", "uvicorn", "prometheus_client", "jinja2")
_MOST_TOKEN_BYTES = 4096  # of the file
_LEAST_TOKEN = 16  # characters
_ENDING = ".onnx"


def require_installed() -> None:
    """Refuse to go on where something is missing.

    Raises: `UsageError` with what to install.
    """
    missing = [name.replace("_", "-") for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise UsageError(
            "serve: needs {missing}, which {verb} not installed; pip install 'pellucid[serve]'",
            ", ".join(missing),
            verb,
        )


def named(place: str) -> tuple[str | None, str]:
    """The name that `NAME=PATH` gives, if it does, and the path."""
    name, separator, path = place.partition("=")
    if separator and name and "/" not in name and not os.path.exists(place):
        return name, path
    return None, place


def sources_of(places: Sequence[str]) -> list[Source]:
    """Read ONNX files, each `FILE` or `NAME=FILE`; its stem is its name where none is given.

    Raises: `ModelFileError` if there is no such file, `UsageError` if two have one name.
    """
    found: list[Source] = []
    for place in places:
        name, path = named(place)
        if not path.lower().endswith(_ENDING):
            raise ModelFileError(
                "{path}: does not end in {ENDING}; give a model that pellucid export wrote", path, _ENDING
            )
        found.append(Source(name or Path(path).stem, path, read_model(os.path.abspath(path), path)))
    require_names(found)
    return found


def require_names(sources: Sequence[Source]) -> None:
    """Refuse two models of one name.

    Raises: `UsageError` with both.
    """
    seen: dict[str, str] = {}
    for name, place in ((each.name, each.place) for each in sources):
        if name in seen:
            raise UsageError(
                "{place}: its name {name!r} is that of {seen} too; give NAME=PATH", place, name, seen[name]
            )
        seen[name] = place


def read_token(path: Path) -> str:
    """The token that a file holds.

    Raises: `UsageError` if it cannot be read or is no token.
    """
    try:
        token = read_regular(path, _MOST_TOKEN_BYTES).decode().strip()
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "no text").lower()
        raise UsageError(
            "--token-file: {path}: {reason}; give a file that holds a token", path, reason
        ) from error
    if len(token) < _LEAST_TOKEN or not token.isascii() or any(each <= " " for each in token):
        raise UsageError(
            "--token-file: {path}: a token is {LEAST_TOKEN} or more characters without spaces; make one by "
            "python -c 'import secrets; print(secrets.token_urlsafe())'",
            path,
            _LEAST_TOKEN,
        )
    return token


def serve(
    sources: Sequence[Source],
    options: ServeOptions,
    say: Callable[[str], object],
    started: Callable[[Mapping[str, Any]], object] | None = None,
) -> None:
    """Answer requests about models until SIGINT or SIGTERM, then finish what is under way.

    `say` takes sentences for the user; `started` gets the address and the models once they answer.

    Raises: `UsageError` if something is missing or an option cannot be met, `ModelFileError` if a file is
    refused.
    """
    require_installed()
    token = None if options.token_file is None else read_token(options.token_file)
    if options.workers is not None and options.workers < 1:
        raise UsageError("--workers: {workers} is no number of processes; give 1 or more", options.workers)
    collecting = None if options.corrections is None else _collecting(sources, options.corrections)
    with contextlib.closing(listening(options.port, options.host)) as own:
        if not _is_loopback(own.getsockname()[0]):
            for sentence in _warnings(options, has_token=token is not None):
                say(sentence)
        asyncio.run(_serve(sources, options, own, token, collecting, say, started))


def _collecting(sources: Sequence[Source], table: Path) -> "Collecting":
    """What saves corrections of the one run that is served.

    Raises: `UsageError` if there is no such run, or more than one.
    """
    from pellucid.serving.collecting import Collecting

    folders = [each.place for each in sources if os.path.isdir(each.place)]
    if len(folders) != 1:
        raise UsageError("--corrections: the report of one run is served; give one run, and no other folder")
    return Collecting(folders[0], table)


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _warnings(options: ServeOptions, *, has_token: bool) -> Iterator[str]:
    """What a user should know who lets others in."""
    yield (
        Sentence(
            "warning: --host {host}: every machine that reaches this one can ask, and what is sent can "
            "be read on the way; put it behind a proxy with TLS (docs/serving.md)",
            options.host,
        )
    )
    if not has_token:
        yield "warning: no --token-file: whoever reaches the port may use the model"


async def _serve(
    sources: Sequence[Source],
    options: ServeOptions,
    own: Any,
    token: str | None,
    collecting: "Collecting | None",
    say: Callable[[str], object],
    started: Callable[[Mapping[str, Any]], object] | None,
) -> None:
    began = time.monotonic()
    workers = Workers(sources, options.workers)
    starting = asyncio.ensure_future(workers.start())
    await asyncio.sleep(0)  # processes start, while this one imports what follows
    from pellucid.serving.application import State, application

    names = tuple(each.name for each in sources)
    state = State(workers, names, token, collecting)
    server = server_of(application(state, options.allowed_hosts), _GRACE)
    # uvicorn would raise the signal once more at its end, and the exit code would not be 0.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.handle_exit, number, None)
    answering = asyncio.ensure_future(server.serve(sockets=[own]))
    try:
        await asyncio.wait((starting, answering), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            return  # asked to end before it had begun
        await starting
        _open(state, sources)
        gc.freeze()  # nothing of all this is garbage, and a search through it would delay answers
        address = _address(own)
        say(_announcement(state, address, time.monotonic() - began))
        if started is not None:
            models = {
                name: {"model": each.metadata.model, "takes": each.metadata.input_kind.name}
                for name, each in state.served.items()
            }
            started({"address": address, "models": models})
        await answering
    finally:
        starting.cancel()
        server.should_exit = True
        await asyncio.gather(answering, starting, return_exceptions=True)
        await workers.stop()


def _open(state: Any, sources: Sequence[Source]) -> None:
    """Take up what the models' files say, once a process has opened them.

    Raises: `ModelFileError` if they say something impossible.
    """
    from pellucid.runtime.metadata import Metadata
    from pellucid.serving.application import Served
    from pellucid.serving.monitoring import Monitor

    workers, models = state.workers, {}
    for each in sources:
        try:
            models[each.name] = Metadata.from_properties(workers.about[each.name]["properties"])
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ModelFileError(
                "{place}: refused: {error}; export the model again", each.place, error
            ) from error
    by_name = {each.name: each for each in sources}
    state.served = {
        name: Served(
            name,
            metadata,
            by_name[name].content,
            tuple(other for other in models if other != name),
            state.token is not None,
            state.collecting is not None and os.path.isdir(by_name[name].place),
            by_name[name].folder_page,
        )
        for name, metadata in models.items()
    }
    state.monitor = Monitor(
        models,
        waiting=lambda: workers.waiting,
        alive=lambda: workers.alive,
        restarts=lambda: workers.restarts,
    )


def _address(own: Any) -> str:
    host, port = own.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _announcement(state: Any, address: str, seconds: float) -> str:
    """What is served where."""
    lines: list[str] = [
        Sentence("{name}: {model}, takes {name2}", name, each.metadata.model, each.metadata.input_kind.name)
        for name, each in state.served.items()
    ]
    if state.collecting is not None:
        lines.append("corrections: made in the report, at /report")
    lines.append(Sentence("serving at {address} after {seconds:.1f} s  (Ctrl-C ends it)", address, seconds))
    return "\n".join(lines)

"""The page's server: requests of this machine's browser to the desk, and to nobody else's.

It listens on 127.0.0.1 alone. A page of another site that the browser has open cannot use it: requests must name this
very host, and come from its own page.
"""

import json
import signal
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gfr_model.app.desk import Desk, Upload
from gfr_model.device import open_device
from gfr_model.inference import load_model
from gfr_model.restoration.faces import Vision
from gfr_model.restoration.identity import open_persons
from gfr_model.restoration.metadata import READABLE
from manifests import DataError
from manifests.pages.frame import render

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

HOST = "127.0.0.1"
TEMPLATE = Path(__file__).parent / "templates" / "app.html"
MOST_BYTES = 100_000_000  # of a request, and so of a photograph or of all guides
MOST_FILES = 50  # of a request
SIZES = {"1": "as it is", "2": "2 times as wide", "4": "4 times as wide", "8": "8 times as wide"}  # of a result
HEADERS = {
    # Nothing is loaded from anywhere else, and no other page shows this one inside it.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
ENDS = ("SIGTERM", "SIGHUP")  # sent by `kill`, and where a terminal is closed; Windows lacks the latter
MISSING = "the page needs waitress and Werkzeug: pip install 'gfrnet-toolkit[app]', then retry"


def serve(
    run: Path | str,
    device: str,
    open_vision: Callable[[], Vision],
    port: int,
    browse: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Serve the page until interrupted or ended; `say` is told its address, port 0 takes a free one.

    Raises DataError when a part is missing, the port is taken, or there is no such model.
    """
    try:
        import waitress
        import werkzeug  # noqa: F401  better now than at the first request
    except ImportError as error:
        raise DataError(MISSING) from error
    with _ended_like_interrupted(), tempfile.TemporaryDirectory(prefix="gfr-app-") as folder:
        desk = Desk(load_model(run, open_device(device)), open_vision(), Path(folder), open_persons())
        try:
            server = waitress.create_server(
                make_app(desk), host=HOST, port=port, ident=None, max_request_body_size=MOST_BYTES + 1
            )
        except OSError as error:
            raise DataError(f"port {port} cannot be used: {error.strerror}; name another with --port") from error
        address = f"http://{HOST}:{server.effective_port}/"
        with suppress(KeyboardInterrupt):  # which ends the server, and may come before that runs
            say(f"open {address} in a browser; Ctrl-C ends it. Photographs stay on this machine.")
            if browse:
                webbrowser.open(address)
            server.run()


@contextmanager
def _ended_like_interrupted() -> Iterator[None]:
    """Let signals that would end the process, and leave photographs behind, be Ctrl-C; nohup's ignored ones stay so."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    in_main = threading.current_thread() is threading.main_thread()  # no other thread may set what a signal does
    numbers = [getattr(signal, name) for name in ENDS if in_main and hasattr(signal, name)]
    changed = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in changed:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


def make_app(desk: Desk) -> Callable[..., Any]:
    """The WSGI application. Raises ImportError where Werkzeug is missing."""
    from werkzeug.exceptions import HTTPException
    from werkzeug.wrappers import Request, Response

    class Limited(Request):
        """A request of few files, and not too large."""

        max_content_length = MOST_BYTES
        max_form_memory_size = 100_000
        max_form_parts = MOST_FILES + 10

    @Limited.application
    def application(request: Request) -> Response:
        try:
            response = _answer(desk, request)
        except DataError as error:
            response = _json({"error": str(error)}, 400)
        except HTTPException as error:
            too_large = f"at most {MOST_BYTES / 1e6:.0f} MB and {MOST_FILES} files at a time"
            response = _json({"error": too_large if error.code == 413 else str(error.description)}, error.code or 500)
        response.headers.update(HEADERS)
        return response

    return application


def _answer(desk: Desk, request: "Request") -> "Response":
    from werkzeug.exceptions import Forbidden, NotFound
    from werkzeug.wrappers import Response

    port = request.environ.get("SERVER_PORT")
    own = {f"{host}:{port}" for host in (HOST, "localhost")}
    origin = request.headers.get("Origin")
    if request.host not in own or (origin is not None and origin.removeprefix("http://") not in own):
        raise Forbidden("this page is for the browser of its own machine alone")
    match (request.method, *request.path.strip("/").split("/")):
        case ("GET", ""):
            return Response(_page(desk), content_type="text/html; charset=utf-8")
        case ("POST", "guides"):
            return _json(asdict(desk.receive(_uploads(request, "guides"))))
        case ("POST", "photographs"):
            face = "all" if request.args.get("face") == "all" else "largest"
            upload, guides = _uploads(request, "photograph")[0], request.args.get("guides", "")
            return _json(asdict(desk.restore(upload, guides, face, _enlarge(request))))
        case ("GET", "pictures", key, what):
            if (picture := desk.picture(key, what)) is not None:
                return Response(picture, content_type="image/jpeg")
        case ("GET", "results", key):
            if (found := desk.result(key, _strength(request))) is not None:
                name, content = found
                response = Response(content, content_type="image/png")
                response.headers.set("Content-Disposition", "attachment", filename=name)
                return response
    raise NotFound("there is nothing here")


def _page(desk: Desk) -> str:
    lines = ["Photographs stay on this machine: this page and the program behind it talk to nobody else."]
    limits = f"{', '.join(READABLE)}; at most {MOST_BYTES / 1e6:.0f} MB, {MOST_FILES} guides"
    needs = desk.model.needs_guide
    return render(
        TEMPLATE,
        title="Restore photographs",
        lines=lines,
        limits=limits,
        needs_guide=needs,
        accept=",".join(READABLE),
        sizes=SIZES,
    )


def _uploads(request: "Request", field: str) -> list[Upload]:
    files = [Upload(file.filename or "photograph", file.read()) for file in request.files.getlist(field)]
    if not files or len(files) > MOST_FILES:
        raise DataError(f"{len(files)} files came; choose 1 to {MOST_FILES}")
    return files


def _enlarge(request: "Request") -> int:
    value = request.args.get("enlarge", "1")
    if value not in SIZES:
        raise DataError(f"enlarge is {value[:20]!r}, must be one of {', '.join(SIZES)}")
    return int(value)


def _strength(request: "Request") -> float:
    value = request.args.get("strength", "1")
    try:
        strength = float(value)
    except ValueError:
        strength = -1.0
    if not 0 <= strength <= 1:
        raise DataError(f"strength is {value[:20]!r}, must be between 0 and 1")
    return strength


def _json(values: dict[str, object], status: int = 200) -> "Response":
    from werkzeug.wrappers import Response

    return Response(json.dumps(values), status, content_type="application/json")

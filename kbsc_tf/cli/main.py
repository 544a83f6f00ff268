"""How the `kbsc` command ends."""

import signal
import sys

from kbsc_tf.cli.app import app
from kbsc_tf.errors import UserError
from kbsc_tf.progress import replace_characters
from kbsc_tf.quiet import open_streams

_STOPS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def main() -> None:
    """Entry point: a user's mistake is one sentence and status 2, Ctrl-C is 130, another signal 128 and its number."""
    open_streams()
    stops = _note_stops()
    try:
        for argument in sys.argv:
            if not argument.isascii():
                from kbsc_tf.files import check_name

                check_name(argument)
        replace_characters(sys.stdout)
        app()
    except (Exception, SystemExit) as end:
        # Typer makes 130 of a KeyboardInterrupt, but TensorFlow a TypeError, while it looks up a traced function.
        if stops or getattr(end, "code", None) == 130:
            number = stops[0] if stops else signal.SIGINT
            by = "" if number == signal.SIGINT else f" by {number.name}"
            print(f"kbsc: stopped{by}; the same command goes on from here", file=sys.stderr)
            sys.exit(128 + number)
        if isinstance(end, UserError):
            print(f"kbsc: {end}", file=sys.stderr)
            sys.exit(2)
        raise


def _note_stops() -> list[signal.Signals]:
    """Signals that ask to stop, as they come; the first is a KeyboardInterrupt, whatever becomes of that.

    Ignored signals stay ignored, as under nohup.
    """
    came: list[signal.Signals] = []

    def stop(number, frame):
        came.append(signal.Signals(number))
        raise KeyboardInterrupt

    for number in _STOPS:
        if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, stop)
    return came

"""How the `kbsc` command ends."""

import signal
import sys
import threading

from kbsc_tf.cli.app import app
from kbsc_tf.errors import UserError
from kbsc_tf.progress import replace_characters
from kbsc_tf.quiet import open_streams


def main() -> None:
    """Entry point: a user's mistake is one sentence and exit status 2, Ctrl-C is 130."""
    open_streams()
    interrupted = _note_ctrl_c()
    try:
        for argument in sys.argv:
            if not argument.isascii():
                from kbsc_tf.files import check_name

                check_name(argument)
        replace_characters(sys.stdout)
        app()
    except (Exception, SystemExit) as end:
        # Typer makes 130 of a KeyboardInterrupt, but TensorFlow a TypeError, while it looks up a traced function.
        if interrupted.is_set() or getattr(end, "code", None) == 130:
            print("kbsc: stopped; the same command goes on from here", file=sys.stderr)
            sys.exit(130)
        if isinstance(end, UserError):
            print(f"kbsc: {end}", file=sys.stderr)
            sys.exit(2)
        raise


def _note_ctrl_c() -> threading.Event:
    """An event that is set at the first Ctrl-C, whatever becomes of the exception; ignored interrupts stay ignored."""
    interrupted = threading.Event()

    def interrupt(number, frame):
        interrupted.set()
        signal.default_int_handler(number, frame)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    return interrupted

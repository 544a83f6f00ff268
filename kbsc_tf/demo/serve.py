"""Serving the page on this machine, until Ctrl-C."""

import logging
import socket
import webbrowser
from threading import Timer

from werkzeug.serving import make_server

from kbsc_tf.demo.app import Demo
from kbsc_tf.demo.check import HOST
from kbsc_tf.progress import Progress


def serve(demo: Demo, listener: socket.socket, progress: Progress, browser: bool) -> None:
    """Answer until the process is told to stop.

    Parameters
    ----------
    demo : Demo
    listener : socket
        Of `kbsc_tf.demo.check.claim_port`.
    progress : Progress
        Where the address is said.
    browser : bool
        Whether to open it in a browser.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line per request
    port = listener.getsockname()[1]
    server = make_server(HOST, port, demo.app.server, threaded=True, fd=listener.fileno())
    server.daemon_threads = True
    address = f"http://{HOST}:{port}"
    progress.say(f"open {address} in a browser; Ctrl-C ends it")
    if browser:
        opening = Timer(0.5, webbrowser.open, [address])
        opening.daemon = True
        opening.start()
    try:
        server.serve_forever()
    finally:
        server.server_close()
        listener.close()

"""Run the sandbox as a process: python -m sandbox --state DIR --sample DIR."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from sandbox import create_sandbox, serve


def main() -> None:
    """Serve until interrupted; prints the address once it answers."""
    options = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=8001, help="0 picks a free port")
    options.add_argument("--state", type=Path, required=True, help="directory that survives restarts")
    options.add_argument("--sample", type=Path, help="directory with bills_<slug>.csv")
    options.add_argument("--webhook-url", help="where the gateway's events go")
    options.add_argument("--webhook-secret", default="whsec_sandbox")
    asked = options.parse_args()

    app = create_sandbox(asked.state, asked.sample, asked.webhook_url, asked.webhook_secret)
    server = serve(app, asked.port, asked.host)
    stopping = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopping.set())
    server.start()
    sys.stdout.write(f"sandbox: {server.url}\n")
    sys.stdout.flush()
    stopping.wait()
    server.stop()


if __name__ == "__main__":
    main()

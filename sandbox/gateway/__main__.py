"""Run the gateway alone, as a process: python -m sandbox.gateway --state DIR."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from sandbox.gateway import create_gateway, serve


def main() -> None:
    """Serve until interrupted; prints the address once it answers."""
    options = argparse.ArgumentParser(prog="python -m sandbox.gateway", description=__doc__)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=8002, help="0 picks a free port")
    options.add_argument("--state", type=Path, required=True, help="directory that survives restarts")
    options.add_argument("--webhook-url", help="where events go; endpoints can also be made through the API")
    options.add_argument("--webhook-secret", default="whsec_sandbox")
    asked = options.parse_args()

    server = serve(create_gateway(asked.state, asked.webhook_url, asked.webhook_secret), asked.port, asked.host)
    stopping = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopping.set())
    server.start()
    sys.stdout.write(f"gateway: {server.url}/stripe\n")
    sys.stdout.flush()
    stopping.wait()
    server.stop()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Sends payloads to json_service over a number of connections that changes over three minutes.

usage: load.py HOST:PORT
"""

import http.client
import pathlib
import sys
import threading
import time

# So many connections for so many seconds, and how long each rests between two requests.
PHASES = [(2, 20, 0.05), (20, 30, 0.01), (120, 15, 0.0), (10, 30, 0.02), (60, 10, 0.0), (1, 40, 0.2), (40, 10, 0.0), (0, 25, 0)]
DATA = pathlib.Path(__file__).resolve().parents[3] / "examples" / "data"


def connection(host, payloads, until, rest):
    client = http.client.HTTPConnection(host)
    i = 0
    while time.monotonic() < until:
        name, body = payloads[i % len(payloads)]
        i += 1
        # In two pieces, as a slow network brings them: the buffer is in use meanwhile.
        client.putrequest("POST", "/events")
        client.putheader("X-GitHub-Event", name)
        client.putheader("Content-Length", str(len(body)))
        client.endheaders(body[: len(body) // 2])
        time.sleep(0.002)
        client.send(body[len(body) // 2 :])
        client.getresponse().read()
        time.sleep(rest)


def main():
    host = sys.argv[1]
    payloads = [(path.stem, path.read_bytes()) for path in sorted(DATA.glob("*.json"))]
    for count, seconds, rest in PHASES:
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=connection, args=(host, payloads, until, rest)) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(max(0, until - time.monotonic()))


if __name__ == "__main__":
    main()

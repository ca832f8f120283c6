"""A steady load that counts every outcome apart. Says "started", and at the end one line of JSON.

usage: load.py PORT HOST RATE SECONDS [CONNECTIONS [fresh]]
`fresh` opens a connection for each request; else connections are kept and made again when they break.
"""

import asyncio
import collections
import json
import sys
import time

PORT, HOST, RATE, SECONDS = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
CONNECTIONS = int(sys.argv[5]) if len(sys.argv) > 5 else 16
FRESH = "fresh" in sys.argv[6:]
REQUEST = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
LIMIT = 15.0  # Longer than requests are held: an engine that is slow makes a long outage, and loses nothing.

outcomes, bodies, waits, gaps = collections.Counter(), collections.Counter(), [], [0.0]
last_success = None
began = 0.0
failures = []


def succeeded(now, wait):
    global last_success
    if last_success is not None:
        gaps.append(now - last_success)
    last_success = now
    waits.append(wait)


def failed(kind):
    outcomes[kind] += 1
    if len(failures) < 20:
        failures.append([round(time.monotonic() - began, 3), kind])


async def exchange(reader, writer):
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    body = await reader.readexactly(length)
    return status, body.decode("latin-1").strip(), b"connection: close" in head.lower()


async def client(number):
    reader = writer = None
    interval = CONNECTIONS / RATE
    due = time.monotonic() + interval * number / CONNECTIONS
    end = time.monotonic() + SECONDS
    while due < end:
        await asyncio.sleep(max(0, due - time.monotonic()))
        due += interval
        start = time.monotonic()
        step = "connect"
        try:
            if writer is None:
                reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", PORT), LIMIT)
            step = "exchange"
            status, body, closing = await asyncio.wait_for(exchange(reader, writer), LIMIT)
            if status == 200:
                outcomes["ok"] += 1
                bodies[body] += 1
                succeeded(time.monotonic(), time.monotonic() - start)
            else:
                failed(str(status))
            if closing or FRESH:
                writer.close()
                writer = None
        except ConnectionRefusedError:
            failed("refused")
            writer = None
        except asyncio.TimeoutError:
            failed(f"timeout in {step}")
            writer = None
        except (ConnectionError, asyncio.IncompleteReadError):
            failed(f"reset in {step}")
            writer = None


async def main():
    global began
    began = time.monotonic()
    print("started", flush=True)
    await asyncio.gather(*(client(number) for number in range(CONNECTIONS)))
    ordered = sorted(waits) or [0]
    print(json.dumps({
        "outcomes": outcomes, "bodies": bodies, "longestGap": round(max(gaps) * 1000, 1),
        "p50": round(ordered[len(ordered) // 2] * 1000, 2), "p99": round(ordered[len(ordered) * 99 // 100] * 1000, 2),
        "slowest": round(ordered[-1] * 1000, 1), "failures": failures,
    }), flush=True)


asyncio.run(main())

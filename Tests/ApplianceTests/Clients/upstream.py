"""An HTTP/1.1 upstream with keep-alive: answers with its name, slowly, in bulk, or with what it received.

usage: upstream.py PORT NAME
paths: /slow?SECONDS  /big?BYTES  /chunked?COUNT  /echo (the request head)  /digest (length and SHA-256 of the body)
       /text?BYTES  /events?COUNT (after each it waits for /next)  /heads (the last request lines)
       /close (the answer is cut in half)  anything else (its name)
"""

import asyncio
import collections
import hashlib
import sys

PORT, NAME = int(sys.argv[1]), sys.argv[2]
HEADS, WAITING = collections.deque(maxlen=1000), []


async def read_body(reader, fields):
    digest, size = hashlib.sha256(), 0
    if fields.get("transfer-encoding", "").lower() == "chunked":
        while count := int((await reader.readline()).split(b";")[0], 16):
            chunk = await reader.readexactly(count)
            await reader.readexactly(2)
            digest.update(chunk)
            size += count
        await reader.readline()
    else:
        left = int(fields.get("content-length", 0))
        while left:
            chunk = await reader.read(min(left, 65536))
            if not chunk:
                raise ConnectionError("body cut short")
            digest.update(chunk)
            size += len(chunk)
            left -= len(chunk)
    return f"{size} {digest.hexdigest()}"


async def answer(writer, path, head, body):
    bare = head.startswith("HEAD ")
    path, _, query = path.partition("?")
    text, kind = NAME, ""
    if path == "/slow":
        await asyncio.sleep(float(query or 1))
    elif path == "/echo":
        text = head
    elif path == "/digest":
        text = body
    elif path == "/heads":
        text = "\n".join(HEADS)
    elif path == "/text":
        lines = "".join(f"line {number} of a text\n" for number in range(int(query) // 16 + 1))
        text, kind = lines[:int(query)], "Content-Type: text/plain\r\n"
    elif path == "/next":
        for event in WAITING:
            event.set()
    elif path == "/events":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(int(query)):
            data, asked = f"data: {number}\n\n", asyncio.Event()
            WAITING.append(asked)
            writer.write(f"{len(data):x}\r\n{data}\r\n".encode())
            await writer.drain()
            await asked.wait()
        writer.write(b"0\r\n\r\n")
        return await writer.drain()
    elif path == "/close":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
        raise ConnectionError("as asked")
    elif path == "/chunked":
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(int(query or 3)):
            writer.write(b"5\r\nchunk\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        return await writer.drain()
    elif path == "/big":
        left = int(query or 1_000_000)
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {left}\r\n\r\n".encode())
        while left:
            part = b"x" * min(left, 65536)
            writer.write(part)
            left -= len(part)
            await writer.drain()
        return None
    data = text.encode("latin-1")
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n{kind}X-Upstream: {NAME}\r\n\r\n".encode())
    writer.write(b"" if bare else data)
    return await writer.drain()


async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = head.split("\r\n")
            HEADS.append(lines[0])
            fields = {}
            for line in lines[1:]:
                name, _, value = line.partition(":")
                fields[name.lower()] = value.strip()
            if fields.get("expect") == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await answer(writer, lines[0].split(" ")[1], head, await read_body(reader, fields))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", PORT, backlog=1024)
    print("listening", flush=True)
    await server.serve_forever()


asyncio.run(main())

"""Makes a Unix socket reachable over TCP on loopback, as an engine that is published over the network is.

usage: forward.py PORT SOCKET
"""

import asyncio
import sys

PORT, PATH = int(sys.argv[1]), sys.argv[2]


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def serve(reader, writer):
    engine_reader, engine_writer = await asyncio.open_unix_connection(PATH)
    await asyncio.gather(copy(reader, engine_writer), copy(engine_reader, writer))


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", PORT)
    print("listening", flush=True)
    await server.serve_forever()


asyncio.run(main())

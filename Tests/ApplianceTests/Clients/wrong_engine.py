"""A Docker engine that misbehaves on a Unix socket: the one stand-in, because a real engine will not.

usage: wrong_engine.py SOCKET nonsense|html|cut|huge|silent|events
nonsense: bytes that are no HTTP. html: 200 with a web page. cut: closes in the middle of the list. huge: a list without
end. silent: accepts and says nothing. events: a good list, then events that are no JSON, then a close.
"""

import os
import socket
import sys
import threading
import time

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PATH, MODE = sys.argv[1], sys.argv[2]


def head(body, kind="application/json"):
    return (f"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
            .encode() + body)


def serve(connection):
    try:
        while request := connection.recv(65536):
            path = request.split(b" ")[1] if b" " in request else b""
            if MODE == "nonsense":
                connection.sendall(os.urandom(4096))
                return
            if MODE == "html":
                connection.sendall(head(b"<html>It works!</html>", "text/html"))
            elif MODE == "silent":
                time.sleep(3600)
            elif b"/_ping" in path:
                connection.sendall(head(b"OK", "text/plain"))
            elif b"/version" in path:
                connection.sendall(head(b'{"ApiVersion":"1.41","Version":"0"}'))
            elif b"/events" in path:
                connection.sendall(CHUNKED + b"8\r\n{\"Typ\xff\x00\r\n5\r\n][}{\n\r\n")
                time.sleep(0.2)
                return
            elif MODE == "huge":
                connection.sendall(CHUNKED + b"1\r\n[\r\n")
                while True:
                    connection.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
            elif MODE == "cut":
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n[{\"Id\":")
                return
            else:
                connection.sendall(head(b"[]"))
    except OSError:
        pass
    finally:
        connection.close()


listener = socket.socket(socket.AF_UNIX)
listener.bind(PATH)
os.chmod(PATH, 0o666)
listener.listen(64)
print("listening", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

"""Python's httpx as a client: several requests on one connection, bodies both ways, over HTTP or HTTPS.

usage: requests.py URL HOST [CA-FILE]
Prints one line of JSON.
"""

import hashlib
import json
import ssl
import sys

import httpx

URL, HOST = sys.argv[1], sys.argv[2]
verify = ssl.create_default_context(cafile=sys.argv[3]) if len(sys.argv) > 3 else True
payload = bytes(range(256)) * 20_000


def pieces():
    for start in range(0, len(payload), 50_000):
        yield payload[start:start + 50_000]


wanted = f"{len(payload)} {hashlib.sha256(payload).hexdigest()}"
with httpx.Client(verify=verify, headers={"Host": HOST}, timeout=20, trust_env=False) as client:
    def send(method, path, **options):
        return client.request(method, URL + path, extensions={"sni_hostname": HOST}, **options)

    first = send("GET", "/")
    print(json.dumps({
        "status": first.status_code,
        "body": first.text.strip(),
        "version": first.http_version,
        "again": [send("GET", "/").status_code for _ in range(20)],
        "head": [send("HEAD", "/").status_code, len(send("HEAD", "/").content)],
        "sized": send("POST", "/digest", content=payload).text == wanted,
        "chunked": send("POST", "/digest", content=pieces()).text == wanted,
        "big": len(send("GET", "/big?5000000").content),
        "pieces": send("GET", "/chunked?40").text == "chunk" * 40,
        "echo": send("GET", "/echo", headers={
            "X-Forwarded-For": "6.6.6.6", "Connection": "x-private", "X-Private": "1"}).text,
    }))

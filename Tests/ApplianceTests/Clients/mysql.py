"""Asks a server of MySQL, over TLS under a name of its own, who it takes us for and which one it is.

usage: mysql.py PORT HOST PASSWORD AUTHORITY
"""
import socket, ssl, sys

import pymysql

port, host, password, authority = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
connection = pymysql.connect(host=host, user="ann", password=password, ssl=context, defer_connect=True)
# The name is for TLS alone: nobody resolves it.
connection.connect(sock=socket.create_connection(("127.0.0.1", int(port)), timeout=10))
with connection.cursor() as cursor:
    cursor.execute("select current_user(), @@port, repeat('x', 3000000)")
    user, port, long = cursor.fetchone()
    assert len(long) == 3_000_000
    print(user, port)
connection.close()

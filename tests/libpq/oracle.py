"""Tells how libpq resolves connections: tests/onward/libpq.rs asks, with one JSON document a line on stdin.

A case is {"string": …, "variables": {…}}. The answer is {"version": …}, and then for each case {"values": {…}}, or
{"error": …} where libpq finds fault with it. Nothing is connected to: unless the case sets target_session_attrs, a value
for it that makes no sense, which libpq looks at after nearly everything else, ends the attempt.
"""

import ctypes
import json
import os
import sys


class Option(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_char_p)
        for name in ("keyword", "envvar", "compiled", "val", "label", "dispchar")
    ] + [("dispsize", ctypes.c_int)]


STOP = "stop"

pq = ctypes.CDLL("libpq.so.5")
pq.PQconnectStart.restype = ctypes.c_void_p
pq.PQconnectStart.argtypes = [ctypes.c_char_p]
pq.PQconninfo.restype = ctypes.POINTER(Option)
pq.PQconninfo.argtypes = [ctypes.c_void_p]
pq.PQconninfoFree.argtypes = [ctypes.POINTER(Option)]
pq.PQerrorMessage.restype = ctypes.c_char_p
pq.PQpass.restype = ctypes.c_char_p
for function in (pq.PQerrorMessage, pq.PQpass, pq.PQstatus, pq.PQfinish):
    function.argtypes = [ctypes.c_void_p]


def resolve(case):
    for name in list(os.environ):
        if name.startswith("PG"):
            del os.environ[name]
    os.environ["PGTARGETSESSIONATTRS"] = STOP
    os.environ.update(case["variables"])
    connection = pq.PQconnectStart(case["string"].encode())
    message = pq.PQerrorMessage(connection).decode(errors="replace")
    stopped = f'"{STOP}"' in message
    # With a value of its own, a case leads to a socket that is not there.
    absent = "No such file or directory" in message and "socket" in message
    try:
        if pq.PQstatus(connection) == 1 and not stopped and not absent:
            return {"error": message.strip()}
        return {"values": values(connection)}
    finally:
        pq.PQfinish(connection)


def values(connection):
    options = pq.PQconninfo(connection)
    found = {}
    at = 0
    while options[at].keyword:
        if options[at].val:
            found[options[at].keyword.decode()] = options[at].val.decode(errors="replace")
        at += 1
    pq.PQconninfoFree(options)
    # That of the password file, too, which is no option.
    password = pq.PQpass(connection)
    if password:
        found["password"] = password.decode(errors="replace")
    if found.get("target_session_attrs") == STOP:
        del found["target_session_attrs"]
    return found


print(json.dumps({"version": pq.PQlibVersion() // 10000}))
for line in sys.stdin:
    print(json.dumps(resolve(json.loads(line))))

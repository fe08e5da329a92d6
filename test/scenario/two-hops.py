"""Makes the two hops as Python's urllib does: <port> <CA file> <host as written> <path>; prints every answer as JSON."""

import json
import socket
import ssl
import sys
import urllib.request

port, ca_file, host, path = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
socket.getaddrinfo = lambda *_args, **_named: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args):
        return None


opener = urllib.request.build_opener(
    urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)), NoRedirect
)
url = f"https://{host}:{port}{path}"
answers = []
for _ in range(2):
    try:
        reply = opener.open(url, timeout=5)
    except urllib.error.HTTPError as error:
        reply = error
    answers.append({"status": reply.status, "location": reply.headers.get("Location"), "body": reply.read().decode()})
    url = reply.headers.get("Location")
    if url is None:
        break
print(json.dumps(answers))

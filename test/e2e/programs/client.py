"""Asks with requests, one session, keep-alive. Arguments: base URL, count, POST body size."""

import sys

import requests

base, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
session = requests.Session()
session.trust_env = False
for number in range(count):
    session.get(f"{base}/get/{number}").content
session.post(f"{base}/post/0", data=b"x" * size).content
session.get(f"{base}/missing/0").content

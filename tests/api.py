#!/usr/bin/env python3
"""The documents against the server: `tests/run` calls this with a Python that has schemathesis.

Starts the real binary, validates both listeners' /openapi.json, and has schemathesis ask what they describe: once with
names that it makes up, once with those of a sale that exists. Any answer that the document doesn't describe, any 5xx and
any broken schema fails. DOORBUSTER_TEST_CASES says how many cases to ask at least (default 2000), DOORBUSTER_TEST_SEED
which ones.
"""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

TOKEN = "office-token-of-the-tests-0123456789abcdef"
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
CONFIG = f"""
[server]
few = 3
[access]
ip = {{ rate = 0, burst = 0 }}
buyer = {{ rate = 0, burst = 0 }}
[admin]
token = "{TOKEN}"
[payments]
secret = "{SECRET}"
[[sale]]
id = "launch"
limit_per_buyer = 1000000
hold = "10m"
[[sale.item]]
sku = "unit"
stock = 100000
price = {{ amount = "129.00", currency = "USD" }}
"""
# Streams that don't end by themselves: a client that waits for their end learns nothing.
STREAMS = ["/v1/sales/{sale}/events", "/v1/admin/events"]
SETTINGS = """
[checks.positive_data_acceptance]
# What is well-formed may still be refused: 409 and 410 are a sale's everyday answers, and what a field means in
# the shop (a time that lies behind, a message that nobody has signed) no schema says.
expected-statuses = ["2xx", 304, 400, 401, 403, 404, 409, 410, 422, 429]
[checks.negative_data_rejection]
# A sale that has ended says so before it reads a body.
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 410, 415, 422, 428, 429]
"""
OURS = """
[parameters]
"path.sale" = "launch"
"path.sku" = "unit"
"path.order" = "%s"
"""


def ask(url, headers=None, data=None):
    request = urllib.request.Request(url, headers=headers or {}, data=data)
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def validate(document):
    import openapi_spec_validator

    openapi_spec_validator.OpenAPIV31SpecValidator(document).validate()


def fuzz(base, document, headers, settings, examples, seed, home):
    """Runs schemathesis once; how many cases it asked, and whether all was well."""
    config = home / "schemathesis.toml"
    config.write_text(settings)
    schema = home / "openapi.json"
    schema.write_text(json.dumps(document))
    command = [pathlib.Path(sys.executable).parent / "schemathesis", "--config-file", config, "run", schema]
    command += ["--url", base, "--checks", "all", "--max-examples", str(examples), "--seed", str(seed)]
    command += ["--continue-on-failure", "--no-color", "--request-timeout", "30"]
    for path in set(STREAMS) & set(document["paths"]):
        command += ["--exclude-path", path]
    for name, value in headers.items():
        command += ["--header", f"{name}:{value}"]
    environment = dict(os.environ, SCHEMATHESIS_HOOKS="api", PYTHONPATH=str(pathlib.Path(__file__).parent))
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=3600)
    told = re.search(r"(\d+) generated", ran.stdout)
    if ran.returncode != 0 or told is None:
        print(ran.stdout, ran.stderr, sep="\n")
    return int(told.group(1)) if told else 0, ran.returncode == 0 and told is not None


def main():
    binary, wanted = pathlib.Path(sys.argv[1]).resolve(), int(os.environ.get("DOORBUSTER_TEST_CASES", "2000"))
    seed = int(os.environ.get("DOORBUSTER_TEST_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    with tempfile.TemporaryDirectory(dir=binary.parent) as home_name:
        home = pathlib.Path(home_name)
        (home / "config.toml").write_text(CONFIG)
        log = open(home / "log", "w+")
        listen = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
        server = subprocess.Popen([binary, "serve", *listen], cwd=home, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            return run(binary, home, json.loads(server.stdout.readline()), wanted, seed)
        finally:
            server.terminate()
            ended = server.wait(timeout=30)
            log.seek(0)
            panics = [line for line in log if "panicked" in line]
            print(*panics[:5], f"the server ended with {ended}", sep="\n")
            if panics or ended != 0:
                sys.exit(1)


def run(binary, home, addresses, wanted, seed):
    issue = [binary, "pass", "issue", "--sale", "launch", "--buyer", "b-17"]
    buyer = subprocess.run(issue, cwd=home, capture_output=True, text=True, check=True).stdout.strip()
    bearer = lambda token: {"Authorization": f"Bearer {token}"}
    shop, office = addresses["listening"], addresses["admin"]
    attempt = f"{shop}/v1/sales/launch/items/unit/orders"
    order = ask(attempt, bearer(buyer), b"")["order"]
    documents = {shop: ask(f"{shop}/openapi.json"), office: ask(f"{office}/openapi.json")}
    for document in documents.values():
        validate(document)
    print("both documents are valid OpenAPI 3.1")
    operations = sum(len(item) for document in documents.values() for item in document["paths"].values())
    # Two modes, each on both listeners; the other phases ask on top of it.
    examples = -(-wanted // (2 * operations))
    cases, is_well = 0, True
    # The shop first: the office ends its sale sooner or later.
    for base, document in documents.items():
        for settings in [SETTINGS, SETTINGS + OURS % order]:
            headers = bearer(buyer if base == shop else TOKEN)
            asked, was_well = fuzz(base, document, headers, settings, examples, seed, home)
            cases, is_well = cases + asked, is_well and was_well
    print(f"{cases} cases asked over {operations} operations")
    return 0 if is_well and cases >= wanted else 1


if __name__ == "__main__":
    sys.exit(main())

# Loaded by schemathesis, as its hooks.
import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    """Signs what is said of payments, so that it is also read; what the document wants left out is left out."""
    if case.path != "/v1/payments" or not isinstance(case.body, dict) or "webhook-id" not in (case.headers or {}):
        return
    body, message, now = json.dumps(case.body).encode(), f"msg-{random.randrange(1 << 32)}", str(int(time.time()))
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message}.{now}.".encode() + body, hashlib.sha256).digest()
    case.body = body
    case.headers.update({"webhook-id": message, "webhook-timestamp": now})
    case.headers["webhook-signature"] = f"v1,{base64.b64encode(mac).decode()}"

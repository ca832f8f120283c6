#!/usr/bin/env python3
"""Asks everything that the management interface describes of itself, and much that it does not expect (schemathesis).

usage: interface.py [--examples N] [--programs FOLDER]

Starts an appliance of its own on loopback with an empty folder. Fails on an answer from 500, on a status, a media type
or a body that the OpenAPI document does not tell of. Runs in the environment that scripts/install.sh test makes.
"""
import argparse, http.client, json, os, pathlib, signal, socket, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIGURATION = """
data: {folder}/data
workers: 1
listeners:
  - {{ name: web, address: "127.0.0.1:{web}", protocol: http }}
management: {{ address: "127.0.0.1:{management}" }}
rules:
  - {{ name: site, hosts: [site.test], endpoints: ["127.0.0.1:9"] }}
"""
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# They would end the session that asks, or wait for somebody who never comes.
LEFT_OUT = ["logout", "events", "changePassword", "endSession", "endUserSessions", "updateUser", "deleteUser"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Socket(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("control", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def ask(connection, method, target, body=None):
    connection.request(method, target, json.dumps(body) if body else None, {"content-type": "application/json"})
    answer = connection.getresponse()
    return json.loads(answer.read() or b"null")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=20)
    parser.add_argument("--programs", default=str(ROOT / ".build/release"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        web, management = free_port(), free_port()
        config = pathlib.Path(folder, "k.yaml")
        config.write_text(CONFIGURATION.format(folder=folder, web=web, management=management))
        log = open(f"{folder}/log", "w")
        process = subprocess.Popen(
            [f"{options.programs}/kontainers", "serve", "--config", str(config)], stdout=log, stderr=log)
        try:
            path = f"{folder}/data/control/control.sock"
            limit = time.monotonic() + 20
            while not os.path.exists(path):
                if time.monotonic() > limit or process.poll() is not None:
                    sys.exit("interface: the appliance did not start: " + pathlib.Path(folder, "log").read_text())
                time.sleep(0.05)
            time.sleep(0.5)
            secret = ask(Socket(path), "POST", "/api/system/setup-link")["secret"]
            address = http.client.HTTPConnection("127.0.0.1", management, timeout=20)
            grant = ask(address, "POST", "/api/auth/setup", {
                "secret": secret, "username": "ann", "email": "ann@site.test", "password": "a river of stones"})
            # A rule that others can be asked about.
            ask(Socket(path), "POST", "/api/proxy/rules", {
                "name": "shop", "sourceHost": "shop.test", "endpoints": ["127.0.0.1:9"]})
            command = [
                str(pathlib.Path(sys.executable).parent / "schemathesis"), "run",
                f"http://127.0.0.1:{management}/api/openapi.json", "-H", f"Authorization: Bearer {grant['token']}",
                "--checks", CHECKS, "--max-examples", str(options.examples), "--seed", "1", "--no-color",
                "--workers", "2", "--phases", "examples,coverage,fuzzing"]
            for name in LEFT_OUT:
                command += ["--exclude-operation-id", name]
            status = subprocess.run(command, cwd=folder).returncode
            if process.poll() is not None:
                sys.exit("interface: the appliance has ended: " + pathlib.Path(folder, "log").read_text()[-2000:])
            sys.exit(status)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Kills control in the middle of writes, again and again: what it acknowledged must be there afterwards.

usage: crash.py [--cycles N] [--programs FOLDER]

Starts an appliance of its own on loopback. In each cycle several clients make, change and remove rules over the control
socket until control is killed with SIGKILL at some moment; the supervisor starts another. Then every rule is as the
last acknowledged write left it (or as one that was under way would have), every acknowledged write is in the audit, and
the edge has answered all the while.
"""
import argparse, http.client, json, os, pathlib, random, signal, socket, subprocess, sys, tempfile, threading, time

from interface import CONFIGURATION, ROOT, Socket, free_port

NAMES = [f"rule-{number}" for number in range(12)]


class Traffic(threading.Thread):
    """Asks the edge all the time; whatever it does not answer counts."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.asked, self.failed, self.ends = port, 0, [], False

    def run(self):
        while not self.ends:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/", headers={"host": "site.test"})
                connection.getresponse().read()
                self.asked += 1
                connection.close()
            except OSError as error:
                self.failed.append(repr(error))
            time.sleep(0.01)


class Writer(threading.Thread):
    """Writes to rules of its own. Knows of each what was acknowledged last, and what may have been done besides."""

    def __init__(self, path, names, seed):
        super().__init__(daemon=True)
        self.path, self.names, self.random = path, names, random.Random(seed)
        self.known = {name: None for name in names}
        self.doubtful = {}
        self.acknowledged = 0
        self.ends = False

    def run(self):
        connection = None
        while not self.ends:
            name = self.random.choice(self.names)
            wanted = None if self.known[name] and self.random.random() < 0.3 else f"h{self.random.randrange(10**9)}.test"
            try:
                connection = connection or Socket(self.path)
                self.write(connection, name, wanted)
            except (OSError, http.client.HTTPException, ValueError):
                # Nobody knows whether it was done.
                self.doubtful.setdefault(name, []).append(wanted)
                connection = None
                time.sleep(0.02)

    def write(self, connection, name, wanted):
        body = {"rules": [{"name": name, "sourceHost": wanted, "endpoints": ["127.0.0.1:9"]}]} if wanted else {"remove": [name]}
        connection.request("POST", "/api/proxy/rules/batch", json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 202, 404, 429):
            raise ValueError(text)
        if answer.status == 429:
            time.sleep(0.1)
            return
        if answer.status == 404 and wanted:
            raise ValueError(text)
        self.known[name] = wanted
        self.doubtful.pop(name, None)
        self.acknowledged += 1


def rules(path):
    connection = Socket(path)
    connection.request("GET", "/api/proxy/rules?source=store")
    return {rule["name"]: rule["sourceHost"] for rule in json.loads(connection.getresponse().read())}


def control_pid(supervisor):
    for child in pathlib.Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split():
        if pathlib.Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[1:2] == [b"control"]:
            return int(child)
    return None


def eventually(what, look, seconds=30):
    limit = time.monotonic() + seconds
    while True:
        try:
            found = look()
            if found:
                return found
        except (OSError, http.client.HTTPException, ValueError):
            pass
        if time.monotonic() > limit:
            sys.exit(f"crash: waited {seconds} s for {what}")
        time.sleep(0.01)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cycles", type=int, default=25)
    parser.add_argument("--programs", default=str(ROOT / ".build/release"))
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"crash: seed {options.seed}")
    dice = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        web, management = free_port(), free_port()
        config = pathlib.Path(folder, "k.yaml")
        config.write_text(CONFIGURATION.format(folder=folder, web=web, management=management))
        log = open(f"{folder}/log", "w")
        process = subprocess.Popen(
            [f"{options.programs}/kontainers", "serve", "--config", str(config)], stdout=log, stderr=log)
        path = f"{folder}/data/control/control.sock"
        traffic = Traffic(web)
        acknowledged = 0
        known = {}
        try:
            eventually("the appliance", lambda: rules(path) is not None)
            eventually("the edge", lambda: socket.create_connection(("127.0.0.1", web), 1).close() is None)
            traffic.start()
            for cycle in range(options.cycles):
                writers = [Writer(path, NAMES[part::3], dice.random()) for part in range(3)]
                for writer in writers:
                    writer.known.update({name: known.get(name) for name in writer.names})
                    writer.start()
                time.sleep(dice.uniform(0.02, 0.4))
                victim = eventually("control", lambda: control_pid(process.pid))
                os.kill(victim, signal.SIGKILL)
                for writer in writers:
                    writer.ends = True
                for writer in writers:
                    writer.join(30)
                eventually("another control", lambda: control_pid(process.pid) not in (None, victim))
                found = eventually("its answer", lambda: [rules(path)])[0]
                for writer in writers:
                    acknowledged += writer.acknowledged
                    for name in writer.names:
                        allowed = [writer.known[name]] + writer.doubtful.get(name, [])
                        if found.get(name) not in allowed:
                            sys.exit(
                                f"crash: cycle {cycle}: found {name} = {found.get(name)}, wanted one of {allowed}")
                known = found
            traffic.ends = True
            traffic.join(10)
            if traffic.failed:
                sys.exit(f"crash: the edge left {len(traffic.failed)} of {traffic.asked} unanswered: {traffic.failed[:3]}")
            print(f"crash: {options.cycles} times killed, {acknowledged} writes acknowledged, none lost; "
                  f"the edge answered {traffic.asked} requests meanwhile")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


if __name__ == "__main__":
    main()

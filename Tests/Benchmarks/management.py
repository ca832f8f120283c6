#!/usr/bin/env python3
"""What the management plane costs: changes with many rules, lists, reads, memory, idle time.

usage: management.py [--rules N] [--programs FOLDER] [--short]

Starts an appliance of its own on loopback with an empty folder, makes N rules over the control socket, and measures
  - write acknowledged and served by the edge: a PUT's time, which answers when every worker serves the change
  - the list of all rules
  - reads: requests a second and control's processor time for each
  - memory of control and the edge, and their idle processor time
Exits 1 where a limit is missed.
"""
import argparse, http.client, json, os, pathlib, signal, socket, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TICK = os.sysconf("SC_CLK_TCK")
CONFIGURATION = """
data: {folder}/data
workers: 1
listeners:
  - {{ name: web, address: "127.0.0.1:{port}", protocol: http }}
management: {{ address: "127.0.0.1:{management}" }}
rules:
  - {{ name: site, hosts: [site.test], endpoints: ["127.0.0.1:9"] }}
"""


class Socket(http.client.HTTPConnection):
    """HTTP over control's Unix socket."""

    def __init__(self, path):
        super().__init__("control", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)

    def ask(self, method, target, body=None):
        data = None if body is None else json.dumps(body)
        self.request(method, target, data, {"content-type": "application/json"} if data else {})
        answer = self.getresponse()
        return answer.status, answer.read()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid, what="VmRSS"):
    """Megabytes: VmRSS with the pages of programs and libraries, which all processes share; RssAnon its own."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) / 1024


def children(pid):
    found = {}
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        words = pathlib.Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        found["edge" if words[0].endswith(b"kontainers-edge") else "control"] = int(child)
    return found


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def rule(number):
    return {"name": f"rule-{number:05}", "sourceHost": f"h{number}.site.test", "endpoints": [f"127.0.0.1:{9000 + number % 1000}"]}


class Appliance:
    def __init__(self, programs, folder):
        self.path = f"{folder}/data/control/control.sock"
        self.management = free_port()
        config = pathlib.Path(folder, "k.yaml")
        config.write_text(CONFIGURATION.format(folder=folder, port=free_port(), management=self.management))
        self.log = open(f"{folder}/log", "w")
        self.process = subprocess.Popen(
            [f"{programs}/kontainers", "serve", "--config", str(config)], stdout=self.log, stderr=self.log)
        limit = time.monotonic() + 20
        while not os.path.exists(self.path):
            if time.monotonic() > limit or self.process.poll() is not None:
                sys.exit("management: the appliance did not start: " + pathlib.Path(folder, "log").read_text())
            time.sleep(0.05)
        time.sleep(0.5)
        self.pids = children(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def make_rules(appliance, count):
    socket_ = Socket(appliance.path)
    began = time.monotonic()
    # One revision for all: a restore of what somebody keeps elsewhere is one write too.
    for start in range(0, count, 500):
        changes = [rule(number) for number in range(start, min(count, start + 500))]
        status, text = socket_.ask("POST", "/api/proxy/rules/batch", {"rules": changes})
        if status not in (200, 201, 202):
            sys.exit(f"management: {status} {text[:300]}")
    return time.monotonic() - began


def measure_writes(appliance, rounds):
    socket_ = Socket(appliance.path)
    _, text = socket_.ask("GET", "/api/proxy/rules?source=store&limit=200")
    ids = [entry["id"] for entry in json.loads(text)]
    times = []
    for number in range(rounds):
        began = time.monotonic()
        status, text = socket_.ask("PATCH", f"/api/proxy/rules/{ids[number % len(ids)]}", {"sourceHost": f"w{number}.site.test"})
        times.append((time.monotonic() - began) * 1e3)
        if status != 200:
            sys.exit(f"management: a change answered {status}: {text[:300]}")
        # The limit of changes a second is not what is measured.
        time.sleep(0.012)
    return times


def measure_reads(appliance, seconds):
    socket_ = Socket(appliance.path)
    _, text = socket_.ask("GET", "/api/proxy/rules?source=store&limit=1")
    target = f"/api/proxy/rules/{json.loads(text)[0]['id']}"
    began, before, count = time.monotonic(), processor_seconds(appliance.pids["control"]), 0
    while time.monotonic() - began < seconds:
        socket_.ask("GET", target)
        count += 1
    spent = processor_seconds(appliance.pids["control"]) - before
    return count / (time.monotonic() - began), count / spent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rules", type=int, default=10_000)
    parser.add_argument("--programs", default=str(ROOT / ".build/release"))
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    rules, rounds, seconds = (1_000, 50, 2) if options.short else (options.rules, 400, 10)
    failures = []

    def tell(what, value, unit, limit=None):
        missed = limit is not None and value > limit
        print(f"{what:52} {value:10.2f} {unit:8}" + (f" wanted at most {limit:g}" if limit else "") + (" MISSED" if missed else ""))
        if missed:
            failures.append(what)

    with tempfile.TemporaryDirectory() as folder:
        appliance = Appliance(options.programs, folder)
        try:
            control, edge = appliance.pids["control"], appliance.pids["edge"]
            time.sleep(2)
            tell("memory of control, idle", memory(control), "MB", 60)
            tell("memory of the edge, idle, with its program's pages", memory(edge), "MB")
            tell("memory of the edge, idle, its own", memory(edge, "RssAnon"), "MB", 15)
            before = processor_seconds(control) + processor_seconds(edge)
            time.sleep(seconds)
            idle = (processor_seconds(control) + processor_seconds(edge) - before) / seconds * 100
            tell("processor time of both, idle", idle, "% core", 0.5)
            tell(f"making {rules} rules", make_rules(appliance, rules), "s")
            times = measure_writes(appliance, rounds)
            tell(f"a change, served, with {rules} rules: median", statistics.median(times), "ms")
            tell(f"a change, served, with {rules} rules: p99", percentile(times, 0.99), "ms", 25)
            socket_ = Socket(appliance.path)
            lists = []
            for _ in range(10):
                began = time.monotonic()
                status, text = socket_.ask("GET", "/api/proxy/rules")
                lists.append((time.monotonic() - began) * 1e3)
            tell(f"the list of {len(json.loads(text))} rules", statistics.median(lists), "ms", 100)
            rate, per_core = measure_reads(appliance, seconds)
            tell("reads on one connection", rate, "/s")
            tell("processor time of 500 reads", 500 / per_core * 100, "% core", 100)
            tell("memory of control, with the rules", memory(control), "MB")
            tell("memory of the edge, with the rules", memory(edge), "MB")
        finally:
            appliance.stop()
    if failures:
        sys.exit("management: missed: " + ", ".join(failures))


if __name__ == "__main__":
    main()

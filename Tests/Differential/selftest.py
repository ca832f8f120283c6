#!/usr/bin/env python3
"""Tests of the differential test itself: that it reads cases as written, and sees what it is there to see.

    python3 Tests/Differential/selftest.py
"""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from kit import cases, observe, reference
from kit.expectations import Expectations
from kit.lane import SENTINEL, Lane, Seen

HEAD = b"POST /a HTTP/1.1\r\nHost: site.test\r\n"


def case(sent: bytes, **more) -> cases.Case:
    return cases.Case("name", "title", "file:1", steps=[sent], **more)


def seen(*requests: bytes, client: bytes = b"") -> Seen:
    return Seen(client=client, requests=[reference.request(one)[0] for one in requests])


class Cases(unittest.TestCase):
    def test_lines_become_bytes(self) -> None:
        self.assertEqual(cases.line_bytes("a\\x00\\r"), b"a\x00\r\r\n")
        self.assertEqual(cases.line_bytes("a\\{xy*3}\\"), b"axyxyxy")
        self.assertEqual(cases.line_bytes("a\\\\"), b"a\\\r\n")
        self.assertRaises(cases.Malformed, cases.line_bytes, "a\\q")

    def test_what_no_rule_explains_is_told_with_its_line(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.txt"
            path.write_text("case a: b\n> GET / HTTP/1.1\nnonsense\n")
            with self.assertRaisesRegex(cases.Malformed, "x.txt:3"):
                cases.read(path)


class Reference(unittest.TestCase):
    def test_what_can_be_read_in_two_ways_is_refused(self) -> None:
        for more in (
            b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
            b"Content-Length: +1\r\n\r\na",
            b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            b"Transfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n",
            b"Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
            b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
            b"X-A : 1\r\n\r\n", b"X-A: 1\r\n 2\r\n\r\n", b"X-A: 1\n\r\n", b"X-A: \x00\r\n\r\n", b"Host: b\r\n\r\n",
        ):
            with self.assertRaises(reference.Refused, msg=more):
                reference.request(HEAD + more)

    def test_requests_of_a_stream_end_at_the_first_fault_and_at_a_close(self) -> None:
        get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        self.assertEqual(len(reference.requests(get + get + b"GET  / HTTP/1.1\r\n\r\n" + get)), 2)
        self.assertEqual(len(reference.requests(SENTINEL + get)), 1)


class Faults(unittest.TestCase):
    def test_one_request_forwarded_as_two_is_seen(self) -> None:
        inner = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        sent = HEAD + b"Content-Length: %d\r\n\r\n" % len(inner) + inner
        found = observe.faults(case(sent, alone=True), seen(HEAD + b"Content-Length: 0\r\n\r\n", inner))
        wanted = "2 requests reached the upstream where 1 of the client's may"
        self.assertTrue(any(wanted in one for one in found), found)

    def test_another_body_is_seen(self) -> None:
        found = observe.faults(
            case(HEAD + b"Content-Length: 2\r\n\r\nab"), seen(HEAD + b"Content-Length: 1\r\n\r\na"))
        self.assertTrue(any("the body ab became a" in one for one in found), found)

    def test_a_request_of_what_may_not_be_forwarded_is_seen(self) -> None:
        sent = b"GET /a HTTP/1.1\nHost: site.test\r\n\r\n"
        self.assertTrue(observe.faults(case(sent), seen(b"GET /a HTTP/1.1\r\nHost: site.test\r\n\r\n")))

    def test_copied_chunk_lines_and_hop_by_hop_fields_are_seen(self) -> None:
        chunked = b"Transfer-Encoding: chunked\r\n"
        for more in (chunked + b"\r\n1;a=b\r\na\r\n0\r\n\r\n", chunked + b"Keep-Alive: 1\r\n\r\n1\r\na\r\n0\r\n\r\n"):
            self.assertTrue(observe.faults(case(HEAD + more), seen(HEAD + more)), more)
        clean = HEAD + chunked + b"\r\n1\r\na\r\n0\r\n\r\n"
        self.assertEqual(observe.faults(case(clean), seen(clean)), [])

    def test_a_vector_that_is_missed_is_seen(self) -> None:
        sent = b"GET /a HTTP/1.1\r\nHost: site.test\r\n\r\n"
        vector = case(sent, upstream=sent.replace(b"/a", b"/b"), client=b"HTTP/1.1 204 None\r\n\r\n")
        one = seen(sent, SENTINEL, client=b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(len(observe.judge_vector(vector, one, Lane())), 2)


class Explanations(unittest.TestCase):
    def read(self, text: str) -> Expectations:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "expectations.txt"
            path.write_text(text)
            return Expectations.read(path)

    def test_unexplained_changed_and_stale_differences_are_faults(self) -> None:
        told = self.read("reason r: RFC 9112 §2.2 says so.\na | nginx | verdict | 400 | 200 | r\n")
        key = ("a", "nginx", "verdict")
        self.assertEqual(told.judge({key: ("400", "200")}), [])
        self.assertIn("explained otherwise", told.judge({key: ("400", "501")})[0])
        self.assertIn("unexplained", told.judge({key: ("400", "200"), ("b", "nginx", "verdict"): ("1", "2")})[0])
        self.assertEqual(len(told.judge({})), 1)
        self.assertIn("stale", told.judge({})[0])

    def test_a_peer_may_do_one_thing_or_another(self) -> None:
        told = self.read("reason r: RFC 9112 §2.2 says so.\na | nginx | verdict | 400 | 400 or 200 | r\n")
        key = ("a", "nginx", "verdict")
        self.assertEqual(told.judge({}) + told.judge({key: ("400", "200")}), [])
        self.assertEqual(len(told.judge({key: ("400", "501")})), 1)

    def test_a_reason_cites_a_section_and_is_given_by_somebody(self) -> None:
        self.assertRaises(cases.Malformed, self.read, "reason r: because.\n")
        self.assertIn("nobody", self.read("reason r: RFC 9112 §2.2 says so.\n").judge({})[0])


if __name__ == "__main__":
    unittest.main()

"""Made-up conversations, many at a time, judged by a strict reader that knows no gateway.

Clients send requests that are right or nearly so, cut anywhere; the backend answers likewise. Every
request has to arrive exactly as meant or not at all, every answer at the client that asked, and
whatever can be read in two ways nowhere.

Every run begins with the same rounds. `CONVERSATIONS_SECONDS=600` makes it longer, and
`CONVERSATIONS_SEED=n` (with `CONVERSATIONS_ROUND=n` for the one that failed) makes it another.
"""

import os
import random
import re
import time
from collections import Counter

import pytest

from backends.raw import Play, echo, seen
from conversations import answer, expect, request, spoil
from support.stand import Stand
from support.strict import Fault, More, read_answer

SECONDS = float(os.environ.get("CONVERSATIONS_SECONDS", "15"))
SEED = os.environ.get("CONVERSATIONS_SEED", "1")
ONE = os.environ.get("CONVERSATIONS_ROUND")
CLIENTS = 24


class Talk:
    """One client: its bytes, where they are cut, and what must come of them."""

    def __init__(self, dice, number: int, plays: dict):
        data = b""
        for position in range(dice.choice([1, 1, 2, 4])):
            target = b"/c/%d/%d" % (number, position)
            if dice.random() < 0.8:
                said = answer(dice)
                if dice.random() < 0.4:
                    said = spoil(dice, said)
                plays[target] = Play(said, "as needed", dice.randint(0, len(said)))
            asked = request(dice, target)
            data += spoil(dice, asked) if dice.random() < 0.4 else asked
        self.data, self.was_reset = data, False
        cuts = sorted(dice.randint(0, len(data)) for _ in range(dice.choice([0, 1, 1, 3])))
        self.parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    def connect(self, stand):
        self.connection = stand.edge.connect()

    def send(self, step: int):
        try:
            if step < len(self.parts):
                self.connection.send(self.parts[step])
            elif step == len(self.parts):
                self.connection.finish_sending()
        except OSError:
            # Refused or cut: the rest is nobody's. The system tells of a reset only once.
            self.was_reset = True

    def read(self):
        """Everything until the connection ends."""
        self.got = b""
        with self.connection:
            try:
                while block := self.connection.socket.recv(1 << 16):
                    self.got += block
            except ConnectionResetError:
                self.was_reset = True

    def judge(self, expected):
        at = 0
        for wanted in expected.answers:
            try:
                found = read_answer(self.got, wanted.method, at)
                while found.status < 200:
                    at = found.end
                    found = read_answer(self.got, wanted.method, at)
            except More:
                if wanted.is_cut or (wanted.is_optional and at == len(self.got)):
                    return
                raise
            if wanted.is_cut:
                # A fault that came together with the head is known before anything has left.
                is_refused = found.status == 502 and found.framing != "close"
                is_reset = found.framing == "close" and self.was_reset
                assert is_refused or is_reset, "a cut answer looks whole"
                return
            assert found.status in wanted.status, (found.status, wanted)
            at = found.end
            if wanted.lines is None:
                continue
            own = (b"content-length", b"transfer-encoding", b"connection")
            lines = [line for name, _, line in found.fields if name.lower() not in own]
            trailers = [(name, value) for name, value, _ in found.trailers]
            assert (lines, found.body, trailers) == (wanted.lines, wanted.body, wanted.trailers)
        assert at == len(self.got), f"more than was asked for: {self.got[at:]!r}"


def brief(value) -> str:
    """Its text, the repetitions of large bodies left out."""
    return re.sub(r"(.{20,120}?)\1{3,}", r"\1 [… and again] ", repr(value))[:6000]


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    made = Stand(tmp_path_factory.mktemp("conversations"), "body 1m;")
    yield made
    made.stop()


def play_round(stand, number: int):
    dice = random.Random(f"{SEED}-{number}")
    backend = stand.backend
    backend.forget()
    backend.answers = {}
    talks = [Talk(dice, index, backend.answers) for index in range(CLIENTS)]
    for talk in talks:
        talk.connect(stand)
    for step in range(max(len(talk.parts) for talk in talks) + 1):
        stand.settle()
        for talk in talks:
            talk.send(step)
    for talk in talks:
        talk.read()
    wanted, repeated = Counter(stand.others(1)), set()
    for talk in talks:
        expected = expect(talk.data, backend.answers, echo)
        where = f"CONVERSATIONS_SEED={SEED} CONVERSATIONS_ROUND={number}"
        try:
            talk.judge(expected)
        except (AssertionError, Fault, More) as error:
            said = {name: play for name, play in backend.answers.items() if name in talk.data}
            raise AssertionError(
                f"{where}\nsent {brief(talk.parts)}\nanswers {brief(said)}\ngot {brief(talk.got)}"
                f" ({len(talk.got)} bytes, {'a reset' if talk.was_reset else 'the end'})"
                f"\nwanted {brief(expected.answers)}\n{error!r}"
            ) from None
        wanted.update(expected.sees)
        repeated |= expected.repeated
    backend.assert_no_open_remains()
    backend.assert_clean()
    got = Counter(seen(message) for message in backend.requests())
    for one in repeated:
        assert 1 <= got[one] <= 3, f"{where}: {got[one]} times {one}"
        got[one] = wanted[one] = 1
    assert got == wanted, f"{where}\ntoo much: {got - wanted}\ntoo little: {wanted - got}"


def test_made_up_conversations(stand):
    if ONE is not None:
        return play_round(stand, int(ONE))
    end = time.monotonic() + SECONDS
    number = 0
    while time.monotonic() < end:
        play_round(stand, number)
        number += 1
    print(f"{number} rounds of {CLIENTS} clients")

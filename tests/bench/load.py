"""A cheap load client: one thread, raw keep-alive sockets, closed loops.

The machine's cores are shared with what is measured, so the client counts its own time.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

# A conversation yields (label, request) and is sent the body of the answer.
Conversation = Generator[tuple[str, bytes], bytes, None]


@dataclass
class Run:
    """What was measured; latencies in milliseconds by label."""

    seconds: float = 0.0
    client_seconds: float = 0.0
    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(map(len, self.latencies.values()))

    def rate(self, label: str) -> float:
        return len(self.latencies[label]) / self.seconds

    def add(self, other: Run) -> None:
        self.seconds += other.seconds
        self.client_seconds += other.client_seconds
        self.failures += other.failures
        for label, values in other.latencies.items():
            self.latencies[label] += values


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of all values do not exceed; 0 of nothing."""
    ranked = sorted(values)
    return ranked[min(int(len(ranked) * share), len(ranked) - 1)] if ranked else 0.0


class _Client:
    def __init__(self, port: int, talk: Conversation) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.talk = talk
        self.buffer = b""
        self.label, self.sent_at = "", 0.0

    def send(self, item: tuple[str, bytes]) -> None:
        self.label, request = item
        self.buffer = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> tuple[int, bytes] | None:
        """(status, body) once the answer is whole."""
        part = self.socket.recv(262144)
        if not part:
            raise ConnectionError("the server hung up")
        self.buffer += part
        head, gap, body = self.buffer.partition(b"\r\n\r\n")
        if not gap:
            return None
        length = head.lower().find(b"content-length: ")
        if length >= 0:
            if len(body) < int(head[length + 16 :].split(b"\r\n", 1)[0]):
                return None
        elif not body.endswith(b"0\r\n\r\n"):  # sent in chunks
            return None
        return int(head[9:12]), body


def run(port: int, talks: Sequence[Conversation], *, seconds: float) -> Run:
    """Hold all conversations at once, each waiting for its answer before it goes on."""
    result = Run()
    clients = [_Client(port, talk) for talk in talks]
    with selectors.DefaultSelector() as selector:
        started, cpu = time.perf_counter(), time.process_time()
        deadline = started + seconds
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.send(next(client.talk))
        waiting = len(clients)
        while waiting:
            for key, _mask in selector.select(30) or _stalled():
                client = key.data
                answer = client.receive()
                if answer is None:
                    continue
                now = time.perf_counter()
                _note(result, client, answer, now)
                try:
                    request = client.talk.send(answer[1])
                    over = now >= deadline
                except StopIteration:
                    over = True
                if over:
                    waiting -= 1
                    selector.unregister(client.socket)
                else:
                    client.send(request)
        result.seconds = time.perf_counter() - started
        result.client_seconds = time.process_time() - cpu
    for client in clients:
        client.socket.close()
    return result


def _note(result: Run, client: _Client, answer: tuple[int, bytes], now: float) -> None:
    status, body = answer
    result.latencies[client.label].append((now - client.sent_at) * 1000)
    if status != 200:
        result.failures.append(f"{client.label}: {status} {body[:300].decode('utf-8', 'replace')}")


def _stalled() -> list[tuple[selectors.SelectorKey, int]]:
    raise TimeoutError("no answer for 30 seconds")

"""Keys that end: what a memory store of Stoa must do, without the network."""

import heapq
import re
import threading
import time

MAX_KEY_BYTES = 250
MAX_VALUE_BYTES = 512 * 1024
MAX_SAFE_INTEGER = 2**53 - 1
# Years; a monotonic clock has no room for more.
MAX_TTL_MS = 10**12

_KEY = re.compile(r"[\x21-\x7e]{1,%d}" % MAX_KEY_BYTES)
_COUNTER = re.compile(rb"-?[0-9]{1,16}")


class Refused(Exception):
    """A call that was wrong, with the code that Stoa has for it."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class Store:
    """Keys in a dict. One lock around each operation makes it atomic.

    Keys that ended are not seen any more, and are dropped when others are set. When the values take more than
    `max_bytes`, those go first that end first. `now` gives seconds that never go back.
    """

    def __init__(self, max_bytes: int, now=time.monotonic):
        self._max_bytes = max_bytes
        self._now = now
        self._lock = threading.Lock()
        self._entries: dict[str, tuple[bytes, float]] = {}
        # Ends and keys; one whose key was set anew is passed over when its turn comes.
        self._ends: list[tuple[float, str]] = []
        self._bytes = 0

    def get(self, key: str) -> bytes | None:
        _check_key(key)
        with self._lock:
            return self._live(key)

    def set(self, key: str, value: bytes, ttl_ms: int) -> None:
        _check(key, value, ttl_ms)
        with self._lock:
            self._put(key, value, ttl_ms)

    def add(self, key: str, value: bytes, ttl_ms: int) -> bool:
        _check(key, value, ttl_ms)
        with self._lock:
            if self._live(key) is not None:
                return False
            self._put(key, value, ttl_ms)
            return True

    def compare_and_set(self, key: str, expected: bytes, value: bytes, ttl_ms: int) -> bool:
        _check(key, value, ttl_ms)
        with self._lock:
            if self._live(key) != expected:
                return False
            self._put(key, value, ttl_ms)
            return True

    def increment(self, key: str, delta: int, ttl_ms: int) -> int:
        _check(key, b"", ttl_ms)
        with self._lock:
            current = self._live(key)
            if current is not None and not _COUNTER.fullmatch(current):
                raise Refused("failed-precondition", "the key holds no counter")
            total = int(current or b"0") + delta
            if abs(total) > MAX_SAFE_INTEGER:
                raise Refused("failed-precondition", "the counter is used up")
            value = str(total).encode()
            if current is None:
                self._put(key, value, ttl_ms)
            else:
                # The time of the first call stays.
                self._entries[key] = (value, self._entries[key][1])
                self._bytes += len(value) - len(current)
            return total

    def delete(self, keys: list[str]) -> None:
        for key in keys:
            _check_key(key)
        with self._lock:
            for key in keys:
                self._drop(key)

    def delete_prefix(self, prefix: str) -> None:
        _check_key(prefix)
        with self._lock:
            for key in [key for key in self._entries if key.startswith(prefix)]:
                self._drop(key)

    def _live(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        return None if entry is None or entry[1] <= self._now() else entry[0]

    def _put(self, key: str, value: bytes, ttl_ms: int) -> None:
        self._drop(key)
        now = self._now()
        ends = now + min(ttl_ms, MAX_TTL_MS) / 1000
        self._entries[key] = (value, ends)
        self._bytes += len(key) + len(value)
        heapq.heappush(self._ends, (ends, key))
        while self._ends and (self._ends[0][0] <= now or self._bytes > self._max_bytes):
            self._drop_first()
        if len(self._ends) > 2 * len(self._entries) + 1000:
            self._ends = [(end, kept) for kept, (_, end) in self._entries.items()]
            heapq.heapify(self._ends)

    def _drop_first(self) -> None:
        ends, key = heapq.heappop(self._ends)
        entry = self._entries.get(key)
        if entry is not None and entry[1] == ends:
            self._drop(key)

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(key) + len(entry[0])


def _check_key(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise Refused("invalid-argument", f"a key has 1 to {MAX_KEY_BYTES} printable ASCII characters")


def _check(key: str, value: bytes, ttl_ms: int) -> None:
    _check_key(key)
    if len(value) > MAX_VALUE_BYTES:
        raise Refused("too-large", f"a value has at most {MAX_VALUE_BYTES} octets")
    if ttl_ms < 1:
        raise Refused("invalid-argument", "a key needs a time to live of at least 1 ms")

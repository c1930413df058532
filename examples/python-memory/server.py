"""A memory store for Stoa in another process and another language: serves the contracts of proto/stoa/plugin/v1.

PYTHONPATH holds the code that generate.sh made.
"""

import argparse
import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from store import Refused, Store
from stoa.plugin.v1 import memory_store_pb2 as messages
from stoa.plugin.v1 import memory_store_pb2_grpc as memory_store
from stoa.plugin.v1 import plugin_pb2 as plugin_messages
from stoa.plugin.v1 import plugin_pb2_grpc as plugin

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
MAX_PENDING = 1_000_000
DEFAULT_MAX_BYTES = 64 * 1024 * 1024

CONFIG_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "max-size": {
            "type": "integer",
            "minimum": 1024,
            "default": DEFAULT_MAX_BYTES,
            "description": "Octets of keys and values; beyond it those go first that end first.",
        }
    },
    "additionalProperties": False,
}

# Stoa's own codes travel in the metadata; who does not know them has the status.
STATUS = {
    "invalid-argument": grpc.StatusCode.INVALID_ARGUMENT,
    "too-large": grpc.StatusCode.INVALID_ARGUMENT,
    "failed-precondition": grpc.StatusCode.FAILED_PRECONDITION,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
}


def abort(context: grpc.ServicerContext, refused: Refused):
    context.set_trailing_metadata((("stoa-code", refused.code),))
    context.abort(STATUS[refused.code], str(refused))


class Driver:
    """The store, which is there once somebody configured it. All who do must configure it alike."""

    def __init__(self):
        self._lock = threading.Lock()
        self._config: dict | None = None
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        if self._store is None:
            # Stoa configures it anew then, and calls again.
            raise Refused("unavailable", "the driver waits for its configuration")
        return self._store

    def configure(self, text: str) -> None:
        config = read_config(text)
        with self._lock:
            if self._config is None:
                self._config, self._store = config, Store(config["max-size"])
            elif config != self._config:
                raise Refused("failed-precondition", "this process serves somebody else with another configuration")


def read_config(text: str) -> dict:
    try:
        config = json.loads(text)
    except ValueError:
        raise Refused("invalid-argument", "the configuration is no JSON") from None
    if not isinstance(config, dict):
        raise Refused("invalid-argument", "the configuration is no object")
    for key in config:
        if key not in CONFIG_SCHEMA["properties"]:
            raise Refused("invalid-argument", f"{key}: no such key")
    max_bytes = config.get("max-size", DEFAULT_MAX_BYTES)
    if type(max_bytes) is not int or max_bytes < 1024:
        raise Refused("invalid-argument", "max-size: expected a whole number of at least 1024")
    return {"max-size": max_bytes}


class PluginService(plugin.PluginServiceServicer):
    def __init__(self, driver: Driver):
        self._driver = driver

    def Describe(self, request, context):
        return plugin_messages.DescribeResponse(
            name="python-memory",
            kind="memory",
            sdk="^1.0.0",
            capabilities_json=json.dumps({"shared": "network", "deletePrefix": True}),
            config_schema_json=json.dumps(CONFIG_SCHEMA),
        )

    def Configure(self, request, context):
        try:
            self._driver.configure(request.config_json)
        except Refused as refused:
            abort(context, refused)
        return plugin_messages.ConfigureResponse()


class MemoryStoreService(memory_store.MemoryStoreServiceServicer):
    def __init__(self, driver: Driver):
        self._driver = driver

    def Get(self, request, context):
        value = self._call(context, lambda store: store.get(request.key))
        return messages.MemoryStoreServiceGetResponse(found=value is not None, value=value or b"")

    def Set(self, request, context):
        self._call(context, lambda store: store.set(request.key, request.value, request.ttl_ms))
        return messages.SetResponse()

    def Add(self, request, context):
        added = self._call(context, lambda store: store.add(request.key, request.value, request.ttl_ms))
        return messages.AddResponse(added=added)

    def CompareAndSet(self, request, context):
        swapped = self._call(
            context,
            lambda store: store.compare_and_set(request.key, request.expected, request.value, request.ttl_ms),
        )
        return messages.CompareAndSetResponse(swapped=swapped)

    def Increment(self, request, context):
        value = self._call(context, lambda store: store.increment(request.key, request.delta, request.ttl_ms))
        return messages.IncrementResponse(value=value)

    def Delete(self, request, context):
        self._call(context, lambda store: store.delete(list(request.keys)))
        return messages.MemoryStoreServiceDeleteResponse()

    def DeletePrefix(self, request, context):
        self._call(context, lambda store: store.delete_prefix(request.prefix))
        return messages.DeletePrefixResponse()

    def _call(self, context, operation):
        try:
            return operation(self._driver.store)
        except Refused as refused:
            abort(context, refused)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--port", type=int, default=7101, help="port on 127.0.0.1; 0 takes a free one")
    port = arguments.parse_args().port
    options = [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        # Without these gRPC cancels calls at random once a thousand wait for a thread.
        ("grpc.server.max_pending_requests", MAX_PENDING),
        ("grpc.server.max_pending_requests_hard_limit", MAX_PENDING),
        # Two processes on one port would each have half of the keys.
        ("grpc.so_reuseport", 0),
    ]
    server = grpc.server(ThreadPoolExecutor(max_workers=8), options=options)
    driver = Driver()
    plugin.add_PluginServiceServicer_to_server(PluginService(driver), server)
    memory_store.add_MemoryStoreServiceServicer_to_server(MemoryStoreService(driver), server)
    # Without TLS, so for this machine alone.
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    print(f"serving the memory store on 127.0.0.1:{bound}", flush=True)
    stopping = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopping.set())
    stopping.wait()
    server.stop(grace=2).wait()


if __name__ == "__main__":
    main()

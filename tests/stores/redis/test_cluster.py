"""A cluster of three: the same decisions, also while the slot moves to another."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from redis.asyncio import RedisCluster
from redis.crc import key_slot

from ratelimit.testing import check_store

if TYPE_CHECKING:
    from collections.abc import Callable

SLOTS = 16_384


def gather_cluster(servers: list[Any]) -> None:
    """Make one cluster of *servers*, slots shared out evenly."""
    for number, server in enumerate(servers):
        with server.client as client:
            slots = range(SLOTS * number // 3, SLOTS * (number + 1) // 3)
            client.execute_command("CLUSTER", "ADDSLOTS", *slots)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", servers[0].port)


async def whole(servers: list[Any]) -> None:
    """Wait until every node sees all."""
    for server in servers:
        with server.client as client:
            async with asyncio.timeout(30):
                while b"cluster_state:ok" not in (said := raw(client, "CLUSTER", "INFO")) or (
                    b"cluster_known_nodes:3" not in said
                ):
                    await asyncio.sleep(0.02)


def raw(client: Any, *command: Any) -> bytes:
    """Return what a command says, as bytes."""
    client.response_callbacks.pop("CLUSTER INFO", None)
    said = client.execute_command(*command)
    return said if isinstance(said, bytes) else str(said).encode()


def move(servers: list[Any], slot: int, owner: int, to: int) -> None:
    """Move a *slot* with its keys, as redis-cli does it."""
    with servers[owner].client as source, servers[to].client as target:
        here, there = (raw(client, "CLUSTER", "MYID").decode() for client in (source, target))
        target.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", here)
        source.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", there)
        while keys := source.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
            source.execute_command("MIGRATE", "127.0.0.1", servers[to].port, "", 0, 5000, "KEYS", *keys)
        for client in (target, source):
            client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", there)


async def test_a_cluster_of_three_whose_slot_moves(start: Callable[..., Any], stores: Callable[..., Any]) -> None:
    """Every decision is the memory store's, before and after the slot of the keys has gone to another node."""
    servers = [start("--cluster-enabled", "yes", "--cluster-node-timeout", "2000") for _ in range(3)]
    gather_cluster(servers)
    await whole(servers)
    client = RedisCluster(host="127.0.0.1", port=servers[0].port)
    slot = key_slot(b"ratelimit")
    owner = slot * 3 // SLOTS
    made: list[Any] = []

    async def make(workers: int, clock: Any, secret: bytes) -> list[Any]:
        made.extend(stores(client, clock, secret=secret) for _ in range(workers))
        sync, steps = made[0].sync, 0

        async def synced() -> None:
            nonlocal steps
            steps += 1
            if steps == 200:
                await asyncio.to_thread(move, servers, slot, owner, (owner + 1) % 3)
            await sync()

        made[0].sync = synced
        return made

    try:
        await check_store(make, seed=3, steps=200, workers=2)
    finally:
        for store in made:
            await store.aclose()
        await client.aclose()

    with servers[(owner + 1) % 3].client as target:
        moved = target.dbsize()

    assert moved > 10
    assert all(store._breaker.closed for store in made)

"""The line to the server: calls that are ready in the same turn of the loop travel as one pipeline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import redis
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError, ResponseError

from ratelimit.errors import StoreError
from ratelimit.stores.redis.scripts import Script, script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import RedisCluster

#: What may go wrong between here and the server.
FAILURES = (RedisError, OSError, TimeoutError, asyncio.IncompleteReadError)

# Until 5.3 a pool wanted to know what for.
_OLD = tuple(map(int, redis.__version__.split(".")[:2])) < (5, 3)

# Calls in one pipeline, so that no answer waits for too many others.
_MOST = 128


class Call(msgspec.Struct, frozen=True, gc=False):
    """One verb on the server."""

    script: Script
    keys: tuple[str, ...]
    args: tuple[bytes | str | int, ...]

    def command(self, *, whole: bool) -> tuple[Any, ...]:
        """Return the command; *whole*: with the script's source, for a server that does not know it."""
        head = ("EVAL", self.script.source) if whole else ("EVALSHA", self.script.sha)
        return (*head, len(self.keys), *self.keys, *self.args)

    def numbered(self, writes: str, number: int) -> Call:
        """Return the same with a *number*, by which the server knows it again if it is sent twice, among *writes*."""
        return Call(self.script, (*self.keys, writes), (*self.args, number))


def call(verb: str, keys: Sequence[str], *args: bytes | str | int) -> Call:
    """Return the call of a *verb*."""
    return Call(script(verb), tuple(keys), args)


class Line:
    """Sends calls with a *client*, each answered or failed by the moment that is said when it is handed in."""

    def __init__(self, client: Redis | RedisCluster) -> None:
        self.client: Any = client  # its annotations differ between its versions
        self._waiting: list[tuple[Call, asyncio.Future[Any], float]] = []
        self._sender: asyncio.Task[None] | None = None

    def ask(self, wanted: Call, *, by: float) -> asyncio.Future[Any]:
        """Return what will be answered, *by* a moment of the loop's time.

        Raises, awaited: one of FAILURES; StoreError for what a script got wrong.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((wanted, future, by))
        if self._sender is None or self._sender.done():
            self._sender = loop.create_task(self._send())
        return future

    async def send(self, calls: Sequence[Call]) -> list[Any]:
        """Return the answers to *calls*, failures among them as exceptions. Raises: one of FAILURES."""
        answers = await self._execute(calls, whole=False)
        unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            again = await self._execute([calls[place] for place in unknown], whole=True)
            for place, answer in zip(unknown, again, strict=True):
                answers[place] = answer
        return answers

    async def aclose(self) -> None:
        """Stop sending; whoever waits is told."""
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        for _, future, _ in self._waiting:
            if not future.done():
                future.set_exception(StoreError("RedisStore: closed"))
        self._waiting.clear()

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            try:
                async with asyncio.timeout_at(batch[0][2]):
                    answers = await self.send([wanted for wanted, _, _ in batch])
            except FAILURES as error:
                answers = [error] * len(batch)
            except BaseException as error:
                _settle(batch, [StoreError(f"RedisStore: {error!r}")] * len(batch))
                raise
            _settle(batch, answers)

    async def _straight(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Do what a pipeline does, for half of what it costs."""
        pool = self.client.connection_pool
        connection = await pool.get_connection("EVALSHA") if _OLD else await pool.get_connection()
        try:
            await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            return [await _answer(connection) for _ in commands]
        except BaseException:  # what was not read must not be taken for the answer to something else
            await connection.disconnect(nowait=True)
            raise
        finally:
            await pool.release(connection)

    async def _execute(self, calls: Sequence[Call], *, whole: bool) -> list[Any]:
        if isinstance(self.client, Redis):
            return await self._straight([wanted.command(whole=whole) for wanted in calls])
        async with self.client.pipeline(transaction=False) as pipe:
            for wanted in calls:
                pipe.execute_command(*wanted.command(whole=whole))
            answers: list[Any] = await pipe.execute(raise_on_error=False)
            return answers


async def _answer(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:  # one call's, and the others' answers follow
        return error


def _settle(batch: Sequence[tuple[Call, asyncio.Future[Any], float]], answers: Sequence[Any]) -> None:
    for (_, future, _), answer in zip(batch, answers, strict=True):
        if future.done():  # its caller was cancelled
            continue
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)

from __future__ import annotations

import socket

import httpx
import pytest

from ratelimit.demo.model import create_model
from ratelimit.demo.serve import serving


async def test_the_server_answers_while_it_is_needed_and_then_no_more() -> None:
    """It can be called at once, and once left nothing listens at its port."""
    async with serving(create_model()) as url, httpx.AsyncClient(base_url=url) as http:
        response = await http.post("/v1/messages", json={"messages": [{"role": "user", "content": "Hello"}]})

    assert response.status_code == 200
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", httpx.URL(url).port or 0))


async def test_a_port_can_be_chosen_and_a_taken_one_is_refused() -> None:
    """A port serves one at a time: who comes second gets an OSError at once."""
    async with serving(create_model()) as url:
        port = httpx.URL(url).port
        assert port is not None
        with pytest.raises(OSError, match="in use"):
            async with serving(create_model(), port=port):
                pass
    async with serving(create_model(), port=port) as again:
        assert again == url


async def test_a_failure_inside_stops_the_server_too() -> None:
    """However the block is left, nothing listens afterwards."""
    with pytest.raises(ZeroDivisionError):
        async with serving(create_model()) as url:
            raise ZeroDivisionError

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", httpx.URL(url).port or 0))

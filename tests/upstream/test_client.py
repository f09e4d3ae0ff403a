"""The client against partners that answer, dawdle, hang up and lie, over real sockets."""

import asyncio
import gc
import gzip
import socket
import threading

import pytest

from hub.upstream import Fault, PoolStats, SendError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
PUSHES = ["POST", "PUT", "PATCH", "DELETE"]


def reply(status: int, *headers: str, body: bytes = b"") -> bytes:
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def silent(request, writer) -> None:
    pass


async def hang_up(request, writer) -> None:
    writer.close()


async def settled(condition) -> None:
    """Wait for something that the loop has yet to carry through."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


# --- a request and its answer


async def test_what_is_sent_arrives_and_what_is_answered_comes_back(partner, client, ask):
    server = await partner(reply(201, "Link: <x>", body=b'{"status_code":1000}'))
    response = await client().send(
        ask(server, "/a/b?c=%20d", method="PUT", headers=(("X-Request-ID", "1"),), body=b'{"id":1}')
    )
    assert (response.status, response.body, response.headers.get("LINK")) == (201, b'{"status_code":1000}', "<x>")
    (seen,) = server.requests
    assert (seen.method, seen.target, seen.body) == ("PUT", "/a/b?c=%20d", b'{"id":1}')
    assert seen.headers["x-request-id"] == "1"
    assert seen.headers["host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("status", [200, 204, 304, 400, 401, 404, 500, 503])
async def test_every_status_but_a_redirect_is_an_answer(partner, client, ask, status):
    server = await partner(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
    assert (await client().send(ask(server))).status == status


async def test_a_large_body_both_ways(partner, client, ask):
    large = bytes(range(256)) * 20_000

    async def echo(request, writer) -> None:
        writer.write(reply(200, body=request.body))

    server, one = await partner(echo), client()
    response = await one.send(ask(server, method="POST", body=large))
    assert response.body == large
    assert one.stats() == {"p": PoolStats(in_use=0, idle=1)}


async def test_an_answer_before_the_request_is_written(partner, client, ask):
    async def refuse_early(reader, writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply(413))
        await reader.read(1)
        await asyncio.Event().wait()

    server, one = await partner(talk=refuse_early), client()
    response = await one.send(ask(server, method="PUT", body=b"x" * 30_000_000))
    assert response.status == 413
    assert one.stats()["p"].idle == 0


async def test_an_answer_that_ends_with_the_connection(partner, client, ask):
    async def until_eof(request, writer) -> None:
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server, one = await partner(until_eof), client()
    for _ in range(2):
        assert (await one.send(ask(server))).body == b"{}"
    assert server.connections == 2


async def test_an_answer_in_small_pieces(partner, client, ask):
    async def dribble(request, writer) -> None:
        for byte in reply(200, body=b"{}"):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    assert (await client().send(ask(await partner(dribble)))).body == b"{}"


async def test_compressed_all_the_same(partner, client, ask):
    body = gzip.compress(b'{"a":1}')
    server, one = await partner(reply(200, "Content-Encoding: gzip", body=body)), client()
    assert (await one.send(ask(server))).body == b'{"a":1}'
    assert server.requests[0].headers["accept-encoding"] == "identity"
    assert one.stats()["p"].idle == 1


# --- what is refused before a connection is made


@pytest.mark.parametrize("url", ["ftp://example.org", "http://2130706433/", "http://a@example.org/", "x"])
async def test_a_bad_url(client, ask, fails, url):
    await fails(client().send(ask(url)), Fault.URL, sent=False)


async def test_a_header_that_would_be_two(partner, client, ask, fails):
    server, one = await partner(), client()
    for _ in range(2):
        await fails(one.send(ask(server, headers=(("A", "b\r\nC: d"),))), Fault.REQUEST, sent=False)
    assert server.connections == 0
    assert one.stats()["p"].in_use == 0


async def test_no_time_left(partner, client, ask, fails):
    server = await partner()
    await fails(client().send(ask(server, within=-0.1)), Fault.TIMEOUT, sent=False)
    assert server.connections == 0


# --- connections are used again


async def test_a_connection_is_used_again(partner, client, ask):
    server, one = await partner(), client()
    for method in ["GET", "PUT", "GET", "DELETE"]:
        await one.send(ask(server, method=method))
    assert [request.connection for request in server.requests] == [1, 1, 1, 1]
    assert one.stats() == {"p": PoolStats(in_use=0, idle=1)}


async def test_the_connection_used_last_is_used_first(partner, client, ask):
    gates = {"/1": asyncio.Event(), "/2": asyncio.Event()}

    async def wait(request, writer) -> None:
        if request.target in gates:
            await gates[request.target].wait()
        writer.write(OK)

    server, one = await partner(wait), client()
    first = asyncio.create_task(one.send(ask(server, "/1")))
    await server.until(lambda: len(server.requests) == 1)
    second = asyncio.create_task(one.send(ask(server, "/2")))
    await server.until(lambda: len(server.requests) == 2)
    gates["/2"].set()
    await second
    gates["/1"].set()
    await first
    await one.send(ask(server, "/3"))
    assert server.requests[2].connection == server.requests[0].connection


@pytest.mark.parametrize(
    "answer",
    [
        reply(200, "Connection: close", body=b"{}"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        OK + b"x",
        OK + OK,
        reply(200, "Keep-Alive: timeout=1", body=b"{}"),
    ],
)
async def test_a_connection_that_must_not_be_used_again(partner, client, ask, answer):
    server, one = await partner(answer), client()
    for _ in range(2):
        assert (await one.send(ask(server))).body == b"{}"
    assert [request.connection for request in server.requests] == [1, 2]


async def test_origins_and_pools_share_no_connection(partner, client, ask):
    one_server, other_server, one = await partner(), await partner(), client()
    await one.send(ask(one_server))
    await one.send(ask(other_server))
    await one.send(ask(one_server, pool=2))
    await one.send(ask(f"http://localhost:{one_server.port}"))
    assert (one_server.connections, other_server.connections) == (3, 1)
    assert one.stats() == {"p": PoolStats(in_use=0, idle=3), 2: PoolStats(in_use=0, idle=1)}


async def test_an_idle_connection_that_is_closed_is_dropped(partner, client, ask):
    server, one = await partner(), client()
    await one.send(ask(server))
    server.writers[0].close()
    await settled(lambda: one.stats()["p"].idle == 0)
    assert (await one.send(ask(server, method="PUT"))).status == 200
    assert server.connections == 2


async def test_an_idle_connection_that_speaks_is_dropped(partner, client, ask):
    server, one = await partner(), client()
    await one.send(ask(server))
    server.writers[0].write(reply(200, body=b"poison"))
    await settled(lambda: one.stats()["p"].idle == 0)
    assert (await one.send(ask(server))).body == b"{}"
    assert server.connections == 2


async def test_a_push_takes_no_connection_that_was_idle_for_long(partner, client, ask):
    server, one = await partner(), client(push_idle=0.02)
    await one.send(ask(server))
    now = asyncio.get_running_loop().time
    used = now()
    await settled(lambda: now() > used + 0.03)
    await one.send(ask(server, method="PUT"))
    await one.send(ask(server))
    assert [request.connection for request in server.requests] == [1, 2, 2]


async def test_unused_connections_and_pools_are_dropped(partner, client, ask, monkeypatch):
    monkeypatch.setattr("hub.upstream.client._IDLE_TICK", 0.01)
    server, one = await partner(), client(idle=0.05)
    await one.send(ask(server))
    assert one.stats()["p"].idle == 1
    await settled(lambda: one.stats() == {})
    await server.until(lambda: not server.tasks)
    await one.send(ask(server))
    assert server.connections == 2


async def test_an_idle_connection_makes_room_for_another_origin(partner, client, ask):
    servers = [await partner() for _ in range(3)]
    one = client(connections=2)
    for server in servers:
        await one.send(ask(server))
    assert one.stats() == {"p": PoolStats(in_use=0, idle=2)}
    await servers[0].until(lambda: not servers[0].tasks)


# --- a push is never sent twice


@pytest.mark.parametrize("method", PUSHES)
async def test_a_push_on_a_connection_that_dies_is_not_repeated(partner, client, ask, fails, method):
    async def once(request, writer) -> None:
        if request.target == "/first":
            writer.write(OK)
        else:
            writer.close()

    server, one = await partner(once), client()
    await one.send(ask(server, "/first"))
    text = await fails(one.send(ask(server, "/push", method=method)), Fault.RESET, sent=True)
    assert text == f"127.0.0.1:{server.port} closed the connection without an answer"
    await one.send(ask(server, "/first"))
    assert [(request.target, request.connection) for request in server.requests] == [
        ("/first", 1),
        ("/push", 1),
        ("/first", 2),
    ]


@pytest.mark.parametrize("method", PUSHES)
async def test_a_push_on_a_fresh_connection_that_dies_is_not_repeated(partner, client, ask, fails, method):
    server = await partner(hang_up)
    await fails(client().send(ask(server, method=method)), Fault.RESET, sent=True)
    assert (server.connections, len(server.requests)) == (1, 1)


async def test_a_connection_reset_while_a_push_is_written(partner, client, ask, fails):
    async def reset(reader, writer) -> None:
        await reader.read(1)
        writer.transport.abort()

    server, one = await partner(talk=reset), client()
    await fails(one.send(ask(server, method="PUT", body=b"x" * 10_000_000)), Fault.RESET, sent=True)
    assert server.connections == 1


async def test_a_get_gets_a_second_connection_when_a_kept_one_is_dead(partner, client, ask):
    async def once(request, writer) -> None:
        if request.connection == 1 and request.target == "/2":
            writer.close()
        else:
            writer.write(OK)

    server, one = await partner(once), client()
    await one.send(ask(server, "/1"))
    assert (await one.send(ask(server, "/2"))).status == 200
    assert [(request.target, request.connection) for request in server.requests] == [("/1", 1), ("/2", 1), ("/2", 2)]


async def test_a_get_gets_one_second_connection_and_a_fresh_one(partner, client, ask, fails):
    gates = {"/a": asyncio.Event(), "/b": asyncio.Event()}

    async def answer(request, writer) -> None:
        if request.target == "/dead":
            writer.close()
            return
        await gates[request.target].wait()
        writer.write(OK)

    server, one = await partner(answer), client()
    both = [asyncio.create_task(one.send(ask(server, target))) for target in gates]
    await server.until(lambda: len(server.requests) == 2)
    for gate in gates.values():
        gate.set()
    await asyncio.gather(*both)
    await fails(one.send(ask(server, "/dead")), Fault.RESET, sent=True)
    assert [request.target for request in server.requests].count("/dead") == 2
    assert server.requests[-1].connection == 3


async def test_a_get_on_a_fresh_connection_is_not_repeated(partner, client, ask, fails):
    server = await partner(hang_up)
    await fails(client().send(ask(server)), Fault.RESET, sent=True)
    assert len(server.requests) == 1


async def test_a_get_is_not_repeated_after_a_byte_of_the_answer(partner, client, ask, fails):
    async def begin(request, writer) -> None:
        if request.target == "/1":
            writer.write(OK)
        else:
            writer.write(b"H")
            await writer.drain()
            writer.close()

    server, one = await partner(begin), client()
    await one.send(ask(server, "/1"))
    text = await fails(one.send(ask(server, "/2")), Fault.RESET, sent=True)
    assert "in the middle of its answer" in text
    assert len(server.requests) == 2


async def test_the_second_connection_of_a_get_is_refused(client, ask, fails):
    async def serve(reader, writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")
        listener.close()
        writer.transport.abort()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    url, one = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", client()
    await one.send(ask(url))
    await fails(one.send(ask(url)), Fault.CONNECT, sent=True)


@pytest.mark.parametrize(
    "cut", [b"HTTP/1.1 200 OK\r\n", reply(200, body=b"{}")[:-1], OK.replace(b"Content-Length: 2", b"X: y")[:-5]]
)
async def test_an_answer_that_stops_halfway(partner, client, ask, fails, cut):
    async def stop(request, writer) -> None:
        writer.write(cut)
        await writer.drain()
        writer.close()

    text = await fails(client().send(ask(await partner(stop))), Fault.RESET, sent=True)
    assert "in the middle of its answer" in text


async def test_a_compressed_answer_that_stops_halfway(partner, client, ask, fails):
    async def stop(request, writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"{}")[:-4])
        await writer.drain()
        writer.close()

    await fails(client().send(ask(await partner(stop))), Fault.PROTOCOL, sent=True)


# --- a pool is bounded


async def test_no_free_connection_is_busy_at_once(partner, client, ask, fails):
    gate = asyncio.Event()

    async def wait(request, writer) -> None:
        await gate.wait()
        writer.write(OK)

    server, one = await partner(wait), client(connections=3)
    waiting = [asyncio.create_task(one.send(ask(server))) for _ in range(3)]
    await server.until(lambda: len(server.requests) == 3)
    assert one.stats() == {"p": PoolStats(in_use=3, idle=0)}
    async with asyncio.timeout(0.2):
        text = await fails(one.send(ask(server)), Fault.BUSY, sent=False)
    assert text == "all 3 connections are busy"
    other = asyncio.create_task(one.send(ask(server, pool="q")))
    await server.until(lambda: len(server.requests) == 4)
    gate.set()
    await asyncio.gather(*waiting, other)
    assert (await one.send(ask(server))).status == 200
    assert server.connections == 4


async def test_a_failure_frees_its_slot(partner, client, ask, fails):
    server, one = await partner(hang_up), client(connections=1)
    for _ in range(3):
        await fails(one.send(ask(server, method="PUT")), Fault.RESET, sent=True)
    assert one.stats() == {"p": PoolStats(in_use=0, idle=0)}


# --- the deadline


async def answer_nothing(request, writer) -> None:
    await asyncio.Event().wait()


async def answer_half(request, writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
    await asyncio.Event().wait()


async def answer_for_ever(request, writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x")
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("answer", [answer_nothing, answer_half, answer_for_ever])
async def test_the_deadline_covers_the_whole_answer(partner, client, ask, fails, answer):
    server, one = await partner(answer), client()
    began = asyncio.get_running_loop().time()
    text = await fails(one.send(ask(server, within=0.1)), Fault.TIMEOUT, sent=True)
    assert 0.09 < asyncio.get_running_loop().time() - began < 0.5
    assert text == f"no whole answer from 127.0.0.1:{server.port} within 0.1 s"
    assert one.stats() == {"p": PoolStats(in_use=0, idle=0)}
    assert len(server.requests) == 1


async def test_the_deadline_covers_writing(partner, client, ask, fails):
    async def deaf(reader, writer) -> None:
        writer.transport.pause_reading()
        await asyncio.Event().wait()

    server, one = await partner(talk=deaf), client()
    await fails(one.send(ask(server, method="PUT", body=b"x" * 30_000_000, within=1.0)), Fault.TIMEOUT, sent=True)


async def test_a_get_that_took_too_long_on_a_kept_connection_is_not_repeated(partner, client, ask, fails):
    async def once(request, writer) -> None:
        if request.target == "/1":
            writer.write(OK)

    server, one = await partner(once), client()
    await one.send(ask(server, "/1"))
    text = await fails(one.send(ask(server, "/2", within=0.1)), Fault.TIMEOUT, sent=True)
    assert text.startswith("no whole answer from")
    assert (server.connections, len(server.requests)) == (1, 2)


async def test_each_request_has_its_own_deadline(partner, client, ask, fails):
    server, one = await partner(answer_nothing), client()
    late = asyncio.create_task(fails(one.send(ask(server, within=0.4)), Fault.TIMEOUT, sent=True))
    await fails(one.send(ask(server, within=0.1)), Fault.TIMEOUT, sent=True)
    assert not late.done()
    await late


# --- an answer that is not taken


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"SSH-2.0-OpenSSH\r\n", Fault.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", Fault.PROTOCOL),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", Fault.PROTOCOL),
        (reply(200, "Content-Encoding: br", body=b"x"), Fault.PROTOCOL),
        (reply(200, body=b"x" * 101), Fault.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 101, Fault.TOO_LARGE),
        (reply(200, "Content-Encoding: gzip", body=gzip.compress(b"\0" * 10_000_000, mtime=0)), Fault.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, Fault.TOO_LARGE),
    ],
)
async def test_an_answer_that_is_not_taken(partner, client, ask, *, fails, answer, fault):
    server, one = await partner(answer), client(max_body=100)
    for number, method in enumerate(["GET", "PUT"], 1):
        await fails(one.send(ask(server, method=method)), fault, sent=True)
        await server.until(lambda: not server.tasks)
        assert len(server.requests) == number
        assert one.stats() == {"p": PoolStats(in_use=0, idle=0)}


async def test_a_request_may_have_a_smaller_cap(partner, client, ask, fails):
    server, one = await partner(reply(200, body=b"x" * 200)), client(max_body=200)
    assert len((await one.send(ask(server))).body) == 200
    await fails(one.send(ask(server, max_body=199)), Fault.TOO_LARGE, sent=True)
    small = client(max_body=199)
    await fails(small.send(ask(server, max_body=200)), Fault.TOO_LARGE, sent=True)


async def test_one_sender_leaves_some_connections_to_the_others(partner, client, ask, fails):
    gate = asyncio.Event()

    async def wait(request, writer) -> None:
        await gate.wait()
        writer.write(OK)

    server, one = await partner(wait), client(connections=8)
    waiting = [asyncio.create_task(one.send(ask(server, sender=1))) for _ in range(6)]
    await server.until(lambda: len(server.requests) == 6)
    text = await fails(one.send(ask(server, sender=1)), Fault.BUSY, sent=False)
    assert text == "all 6 connections that one partner may use are busy"
    waiting += [asyncio.create_task(one.send(ask(server, sender=sender))) for sender in (2, None)]
    await server.until(lambda: len(server.requests) == 8)
    await fails(one.send(ask(server, sender=3)), Fault.BUSY, sent=False)
    gate.set()
    await asyncio.gather(*waiting)
    assert (await one.send(ask(server, sender=1))).status == 200


async def test_a_partner_that_speaks_first(partner, client, ask):
    async def banner(reader, writer) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await reader.read()

    with pytest.raises(SendError) as caught:
        await client().send(ask(await partner(talk=banner), method="PUT"))
    # Which of the two depends on whether the banner or the request is first on its way.
    assert (caught.value.fault, caught.value.sent) in {(Fault.PROTOCOL, True), (Fault.RESET, False)}


# --- redirects


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("to", ["/b?c=d", "b?c=d", "{origin}/b?c=d", "//127.0.0.1:{port}/b?c=d"])
async def test_a_redirect_within_the_origin_is_followed(partner, client, ask, status, to):
    async def redirect(request, writer) -> None:
        location = to.format(origin=server.origin, port=server.port)
        writer.write(reply(status, f"Location: {location}", body=b"moved") if request.target == "/a" else OK)

    server, one = await partner(redirect), client()
    response = await one.send(ask(server, "/a", method="PATCH", headers=(("X-Id", "7"),), body=b'{"a":1}'))
    assert response.status == 200
    first, second = server.requests
    assert (first.target, second.target) == ("/a", "/b?c=d")
    for seen in (first, second):
        assert (seen.method, seen.headers["x-id"], seen.body, seen.connection) == ("PATCH", "7", b'{"a":1}', 1)


async def test_a_redirect_with_a_closed_connection_is_followed(partner, client, ask):
    async def redirect(request, writer) -> None:
        writer.write(reply(308, "Location: /b", "Connection: close") if request.target == "/a" else OK)

    server = await partner(redirect)
    assert (await client().send(ask(server, "/a", method="PUT"))).status == 200
    assert [request.connection for request in server.requests] == [1, 2]


async def test_a_second_redirect_is_not_followed(partner, client, ask, fails):
    server = await partner(reply(307, "Location: /again?token=secret"))
    text = await fails(client().send(ask(server, method="POST")), Fault.REDIRECT, sent=True)
    assert len(server.requests) == 2
    assert "redirects again (HTTP 307)" in text


@pytest.mark.parametrize("status", [307, 308])
async def test_a_redirect_to_another_origin_is_not_followed(partner, client, ask, fails, status):
    other = await partner()
    server = await partner(reply(status, f"Location: {other.origin}/x?token=secret"))
    text = await fails(client().send(ask(server)), Fault.REDIRECT, sent=True)
    assert f"to http://127.0.0.1:{other.port} (HTTP {status})" in text
    assert "secret" not in text
    assert other.connections == 0


async def test_a_redirect_to_https_is_not_followed(partner, client, ask, fails):
    server = await partner()
    server.answer = reply(308, f"Location: https://127.0.0.1:{server.port}/x")
    await fails(client().send(ask(server)), Fault.REDIRECT, sent=True)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 399])
async def test_another_redirect_is_not_followed(partner, client, ask, fails, status):
    server, one = await partner(reply(status, "Location: /b")), client()
    text = await fails(one.send(ask(server)), Fault.REDIRECT, sent=True)
    assert f"to http://127.0.0.1:{server.port} (HTTP {status})" in text
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "header", ["X: y", "Location: http://[", "Location: http://a@b/", "Location: /a b", "Location: "]
)
async def test_a_redirect_to_nowhere(partner, client, ask, fails, header):
    server = await partner()
    server.answer = reply(307, header)
    await fails(client().send(ask(server)), Fault.REDIRECT, sent=True)


async def test_a_redirect_that_fails_was_sent(partner, client, ask, fails):
    async def redirect(request, writer) -> None:
        if request.target == "/a":
            writer.write(reply(307, "Location: /b"))
        else:
            writer.close()

    server = await partner(redirect)
    await fails(client().send(ask(server, "/a", method="PUT")), Fault.RESET, sent=True)
    assert len(server.requests) == 2


# --- a caller that goes away, a client that is closed


async def test_a_cancelled_request_closes_its_connection(partner, client, ask):
    server, one = await partner(silent), client(connections=1)
    sending = asyncio.create_task(one.send(ask(server)))
    await server.until(lambda: len(server.requests) == 1)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert one.stats() == {"p": PoolStats(in_use=0, idle=0)}
    await server.until(lambda: not server.tasks)


async def test_cancelled_in_the_moment_of_the_answer(partner, client, ask):
    gate = asyncio.Event()

    async def wait(request, writer) -> None:
        await gate.wait()
        writer.write(OK)

    server, one = await partner(wait), client()
    sending = asyncio.create_task(one.send(ask(server)))
    await server.until(lambda: len(server.requests) == 1)
    (connection,) = one._busy
    gate.set()
    await settled(lambda: connection._done is None)
    sending.cancel()
    await asyncio.wait([sending])
    assert one.stats()["p"].in_use == 0
    assert sending.cancelled() == (one.stats()["p"].idle == 0)


async def test_cancelled_while_connecting(client, ask):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        one = client(resolve=lambda host, port: ["127.0.0.1"])
        sending = asyncio.create_task(one.send(ask(f"http://a.example:{listener.getsockname()[1]}")))
        await asyncio.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    assert one.stats() == {"p": PoolStats(in_use=0, idle=0)}
    gc.collect()


async def test_close_ends_what_is_under_way(partner, client, ask, fails):
    server, one = await partner(silent), client()
    waiting = asyncio.create_task(fails(one.send(ask(server)), Fault.CLOSED, sent=True))
    await server.until(lambda: len(server.requests) == 1)
    await one.close()
    await waiting
    await server.until(lambda: not server.tasks)
    await fails(one.send(ask(server)), Fault.CLOSED, sent=False)


async def test_close_does_not_wait_for_look_ups_or_handshakes(partner, client, ask, fails, gate):
    async def listen(reader, writer) -> None:
        await reader.read()

    def resolve(host: str, port: int) -> list[str]:
        gate.wait(10)
        return []

    server, one = await partner(talk=listen), client(resolve=resolve)
    urls = ["http://hang.example", f"https://127.0.0.1:{server.port}"]
    waiting = [asyncio.create_task(fails(one.send(ask(url)), Fault.CLOSED, sent=False)) for url in urls]
    await server.until(lambda: server.connections == 1)
    async with asyncio.timeout(0.5):
        await one.close()
        await asyncio.gather(*waiting)


async def test_close_closes_idle_connections(partner, client, ask):
    server, one = await partner(), client()
    await one.send(ask(server))
    await one.close()
    await server.until(lambda: not server.tasks)
    assert one.stats()["p"].idle == 0
    await one.close()


# --- all at once


async def test_many_requests_at_once_get_their_own_answers(partner, client, ask):
    async def echo(request, writer) -> None:
        await asyncio.sleep(0)
        writer.write(reply(200, body=request.target.encode()))

    server, one = await partner(echo), client(connections=8)

    async def work(worker: int) -> None:
        for number in range(50):
            method = ["GET", "PUT"][number % 2]
            path = f"/{worker}/{number}"
            assert (await one.send(ask(server, path, method=method))).body == path.encode()

    await asyncio.gather(*[work(worker) for worker in range(8)])
    assert len(server.requests) == len({request.target for request in server.requests}) == 400
    assert server.connections <= 8
    assert one.stats()["p"].in_use == 0


# --- a platform that is shut out


async def test_what_is_kept_for_one_that_is_shut_out_is_closed_and_it_can_come_back(partner, client, ask):
    server, sender = await partner(OK), client()
    await sender.send(ask(server))
    assert sender.stats()["p"].idle == 1
    sender.drop("p")
    assert "p" not in sender.stats()
    await sender.send(ask(server))
    assert len({each.connection for each in server.requests}) == 2


async def test_nothing_is_sent_on_a_connection_that_was_being_opened_for_it(partner, client, ask):
    server, gate = await partner(OK), threading.Event()

    def look_up(host, port):
        gate.wait(5)
        return ["127.0.0.1"]

    sender = client(resolve=look_up)
    sending = asyncio.create_task(sender.send(ask(f"http://shut.example:{server.port}")))
    await settled(lambda: "p" in sender.stats())
    sender.drop("p")
    gate.set()
    with pytest.raises(SendError) as caught:
        await sending
    assert (caught.value.fault, caught.value.sent) == (Fault.CLOSED, False)
    assert server.requests == []

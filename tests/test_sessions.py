"""TLS sessions: many connections of a run cost few full handshakes."""
import threading
import time

from files import (  # noqa: F401 (some are fixtures)
    CDN,
    SIGN,
    UPLOAD,
    ended,
    files,
    place,
    portal,
    tree_of,
)

WIDTH = 16
FULL = 4  # HTTP_FULL_HANDSHAKES


def handshakes(sim, host):
    """How many connections the server had with a host name, and how many of their handshakes
    were full ones."""
    resumed = {r.conn: r.tls[2] for r in sim.log if r.host == host}
    return len(resumed), [*resumed.values()].count(False)


def upload(files, hs):
    for n in range(WIDTH):
        place(hs.cwd / "t" / f"{n}.txt", b"x")
    return files("upload", "t", "d", "--concurrency", WIDTH)


def test_connections_wait_for_the_session_of_the_first_ones(files, hs, sim, portal):
    serve = sim.serve_tls
    sim.serve_tls = lambda *where: time.sleep(0.5) or serve(*where)  # all connect meanwhile
    # each request waits for the others, so each needs a connection
    sim.fail(UPLOAD, times=WIDTH, then=lambda: sim.wait(UPLOAD, WIDTH))
    ended(upload(files, hs), 0)
    count, full = handshakes(sim, "api.hubapi.com")
    assert count == WIDTH and 1 <= full <= FULL
    assert len(portal.files) == WIDTH


def test_first_connections_that_stall_hold_up_nobody(files, hs, sim, portal):
    """The others do not wait for long, and the run does not need the first ones."""
    serve, lock, ended_run = sim.serve_tls, threading.Lock(), threading.Event()
    stalled = []

    def stall(sock, *where):
        with lock:
            first = len(stalled) < FULL
            stalled.extend([sock] * first)
        if first:
            ended_run.wait(60)
        else:
            serve(sock, *where)

    sim.serve_tls = stall
    sim.fail(UPLOAD, times=WIDTH - FULL, then=lambda: sim.wait(UPLOAD, WIDTH - FULL))
    try:
        done = upload(files, hs)
    finally:
        ended_run.set()
    ended(done, 0)
    assert len(portal.files) == WIDTH


def test_the_sessions_of_two_hosts_are_kept(files, hs, sim, portal):
    for n in range(6):
        portal.add_file(f"d/{n}.txt", b"x", access="PRIVATE")
    close = {"Connection": "close"}
    url = next(iter(portal.files.values()))["url"]
    sim.fail(SIGN, times=None, status=200, headers=close, body={"url": url})
    sim.fail(CDN, times=None, status=200, headers=close, body=b"x")
    ended(files("fetch", "d", ".", "--concurrency", 1), 0)
    assert len(tree_of(hs.cwd)) == 6
    for host in ("api.hubapi.com", sim.requests(CDN)[0].host):
        count, full = handshakes(sim, host)
        assert count >= 6 and full <= 2, (host, count, full)

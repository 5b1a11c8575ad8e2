"""Starting the service: what a person is told, and that it is true."""

import socket
import threading

import httpx
import pytest

from scantrail.errors import SettingsError
from scantrail.serve import run
from scantrail.settings import Settings
from scantrail.wiring import DEMO, engine


@pytest.mark.parametrize(
    ("host", "url"), [("127.0.0.1", "http://127.0.0.1:8000"), ("::1", "http://[::1]:8000")]
)
def test_the_banner_names_the_docs_and_a_curl_line_on_one_line(capsys, monkeypatch, host, url):
    monkeypatch.setenv("COLUMNS", "40")  # a narrow terminal must not break the line to copy
    run._banner(host, 8000, None)
    assert capsys.readouterr().out.splitlines() == [
        f"scantrail listens on {url}  (Ctrl-C stops it)",
        "No keys are asked for, and only this machine is answered.",
        f"API documentation: {url}/docs",
        "Score the bundled sample log:",
        f"  curl -s {url}/api/v1/barcode-anomaly-detect -H 'Content-Type: application/json' "
        f"--data-binary '@{DEMO / 'sample.json'}'",
    ]


def test_it_says_where_it_listens_once_it_does(monkeypatch):
    """Port 0 is a free one; the banner tells which."""
    told = []
    servers = []
    listening = threading.Event()
    startup = run._Server.startup

    async def started(server, sockets=None):
        await startup(server, sockets)
        servers.append(server)
        listening.set()

    monkeypatch.setattr(run._Server, "startup", started)
    monkeypatch.setattr(run, "_banner", lambda *words: told.append(words))
    chain = engine(Settings(database_url="sqlite://"))
    thread = threading.Thread(
        target=run.serve, args=(chain, "127.0.0.1", 0), kwargs={"insecure_local": True}
    )
    thread.start()
    try:
        assert listening.wait(20)
        [(host, port, key)] = told
        assert key is None
        assert httpx.get(f"http://{host}:{port}/health").json()["status"] == "healthy"
    finally:
        servers[0].should_exit = True
        thread.join(20)
    assert not thread.is_alive()


def test_a_port_that_is_taken_is_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError) as caught:
            run.serve(engine(Settings()), "127.0.0.1", port)
    assert str(caught.value) == (
        f"port {port} of 127.0.0.1 can't be used: Address already in use; choose another with --port"
    )

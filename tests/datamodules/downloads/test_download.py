from __future__ import annotations

import hashlib
import json
import math
import os
import random
import shutil
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from saibench.datamodules.downloads.download import RetryPolicy, download
from saibench.datamodules.downloads.part import sole_writer
from saibench.datamodules.downloads.remote import Checksum, RemoteFile
from saibench.datamodules.downloads.request import CHUNK_BYTES, NotServed
from saibench.errors import UserError

CONTENT = random.Random(0).randbytes(100_000)
OTHER = random.Random(1).randbytes(100_000)
CUT = 2 * CHUNK_BYTES
QUICK = RetryPolicy(attempts=3, wait=0.001, timeout=60)


def remote(url: str, content: bytes = CONTENT, **more) -> RemoteFile:
    return RemoteFile(url, Checksum("md5", hashlib.md5(content).hexdigest()), **more)


def sentence(raised: pytest.ExceptionInfo) -> str:
    text = str(raised.value)
    assert "\n" not in text and text.endswith(".")
    return text


def ranges(server) -> list[str | None]:
    return [request.headers.get("Range") for request in server.received]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


def test_a_file_arrives_whole_and_alone(server, answer, tmp_path):
    url = server.serve("/f", answer(CONTENT))
    target = tmp_path / "new" / "folder" / "f.npz"
    assert download(remote(url), target, QUICK) == target
    assert target.read_bytes() == CONTENT
    assert names(target.parent) == {"f.npz"}


def test_sha256_is_verified_too(server, answer, tmp_path):
    url = server.serve("/f", answer(CONTENT))
    right = Checksum("sha256", hashlib.sha256(CONTENT).hexdigest())
    wrong = Checksum("sha256", hashlib.sha256(OTHER).hexdigest())
    download(RemoteFile(url, right), tmp_path / "right", QUICK)
    with pytest.raises(UserError, match="sha256"):
        download(RemoteFile(url, wrong), tmp_path / "wrong", QUICK)


def test_a_verified_file_is_not_fetched_again(server, answer, tmp_path):
    (tmp_path / "f").write_bytes(CONTENT)
    download(remote(server.url("/f")), tmp_path / "f", QUICK)
    assert server.received == []


def test_another_file_in_the_place_of_the_target_is_never_overwritten(server, answer, tmp_path):
    url = server.serve("/f", answer(CONTENT))
    (tmp_path / "f").write_bytes(OTHER)
    with pytest.raises(UserError) as raised:
        download(remote(url), tmp_path / "f", QUICK)
    assert str(tmp_path / "f") in sentence(raised)
    assert (tmp_path / "f").read_bytes() == OTHER


def test_wrong_bytes_are_deleted_and_named(server, answer, tmp_path):
    url = server.serve("/f", answer(OTHER))
    with pytest.raises(UserError) as raised:
        download(remote(url), tmp_path / "f", QUICK)
    text = sentence(raised)
    assert url in text
    assert hashlib.md5(CONTENT).hexdigest() in text and hashlib.md5(OTHER).hexdigest() in text
    assert names(tmp_path) == set()


def test_a_body_cut_without_a_stated_length_is_not_taken_for_the_file(server, answer, tmp_path):
    url = server.serve("/f", answer(CONTENT, sent=60_000, length=False))
    with pytest.raises(UserError) as raised:
        download(remote(url), tmp_path / "f", QUICK)
    assert hashlib.md5(CONTENT[:60_000]).hexdigest() in sentence(raised)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("validator", [{}, {"ETag": '"1"'}, {"Last-Modified": "Mon, 01 Jan 2024"}])
def test_a_dropped_connection_is_resumed_where_it_broke(server, answer, tmp_path, validator):
    cut = answer(CONTENT, sent=CUT, headers=validator)
    url = server.serve("/f", cut, cut, cut, answer(CONTENT, headers=validator))
    download(remote(url), tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert ranges(server) == [None, f"bytes={CUT}-", f"bytes={2 * CUT}-", f"bytes={3 * CUT}-"]
    expected = next(iter(validator.values()), None)
    assert [one.headers.get("If-Range") for one in server.received] == [None] + 3 * [expected]


def test_a_weak_etag_is_not_used_for_if_range(server, answer, tmp_path):
    weak = {"ETag": 'W/"1"'}
    url = server.serve("/f", answer(CONTENT, sent=CUT, headers=weak), answer(CONTENT, headers=weak))
    download(remote(url), tmp_path / "f", QUICK)
    assert "If-Range" not in server.received[1].headers


def test_drops_that_bring_new_bytes_are_not_counted_as_failures(server, answer, tmp_path):
    url = server.serve("/f", answer(CONTENT, sent=CHUNK_BYTES))
    download(remote(url), tmp_path / "f", QUICK)
    assert len(server.received) == math.ceil(len(CONTENT) / CHUNK_BYTES) > QUICK.attempts


def test_a_server_that_ignores_ranges_is_read_from_the_start(server, answer, tmp_path):
    url = server.serve("/f", answer(CONTENT, sent=CUT), answer(CONTENT, ranges=False))
    download(remote(url), tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert ranges(server) == [None, f"bytes={CUT}-"]


def test_a_server_that_ignores_ranges_and_always_drops_is_given_up(server, answer, tmp_path):
    url = server.serve("/f", answer(CONTENT, sent=CUT, ranges=False))
    with pytest.raises(NotServed):
        download(remote(url), tmp_path / "f", QUICK)
    assert len(server.received) == 1 + QUICK.attempts


@pytest.mark.parametrize("heeds_if_range", [True, False])
def test_a_file_changed_between_tries_is_not_mixed(server, answer, tmp_path, heeds_if_range):
    url = server.serve(
        "/f",
        answer(OTHER, sent=CUT, headers={"ETag": '"old"'}),
        answer(CONTENT, headers={"ETag": '"new"'}, if_range=heeds_if_range),
    )
    download(remote(url), tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_file_of_another_length_between_tries_is_not_mixed(server, answer, tmp_path):
    url = server.serve("/f", answer(OTHER + b"longer", sent=CUT), answer(CONTENT))
    download(remote(url), tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_file_now_shorter_than_its_part_is_begun_anew(server, answer, tmp_path):
    url = server.serve("/f", answer(OTHER, sent=CUT), answer(CONTENT[:20_000]))
    download(remote(url, CONTENT[:20_000]), tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT[:20_000]


def test_a_silent_change_is_caught_by_the_checksum(server, answer, tmp_path):
    url = server.serve("/f", answer(OTHER, sent=CUT), answer(CONTENT))
    with pytest.raises(UserError, match="checksum"):
        download(remote(url), tmp_path / "f", QUICK)
    assert names(tmp_path) == set()
    download(remote(url), tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_silent_server_times_out_and_is_asked_again(server, answer, tmp_path):
    url = server.serve("/f", answer(CONTENT, sent=CUT, pause=0.6), answer(CONTENT))
    download(remote(url), tmp_path / "f", RetryPolicy(attempts=12, wait=0.001, timeout=0.2))
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_server_error_is_asked_again(server, answer, tmp_path):
    url = server.serve("/f", answer(status=500), answer(status=503), answer(CONTENT))
    download(remote(url), tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (202, 1), (500, 3)])
def test_a_refusal_says_the_status_and_where_to_put_the_file(
    server, answer, tmp_path, status, requests
):
    url = server.serve("/f", answer(status=status))
    with pytest.raises(NotServed) as raised:
        download(remote(url), tmp_path / "f", QUICK)
    text = sentence(raised)
    assert url in text and str(status) in text and str(tmp_path / "f") in text
    assert len(server.received) == requests
    assert names(tmp_path) == set()


def test_a_server_that_is_not_there_is_named(server, tmp_path):
    server.server_close()
    url = server.url("/f")
    with pytest.raises(NotServed, match="refused") as raised:
        download(remote(url), tmp_path / "f", QUICK)
    assert url in sentence(raised)


def test_a_mirror_is_asked_when_the_first_address_refuses(server, answer, tmp_path):
    gone, mirror = server.serve("/gone", answer(status=403)), server.serve("/m", answer(CONTENT))
    download(remote(gone, mirrors=(mirror,)), tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_mirror_does_not_go_on_from_the_bytes_of_another_address(server, answer, tmp_path):
    first = server.serve("/1", answer(OTHER, sent=CUT), answer(status=404))
    mirror = server.serve("/2", answer(CONTENT))
    download(remote(first, mirrors=(mirror,)), tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert ranges(server) == [None, f"bytes={CUT}-", None]


def test_a_file_larger_than_the_disk_is_refused_before_its_body(server, answer, tmp_path):
    url = server.serve("/f", answer(CONTENT, length=False, headers={"Content-Length": str(10**16)}))
    with pytest.raises(UserError, match="free") as raised:
        download(remote(url), tmp_path / "f", QUICK)
    assert f"{10**16:,}" in sentence(raised)
    assert not (tmp_path / "f").exists()


def test_a_folder_that_cannot_be_written_is_named(server, answer, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as raised:
        download(remote(server.url("/f")), tmp_path / "file" / "f", QUICK)
    assert str(tmp_path / "file") in sentence(raised)


def test_two_downloads_of_one_file_do_not_write_over_each_other(server, tmp_path):
    with sole_writer(tmp_path / "f"), pytest.raises(UserError, match="another process"):
        download(remote(server.url("/f")), tmp_path / "f", QUICK)
    assert server.received == []


@pytest.mark.parametrize("note", ["", "{", '{"url": 3}', "[]"])
def test_a_part_of_unknown_origin_is_begun_anew(server, answer, tmp_path, note):
    (tmp_path / "f.part").write_bytes(OTHER[:500])
    (tmp_path / "f.part.json").write_text(note)
    download(remote(server.serve("/f", answer(CONTENT))), tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert ranges(server) == [None]


def test_a_part_that_is_whole_is_verified_without_a_request(server, tmp_path):
    url = server.url("/f")
    (tmp_path / "f.part").write_bytes(CONTENT)
    note = {"url": url, "validator": None, "total": len(CONTENT)}
    (tmp_path / "f.part.json").write_text(json.dumps(note))
    download(remote(url), tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert server.received == []


def test_a_killed_download_goes_on_where_it_was_killed(server, answer, tmp_path):
    url = server.serve(
        "/f",
        answer(CONTENT, sent=70_000, pause=30, headers={"ETag": '"1"'}),
        answer(CONTENT, headers={"ETag": '"1"'}),
    )
    script = f"""if True:
        from pathlib import Path
        from saibench.datamodules.downloads.download import download
        from saibench.datamodules.downloads.remote import Checksum, RemoteFile
        checksum = Checksum("md5", {hashlib.md5(CONTENT).hexdigest()!r})
        download(RemoteFile({url!r}, checksum), Path({str(tmp_path / "f")!r}))
    """
    child = subprocess.Popen([sys.executable, "-c", script])
    part = tmp_path / "f.part"
    while child.poll() is None and not (part.exists() and part.stat().st_size):
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    arrived = part.stat().st_size
    assert 0 < arrived < len(CONTENT) and not (tmp_path / "f").exists()
    download(remote(url), tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert ranges(server)[-1] == f"bytes={arrived}-"
    assert names(tmp_path) == {"f"}


@pytest.fixture
def certificate(server, tmp_path_factory) -> Path:
    """Turns the loopback server into an https server with a certificate that nobody signed."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the command openssl, to make a certificate: Debian's `openssl`")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.scheme = "https"
    return folder / "cert.pem"


def test_an_unknown_certificate_is_refused_at_once(server, answer, tmp_path, certificate):
    url = server.serve("/f", answer(CONTENT))
    with pytest.raises(NotServed, match="certificate") as raised:
        download(remote(url), tmp_path / "f", RetryPolicy(attempts=3, wait=60))
    assert url in sentence(raised)
    assert server.received == []


def test_https_may_not_lead_to_http(
    server, another_server, answer, tmp_path, certificate, monkeypatch
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    secure = server.serve("/secure", answer(CONTENT))
    download(remote(secure), tmp_path / "secure", QUICK)
    assert (tmp_path / "secure").read_bytes() == CONTENT

    plain = another_server.serve("/plain", answer(CONTENT))
    away = server.serve("/away", answer(status=302, headers={"Location": plain}))
    with pytest.raises(NotServed, match="TLS") as raised:
        download(remote(away), tmp_path / "away", QUICK)
    assert away in sentence(raised)
    assert names(tmp_path) == {"secure"}

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import time
from itertools import takewhile
from pathlib import Path

import pytest
import requests

from annotate.server import environment, process
from tests.annotate import studio
from tests.annotate.studio import Folder

RELEASE = environment.release()


@pytest.fixture
def second(label_studio: Folder, tmp_path: Path) -> Folder:
    """Return a folder with a database that was made before, where no server runs yet."""
    return studio.copy(label_studio, tmp_path / "clone")


@pytest.fixture
def bare(tmp_path: Path) -> Folder:
    """Return a folder that nothing was ever started in, and no environment either."""
    return studio.make(tmp_path / "clone")


def kill(folder: Folder) -> None:
    """End the server as a power cut does."""
    assert folder.running
    os.kill(folder.running.pid, signal.SIGKILL)
    until = time.monotonic() + 10
    while folder.running and time.monotonic() < until:
        time.sleep(0.01)
    assert folder.running is None


def started(folder: Folder) -> subprocess.Popen[str]:
    """Run `serve` in the foreground and return once it has printed everything."""
    command = folder.command("serve")
    assert command.stdout
    lines = [*takewhile(lambda line: line != "to stop it: Ctrl-C\n", iter(command.stdout.readline, ""))]
    assert "is running at" in "".join(lines)
    return command


def test_it_prints_where_it_runs_and_how_to_log_in(label_studio: Folder) -> None:
    account = label_studio.account
    output = (label_studio.path / "printed").read_text()
    assert output.startswith("starting Label Studio, which takes a minute or two the first time ...\n")
    assert output.endswith(
        f"Label Studio {RELEASE} is running at {account.url}\n"
        f"log in as {account.username}; the password is LABEL_STUDIO_PASSWORD in .env\n"
        "to stop it: python -m annotate stop\n"
    )
    assert label_studio.ask("GET", "/api/version").json()["release"] == RELEASE


def test_it_writes_into_its_folder_and_no_secret_anywhere_else(label_studio: Folder) -> None:
    assert list(label_studio.home.iterdir()) == []
    assert (label_studio.path / "made").read_text().split() == [".env", ".label-studio", "annotate"]
    assert (label_studio.path / ".env").stat().st_mode & 0o777 == 0o600
    secrets = [label_studio.account.password.encode(), label_studio.account.token.encode()]
    for path in label_studio.path.rglob("*"):
        if path.is_file() and path.name not in {".env", process.DATABASE}:
            content = path.read_bytes()
            assert not any(secret in content for secret in secrets), path


@pytest.mark.parametrize("address", ["127.0.0.2", "::1"])
def test_no_other_address_of_the_machine_reaches_it(label_studio: Folder, address: str) -> None:
    port = label_studio.account.port
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
    with pytest.raises(OSError, match=r"."), socket.create_connection((address, port), timeout=5):
        pass
    health, foreign = f"{label_studio.account.url}/health", {"Host": "elsewhere.example"}
    assert requests.get(health, headers=foreign, timeout=9).status_code == 400


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs the /proc of Linux")
def test_it_sees_no_variable_of_the_shell(label_studio: Folder) -> None:
    assert label_studio.running
    environment = Path(f"/proc/{label_studio.running.pid}/environ").read_text().rstrip("\0").split("\0")
    names = {entry.partition("=")[0] for entry in environment}
    others = {name for name in names if not name.startswith("LABEL_STUDIO_")}
    assert others - {"LC_CTYPE"} == {"PATH", "LANG", "HOME", "PYTHONUNBUFFERED"}
    assert "LABEL_STUDIO_PORT" not in names


def test_images_are_served_from_the_folder_and_nothing_beside_it(label_studio: Folder) -> None:
    images = label_studio.path / "annotate/out/images"
    project = label_studio.ask("POST", "/api/projects", json={"title": "images"}).json()["id"]
    storage = {"project": project, "path": str(images), "use_blob_urls": True}
    assert label_studio.ask("POST", "/api/storages/localfiles", json=storage).status_code == 201
    image = label_studio.ask("GET", "/data/local-files/?d=images/test-00001.png")
    assert image.content == (images / "test-00001.png").read_bytes()
    for path in ("../../.env", "/../../.env", str(label_studio.path / ".env")):
        answer = label_studio.ask("GET", f"/data/local-files/?d={path}")
        assert answer.status_code >= 400
        assert label_studio.account.password not in answer.text


def test_a_second_serve_finds_the_first(label_studio: Folder) -> None:
    before = label_studio.running
    output = label_studio.run("serve", "--detach", "--port", "65000")
    assert f"is running at {label_studio.account.url}\n" in output
    assert label_studio.running == before


def test_no_redis_of_this_machine_is_asked(second: Folder) -> None:
    with socket.socket() as redis:
        try:
            redis.bind(("127.0.0.1", 6379))
        except OSError:
            pytest.skip("port 6379 is in use: something else may ask there")
        redis.listen()
        redis.setblocking(False)
        second.run("serve", "--detach")
        with pytest.raises(BlockingIOError):
            redis.accept()
    second.run("stop")


def test_two_at_once_start_one_server(second: Folder) -> None:
    commands = [second.command("serve", "--detach") for _ in range(2)]
    output = [command.communicate(timeout=studio.PATIENCE)[0] for command in commands]
    assert all(f"is running at {second.account.url}\n" in text for text in output)
    assert sorted("starting Label Studio" in text for text in output) == [False, True]
    assert second.running
    second.run("stop")


def test_a_token_that_was_changed_is_named_and_not_shown(second: Folder) -> None:
    env = second.path / ".env"
    env.write_text(re.sub("(?<=API_KEY=).*", "f" * 40, env.read_text()))
    output = second.run("serve", "--detach", code=1)
    assert f"error: {second.account.url} does not accept the token in .env" in output
    assert "f" * 40 not in output
    assert second.running is None


@pytest.mark.parametrize(
    ("number", "code", "last"),
    [
        (signal.SIGINT, 0, "Label Studio has stopped; its data stay in .label-studio/"),
        (signal.SIGTERM, 143, ""),  # as `kill` and a supervisor end it
        (signal.SIGHUP, 129, ""),  # as a terminal that is closed does
    ],
)
def test_in_the_foreground_a_signal_stops_both(second: Folder, number: int, code: int, last: str) -> None:
    with started(second) as command:
        assert command.stdout
        command.send_signal(number)
        assert command.stdout.read().strip("\n") == last
    assert command.returncode == code
    assert second.running is None


def test_a_server_that_is_killed_is_reported_and_started_again_with_every_label(second: Folder) -> None:
    with started(second) as command:
        assert command.stdout
        export = studio.label(second, "killed")
        kill(second)
        output = command.stdout.read()
    assert command.returncode == 1
    assert "error: Label Studio ended (exit code -9); the end of .label-studio/log:\n" in output
    assert ' HTTP/1.1" 201 ' in output
    assert second.account.token not in output
    second.run("serve", "--detach")
    assert studio.labels(second, export) == [{"choices": ["cat"]}]
    second.run("stop")


def test_a_serve_that_is_killed_leaves_a_server_to_find_and_to_stop_once(second: Folder) -> None:
    with started(second) as command:
        command.kill()
    assert second.running
    assert "is running at" in second.run("serve")
    assert second.run("stop") == "Label Studio has stopped; its data stay in .label-studio/\n"
    assert second.running is None
    assert second.run("stop") == "Label Studio is not running\n"


def test_without_its_dotenv_another_account_sees_the_same_labels(
    label_studio: Folder, tmp_path: Path
) -> None:
    export = studio.label(label_studio, "dotenv lost")
    folder = studio.copy(label_studio, tmp_path / "clone")
    before = folder.account
    (folder.path / ".env").unlink()
    folder.run("serve", "--detach", "--port", str(before.port))
    assert folder.account.username != before.username
    assert studio.labels(folder, export) == [{"choices": ["cat"]}]
    folder.run("stop")


def test_a_disk_that_is_full_is_named(studio_environment: Path, tmp_path: Path) -> None:
    folder = studio.make(tmp_path / "clone", studio_environment)

    def full() -> None:  # the kernel refuses larger files: the database grows to more than a megabyte
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    output = folder.run("serve", "--port", str(studio.free_port()), code=1, preexec_fn=full)
    assert "error: Label Studio ended before it answered; the end of .label-studio/log:\n" in output
    assert "hint: the disk is full or refuses to be written" in output
    assert not any(secret in output for secret in (folder.account.password, folder.account.token))
    assert folder.running is None


def test_a_port_that_is_taken_is_refused_before_anything_is_made(bare: Folder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        output = bare.run("serve", "--port", str(port), code=1)
    assert f"error: port {port} cannot be used (address already in use)\n" in output
    assert re.search(r"hint: .*python -m annotate serve --port \d+\n", output)
    assert not (bare.path / ".env").exists()
    assert not (bare.kept / "env").exists()


@pytest.mark.parametrize(
    ("release", "made_by"), [("1.22.0", "Label Studio 1.22.0"), ("", "Label Studio (release unknown)")]
)
def test_data_of_another_release_are_refused(bare: Folder, release: str, made_by: str) -> None:
    data = bare.kept / "data"
    data.mkdir(parents=True)
    (data / process.DATABASE).write_bytes(b"precious")
    if release:
        (data / "release").write_text(f"{release}\n")
    assert f"error: .label-studio/data was made by {made_by}" in bare.run("serve", code=1)
    assert (data / process.DATABASE).read_bytes() == b"precious"


def test_elsewhere_than_in_the_repository_nothing_is_made(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "other")
    folder.path.mkdir()
    folder.home.mkdir()
    assert "error: annotate: no such folder in other/" in folder.run("serve", code=1)
    assert list(folder.path.iterdir()) == []


@pytest.mark.parametrize("content", ["{pid} 8080\n", "", "999999 8080\n", "what 8080\n"])
def test_a_pid_that_another_program_has_is_left_alone(bare: Folder, content: str) -> None:
    bare.kept.mkdir()
    with subprocess.Popen(["sleep", "60"]) as other:
        (bare.kept / "pid").write_text(content.format(pid=other.pid))
        assert bare.run("stop") == "Label Studio is not running\n"
        assert other.poll() is None
        other.kill()

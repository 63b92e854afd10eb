"""A PostgreSQL server on a socket in a temporary directory, and a proxy that disturbs it."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path


def find(program):
    """Return the path of a program of PostgreSQL, which Debian does not add to the PATH."""
    found = shutil.which(program)
    if found:
        return Path(found).resolve()
    programs = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return programs[-1] if programs else None


class Postgres:
    """A server that can be stopped and started again."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.bin = find("initdb").parent
        self.data = self.directory / "data"
        self.directory.chmod(0o755)
        self.data.mkdir(mode=0o700)
        if os.geteuid() == 0:  # the server refuses to run as root
            user = pwd.getpwnam("postgres")
            os.chown(self.data, user.pw_uid, user.pw_gid)
            os.chown(self.directory, user.pw_uid, user.pw_gid)
        self._do(
            "initdb", "-A", "trust", "-U", "seqbayes", "-E", "UTF8", "--no-sync", "--no-locale"
        )
        self.start()

    def _do(self, program, *words):
        command = [str(self.bin / program), "-D", str(self.data), *words]
        options = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        log = self.directory / f"{program}.log"
        with log.open("a") as out:
            done = subprocess.run(
                command, cwd=self.directory, stdout=out, stderr=out, check=False, **options
            )
        assert done.returncode == 0, log.read_text()[-3000:]

    def start(self):
        settings = f"-k {self.directory} -h '' -c fsync=off"
        self._do("pg_ctl", "-w", "-l", str(self.directory / "server.log"), "-o", settings, "start")

    def stop(self, mode="immediate"):
        self._do("pg_ctl", "-w", "-m", mode, "stop")

    @property
    def url(self):
        return f"postgresql://seqbayes@/postgres?host={self.directory}"


class Proxy:
    """Forwards connections to a server; it can delay every message and lose answers.

    Parameters
    ----------
    directory
        The directory of the server's socket.
    delay
        Seconds to wait before each message of a client is forwarded.
    """

    NAME = ".s.PGSQL.5432"

    def __init__(self, directory, delay=0.0):
        self._server = Path(directory)
        self.directory = Path(tempfile.mkdtemp(prefix="seqbayes-proxy-"))
        self.delay = delay
        self.lost = 0
        self._pattern = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.directory / self.NAME))
        self._listener.listen()
        self._sockets = []
        self._threads = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def route(self, url):
        """Return the URL of a store, by way of this proxy."""
        return url.replace(str(self._server), str(self.directory))

    def lose_answer_to(self, pattern):
        """Break the connection of the next message with these bytes when it has been answered."""
        self._pattern = pattern

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            server = socket.socket(socket.AF_UNIX)
            self._sockets += [client, server]
            with contextlib.suppress(OSError):
                server.connect(str(self._server / self.NAME))
            lose = threading.Event()
            for act in (self._send, self._answer):
                thread = threading.Thread(target=act, args=[client, server, lose], daemon=True)
                self._threads.append(thread)
                thread.start()

    def _send(self, client, server, lose):
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 20):
                time.sleep(self.delay)
                if self._pattern is not None and self._pattern in data:
                    self._pattern = None
                    lose.set()
                server.sendall(data)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _answer(self, client, server, lose):
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 20):
                if lose.is_set():
                    self.lost += 1
                    break
                client.sendall(data)
        for each in (client, server):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._listener.shutdown(socket.SHUT_RDWR)
        _join(self._accepting)  # then no connection is added
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            _join(thread)
        for each in (self._listener, *self._sockets):
            each.close()
        shutil.rmtree(self.directory)


def _join(thread):
    thread.join(60.0)
    assert not thread.is_alive(), "a thread of the proxy still waits for a connection"

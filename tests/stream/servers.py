"""A PostgreSQL server of one's own, on a socket in a temporary directory."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path


def find(program):
    """Return a program of PostgreSQL, which Debian keeps out of the path."""
    found = shutil.which(program)
    if found:
        return Path(found).resolve()
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return places[-1] if places else None


class Postgres:
    """A server that is made, started, killed and started again."""

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

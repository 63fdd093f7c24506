"""A child process that does not outlive its parent.

Three things see to it: ``atexit`` for a parent that ends in order, a session of its own so that
Ctrl-C in the terminal goes to the parent alone, and a watchdog for a parent that is killed. The
watchdog is a shell that reads from a pipe only the parent holds: end of file means that the parent
has ended. It needs no code between fork and exec, and unlike Linux's parent-death signal it does
not care which thread started the child.
"""

import atexit
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_WATCHDOG = 'read -r done && exit 0; kill -s KILL -- "-$1"; [ -z "$2" ] || rm -rf -- "$2"'


class ChildProcess:
    """A started process, its output in a file."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log_path: Path,
        env: Mapping[str, str],
        scratch: Path | None,
    ) -> None:
        """Start *command*, its output appended to *log_path*.

        Args:
            command: Program and arguments.
            log_path: Where standard output and standard error go.
            env: The whole environment of the child.
            scratch: A folder to remove if this process ends without having ended the child.
        """
        with log_path.open("ab") as log:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(env),
                start_new_session=True,
            )
        self._scratch = scratch
        self._watchdog = _start_watchdog(self.pid, scratch)
        self._owner_pid = os.getpid()
        atexit.register(self._kill_at_exit)

    @property
    def pid(self) -> int:
        """The system's number of the process."""
        return self._popen.pid

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, or ``None`` while the process lives."""
        status = self._popen.poll()
        if status is not None:
            self._dismiss_watchdog()
        return status

    def stop(self, timeout: float) -> int:
        """Ask the process to end, even if paused; after *timeout* seconds make it.

        Returns:
            The exit status, negative for a signal.
        """
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()
        return self._ended()

    def kill(self) -> int:
        """End the process at once and return its exit status."""
        self.signal(signal.SIGKILL)
        self._popen.wait()
        return self._ended()

    def pause(self) -> None:
        """Stop the process where it is, and return when it stands still."""
        self.signal(signal.SIGSTOP)
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let a paused process go on."""
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and its own children, if it still lives."""
        if self.poll() is None:
            os.killpg(self.pid, number)

    def _ended(self) -> int:
        status = self.poll()
        assert status is not None
        return status

    def _dismiss_watchdog(self) -> None:
        """Send the watchdog home: the number of an ended process may soon be somebody else's."""
        if self._watchdog.returncode is None:
            self._watchdog.communicate(b"done\n")
            atexit.unregister(self._kill_at_exit)

    def _kill_at_exit(self) -> None:
        if os.getpid() != self._owner_pid:
            return
        self.kill()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)


def _start_watchdog(pid: int, scratch: Path | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", _WATCHDOG, "etcd-watchdog", str(pid), str(scratch or "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

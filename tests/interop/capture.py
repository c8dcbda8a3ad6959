"""What goes over loopback while the peers talk, judged by tshark."""

import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from tests.interop.peers import missing
from tests.ports import ours

START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 10.0
READ_SECONDS_MAX = 120.0
# A ring: what a suite sends in some minutes, and never a full disk.
KILOBYTES_PER_FILE, FILES = 50_000, 4


@contextmanager
def captured(folder: Path) -> Iterator[Path]:
    """Write down what goes from and to the ports of this process on loopback.

    The folder of the files, whole at the end. What other tests say meanwhile is not looked at.
    """
    program = shutil.which("dumpcap")
    if program is None:
        missing("tshark is not installed: apt-get install tshark")
        return
    folder.mkdir()
    ports = ours()
    command = [
        *(
            program,
            "-q",
            "-i",
            "lo",
            "-f",
            f"portrange {ports[0]}-{ports[-1]}",
            "-w",
            str(folder / "lo.pcapng"),
        ),
        *("-b", f"filesize:{KILOBYTES_PER_FILE}", "-b", f"files:{FILES}"),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        ends = monotonic() + START_SECONDS_MAX
        while not any(folder.glob("*.pcapng")):
            if process.poll() is not None:
                # Only who may listen on the interface can say what is on it.
                missing(f"dumpcap ended: {(folder / 'log').read_text()[-500:]}")
            assert monotonic() < ends, "dumpcap does not begin"
        yield folder
        process.send_signal(signal.SIGINT)
        process.wait(STOP_SECONDS_MAX)
    finally:
        process.kill()
        process.wait()


def packets(folder: Path, display_filter: str, sip_ports: Iterable[int] = ()) -> list[str]:
    """The packets which tshark finds by this filter, a line each.

    A peer's port by chance may be that of another protocol: on `sip_ports` all is SIP.
    """
    found: list[str] = []
    rules = [f"{kind}.port=={port},sip" for port in sip_ports for kind in ("udp", "tcp")]
    decoded = [word for rule in rules for word in ("-d", rule)]
    for path in sorted(folder.glob("*.pcapng")):
        command = ["tshark", "-n", "-r", str(path), *decoded, "-Y", display_filter]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=READ_SECONDS_MAX, check=False
        )
        # A file which was being written when the capture ended is cut off: that is its end.
        assert done.returncode == 0 or "cut short" in done.stderr, done.stderr
        found += done.stdout.splitlines()
    return found

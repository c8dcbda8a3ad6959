"""A real Kamailio in front of the server: it asks for credentials, records its route, registers."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.interop.peers import missing
from tests.interop.server import options
from tests.interop.starting import last_words, on_free_ports, wait_until
from tests.ports import free_port

PATHS = f"{os.environ.get('PATH', '')}:/usr/sbin"
REALM = "parley.example"
USER, PASSWORD = "desk", "correct horse"

# Numbers are called at `onward`, everybody else where they have registered, or at `upstream`.
CONFIG = """\
#!KAMAILIO
debug=1
log_stderror=yes
children=2
tcp_children=1
auto_aliases=no
alias="{realm}"
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules:/usr/lib/kamailio/modules"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("auth", "algorithm", "{algorithm}")
modparam("auth", "qop", "{qop}")
modparam("rr", "enable_full_lr", 1)
modparam("registrar", "max_expires", {expires})

request_route {{
    if (!mf_process_maxfwd_header("10")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (has_totag()) {{
        if (loose_route() || (is_method("ACK") && t_check_trans())) {{
            t_relay();
        }} else if (!is_method("ACK")) {{
            sl_send_reply("404", "Not Here");
        }}
        exit;
    }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (is_method("OPTIONS")) {{
        sl_send_reply("200", "OK");
        exit;
    }}
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("{realm}", "{password}", "0")) {{
            www_challenge("{realm}", "1");
            exit;
        }}
        save("location");
        exit;
    }}
    if (!is_method("INVITE")) {{
        sl_send_reply("405", "Method Not Allowed");
        exit;
    }}
    if (!pv_proxy_authenticate("{realm}", "{password}", "0")) {{
        proxy_challenge("{realm}", "1");
        exit;
    }}
    consume_credentials();
    record_route();
    if ($rU =~ "^\\+") {{
        $du = "sip:127.0.0.1:{onward}";
    }} else if (!lookup("location")) {{
        $du = "sip:127.0.0.1:{upstream};transport={transport}";
    }}
    t_relay();
}}
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    port: int
    log: Path


@contextmanager
def kamailio(
    folder: Path,
    upstream: int = 9,
    onward: int = 9,
    algorithm: str = "MD5",
    qop: str = "auth",
    *,
    transport: str = "udp",
    expires: int = 60,
) -> Iterator[Proxy]:
    """A running Kamailio between `upstream`, the server, and everybody else.

    It talks with the server by `transport`, and keeps a registration for `expires` seconds.
    """
    program = shutil.which("kamailio", path=PATHS)
    if program is None:
        missing("kamailio is not installed: apt-get install kamailio")
        return
    folder.mkdir()
    config, log = folder / "kamailio.cfg", folder / "log"

    def start() -> "tuple[subprocess.Popen[bytes], int]":
        port = free_port()
        config.write_text(
            CONFIG.format(
                port=port,
                upstream=upstream,
                transport=transport,
                onward=onward,
                realm=REALM,
                password=PASSWORD,
                algorithm=algorithm,
                qop=qop,
                expires=expires,
            )
        )
        with log.open("wb") as written:
            process = subprocess.Popen(
                [program, "-DD", "-E", "-f", str(config), "-w", str(folder), "-m", "16", "-M", "4"],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                # It forks: all of it is ended as one group.
                start_new_session=True,
            )
        try:
            wait_until(lambda: options(port) is not None, process, log)
        except BaseException:
            end(process)
            raise
        return process, port

    process, port = on_free_ports(start)
    try:
        yield Proxy(port, log)
    except AssertionError:
        sys.stderr.write(last_words(log))
        raise
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

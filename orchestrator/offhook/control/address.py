"""Where an MQTT broker listens, and how a URL says so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from offhook.errors import ConfigError

UNIX_PATH_BYTES = 107
"""Longest path of a Unix socket in bytes: ``sun_path`` of unix(7) less its closing NUL."""

PORT_PLAIN = 1883
PORT_TLS = 8883


class AddressError(ValueError):
    """The text does not name a broker; the message says what is wrong and shows a right one."""


@dataclass(frozen=True, slots=True)
class Address:
    """One broker.

    Args:
        host: Name or IP address, or the absolute path of a Unix socket.
        port: TCP port; 0 for a Unix socket.
        tls: Encrypt and check the broker's certificate.
        username: Empty for none.
        password: Empty for none; never shown by ``str()`` or ``repr()``.
    """

    host: str
    port: int = 0
    tls: bool = False
    username: str = ""
    password: str = ""

    @property
    def unix(self) -> bool:
        """Whether ``host`` is the path of a Unix socket."""
        return self.port == 0

    def __str__(self) -> str:
        """The URL without the password, fit for a log."""
        if self.unix:
            return f"unix:{self.host}"
        user = f"{self.username}@" if self.username else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{user}{host}:{self.port}"

    def __repr__(self) -> str:
        """Like ``str()``."""
        return f"Address({str(self)!r})"


def unix_address(path: Path | str) -> Address:
    """Address of a Unix socket.

    Raises:
        AddressError: The path is longer than the kernel takes.
    """
    absolute = str(Path(path).absolute())
    length = len(absolute.encode())
    if length > UNIX_PATH_BYTES:
        raise AddressError(f"socket path of {length} bytes is longer than {UNIX_PATH_BYTES}: {absolute}; use a shorter folder")
    if "\0" in absolute or "\n" in absolute:
        raise AddressError(f"socket path {absolute!r} has a control character; choose another folder")
    return Address(absolute)


def parse_address(url: str) -> Address:
    """Read ``mqtt://[user[:password]@]host[:port]``, ``mqtts://...`` or ``unix:/path/to/socket``.

    Raises:
        AddressError: Anything else.
    """
    shape = "write mqtt://host:1883, mqtts://user:password@host:8883 or unix:/path/to/socket"
    if url.startswith("unix:"):
        path = unquote(re.sub(r"^//(?=/)", "", url.removeprefix("unix:")))
        if not path.startswith("/"):
            raise AddressError(f"broker URL {url!r} must hold an absolute path; {shape}")
        return unix_address(path)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as wrong:
        raise AddressError(f"broker URL {_masked(url)!r}: {wrong}; {shape}") from None
    if parts.scheme not in ("mqtt", "mqtts"):
        raise AddressError(f"broker URL {_masked(url)!r} has no known scheme; {shape}")
    if not parts.hostname or port == 0:
        raise AddressError(f"broker URL {_masked(url)!r} names no host or port 0; {shape}")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise AddressError(f"broker URL {_masked(url)!r} has more than host and port; {shape}")
    tls = parts.scheme == "mqtts"
    return Address(
        host=parts.hostname,
        port=port or (PORT_TLS if tls else PORT_PLAIN),
        tls=tls,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def broker_address(url: str, user: str, password_file: Path | None, place: str) -> Address:
    """The broker at *url*, with the user and the password that the settings name beside it.

    Raises:
        ConfigError: The URL is wrong, or the password file cannot be read; the text begins with *place*.
    """
    try:
        address = parse_address(url)
    except AddressError as wrong:
        raise ConfigError(f"{place} url: {wrong}") from None
    password = address.password
    if password_file is not None:
        try:
            password = password_file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as wrong:
            raise ConfigError(f"{place} password_file {password_file}: {getattr(wrong, 'strerror', None) or 'not UTF-8 text'}") from None
    return Address(address.host, address.port, address.tls, user or address.username, password)


def _masked(url: str) -> str:
    """The URL with its password hidden, for messages."""
    return re.sub(r"(://[^:@/]*):[^@/]*@", r"\1:***@", url)

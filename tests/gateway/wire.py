"""What is written to sockets byte by byte: the beginning of a WebSocket, and requests to a server."""


def upgrade(host: str, path: str) -> bytes:
    """Asks for a WebSocket."""
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    return request.encode()


def command(*words: str | bytes) -> bytes:
    """A request to a server."""
    parts = [word.encode() if isinstance(word, str) else word for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)

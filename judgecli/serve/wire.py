"""HTTP as the fake judge speaks it: requests read whole, answers written whole, broken, or byte by byte."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class WireRequest:
    """One request as it came in; `attempt` counts from 0 how often this prompt was asked before."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    attempt: int = 0


@dataclass
class Response:
    """What is sent back. `raw` replaces everything; `close` ends the connection after it; `pause_s` is waited between single bytes."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    raw: bytes | None = None
    close: bool = False
    pause_s: float = 0.0


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> WireRequest | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    if headers.get("expect"):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return WireRequest(method, path, headers, await _read_chunks(reader))
    return WireRequest(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    chunks = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        chunks.append((await reader.readexactly(size + 2))[:-2])
    await reader.readuntil(b"\r\n")
    return b"".join(chunks)


async def write(writer: asyncio.StreamWriter, response: Response) -> bool:
    """Send a response; whether the connection stays open."""
    whole = response.raw if response.raw is not None else whole_of(response)
    if response.pause_s:
        for place in range(len(whole)):
            writer.write(whole[place : place + 1])
            await writer.drain()
            await asyncio.sleep(response.pause_s)
    elif whole:
        writer.write(whole)
        await writer.drain()
    return not response.close


def whole_of(response: Response) -> bytes:
    headers = {"content-type": "application/json", **response.headers, "content-length": str(len(response.body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {response.status} Fake\r\n{lines}\r\n".encode("latin-1") + response.body


def json_response(document: Mapping[str, object]) -> Response:
    return Response(body=json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def error_response(status: int, code: str, message: str) -> Response:
    return Response(status, json.dumps({"error": {"message": message, "type": code, "code": code, "param": None}}).encode())


def uploaded(asked: WireRequest) -> bytes:
    """The file part of a multipart upload."""
    boundary = re.search(r'boundary="?([^";]+)', asked.headers.get("content-type", ""))
    parts = asked.body.split(b"--" + boundary[1].encode()) if boundary else []
    found = next((part for part in parts if b'name="file"' in part), b"")
    return found.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")

"""One HTTP request out, its whole answer in: one aiohttp session, no cookies, the proxy resolved once, three deadlines, a size cap.

Redirects are followed on the same origin only, so that what is sent with a request (a key among it)
never reaches another host. Replies may be gzip or deflate; they are unpacked here, up to the cap.
"""

import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal
from urllib.parse import urljoin

from judgecli.endpoint.consent import origin
from judgecli.endpoint.settings import EndpointSettings

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

Failure = Literal["connect", "tls", "proxy", "timeout", "reset", "cut", "too_large", "redirect"]
REDIRECTS = (301, 302, 307, 308)
MOST_REDIRECTS = 3
KEEP_ALIVE_S = 4.0  # many servers (uvicorn) close idle connections after 5 s: be the first
OWN_HEADERS = ("host", "connection", "accept-encoding", "content-length", "transfer-encoding")  # the transport's, not the SDK's


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back: status, headers (lower-case names), the whole body as plain bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class SendFailed(Exception):
    """No whole answer came; `failure` says at which point."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


class Sender:
    """Sends requests over one session; `async with` closes every connection."""

    def __init__(self, settings: EndpointSettings, proxy: str | None = None) -> None:
        self._settings = settings
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Sender":
        import aiohttp

        settings = self._settings
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=tls_context(), keepalive_timeout=KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=settings.total_s, sock_connect=settings.connect_s, sock_read=settings.idle_s),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """POST and read the whole answer, whatever its status. Raises: SendFailed."""
        for _ in range(MOST_REDIRECTS + 1):
            answer = await self._post_once(url, headers, body)
            target = answer.headers.get("location")
            if not (300 <= answer.status < 400) or target is None:
                return answer
            url = _same_origin(url, target, answer.status)
        raise SendFailed("redirect", f"more than {MOST_REDIRECTS} redirects")

    async def _post_once(self, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        import aiohttp

        assert self._session is not None, "used outside `async with`"
        try:
            async with self._session.post(_whole(url), headers=headers, data=body, allow_redirects=False, proxy=self._proxy) as response:
                received = await self._read(response)
                found = {name.lower(): value for name, value in response.headers.items()}
                return HttpAnswer(response.status, found, unpack(received, found.get("content-encoding", ""), self._settings.largest_reply))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _failure(error) from None  # the cause may carry the proxy's password

    async def _read(self, response: "aiohttp.ClientResponse") -> bytes:
        cap = self._settings.largest_reply
        chunks, size = [], 0
        async for chunk in response.content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if size > cap:
                response.close()
                raise SendFailed("too_large", f"the reply is larger than {cap} bytes")
        return b"".join(chunks)


def unpack(body: bytes, encoding: str, cap: int) -> bytes:
    """The body without its content encoding. Raises: SendFailed (cut or damaged, larger than `cap`, an encoding that was not asked for)."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise SendFailed("cut", f"the reply is packed as '{encoding[:40]}', which was not asked for")
    unpacker = zlib.decompressobj(47 if encoding != "deflate" or body[:1] == b"\x78" else -15)
    try:
        plain = unpacker.decompress(body, cap + 1)
    except zlib.error as error:
        raise SendFailed("cut", f"the packed reply is damaged: {error}") from None
    if len(plain) > cap:
        raise SendFailed("too_large", f"the reply unpacks to more than {cap} bytes")
    if not unpacker.eof:
        raise SendFailed("cut", "the packed reply ends early")
    return plain


def tls_context() -> ssl.SSLContext:
    """The context that the openai package would use: the system's certificates, SSL_CERT_FILE and SSL_CERT_DIR honoured, always verified."""
    import httpx2

    return httpx2.create_ssl_context()


def find_proxy(url: str) -> str | None:
    """The proxy of the environment for this URL, asked once. Raises: SendFailed where it is of a kind that cannot be used."""
    from urllib.request import getproxies, proxy_bypass

    scheme, host, port = origin(url)
    if proxy_bypass(f"{host}:{port}") or proxy_bypass(host):
        return None
    proxies = getproxies()
    found = proxies.get(scheme) or proxies.get("all")
    if found and "://" not in found:
        found = f"http://{found}"
    if found and not found.startswith(("http://", "https://")):
        raise SendFailed("proxy", f"the environment names a {found.partition('://')[0][:20]} proxy; only http and https proxies can be used")
    return found


@lru_cache(maxsize=64)
def _whole(url: str) -> "URL":
    from yarl import URL

    return URL(url, encoded=True)  # as the SDK built it, not encoded again


def _same_origin(url: str, target: str, status: int) -> str:
    goal = urljoin(url, target)
    try:
        there = origin(goal)
    except ValueError:
        raise SendFailed("redirect", "the endpoint redirects to an address that is none") from None
    if there != origin(url):
        raise SendFailed("redirect", f"the endpoint redirects to another address ({there[0]}://{there[1]}:{there[2]}), which does not get the key")
    if status not in REDIRECTS:
        raise SendFailed("redirect", f"the endpoint answers a question with redirect {status}")
    return goal


def _failure(error: Exception) -> SendFailed:
    import aiohttp

    table: list[tuple[type[Exception] | tuple[type[Exception], ...], Failure, str]] = [
        ((aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError), "tls", "the certificate of the endpoint could not be verified"),
        ((aiohttp.ClientSSLError, ssl.SSLError), "tls", "no secure connection (TLS) to the endpoint"),
        ((aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError), "proxy", "the proxy of the environment does not answer"),
        (aiohttp.ClientConnectorDNSError, "connect", "the name of the endpoint cannot be resolved"),
        (aiohttp.ClientConnectorError, "connect", "no connection to the endpoint"),
        (aiohttp.ConnectionTimeoutError, "timeout", "no connection to the endpoint in time"),
        (TimeoutError, "timeout", "no whole answer in time"),
        (aiohttp.ClientPayloadError, "cut", "the answer was cut"),
        (aiohttp.InvalidURL, "redirect", "the address of the endpoint is none"),
    ]
    for kinds, failure, message in table:
        if isinstance(error, kinds):
            return SendFailed(failure, message + _system_error(error))
    return SendFailed("reset", f"the connection was lost ({type(error).__name__})")


def _system_error(error: Exception) -> str:
    number = getattr(error, "errno", None)
    text = getattr(error, "strerror", None)
    return f" ({text})" if isinstance(number, int) and isinstance(text, str) and len(text) < 80 else ""

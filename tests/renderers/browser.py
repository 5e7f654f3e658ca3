"""A real Chromium, headless, driven over its DevTools protocol: what does a page do when it is opened?"""

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync "
    "--disable-extensions --remote-debugging-port=0 --remote-allow-origins=* --host-resolver-rules=MAP*~NOTFOUND,EXCLUDE127.0.0.1"
).replace("MAP*~NOTFOUND,EXCLUDE127.0.0.1", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1")
HOOKS = """
window.ran = [];
window.marked = () => [...(window.JUDGE_MARK ? ['property'] : []), ...(document.title.trim() === 'JUDGE_MARK' ? ['title'] : [])].map(name => 'mark ' + name);
for (const name of ['alert', 'confirm', 'prompt', 'print', 'open', 'eval', 'fetch']) {
  window[name] = (...given) => { window.ran.push(name + ' ' + given.join(' ')); };
}
"""
# Every element name and every attribute name of the page, links and handlers among them.
CENSUS = """
(() => {
  const names = {}, attributes = {};
  for (const element of document.querySelectorAll('*')) {
    names[element.localName] = (names[element.localName] || 0) + 1;
    for (const attribute of element.attributes) attributes[attribute.name] = (attributes[attribute.name] || 0) + 1;
  }
  for (const element of document.querySelectorAll('*')) {
    for (const kind of ['mouseover', 'focus', 'click', 'toggle']) {
      if (element.localName !== 'a') element.dispatchEvent(new Event(kind, {bubbles: true}));
    }
  }
  const root = document.documentElement;
  return JSON.stringify({names, attributes, ran: [...(window.ran || []), ...window.marked()], wide: root.scrollWidth - root.clientWidth});
})()
"""


@dataclass
class Seen:
    """What a page did: elements and attributes by name, functions that ran and marks left, requests, dialogs, console lines; `wide` is its overflow."""

    names: dict[str, int] = field(default_factory=dict)
    attributes: dict[str, int] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    wide: int = 0


def browser_path() -> str | None:
    """Where a Chromium is, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def open_pages(pages: Sequence[Path], profile: Path, *, width: int = 1400) -> list[Seen]:
    """Open each page in turn and tell what it did."""
    process = subprocess.Popen(
        [str(browser_path()), *_options(), f"--user-data-dir={profile}", "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        return asyncio.run(_visit(pages, profile, width))
    finally:
        process.kill()
        process.wait()


def _options() -> list[str]:
    words, rules = OPTIONS.split(" --host-resolver-rules=")
    return [*words.split(), f"--host-resolver-rules={rules}"]


async def _visit(pages: Sequence[Path], profile: Path, width: int) -> list[Seen]:
    port_file = profile / "DevToolsActivePort"
    deadline = time.monotonic() + 60
    while not port_file.exists() or len(port_file.read_text().splitlines()) < 2:
        if time.monotonic() > deadline:
            raise TimeoutError("Chromium did not open its DevTools port")
        await asyncio.sleep(0.05)
    port = port_file.read_text().splitlines()[0]
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            target = next(item for item in await answer.json(content_type=None) if item["type"] == "page")
        async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            tab = _Tab(socket)
            for domain in ("Page", "Runtime", "Network", "Log"):
                await tab.ask(f"{domain}.enable")
            await tab.ask("Page.addScriptToEvaluateOnNewDocument", source=HOOKS)
            await tab.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
            return [await tab.open(page) for page in pages]


class _Tab:
    """One tab: questions with answers, and the events in between."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._number = socket, 0
        self._events: list[dict[str, Any]] = []

    async def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            message = await self._receive()
            if message.get("id") == self._number:
                return dict(message.get("result", {}))

    async def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads((await self._socket.receive(timeout=60)).data)
        if "method" in message:
            self._events.append(message)
            if message["method"] == "Page.javascriptDialogOpening":  # a dialog would hold everything up
                await self._socket.send_json({"id": 0, "method": "Page.handleJavaScriptDialog", "params": {"accept": False}})
        return message

    async def open(self, page: Path) -> Seen:
        self._events.clear()
        url = page.resolve().as_uri()
        await self.ask("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            await self._receive()
        census = (await self.ask("Runtime.evaluate", expression=CENSUS))["result"]
        found = json.loads(census["value"])
        await asyncio.sleep(0.2)  # timers and late requests of the page
        ran = (await self.ask("Runtime.evaluate", expression="JSON.stringify([...(window.ran || []), ...window.marked()])"))["result"]["value"]
        seen = Seen(found["names"], found["attributes"], sorted({*found["ran"], *json.loads(ran)}), wide=found["wide"])
        for event in self._events:
            self._note(event, seen, url)
        return seen

    @staticmethod
    def _note(event: dict[str, Any], seen: Seen, url: str) -> None:
        given = event["params"]
        if event["method"] == "Network.requestWillBeSent" and given["request"]["url"] != url:
            seen.requests.append(given["request"]["url"])
        elif event["method"] == "Page.javascriptDialogOpening":
            seen.dialogs.append(given["message"])
        elif event["method"] == "Runtime.consoleAPICalled":
            seen.console.append(str(given["args"]))
        elif event["method"] == "Log.entryAdded":
            seen.console.append(given["entry"]["text"])
        elif event["method"] == "Runtime.exceptionThrown":
            seen.console.append(str(given["exceptionDetails"].get("text")))

"""A headless Chromium by the WebDriver protocol (W3C), and a server for what it plays."""
import functools
import http.server
import json
import pathlib
import re
import subprocess
import threading
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
MODULES = HERE.parent / "node_modules"
PLAYERS = {"/.test/hls.min.js": MODULES / "hls.js/dist/hls.min.js",
           "/.test/shaka.js": MODULES / "shaka-player/dist/shaka-player.compiled.js"}
TYPES = {".m3u8": "application/vnd.apple.mpegurl", ".mpd": "application/dash+xml", ".vtt": "text/vtt", ".mp4": "video/mp4", ".m4s": "video/iso.segment"}
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage",
         "--autoplay-policy=no-user-gesture-required", "--mute-audio", "--no-first-run"]


class Pages(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, **TYPES}

    def translate_path(self, path):
        pages = {"/.test/player.html": HERE / "player.html", **PLAYERS}
        page = pages.get(path.split("?")[0])
        return str(page) if page else super().translate_path(path)

    def do_GET(self):
        self.server.asked.append(self.path.lstrip("/"))
        super().do_GET()

    def log_message(self, format, *args):
        pass


class Server:
    """Serves a folder, and the test's player under /.test/, on loopback. `asked` are the paths of all requests, in their order."""

    def __init__(self, folder):
        handler = functools.partial(Pages, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.asked = self.server.asked = []
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Browser:
    def __init__(self, folder):
        self.log = open(folder / "chromedriver.log", "w+b")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=self.log)
        for line in self.driver.stdout:
            match = re.search(rb"started successfully on port (\d+)", line)
            if match:
                break
        else:
            raise AssertionError("chromedriver did not start")
        self.url = f"http://127.0.0.1:{int(match[1])}"
        options = {"goog:chromeOptions": {"args": [*FLAGS, f"--user-data-dir={folder / 'profile'}"]},
                   "timeouts": {"script": 180000}}
        self.session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": options}})["sessionId"]

    def call(self, method, path, body=None, seconds=200):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as e:
            raise AssertionError(f"browser: {e.read().decode(errors='replace')[:2000]}") from e

    def open(self, url):
        self.call("POST", f"/session/{self.session}/url", {"url": url})

    def evaluate(self, script, *args):
        """The value that an async function body returns."""
        wrapped = ("const done = arguments[arguments.length - 1], args = [...arguments].slice(0, -1);"
                   f"(async (...args) => {{ {script} }})(...args)"
                   ".then(v => done({v}), e => done({error: String(e && e.stack || e)}));")
        answer = self.call("POST", f"/session/{self.session}/execute/async", {"script": wrapped, "args": list(args)})
        assert "error" not in answer, answer["error"]
        return answer.get("v")

    def close(self):
        try:
            self.call("DELETE", f"/session/{self.session}")
        finally:
            self.driver.terminate()
            self.driver.wait(20)
            self.log.close()

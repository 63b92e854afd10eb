"""Checks of what a page logs and requests."""


class Watch:
    """Checks that a page logs no errors, has no failed requests and contacts no other host."""

    def __init__(self, context, url):
        self.url = url
        self.wrong = []
        self.ignored_errors = ()
        context.on("console", self._console)
        context.on("weberror", lambda error: self.wrong.append(f"uncaught: {error.error}"))
        context.on("request", self._request)

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.wrong.append(f"{message.type}: {message.text}")

    def _request(self, request):
        if not request.url.startswith((self.url, "data:")):
            self.wrong.append(f"off-host: {request.url}")

    def verdict(self):
        return [one for one in self.wrong if not any(text in one for text in self.ignored_errors)]

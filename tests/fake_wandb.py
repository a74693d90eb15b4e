"""A small W&B server on a local socket: what wandb's real client needs to believe that a run was taken.

It keeps what it was sent. It knows nothing that the client does not ask for, so it proves what goes out, not what
wandb.ai makes of it.
"""

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FakeWandb(ThreadingHTTPServer):
    """`runs`: id -> what was sent of it; `history` by line, as the server would keep it (a line may be overwritten)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.runs: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.reports: dict[str, dict[str, Any]] = {}
        self.refuses = 0  # an HTTP status for the history, once a run is begun
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def history(self, run_id: str) -> list[dict[str, Any]]:
        lines = self.runs[run_id]["lines"].get("wandb-history.jsonl", {})
        rows = [json.loads(lines[i]) for i in sorted(lines)]
        return [{key: value for key, value in row.items() if not key.startswith("_")} for row in rows]

    def graphql(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        operation = (re.search(r"(?:query|mutation)\s+(\w+)", query) or ["", "?"])[1]
        self.asked.append(operation)
        if operation == "UpsertBucket":
            return {"upsertBucket": self._upsert(variables)}
        if operation == "RunResumeStatus":
            return {"model": self._resume(variables["name"])}
        if operation == "ArtifactType":
            return {"project": {"artifact": None}}
        if operation == "CreateArtifact":
            artifact = {"id": "1", "state": "COMMITTED", "artifactSequence": {"id": "1", "latestArtifact": None}}
            return {"createArtifact": {"artifact": artifact}}  # as if it were there: its files are not asked for
        if operation == "GetProjects":
            page = {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}
            return {"models": {"pageInfo": page, "edges": []}}
        if operation == "SpecificReport":
            return {"view": self._view(variables["reportId"])}
        if operation == "upsertView":
            return {"upsertView": {"view": self._upsert_view(variables), "inserted": True}}
        if operation == "CreateRunFiles":
            names = variables["files"]
            urls = [{"name": name, "uploadUrl": f"{self.address}/upload/{variables['run']}/{name}"} for name in names]
            return {"createRunFiles": {"runID": "1", "uploadHeaders": [], "files": urls}}
        return {
            "viewer": {"id": "1", "entity": "reviewer", "username": "reviewer", "flags": "{}", "teams": {"edges": []}}
        }

    def _upsert(self, sent: dict[str, Any]) -> dict[str, Any]:
        name = sent["name"] or sent["id"]
        with self.lock:
            inserted = name not in self.runs
            run = self.runs.setdefault(name, {"lines": {}, "uploads": [], "offsets": []})
            run.update({key: value for key, value in sent.items() if value is not None})
        entity = {"id": "1", "name": "reviewer"}
        bucket = {"id": name, "name": name, "displayName": sent.get("displayName"), "config": "{}", "sweepName": None}
        project = {"id": "1", "name": sent.get("project"), "entity": entity}
        count = len(run["lines"].get("wandb-history.jsonl", {}))
        bucket |= {"description": "", "project": project, "historyLineCount": count}
        return {"bucket": bucket, "inserted": inserted}

    def _upsert_view(self, sent: dict[str, Any]) -> dict[str, Any]:
        identity = sent["id"] or base64.b64encode(f"View:{len(self.reports)}".encode()).decode()
        self.reports[identity] = sent
        return self._view(identity)

    def _view(self, identity: str) -> dict[str, Any]:
        sent = self.reports[identity]
        project = {"id": "1", "name": sent["projectName"], "entityName": sent["entityName"]}
        kept = {key: sent[key] for key in ("name", "displayName", "description", "type", "spec")}
        when = "2026-01-01T00:00:00Z"
        return kept | {"id": identity, "project": project, "createdAt": when, "updatedAt": when}

    def _resume(self, name: str) -> dict[str, Any] | None:
        if name not in self.runs:
            return None
        run = self.runs[name]
        lines = {file: [kept[i] for i in sorted(kept)] for file, kept in run["lines"].items()}
        history, events = lines.get("wandb-history.jsonl", []), lines.get("wandb-events.jsonl", [])
        bucket = {"name": name, "displayName": run.get("displayName"), "config": run.get("config", "{}"), "notes": ""}
        bucket |= {"logLineCount": 0, "historyLineCount": len(history), "eventsLineCount": len(events)}
        bucket |= {"historyTail": json.dumps(history[-1:]), "eventsTail": json.dumps(events[-1:])}
        bucket |= {"summaryMetrics": lines.get("wandb-summary.json", ["{}"])[-1], "tags": run.get("tags", [])}
        return {"name": run["project"], "entity": {"name": "reviewer"}, "bucket": bucket | {"wandbConfig": '{"t": {}}'}}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was ended in the middle of a request is no error here."""

    def stream(self, run_id: str, body: dict[str, Any]) -> None:
        with self.lock:
            run = self.runs[run_id]
            for name, chunk in (body.get("files") or {}).items():
                run["offsets"].append((name, chunk.get("offset", 0)))
                lines = run["lines"].setdefault(name, {})
                for i, line in enumerate(chunk["content"]):
                    lines[chunk.get("offset", 0) + i] = line
            if "exitcode" in body:
                run["exitcode"] = body["exitcode"]


class _Handler(BaseHTTPRequestHandler):
    server: FakeWandb
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/graphql":
            body = json.loads(content)
            self._answer({"data": self.server.graphql(body["query"], body.get("variables") or {})})
        elif self.server.refuses and "file_stream" in self.path:
            self._answer({"error": "refused"}, self.server.refuses)
        elif match := re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", self.path):
            self.server.stream(match[1], json.loads(content))
            self._answer({"limits": {}})
        else:
            self._answer({})

    def do_PUT(self) -> None:
        self.server.files[self.path] = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer({})

    def do_GET(self) -> None:
        self._answer({})

    def _answer(self, content: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass

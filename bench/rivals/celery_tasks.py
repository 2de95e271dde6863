"""The Celery side's worker: one task posts to one account. Acked late, as who must not lose a message would have it."""

from __future__ import annotations

import os
import threading

import requests
from celery import Celery

app = Celery("bench", broker=os.environ.get("BENCH_REDIS", ""), backend=os.environ.get("BENCH_REDIS", ""))
app.conf.update(task_acks_late=True, broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)
_own = threading.local()


@app.task(name="bench.post")
def post(url: str, token: str, text: str) -> str:
    """Post and return the post's address."""
    if not hasattr(_own, "session"):
        _own.session = requests.Session()
    answer = _own.session.post(
        f"{url}/api/v1/statuses",
        json={"status": text, "visibility": "public", "language": "en"},
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": text},
        timeout=60,
    )
    answer.raise_for_status()
    return str(answer.json()["url"])

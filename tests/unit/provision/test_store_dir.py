"""Where a broker keeps the ledger never depends on where it is started: each generated configuration says it whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.provision import demo_plan, make_city

ROOT = Path(__file__).resolve().parents[3]
STORE = re.compile(r'^\s*store_dir: "([^"]*)"', re.M)


def test_each_configuration_names_an_absolute_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = make_city(Path("mission"), demo_plan()).nats_conf_path
    confs = [
        made,
        ROOT / "deploy" / "nats" / "nats-server.conf",
        *sorted((ROOT / "deploy/nats/cluster").glob("*.conf")),
    ]
    assert len(confs) == 5
    for conf in confs:
        (store,) = STORE.findall(conf.read_text())
        assert Path(store).is_absolute(), conf
    assert STORE.findall(made.read_text()) == [str(tmp_path / "mission" / "var" / "nats")]

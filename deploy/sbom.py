"""``python deploy/sbom.py requirements.lock sbom.cdx.json``: what a lock installs, as a CycloneDX 1.6 document.

The same lock gives the same document: no time, no random number. Each component has its package URL and, as a
distribution, the hashes that the lock allows.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)\s*(?:;\s*([^\\]+?))?\s*\\?$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def components(lock: str) -> Iterator[dict[str, Any]]:
    """Yield a component for each package that a lock pins, in its order; raises ValueError for any other line."""
    lines = re.sub(r"\\\n\s+(?=--hash)", "", lock).splitlines()
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pinned = _PINNED.match(line.split(" --hash")[0].split("--hash")[0].strip())
        hashes = _HASH.findall(line)
        if pinned is None or not hashes:
            raise ValueError(f"a line of the lock is not understood: {line[:60]}")
        name, version, marker = re.sub(r"[-_.]+", "-", pinned[1]).lower(), pinned[2], pinned[3]
        purl = f"pkg:pypi/{name}@{version}"
        made: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
        allowed = [{"alg": "SHA-256", "content": one} for one in hashes]
        made["externalReferences"] = [{"type": "distribution", "url": purl, "hashes": allowed}]
        if marker:
            made["properties"] = [{"name": "onevoice:only-where", "value": marker.strip()}]
        yield made


def document(lock: bytes) -> dict[str, Any]:
    """Return the document of a lock, about this project."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    digest = hashlib.sha256(lock).digest()
    about = {
        "type": "application",
        "bom-ref": f"onevoice@{project['version']}",
        "name": project["name"],
        "version": project["version"],
        "licenses": [{"license": {"id": project["license"]}}],
    }
    found = list(components(lock.decode()))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=4)}",
        "version": 1,
        "metadata": {"component": about},
        "components": found,
        "dependencies": [{"ref": about["bom-ref"], "dependsOn": [one["bom-ref"] for one in found]}],
    }


def main() -> int:
    """Write the document."""
    lock, out = (Path(word) for word in sys.argv[1:3])
    out.write_text(json.dumps(document(lock.read_bytes()), indent=1) + "\n", encoding="utf-8")
    print(f"{out}: {len(document(lock.read_bytes())['components'])} components")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())

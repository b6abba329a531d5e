"""Packs: loaded in pieces over a line that breaks, checked by the published key, brought up to date by deltas."""

from __future__ import annotations

import hashlib
import random
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from werkzeug.serving import make_server

from kit.database import transaction
from server import seed_guides
from services.tourism import archives, flows, operations
from services.tourism.operations import Scope
from tests.people import Person
from tests.tourism.guides import make_guide, make_itinerary, make_office, words

PACKS = "/v1/tourism/packs"
SAMPLE = Path(__file__).parents[2] / "sample"


def key_of(person: Person, manifest: dict[str, Any]) -> dict[str, Any]:
    """The published key a manifest names."""
    keys = person.get("/v1/tourism/pack-keys").json["keys"]
    (key,) = [key for key in keys if key["kid"] == manifest["kid"]]
    return key


def build(scope: Scope) -> str:
    with transaction() as session:
        return str(operations.build_pack(session, scope))


def make_many(count: int) -> list[Any]:
    """Guides with texts of their own that do not compress to nothing."""
    chance = random.Random(7)
    return [
        make_guide(
            f"Nơi {n}",
            at=(20.2 + n / 1000, 105.9),
            vi={"description": " ".join(f"{chance.getrandbits(64):x}" for _ in range(450))},
        )
        for n in range(count)
    ]


def load(person: Person, pack_id: str) -> tuple[dict[str, Any], str, bytes]:
    signed = person.get(f"{PACKS}/{pack_id}").json
    content = person.get(f"{PACKS}/{pack_id}/content")
    assert content.status_code == 200
    return signed["manifest"], signed["signature"], content.data


@contextmanager
def listening(person: Person) -> Iterator[int]:
    """The application on a port of its own, for lines that can be cut."""
    server = make_server("127.0.0.1", 0, person.http.application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def load_until_cut(port: int, path: str, start: int, count: int, etag: str | None) -> tuple[bytes, str]:
    """`count` bytes of an answer from `start` on, then the line is cut; and the ETag."""
    only_if = f"If-Range: {etag}\r\n" if etag else ""
    asked = f"GET {path} HTTP/1.1\r\nHost: x\r\nRange: bytes={start}-\r\n{only_if}\r\n"
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        line.sendall(asked.encode())
        with line.makefile("rb", buffering=0) as answer:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += answer.read(1) or b""
            body = b""
            while len(body) < count:
                body += answer.read(count - len(body)) or b""
    assert head.startswith(b"HTTP/1.1 206" if start else b"HTTP/1.1 20"), head
    assert not start or f"bytes {start}-".encode() in head
    return body, re.search(rb'ETag: ("[^"]+")', head)[1].decode()


def test_a_pack_whose_line_is_cut_twenty_times_is_whole_in_the_end(chi: Person) -> None:
    make_many(60)
    pack = build(Scope("province", "37"))
    manifest = chi.get(f"{PACKS}/{pack}").json["manifest"]
    cuts = sorted(random.Random(20).sample(range(1, manifest["bytes"]), 20))

    loaded, etag = b"", None
    with listening(chi) as port:
        for cut in [*cuts, manifest["bytes"]]:
            more, etag = load_until_cut(port, f"{PACKS}/{pack}/content", len(loaded), cut - len(loaded), etag)
            loaded += more

    assert hashlib.sha256(loaded).hexdigest() == manifest["sha256"]
    assert archives.is_genuine(key_of(chi, manifest), manifest, chi.get(f"{PACKS}/{pack}").json["signature"], loaded)


def test_every_part_has_the_hash_the_manifest_says(chi: Person) -> None:
    make_many(60)
    pack = build(Scope("province", "37"))
    manifest = chi.get(f"{PACKS}/{pack}").json["manifest"]

    parts = [
        chi.get(
            f"{PACKS}/{pack}/content",
            headers={"Range": f"bytes={part['offset']}-{part['offset'] + part['bytes'] - 1}"},
        ).data
        for part in manifest["parts"]
    ]

    assert len(parts) > 1
    assert [hashlib.sha256(part).hexdigest() for part in parts] == [part["sha256"] for part in manifest["parts"]]
    assert hashlib.sha256(b"".join(parts)).hexdigest() == manifest["sha256"]


@pytest.mark.parametrize(
    ("asked", "status"), [("bytes=0-0", 206), ("bytes=-10", 206), ("bytes=99999999-", 416), ("lines=1-2", 200),
                          ("bytes=5-1", 200), ("bytes=0-1,5-6", 200)],
)  # fmt: skip
def test_ranges_are_answered_as_the_standard_says(chi: Person, asked: str, status: int) -> None:
    make_guide()
    pack = build(Scope("province", "37"))

    answer = chi.get(f"{PACKS}/{pack}/content", headers={"Range": asked})

    assert answer.status_code == status
    assert status != 416 or (answer.json["status"], answer.headers["Content-Range"][:8]) == (416, "bytes */")


def test_another_version_in_if_range_gives_the_whole_file(chi: Person) -> None:
    make_guide()
    pack = build(Scope("province", "37"))

    answer = chi.get(f"{PACKS}/{pack}/content", headers={"Range": "bytes=10-", "If-Range": '"another"'})

    assert answer.status_code == 200


def test_a_phone_on_last_months_pack_gets_a_delta_of_less_than_a_tenth(chi: Person, later: Any) -> None:
    guides = make_many(60)
    old = build(Scope("province", "37"))
    before = archives.unpack(load(chi, old)[2])
    later(timedelta(days=31))
    with transaction() as session:
        operations.withdraw(session, guides[0])
    added = make_guide("Nơi mới", at=(20.3, 105.9))

    new = build(Scope("province", "37"))

    update = chi.get(f"{PACKS}/{old}/update").json["pack"]
    manifest, signature, content = load(chi, update["id"])
    assert (update["base_id"], manifest["base_id"]) == (old, old)
    assert archives.is_genuine(key_of(chi, manifest), manifest, signature, content)
    whole = chi.get(f"{PACKS}/{new}").json["manifest"]
    assert manifest["bytes"] < whole["bytes"] / 10
    changed = archives.unpack(content)
    gone = orjson.loads(changed.pop(archives.TOMBSTONES))
    assert gone == manifest["removed"] == sorted(path for path in before if str(guides[0]) in path)
    after = {path: data for path, data in (before | changed).items() if path not in gone}
    assert after == archives.unpack(load(chi, new)[2])
    assert any(str(added) in path for path in after)
    assert chi.get(f"{PACKS}/{new}/update").json == {"pack": None}
    assert chi.get(f"{PACKS}/{update['id']}/update").json == {"pack": None}


@pytest.mark.parametrize("change", ["content", "manifest", "signature", "key", "shorter"])
def test_a_pack_that_was_touched_is_refused_by_the_published_key(chi: Person, change: str) -> None:
    make_guide()
    manifest, signature, content = load(chi, build(Scope("province", "37")))
    key = key_of(chi, manifest)
    assert archives.is_genuine(key, manifest, signature, content)
    forged = deepcopy(manifest)

    if change == "content":
        content = content[:100] + bytes([content[100] ^ 1]) + content[101:]
    elif change == "shorter":
        content = content[:-1]
    elif change == "manifest":
        content = content + b"more"
        forged |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    elif change == "signature":
        signature = ("A" if signature[0] != "A" else "B") + signature[1:]
    else:
        key = key | {"x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}

    assert not archives.is_genuine(key, forged, signature, content)


def test_the_same_guides_make_no_new_pack(chi: Person) -> None:
    make_guide()

    assert build(Scope("province", "37")) == build(Scope("province", "37"))


def test_an_itinerary_is_packed_with_its_stops_its_map_and_its_track(chi: Person) -> None:
    stop = make_guide("Tam Cốc", texts={"en": words("Tam Coc")})
    other = make_guide("Xa")
    route = make_itinerary(stop)

    files = archives.unpack(load(chi, build(Scope("itinerary", str(route))))[2])

    assert {f"guides/{stop}.en.json", f"guides/{route}.vi.json", f"gpx/{route}.gpx", f"maps/{route}.svg"} <= set(files)
    assert not any(str(other) in path for path in files)
    assert orjson.loads(files[f"guides/{stop}.en.json"])["title"] == "Tam Coc"


def test_a_budget_leaves_pictures_out_and_says_so(chi: Person) -> None:
    guide = make_guide()
    with transaction() as session:
        pack = operations.build_pack(session, Scope("commune", "14359"), budget=1)

    manifest = chi.get(f"{PACKS}/{pack}").json["manifest"]

    assert manifest["left_out"] == [f"maps/{guide}.svg"]
    assert f"guides/{guide}.vi.json" in {file["path"] for file in manifest["files"]}


def test_every_night_all_provinces_and_itineraries_are_packed(chi: Person) -> None:
    seed_guides.load(SAMPLE)

    flows.build_packs()

    scopes = [pack["scope"] for pack in chi.get(PACKS).json["items"]]
    assert len(scopes) == 11
    assert [scope for scope in scopes if scope.startswith("province")] == [
        f"province:{code}" for code in ("24", "25", "33", "37", "38")
    ]


def test_an_office_makes_a_pack_at_once(staff: Any) -> None:
    office = make_office()
    make_guide()
    editor = staff("tourism_office", "editor", organisation_id=office)

    made = editor.post(PACKS, json={"commune_code": "14359"})

    assert (made.status_code, made.json["scope"], made.json["number"]) == (201, "commune:14359", 1)
    assert editor.post(PACKS, json={"commune_code": "00001"}).status_code == 404

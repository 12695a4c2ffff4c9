"""The world file of this machine: made once, kept, and completed when it is of an older release."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox_sides import Door, providers_of
from sandbox_virtual import Wire

from gateway.local_world import make_world
from sandbox.config import SERVERS


def test_the_environment_names_an_adapter_for_each_provider_of_the_world(local: Any) -> None:
    world, variables = local
    wire = Wire().build({**world, "state_dir": ":memory:"})
    providers = providers_of(variables, Door(wire))
    assert {"bank", *SERVERS} == set(wire.world.apps)
    assert set(SERVERS) - {"post", "portal", "transfers"} <= set(providers)
    assert {"vietqr", "sepay", "counter", "keypay2"} <= set(providers)


def test_what_an_older_world_file_lacks_is_added_and_the_rest_is_kept(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    whole = make_world(tmp_path, now)
    file = tmp_path / "sandbox" / "world.json"
    old = {
        name: whole[name] for name in ("gateway_url", "vnpay", "dvcqg", "bank", "portal", "post", "state_dir")
    }
    old["seed"] = 77
    for name in ("inquiry_url", "inquiry_token"):
        del old["dvcqg"][name]
    file.write_text(json.dumps(old))
    made = make_world(tmp_path, now)
    assert whole.keys() == made.keys()
    kept = {
        name: {key: made[name][key] for key in old[name]} for name in ("vnpay", "dvcqg", "bank", "portal")
    }
    assert (77, {name: old[name] for name in kept}) == (made["seed"], kept)
    assert made["dvcqg"]["inquiry_token"]
    assert 0o600 == file.stat().st_mode & 0o777
    assert made == make_world(tmp_path, now) == json.loads(file.read_text())

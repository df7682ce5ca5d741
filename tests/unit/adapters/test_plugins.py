"""Finding and running plugin executables: where they are looked for, what they are given, what their failure says."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from plurimus.adapters.plugins import Executables
from plurimus.cni.errors import AttachmentError, Code

from . import scripts

ENV = {"CNI_COMMAND": "ADD", "CNI_IFNAME": "net1"}
ECHO = 'printf "%s" "$CNI_IFNAME:$(cat)"'


async def run(folder: Path, body: str | None = None, *, kind: str = "plugin", stdin: bytes = b"{}", timeout: float = 60,
              search: tuple[Path, ...] = ()) -> bytes:  # fmt: skip
    """Run `body` as a plugin in `folder`."""
    if body is not None:
        scripts.script(folder / kind, body)
    paths = [str(path) for path in search or (folder,)]
    return await Executables(timeout=timeout).run(kind, env=ENV, stdin=stdin, search=paths)


async def failure(folder: Path, body: str | None = None, **options: object) -> AttachmentError:
    """What a plugin's failure says."""
    with pytest.raises(AttachmentError) as caught:
        await run(folder, body, **options)  # type: ignore[arg-type]
    return caught.value


async def test_a_plugin_gets_its_configuration_and_variables(tmp_path: Path) -> None:
    assert await run(tmp_path, ECHO, stdin=b'{"name": "a"}') == b'net1:{"name": "a"}'


async def test_a_plugin_gets_the_daemons_environment_too(tmp_path: Path) -> None:
    """Spec section 1.5: and the variables of the request over it."""
    assert await run(tmp_path, 'printf "%s" "$PATH"') == os.environ["PATH"].encode()


async def test_the_first_folder_that_has_it_counts(tmp_path: Path) -> None:
    """F22: what is no regular file does not count."""
    (tmp_path / "a/plugin").mkdir(parents=True)
    for folder in "bc":
        scripts.script(tmp_path / folder / "plugin", f"printf {folder}")
    search = tuple(tmp_path / folder for folder in ("missing", "a", "b", "c"))
    assert await run(tmp_path, search=search) == b"b"
    assert Executables(timeout=1).find("plugin", [str(path) for path in search]) == str(tmp_path / "b/plugin")


@pytest.mark.parametrize(
    ("links", "leads"),
    [
        ({"opt/cni/bin/plugin": "/usr/lib/cni/multicall"}, True),
        ({"opt/cni/bin/plugin": "../../../usr/lib/cni/multicall"}, True),
        ({"opt/cni/bin/plugin": "/../../usr/lib/cni/multicall"}, True),
        ({"opt/cni/bin": "/usr/lib/cni", "usr/lib/cni/plugin": "multicall"}, True),
        ({"opt/cni/bin": "/current", "current": "usr/lib/cni", "usr/lib/cni/plugin": "./multicall"}, True),
        ({"opt/cni/bin/plugin": "/usr/lib/cni/gone"}, False),
        ({"opt/cni/bin/plugin": "plugin"}, False),
        ({"opt/cni/bin/plugin": "/outside"}, False),
    ],
)
def test_a_link_below_a_chroot_leads_where_it_leads_for_the_plugin(
    tmp_path: Path, links: dict[str, str], leads: bool
) -> None:
    """F63: a host's plugins may be links, to absolute paths of the host."""
    root = tmp_path / "root"
    for name in (tmp_path / "outside", root / "usr/lib/cni/multicall"):
        name.parent.mkdir(parents=True, exist_ok=True)
        name.touch()
    for link, target in links.items():
        (root / link).parent.mkdir(parents=True, exist_ok=True)
        (root / link).symlink_to(target)
    plugins = Executables(timeout=1, chroot=str(root))
    if leads:
        assert plugins.find("plugin", ["/opt/cni/bin"]) == "/opt/cni/bin/plugin"
    else:
        with pytest.raises(AttachmentError, match="failed to find plugin"):
            plugins.find("plugin", ["/opt/cni/bin"])


async def test_a_link_to_a_plugin_is_a_plugin(tmp_path: Path) -> None:
    """F22."""
    (tmp_path / "plugin").symlink_to(scripts.script(tmp_path / "elsewhere/other", "printf linked"))
    assert await run(tmp_path) == b"linked"


async def test_a_missing_plugin_is_named_with_the_folders(tmp_path: Path) -> None:
    """F22, F90."""
    error = await failure(tmp_path, search=(Path("/one"), Path("/two")))
    assert error.msg == 'failed to find plugin "plugin" in path [/one /two]'
    assert "binDir" in error.details


@pytest.mark.parametrize("kind", ["", ".", "..", "a/b", "/bin/sh", "../bin/sh", "a\0b"])
async def test_a_type_is_a_file_name(kind: str, tmp_path: Path) -> None:
    """F22: it leads out of no folder."""
    assert "invalid plugin name" in (await failure(tmp_path, kind=kind)).msg


@pytest.mark.parametrize("kind", ["a" * 300, "p"])
async def test_no_file_can_have_so_long_a_name(kind: str, tmp_path: Path) -> None:
    """A definition chooses the type; and the node's own folders may be too deep."""
    search = (tmp_path / "/".join(["b" * 200] * 30),) if kind == "p" else ()
    assert "failed to find plugin" in (await failure(tmp_path, kind=kind, search=search)).msg


async def test_a_plugin_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    """F22: the executable bit is not looked at when it is searched for."""
    scripts.script(tmp_path / "plugin", "exit 0", mode=0o644)
    assert (await failure(tmp_path)).msg == f"plugin 'plugin' at {tmp_path}/plugin cannot be run: Permission denied"


@pytest.mark.parametrize("status", [1, 2, 255])
async def test_a_plugins_error_object_is_passed_on_untouched(status: int, tmp_path: Path) -> None:
    """S20."""
    written = {"cniVersion": "1.0.0", "code": 107, "msg": 'no "rail"', "details": "eth9 is down"}
    error = await failure(tmp_path, f"echo more >&2; cat <<'E'\n{json.dumps(written)}\nE\nexit {status}")
    assert (error.code, error.msg, error.details) == (107, 'no "rail"', "eth9 is down")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param("echo 'a \"b\"' >&2; exit 1", 'netplugin failed: "a \\"b\\""', id="stderr"),
        pytest.param("exit 3", "netplugin failed with no error message: exit status 3", id="nothing"),
        pytest.param("kill -9 $$", "netplugin failed with no error message: signal: Killed", id="signal"),
        pytest.param("echo oops; exit 1", 'netplugin failed but its error is no CNI error: "oops"', id="no-json"),
        pytest.param("echo '{}'; exit 1", 'netplugin failed but its error is no CNI error: "{}"', id="empty-object"),
        pytest.param('echo \'{"code": "1"}\'; exit 1', 'no CNI error: "{\\"code\\": \\"1\\"}"', id="wrong-type"),
        pytest.param("printf '\\377'; exit 1", 'no CNI error: "\ufffd"', id="no-text"),
    ],
)
async def test_a_failure_without_an_error_object_is_put_in_words(body: str, words: str, tmp_path: Path) -> None:
    """Spec section 1.3."""
    error = await failure(tmp_path, body)
    assert words in error.msg
    assert error.code == Code.INTERNAL


async def test_long_words_are_cut(tmp_path: Path) -> None:
    """An event and a log line must be able to hold them."""
    error = await failure(tmp_path, "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1")
    assert error.msg.endswith('x..."')
    assert len(error.msg) < 3000


async def test_what_a_plugin_that_succeeds_writes_to_stderr_is_no_result(tmp_path: Path) -> None:
    assert await run(tmp_path, "echo warning >&2; printf '{}'") == b"{}"


async def test_a_plugin_has_so_much_time(tmp_path: Path) -> None:
    """Code 11, since the next try may end."""
    error = await failure(tmp_path, "exec sleep 1000", timeout=0.2)
    assert error.code == Code.TRY_AGAIN_LATER
    assert error.msg.startswith("plugin 'plugin' did not end ADD within 0.2 s")


async def test_a_plugin_may_print_so_much(tmp_path: Path) -> None:
    error = await failure(tmp_path, "exec cat /dev/zero")
    assert error.msg == f"plugin 'plugin' printed more than {16 * 2**20} bytes and was ended"


async def test_a_cancelled_request_ends_its_plugin(tmp_path: Path) -> None:
    """S39."""
    pid = tmp_path / "pid"
    running = asyncio.create_task(run(tmp_path, f"sleep 1000 & echo $! >{pid}; wait"))
    child = await scripts.number_in(pid)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await scripts.ended(child)


async def test_a_plugin_that_is_being_installed_is_waited_for_and_never_taken_for_run(tmp_path: Path) -> None:
    """F88, S33: open for writing, it cannot be run; that ends in its result, or in an error."""
    for name in ("soon", "never"):
        scripts.script(tmp_path / name, "printf done")
    with (tmp_path / "soon").open("r+b") as soon, (tmp_path / "never").open("r+b"):
        first = asyncio.create_task(run(tmp_path, kind="soon"))
        second = asyncio.create_task(failure(tmp_path, kind="never"))
        await asyncio.sleep(0.1)
        assert not first.done()
        soon.close()
        assert await first == b"done"
        assert "plugin 'never' at" in (error := await second).msg
        assert error.msg.endswith("cannot be run: Text file busy")
